/**
 * Values of a block by their place, whether the block was read (native-reader.ts) or is being written (columns.ts): numbers, texts as they stand in bytes, and names out of a dictionary.
 */
import type { TextArena } from '../utf8.js';

export interface NumberCells { at(place: number): number }

/** Texts behind their lengths (a varint each), as Native has them. */
export class TextCells {
  bytes: Uint8Array;
  /** Where the length of each text begins. */
  starts: Uint32Array;

  constructor(bytes: Uint8Array, starts: Uint32Array) {
    this.bytes = bytes;
    this.starts = starts;
  }
  lengthAt(place: number): number {
    const { bytes } = this;
    let at = this.starts[place]!, byte = bytes[at++]!, length = byte & 127;
    for (let factor = 128; byte > 127; factor *= 128) {
      byte = bytes[at++]!;
      length += (byte & 127) * factor;
    }
    return length;
  }
  /** Of its first byte. */
  startAt(place: number): number {
    const { bytes } = this;
    let at = this.starts[place]!;
    while (bytes[at]! > 127) at++;
    return at + 1;
  }
  at(place: number): string {
    const length = this.lengthAt(place);
    return length === 0 ? '' : Buffer.from(this.bytes.buffer, this.bytes.byteOffset + this.startAt(place), length).toString('utf8');
  }
}

/** Names: each is a place in a dictionary. */
export interface NameCells { readonly dictionary: TextCells; numberAt(place: number): number }
export type Cells = NumberCells | TextCells | NameCells;

/** Copies a text or a name; returns where it lies in the arena. */
export function copyText(cells: TextCells | NameCells, place: number, arena: TextArena): [start: number, length: number] {
  const texts = cells instanceof TextCells ? cells : cells.dictionary, at = cells instanceof TextCells ? place : cells.numberAt(place), length = texts.lengthAt(at);
  return [length === 0 ? 0 : arena.putBytes(texts.bytes, texts.startAt(at), length), length];
}

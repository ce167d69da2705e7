/**
 * Values of a block by their place, whether the block was read (native-reader.ts) or is being written (columns.ts): numbers, texts as they stand in bytes, and names out of a dictionary.
 */
import type { TextArena } from '../utf8.js';

export interface NumberCells { at(place: number): number }

/** Texts behind their lengths (a varint each), as Native has them. */
export abstract class TextCells {
  abstract readonly bytes: Uint8Array;

  /** Where the length of a text begins. */
  abstract lengthPlace(place: number): number;

  at(place: number): string {
    const { bytes } = this, at = this.lengthPlace(place), length = lengthAt(bytes, at);
    return length === 0 ? '' : Buffer.from(bytes.buffer, bytes.byteOffset + behindLength(bytes, at), length).toString('utf8');
  }
}

/** The length that stands at `at`. */
export function lengthAt(bytes: Uint8Array, at: number): number {
  let byte = bytes[at]!, length = byte & 127;
  for (let factor = 128; byte > 127; factor *= 128) {
    byte = bytes[++at]!;
    length += (byte & 127) * factor;
  }
  return length;
}
/** Of the first byte of the text whose length stands at `at`. */
export function behindLength(bytes: Uint8Array, at: number): number {
  while (bytes[at]! > 127) at++;
  return at + 1;
}

/** Where the text ends whose length stands at `at`: there the length of the next one stands. */
export function behindText(bytes: Uint8Array, at: number): number {
  const length = bytes[at]!;
  return length < 128 ? at + 1 + length : behindLength(bytes, at) + lengthAt(bytes, at);
}

/** Names: each is a place in a dictionary. */
export interface NameCells { readonly dictionary: TextCells; numberAt(place: number): number }
export type Cells = NumberCells | TextCells | NameCells;

/** Copies a text; returns where it begins in the arena, which knows its length (`lastLength`). */
export function copyText(cells: TextCells, place: number, arena: TextArena): number {
  const { bytes } = cells, at = cells.lengthPlace(place);
  return arena.putBytes(bytes, behindLength(bytes, at), lengthAt(bytes, at));
}
export function copyName(cells: NameCells, place: number, arena: TextArena): number {
  return copyText(cells.dictionary, cells.numberAt(place), arena);
}

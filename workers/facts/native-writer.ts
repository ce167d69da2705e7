/**
 * A growing buffer that takes ClickHouse's Native format: variable-length integers, texts, little-endian integers. Reused from block to block, so it keeps the size of
 * the largest one; `written` is a view that is good until `clear`.
 */
import { TextMarks } from './text-marks.js';

export class NativeWriter {
  bytes = new Uint8Array(1 << 16);
  view = new DataView(this.bytes.buffer);
  length = 0;
  /** Where texts stand in what is written. */
  readonly marks = new TextMarks();

  clear(): void {
    this.length = 0;
    this.marks.clear();
  }
  written(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }
  /** Makes room for `count` more bytes. */
  reserve(count: number): void {
    if (this.length + count <= this.bytes.length) return;
    const bytes = new Uint8Array(Math.max(this.bytes.length * 2, this.length + count));
    bytes.set(this.bytes.subarray(0, this.length));
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer);
  }
  varint(value: number): void {
    this.reserve(8);
    this.length = writeVarint(this.bytes, this.length, value);
  }
  /** A text of ASCII characters: names and types. */
  ascii(text: string): void {
    this.varint(text.length);
    this.reserve(text.length);
    for (let i = 0; i < text.length; i++) this.bytes[this.length++] = text.charCodeAt(i);
  }
  uint64(value: number): void {
    this.reserve(8);
    this.view.setUint32(this.length, value % 2 ** 32, true);
    this.view.setUint32(this.length + 4, Math.floor(value / 2 ** 32), true);
    this.length += 8;
  }
  raw(bytes: Uint8Array, length: number): void {
    this.reserve(length);
    this.bytes.set(length === bytes.length ? bytes : bytes.subarray(0, length), this.length);
    this.length += length;
  }
}

/** Returns the place after it. The caller has made room. */
export function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  while (value >= 128) {
    bytes[at++] = (value % 128) | 128;
    value = Math.floor(value / 128);
  }
  bytes[at++] = value;
  return at;
}

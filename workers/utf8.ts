/**
 * Texts as plain Uint8Arrays. Not Buffers: code that sees both kinds becomes slower for all bytes that pass through it.
 */
const encoder = new TextEncoder();

export const utf8 = (text: string): Uint8Array<ArrayBuffer> => encoder.encode(text);

/** Texts one after another in one array of bytes, for a transaction that is put together again from its fact. */
export class TextArena {
  /** To be read once all is put: another array when there was no more room. */
  bytes = new Uint8Array(1 << 12);
  /** Of the text that was put last. */
  lastLength = 0;
  private used = 0;

  clear(): void {
    this.used = 0;
  }
  /** Copies a text from other bytes; returns where it lies. */
  putBytes(source: Uint8Array, from: number, length: number): number {
    const start = this.used;
    this.reserve(length);
    const { bytes } = this;
    for (let i = 0; i < length; i++) bytes[start + i] = source[from + i]!;
    this.used += length;
    this.lastLength = length;
    return start;
  }
  private reserve(size: number): void {
    if (this.used + size <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.used + size));
    grown.set(this.bytes.subarray(0, this.used));
    this.bytes = grown;
  }
}

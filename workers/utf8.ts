/**
 * Texts as plain Uint8Arrays. Not Buffers: code that sees both kinds becomes slower for all bytes that pass through it.
 */
const encoder = new TextEncoder();

export const utf8 = (text: string): Uint8Array<ArrayBuffer> => encoder.encode(text);

/** Texts one after another in one array of bytes, for a transaction that is put together again from its fact. */
export class TextArena {
  private bytes = new Uint8Array(1 << 12);
  private used = 0;

  clear(): void {
    this.used = 0;
  }
  /** Where the text lies. */
  put(text: string): [start: number, length: number] {
    const start = this.used;
    this.reserve(text.length * 3);
    const { bytes } = this;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code > 127) {
        this.used = start + encoder.encodeInto(text, bytes.subarray(start)).written;
        return [start, this.used - start];
      }
      bytes[start + i] = code;
    }
    this.used = start + text.length;
    return [start, text.length];
  }
  /** Copies a text from other bytes; returns where it lies. */
  putBytes(source: Uint8Array, from: number, length: number): number {
    const start = this.used;
    this.reserve(length);
    for (let i = 0; i < length; i++) this.bytes[start + i] = source[from + i]!;
    this.used += length;
    return start;
  }
  /** All that was put, as a copy. */
  take(): Uint8Array<ArrayBuffer> {
    return this.bytes.slice(0, this.used);
  }
  private reserve(size: number): void {
    if (this.used + size <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.used + size));
    grown.set(this.bytes.subarray(0, this.used));
    this.bytes = grown;
  }
}

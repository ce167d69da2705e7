/**
 * Memory that goes round: bytes that were made for one frame stay where they are until `clear`, then the next frame's lie there. New memory for each batch of records would cost more than to
 * decompress them (page faults, and a collector that counts bytes).
 */
const FIRST_BYTES = 1 << 20;

export class Room {
  bytes = new Uint8Array(FIRST_BYTES);
  /** Of the same bytes. */
  view = new DataView(this.bytes.buffer);
  used = 0;

  /** What lies here may be overwritten from now on. */
  clear(): void {
    this.used = 0;
  }
  /** Room for so many more from `used` on. It may be in another array: what lies in the one before stays there, with whoever holds it. */
  reserve(length: number): void {
    if (this.used + length <= this.bytes.length) return;
    this.bytes = new Uint8Array(Math.max(2 * this.bytes.length, length));
    this.view = new DataView(this.bytes.buffer);
    this.used = 0;
  }
}

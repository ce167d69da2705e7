/**
 * Room for results on the main thread, in buffers that go round: taken when a shard has answered, given back when commit and sink are done with them.
 *
 * Why: V8 counts the bytes of new buffers and marks the whole heap again and again because of them (docs/decisions/013). A buffer that goes round is counted once.
 *
 * Promises: what it keeps is bounded; a buffer has one owner at a time. Whoever gives one back must not look at it again.
 */
/** Sizes of buffers under load, so that another record fits, too. */
const ROUND_BYTES = 1 << 18;

export class SpareBuffers {
  private readonly spare: ArrayBuffer[] = [];
  private bytes = 0;

  constructor(private readonly bytesMax: number) {}

  room(length: number): Uint8Array {
    const buffer = this.spare.pop();
    if (buffer) this.bytes -= buffer.byteLength;
    if (buffer && buffer.byteLength >= length) return new Uint8Array(buffer, 0, length);
    return new Uint8Array(length < ROUND_BYTES / 2 ? length : Math.ceil(length / ROUND_BYTES) * ROUND_BYTES).subarray(0, length);
  }
  give(record: Uint8Array): void {
    const { buffer } = record;
    if (!(buffer instanceof ArrayBuffer) || this.bytes + buffer.byteLength > this.bytesMax) return;
    this.spare.push(buffer);
    this.bytes += buffer.byteLength;
  }
}

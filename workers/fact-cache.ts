/**
 * Facts of the latest batches of a partition, as they were written: most returns are of recent purchases. Bounded in bytes; the last few batches always stay, since the
 * log may not have them yet. Keeps copies, in buffers that go round.
 */
import { OpenFacts } from './facts/read-fact.js';

const KEPT_ALWAYS = 8;
const SPARE_MAX = 4;
/** Sizes of buffers, so that another block fits, too. */
const ROUND_BYTES = 1 << 16;

export class FactCache {
  private readonly blocks = new Map<number, { bytes: Uint8Array; facts?: OpenFacts }>();
  private readonly spare: ArrayBufferLike[] = [];
  private bytes = 0;

  constructor(private readonly bytesMax: number) {}

  put(batch: number, facts: Uint8Array): void {
    const bytes = this.room(facts.byteLength);
    bytes.set(facts);
    this.blocks.set(batch, { bytes });
    this.bytes += facts.byteLength;
    for (const [oldest, block] of this.blocks) {
      if (this.bytes <= this.bytesMax || this.blocks.size <= KEPT_ALWAYS) break;
      this.blocks.delete(oldest);
      this.bytes -= block.bytes.byteLength;
      if (this.spare.length < SPARE_MAX) this.spare.push(block.bytes.buffer);
    }
  }
  private room(length: number): Uint8Array {
    const buffer = this.spare.pop();
    return buffer && buffer.byteLength >= length ? new Uint8Array(buffer, 0, length) : new Uint8Array(Math.ceil(length / ROUND_BYTES) * ROUND_BYTES).subarray(0, length);
  }
  get(batch: number): OpenFacts | undefined {
    const block = this.blocks.get(batch);
    return block && (block.facts ??= new OpenFacts(block.bytes));
  }
}

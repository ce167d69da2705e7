/**
 * Facts of the latest batches of a partition, as they were written: most returns are of recent purchases. Bounded in bytes; the last few batches always stay, since the
 * log may not have them yet. Keeps copies, in buffers that go round.
 */
import { OpenFacts } from './facts/read-fact.js';

const KEPT_ALWAYS = 8;
const SPARE_MAX = 4;
/** Buffers are larger than what comes first by up to an eighth, so that other blocks fit, too; small ones are no smaller than a page. */
const PAGE_BYTES = 4096, EIGHTH = 3;

export class FactCache {
  private readonly blocks = new Map<number, { buffer: ArrayBufferLike; facts: Uint8Array; open?: OpenFacts }>();
  private readonly spare: ArrayBufferLike[] = [];
  /** Of the buffers that hold blocks. */
  bytes = 0;

  constructor(private readonly bytesMax: number) {}

  put(batch: number, facts: Uint8Array): void {
    const buffer = this.room(facts.byteLength), copy = new Uint8Array(buffer, 0, facts.byteLength);
    copy.set(facts);
    this.blocks.set(batch, { buffer, facts: copy });
    this.bytes += buffer.byteLength;
    for (const [oldest, block] of this.blocks) {
      if (this.bytes <= this.bytesMax || this.blocks.size <= KEPT_ALWAYS) break;
      this.blocks.delete(oldest);
      this.bytes -= block.buffer.byteLength;
      if (this.spare.length < SPARE_MAX) this.spare.push(block.buffer);
    }
  }
  get(batch: number): OpenFacts | undefined {
    const block = this.blocks.get(batch);
    return block && (block.open ??= new OpenFacts(block.facts));
  }
  private room(length: number): ArrayBufferLike {
    const step = Math.max(PAGE_BYTES, 2 ** (Math.floor(Math.log2(Math.max(1, length))) - EIGHTH)), size = Math.ceil(length / step) * step, spare = this.spare.pop();
    return spare && spare.byteLength >= length && spare.byteLength <= 2 * size ? spare : new ArrayBuffer(size);
  }
}

/**
 * Facts of the latest batches of a partition, as they were written: most returns are of recent purchases. Bounded in bytes; the last few batches always stay, since the
 * log may not have them yet. Keeps copies, in buffers that go round.
 * A block is opened when it is first asked for; where its texts stand is kept with it, so that opening does not go through all of them.
 */
import { OpenFacts } from './facts/read-fact.js';

const KEPT_ALWAYS = 8;
const SPARE_MAX = 4;
/** Buffers are larger than what comes first by up to an eighth, so that other blocks fit, too; small ones are no smaller than a page. */
const PAGE_BYTES = 4096, EIGHTH = 3;

interface Block { buffer: ArrayBufferLike; facts: Uint8Array; marks: Uint32Array | undefined; open: OpenFacts | undefined }

export class FactCache {
  private readonly blocks = new Map<number, Block>();
  private readonly spare: ArrayBufferLike[] = [];
  /** Of the buffers that hold blocks. */
  bytes = 0;

  constructor(private readonly bytesMax: number) {}

  /** `marks`: where its texts stand (facts/text-marks.ts), if that is known. */
  put(batch: number, facts: Uint8Array, marks?: Uint32Array): void {
    const marksAt = Math.ceil(facts.byteLength / 4) * 4, buffer = this.room(marksAt + (marks?.byteLength ?? 0));
    const block: Block = { buffer, facts: new Uint8Array(buffer, 0, facts.byteLength), marks: marks && new Uint32Array(buffer, marksAt, marks.length), open: undefined };
    block.facts.set(facts);
    if (marks) block.marks!.set(marks);
    this.blocks.set(batch, block);
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
    return block && (block.open ??= new OpenFacts(block.facts, block.marks));
  }
  private room(length: number): ArrayBufferLike {
    const step = Math.max(PAGE_BYTES, 2 ** (Math.floor(Math.log2(Math.max(1, length))) - EIGHTH)), size = Math.ceil(length / step) * step, spare = this.spare.pop();
    return spare && spare.byteLength >= length && spare.byteLength <= 2 * size ? spare : new ArrayBuffer(size);
  }
}

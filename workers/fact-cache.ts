/**
 * Facts of the latest batches of a partition, as they were written: most returns are of recent purchases. Bounded in bytes; the last few batches always stay, since the
 * log may not have them yet.
 */
import type { FactRecord } from '../schemas/fact.js';
import { OpenFacts } from './facts/read-fact.js';

const KEPT_ALWAYS = 8;

export class FactCache {
  private readonly blocks = new Map<number, { bytes: Uint8Array; facts?: OpenFacts }>();
  private bytes = 0;

  constructor(private readonly bytesMax: number) {}

  put(batch: number, facts: Uint8Array): void {
    this.blocks.set(batch, { bytes: facts });
    this.bytes += facts.byteLength;
    for (const [oldest, block] of this.blocks) {
      if (this.bytes <= this.bytesMax || this.blocks.size <= KEPT_ALWAYS) break;
      this.blocks.delete(oldest);
      this.bytes -= block.bytes.byteLength;
    }
  }
  get(batch: number, row: number): FactRecord | undefined {
    const block = this.blocks.get(batch);
    if (!block) return undefined;
    block.facts ??= new OpenFacts(block.bytes);
    return block.facts.fact(row);
  }
}

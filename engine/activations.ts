/**
 * How a new reference set becomes live: saved in the log, then taught to every shard, then activated by a record in each partition, so that replay changes over at the same
 * place. Keeps the sets that a partition may stand at or come to, for shards that start anew.
 */
import { writeCommand } from '../schemas/commands.js';
import type { ReferenceSet } from '../schemas/reference.js';
import type { ShardTask } from '../workers/messages.js';
import type { Append, Log } from './log/log.js';
import { loadReferences, saveReference, type Published } from './reference-storage.js';

interface Waiting { version: number; partitions: Set<number>; resolve(): void; reject(error: Error): void }

export class Activations {
  /** Oldest first. */
  private published: Published[] = [];
  private readonly waiting: Waiting[] = [];

  constructor(private readonly log: Log, private readonly append: (records: Append[]) => Promise<void>) {}

  /** The newest reference set; what it was when the engine started, for whoever goes on from it. */
  get newest(): ReferenceSet {
    return this.published.at(-1)!.set;
  }
  /** What a shard has to know. */
  get lessons(): Extract<ShardTask, { type: 'reference' }>[] {
    return this.published.map(({ set, products }) => ({ type: 'reference', set, products: [...products] }));
  }
  /** `versions`: where each partition stands. */
  async load(versions: number[]): Promise<void> {
    this.published = await loadReferences(this.log, Math.min(...versions));
  }
  /** A publication that was saved, and whose activation did not get into the log before the engine died, is activated now: repeating its PUT would change nothing. */
  async catchUp(versions: number[]): Promise<void> {
    const behind = versions.flatMap((version, partition) => (version < this.newest.version ? [partition] : []));
    if (behind.length > 0) await this.append(activationRecords(behind, this.newest.version));
  }
  /** Resolves when every partition has passed the place. `teach` gives the set to all shards. */
  async activate(publication: Published, teach: (lesson: ShardTask) => Promise<void>): Promise<void> {
    await saveReference(this.log, publication);
    this.published.push(publication);
    await teach(this.lessons.at(-1)!);
    const { version } = publication.set, partitions = Array.from({ length: this.log.partitions }, (_, partition) => partition);
    const passed = new Promise<void>((resolve, reject) => this.waiting.push({ version, partitions: new Set(partitions), resolve, reject }));
    // It may be rejected while the append is awaited, before anybody waits for it: that alone is no reason for node to end the process.
    passed.catch(() => undefined);
    await this.append(activationRecords(partitions, version));
    await passed;
  }
  passed(partition: number, version: number): void {
    for (const activation of [...this.waiting]) {
      if (activation.version > version) continue;
      activation.partitions.delete(partition);
      if (activation.partitions.size > 0) continue;
      this.waiting.splice(this.waiting.indexOf(activation), 1);
      activation.resolve();
    }
  }
  failAll(error: Error): void {
    for (const { reject } of this.waiting.splice(0)) reject(error);
  }
}

function activationRecords(partitions: number[], version: number): Append[] {
  return partitions.map((partition) => ({ topic: 'internal', partition, value: writeCommand({ type: 'activate', version }) }));
}

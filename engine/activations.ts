/**
 * How a new reference set becomes live: saved in the log, then taught to every shard, then activated by a record in each partition, so that replay changes over at the same
 * place. Keeps the sets that a partition may stand at or come to, for shards that start anew; sets that another engine published are learned when a record activates them.
 */
import { setImmediate as others, setTimeout as pause } from 'node:timers/promises';
import { writeCommand } from '../schemas/commands.js';
import type { ReferenceSet } from '../schemas/reference.js';
import type { ShardTask } from '../workers/messages.js';
import type { Append, Log } from './log/log.js';
import { initialSet } from './reference.js';
import { loadReferences, newerReference, saveReference, type Published } from './reference-storage.js';

/** How often other engines' partitions are looked at while an activation waits for them. */
const LOOK_MS = 20;
/** Contents are copied in pieces of this size, with time for others in between. */
const COPIED_BYTES = 1 << 22;

/** `offsets`: of the activation's records, by partition, once they are written. */
interface Waiting { version: number; partitions: Set<number>; offsets: Map<number, number>; resolve(): void; reject(error: Error): void }
type Lesson = Extract<ShardTask, { type: 'reference' | 'products' }>;

export interface ActivationsOptions {
  log: Log;
  append(records: Append[]): Promise<number[]>;
  /** Gives a lesson to one shard. */
  teach(shard: number, lesson: Lesson): Promise<unknown>;
  shards: number;
}

export class Activations {
  /** Oldest first; all that a shard that starts anew has to know. */
  private published: Published[] = [];
  /** Versions that all shards know. A lesson may fail with one of them, and those behind it have not heard of it then. */
  private readonly taught = new Set<number>();
  private readonly waiting: Waiting[] = [];
  private loading: Promise<void> = Promise.resolve();
  private read = initialSet();

  constructor(private readonly options: ActivationsOptions) {}

  /** The newest reference set; what it was when the engine started, for whoever goes on from it. */
  get newest(): ReferenceSet {
    return this.published.at(-1)?.set ?? initialSet();
  }
  /** Learns everything from the oldest of these versions on, and what is known already, up to the newest; all shards then know it. */
  load(versions: number[]): Promise<void> {
    this.loading = this.loading.catch(() => undefined).then(async () => {
      const found = await loadReferences(this.options.log, Math.min(...versions, this.published[0]?.set.version ?? Infinity));
      const known = new Map(this.published.map((publication) => [publication.set.version, publication]));
      this.published = await Promise.all(found.map(async (publication) => known.get(publication.set.version) ?? await shared(publication)));
      for (const publication of this.published) if (!this.taught.has(publication.set.version)) await this.teachAll(publication);
    });
    return this.loading;
  }
  /** Everything to one shard that starts anew. */
  async teach(shard: number): Promise<void> {
    for (const publication of this.published) await this.teachOne(shard, publication);
  }
  /** A publication that was saved, and whose activation did not get into the log before its engine died, is activated now: repeating its PUT would change nothing. */
  async catchUp(versions: ReadonlyMap<number, number>): Promise<void> {
    const behind = [...versions].flatMap(([partition, version]) => (version < this.newest.version ? [partition] : []));
    if (behind.length > 0) await this.options.log.append(activationRecords(behind, this.newest.version));
  }
  /** The newest set that any engine has published. */
  async readNewest(): Promise<ReferenceSet> {
    const known = this.read.version > this.newest.version ? this.read : this.newest;
    return (this.read = await newerReference(this.options.log, known.version) ?? known);
  }
  /** Resolves when every partition has passed the place; with false, and nothing done, when another engine was first with this number. `saved`: it is in the log already. */
  async activate(publication: Published, saved: boolean): Promise<boolean> {
    const { log, append } = this.options, { version } = publication.set;
    if (!saved && !await saveReference(log, publication)) return false;
    if (!saved && version === this.newest.version + 1) {
      this.published.push(await shared(publication));
      await this.teachAll(this.published.at(-1)!);
    } else await this.load([]);
    const partitions = Array.from({ length: log.partitions }, (_, partition) => partition);
    const passed = new Promise<void>((resolve, reject) => this.waiting.push({ version, partitions: new Set(partitions), offsets: new Map(), resolve, reject }));
    // It may be rejected while the append is awaited, before anybody waits for it: that alone is no reason for node to end the process.
    passed.catch(() => undefined);
    const activation = this.waiting.at(-1)!, offsets = await append(activationRecords(partitions, version));
    offsets.forEach((offset, partition) => activation.offsets.set(partition, offset));
    if (log.shared) void this.watch(activation).catch((error: unknown) => activation.reject(error as Error));
    await passed;
    return true;
  }
  passed(partition: number, version: number): void {
    for (const activation of [...this.waiting]) if (activation.version <= version) this.settle(activation, partition);
  }
  failAll(error: Error): void {
    for (const { reject } of this.waiting.splice(0)) reject(error);
  }

  private async teachAll(publication: Published): Promise<void> {
    for (let shard = 0; shard < this.options.shards; shard++) await this.teachOne(shard, publication);
    this.taught.add(publication.set.version);
  }
  /** Products first, in steps between which the shard goes on with its batches. */
  private async teachOne(shard: number, { set, products }: Published): Promise<void> {
    const { teach } = this.options;
    for (const [partner, content] of products) while (await teach(shard, { type: 'products', hash: set.products[partner]!, content }) === false);
    await teach(shard, { type: 'reference', set, products: [...products] });
  }
  /** Other engines have passed it when their commits have. */
  private async watch(activation: Waiting): Promise<void> {
    while (this.waiting.includes(activation)) {
      for (const partition of [...activation.partitions]) {
        if (await this.options.log.position('internal', partition) > activation.offsets.get(partition)!) this.settle(activation, partition);
      }
      await pause(LOOK_MS);
    }
  }
  private settle(activation: Waiting, partition: number): void {
    activation.partitions.delete(partition);
    const place = this.waiting.indexOf(activation);
    if (activation.partitions.size > 0 || place < 0) return;
    this.waiting.splice(place, 1);
    activation.resolve();
  }
}

/** With its contents in memory that all shards read: they would be copied for each of them. */
async function shared({ set, products }: Published): Promise<Published> {
  const copies = new Map<number, Uint8Array>();
  for (const [partner, content] of products) {
    const copy = new Uint8Array(new SharedArrayBuffer(content.length));
    for (let at = 0; at < content.length; at += COPIED_BYTES) {
      copy.set(content.subarray(at, at + COPIED_BYTES), at);
      await others();
    }
    copies.set(partner, copy);
  }
  return { set, products: copies };
}

function activationRecords(partitions: number[], version: number): Append[] {
  return partitions.map((partition) => ({ topic: 'internal', partition, value: writeCommand({ type: 'activate', version }) }));
}

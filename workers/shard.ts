/**
 * A shard: the partitions that one worker thread owns. Synchronous; a message in, a message out. It refuses a batch that does not stand exactly where its state ends.
 */
import { viewOf } from './answer.js';
import { apply } from './apply.js';
import { processBatch } from './batch.js';
import { DAY_MS } from './calendar.js';
import { Context } from './context.js';
import { linkedPartition, mayEarn } from './decide.js';
import { EffectsReader } from './effects.js';
import { explanationOf, type ExplanationView } from './explanation.js';
import { FactCache } from './fact-cache.js';
import { OpenFacts } from './facts/read-fact.js';
import { transactionHashOf } from './commands.js';
import type { AccountCellsView, BatchResult, BatchTask, FindAnswer, LoadTask, LocateAnswer, LocateTask, PartitionStatus, ShardTask, SweepAnswer } from './messages.js';
import { Reference } from './reference.js';
import { Names } from './reference/names.js';
import { ProductTableBuilding, type ProductTable } from './reference/product-table.js';
import { utf8 } from './utf8.js';
import { snapshotOf } from './state/checkpoint.js';
import { PartitionState } from './state/partition-state.js';
import { SnapshotLoader } from './state/snapshot-loader.js';
import { waitingKeyOf } from './state/waiting.js';
import { reconciliationOf } from '../schemas/commands.js';
import { readResults } from '../schemas/results.js';

/** Dirty buckets that a sweep writes between two batches: about 2 ms of work. */
const BUCKETS_PER_SLICE = 96;
/** The same where no batch waits: when nothing is to be read, and at a stop. */
const BUCKETS_PER_IDLE_SLICE = 8 * BUCKETS_PER_SLICE;
/** Products that are read between two batches: about 5 ms of work. */
const PRODUCTS_STEP_BYTES = 1 << 17;
/** So many versions of reference data before the newest stay known, also when no partition here stands at them. */
const REFERENCES_KEPT = 8;
/** No zone is further ahead of UTC: a day has begun somewhere so long before its midnight there. */
const ZONE_AHEAD_MS_MAX = 14 * 3_600_000;

export interface Partition {
  state: PartitionState;
  epoch: number;
  factCache: FactCache;
  debtBytesMax: number;
  snapshots: boolean;
}

export class Shard {
  private readonly partitions = new Map<number, Partition>();
  private readonly loaders = new Map<number, SnapshotLoader>();
  private readonly references = new Map<number, Reference>();
  private readonly products = new Map<number, Uint8Array>();
  private readonly names = new Names();
  /** Tables of sets to come. */
  private building: ProductTableBuilding | undefined;
  private built: ProductTable[] = [];
  private readonly context = new Context();
  private newest: Reference | undefined;

  run(task: ShardTask): unknown {
    switch (task.type) {
      case 'open':
        return this.open(task);
      case 'load':
        return this.load(task);
      case 'replay':
        return this.replay(task.partition, task.records);
      case 'products':
        return this.buildProducts(task);
      case 'reference':
        return this.learn(task.set, task.products);
      case 'batch':
        return this.batch(task);
      case 'sweep':
        return this.sweep(task.partition, task.committed, task.begin);
      case 'find':
        return this.find(task);
      case 'locate':
        return this.locate(task);
      case 'account':
        return this.account(task);
      case 'explain':
        return this.explain(task);
      case 'cells':
        return this.cells(task.partition, task.from, task.count);
      case 'waiting':
        return this.partition(task.partition).state.waiting.notices();
      case 'close':
        this.partitions.get(task.partition)?.state.close();
        this.partitions.delete(task.partition);
        this.loaders.delete(task.partition);
        return undefined;
    }
  }

  private open(task: Extract<ShardTask, { type: 'open' }>): PartitionStatus {
    this.partitions.get(task.partition)?.state.close();
    this.context.partitions = task.partitions;
    const state = new PartitionState({ partition: task.partition, directory: task.directory, cacheBytesMax: task.cacheBytesMax });
    this.partitions.set(task.partition, { state, epoch: task.epoch, factCache: new FactCache(task.factCacheBytesMax), debtBytesMax: task.debtBytesMax, snapshots: task.snapshots });
    return this.status(task.partition);
  }
  private load({ partition, records, first, last }: LoadTask): void {
    if (first) this.loaders.set(partition, new SnapshotLoader(this.partition(partition).state.environment));
    const loader = this.loaders.get(partition)!;
    loader.load(records);
    if (!last) return;
    loader.end();
    this.loaders.delete(partition);
  }
  private replay(number: number, records: Uint8Array[]): PartitionStatus {
    const { state, factCache } = this.partition(number);
    const reader = new EffectsReader();
    for (const record of records) {
      const { header, effects, facts } = readResults(record);
      if (header.batch !== state.batch + 1) throw new Error(`partition ${number}: results of batch ${header.batch} can't follow batch ${state.batch}`);
      reader.bytes = effects;
      reader.at = 0;
      apply(state, reader, effects.length, header.batch, true);
      state.batch = state.committed = header.batch;
      state.clockMs = Math.max(state.clockMs, header.clockMs);
      state.debtBytes += effects.length;
      if (facts.length > 0) factCache.put(header.batch, facts); // else whoever needs them gets them from the log
    }
    return this.status(number);
  }
  private buildProducts({ hash, content }: Extract<ShardTask, { type: 'products' }>): boolean {
    if (this.built.some((table) => table.hash === hash)) return true;
    if (this.building?.hash !== hash) this.building = new ProductTableBuilding(hash, content, this.names);
    const table = this.building.step(PRODUCTS_STEP_BYTES);
    if (!table) return false;
    this.built.push(table);
    this.building = undefined;
    return true;
  }
  private learn(set: Extract<ShardTask, { type: 'reference' }>['set'], products: [number, Uint8Array][]): void {
    for (const [partner, content] of products) this.products.set(partner, content);
    const { built } = this;
    this.built = [];
    if (this.references.has(set.version)) return;
    const reference = new Reference(set, this.products, this.newest, built, this.names);
    this.references.set(set.version, reference);
    if (!this.newest || set.version > this.newest.set.version) this.newest = reference;
    const live = new Set([...this.partitions.values()].map(({ state }) => state.reference));
    for (const version of this.references.keys()) if (version < set.version - REFERENCES_KEPT && !live.has(version)) this.references.delete(version);
  }
  private batch(task: BatchTask): BatchResult {
    const partition = this.partition(task.partition);
    const { state } = partition;
    if (partition.epoch !== task.epoch || state.batch + 1 !== task.batch) {
      throw new Error(`partition ${task.partition} stands after batch ${state.batch} of epoch ${partition.epoch}; refused batch ${task.batch} of epoch ${task.epoch}`);
    }
    state.recovered();
    state.writeCommitted(task.committed);
    const c = this.context;
    c.outbox = task.outbox;
    c.recentFacts = partition.factCache;
    c.earlier = new Map(task.facts.map(({ batch, facts }) => [batch, facts && new OpenFacts(facts)]));
    c.beginBatch(state, this.references.get(state.reference) ?? this.newest!);
    const result = processBatch(c, partition, task, (version) => {
      const reference = this.references.get(version);
      if (reference) c.reference = reference;
      return reference !== undefined;
    });
    if (result.results) state.batch = task.batch;
    if (state.floorClockMs === 0) state.floorClockMs = state.clockMs; // before the first checkpoint
    if (state.debtBytes > partition.debtBytesMax || state.accounts.overfull) state.beginSweep();
    const slice = result.results && state.sweepSlice(BUCKETS_PER_SLICE);
    return { ...result, snapshot: slice && partition.snapshots ? snapshotOf(slice) : undefined, status: this.status(task.partition) };
  }
  private sweep(number: number, committed: number, begin: boolean): SweepAnswer {
    const { state, snapshots } = this.partition(number);
    state.writeCommitted(committed);
    if (begin) state.beginSweep();
    const slice = state.sweepSlice(BUCKETS_PER_IDLE_SLICE), snapshot = slice && snapshots ? snapshotOf(slice) : undefined;
    if (!snapshot) state.writeCommitted(committed);
    return { status: this.status(number), snapshot };
  }
  private find(task: Extract<ShardTask, { type: 'find' }>): FindAnswer {
    const { state } = this.partition(task.partition);
    const hash = new Uint32Array(4);
    transactionHashOf(task.partner, task.id, task.kind, hash);
    if (state.transactions.find(hash)) return { batch: state.transactions.batch, row: state.transactions.row };
    return task.kind === 'return' && state.waiting.has(waitingKeyOf(task.partner, task.id)) ? 'waiting' : undefined;
  }
  private locate({ partition, purchases }: LocateTask): LocateAnswer {
    const { transactions } = this.partition(partition).state, hash = new Uint32Array(4);
    const knows = (partner: string, id: string, kind: string): boolean => {
      transactionHashOf(partner, id, kind, hash);
      return transactions.find(hash);
    };
    return purchases.map(({ partner, id }) => knows(partner, id, 'purchase') && !knows(partner, id, reconciliationOf.purchase));
  }
  private account(task: Extract<ShardTask, { type: 'account' }>): object | undefined {
    const { state } = this.partition(task.partition);
    const reference = this.references.get(state.reference) ?? this.newest;
    if (!reference) return undefined;
    let ordinal = task.ordinal ?? -1;
    if (task.card !== undefined) {
      const text = utf8(task.card);
      const program = reference.set.programs.findIndex(({ id }) => id === task.program);
      ordinal = state.findCard(program, text, 0, text.length);
    }
    if (!state.hasAccount(ordinal) || ordinal === 0) return undefined;
    state.ensure(ordinal);
    const linked = linkedPartition(state.accounts.flags(ordinal));
    if (linked >= 0) return task.card === undefined ? undefined : { linked };
    const c = this.context;
    c.state = state;
    c.reference = reference;
    return viewOf(c, ordinal);
  }
  private explain({ partition, facts, row }: Extract<ShardTask, { type: 'explain' }>): ExplanationView {
    const { state } = this.partition(partition), { rows, place } = new OpenFacts(facts).at(row), fact = rows.fact(place), c = this.context;
    c.state = state;
    const reference = (c.reference = this.references.get(fact.reference) ?? this.newest!);
    c.purchase.read(rows, place, reference);
    const { ordinal, transaction: { programOrdinal } } = c.purchase;
    if (ordinal >= 0) state.ensure(ordinal);
    c.ordinal = ordinal;
    return explanationOf(fact, c.purchase, reference, ordinal < 0 ? null : { cells: c, mayEarn: mayEarn(c, reference, programOrdinal, ordinal) });
  }
  private cells(number: number, from: number, count: number): AccountCellsView[] {
    const { state } = this.partition(number);
    const found: AccountCellsView[] = [];
    for (let ordinal = from; ordinal < Math.min(from + count, state.accounts.opened); ordinal++) {
      state.ensure(ordinal);
      const cells: [number, number, number][] = [];
      state.accounts.forEach(ordinal, (key1, key2, value) => cells.push([key1, key2, value]));
      found.push({ ordinal, program: state.accounts.program(ordinal), flags: state.accounts.flags(ordinal), cells });
    }
    return found;
  }
  private status(number: number): PartitionStatus {
    const { state } = this.partition(number);
    // The tick then looks at the program's own zone.
    const dueMs = Math.min(state.waiting.firstEndMs, state.due.firstDay * DAY_MS - ZONE_AHEAD_MS_MAX);
    return {
      partition: number, batch: state.batch, floor: state.floor, reference: state.reference, clockMs: state.clockMs,
      debtBytes: state.debtBytes, floorClockMs: state.floorClockMs, sweeping: state.sweeping,
      accounts: state.accounts.opened, residentAccounts: state.accounts.resident, cacheBytes: state.accounts.bytes + state.transactions.bytes,
      transactions: state.transactions.entries, waiting: state.waiting.size, dueMs,
    };
  }
  private partition(number: number): Partition {
    const partition = this.partitions.get(number);
    if (!partition) throw new Error(`partition ${number} is not open in this shard`);
    return partition;
  }
}

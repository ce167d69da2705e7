/**
 * The state of one partition: accounts, known transactions, due days, waiting returns; in memory as far as the cache reaches, all of it in an LMDB environment of
 * its own. The only I/O of the workers is in this folder, synchronous, and what it answers depends on the effects applied alone.
 *
 * Checkpoints are fuzzy. A cycle takes the buckets (16 accounts) that are dirty and writes them slice by slice between batches, each stamped with the batch up to which it
 * holds; a slice reaches the disk only once that batch is committed. When all are written, `floor` becomes the batch at which the cycle began: recovery applies
 * the effects after the floor, to each bucket those after its stamp.
 */
import { CellKind, cellKey, lotExpires, lotMatures, NEVER } from '../ledger/cells.js';
import { AccountStore } from './account-store.js';
import { accountsOfBucket, asDoubles, BUCKET } from './bucket.js';
import { hashCard } from './card-index.js';
import { openEnvironment, readMeta, writeSlice, type Environment, type Meta, type Slice } from './checkpoint.js';
import { DueIndex, type DueChunk, type DueKey } from './due-index.js';
import { pass, takePass } from './sorted-cells.js';
import { PAGE_ENTRIES, TransactionIndex, type Run } from './transaction-index.js';
import { WaitingReturns } from './waiting.js';

const { key1: passKey1, key2: passKey2 } = pass;
const PENDING = cellKey(CellKind.pending, 0, 0), AFTER_PENDING = cellKey(CellKind.pending + 1, 0, 0);
const PAGE_WORDS = PAGE_ENTRIES * 8;
/** Later than any: no day is due. */
const NO_DAY = 0xffff_ffff;

export interface StateOptions {
  partition: number;
  directory: string;
  cacheBytesMax: number;
}
interface Cycle {
  batch: number; buckets: Uint32Array; next: number; meta: Meta; due: DueChunk[]; passed: DueKey[];
  run: Run | undefined; words: Uint32Array | undefined; nextPage: number; staged: boolean;
}

export class PartitionState {
  readonly partition: number;
  readonly accounts: AccountStore;
  readonly transactions: TransactionIndex;
  readonly due: DueIndex;
  readonly waiting: WaitingReturns;
  /** Transactions that killed the worker and are set aside until they are passed: `topic:offset:item`. */
  readonly skips: Set<string>;
  /** Version of the reference set that is live here; 0: none yet. */
  reference = 0;
  /** The partition's clock, ms: append time of the last record seen, never backwards. */
  clockMs = 0;
  /** Last batch applied and last batch known to be committed; -1: none. */
  batch = -1;
  committed = -1;
  /** Recovery starts after this batch. */
  floor = -1;
  /** The clock at the floor, ms. */
  floorClockMs = 0;
  /** Bytes of effects since the floor: what recovery would replay. */
  debtBytes = 0;

  /** For whoever fills it with a snapshot, instead of this state. */
  readonly environment: Environment;
  private hasBuckets: boolean;
  private cycle: Cycle | undefined;
  private staged: Slice[] = [];
  private debtAtCycle = 0;
  private readonly stamps = new Map<number, number>();
  private readonly cardKey = Buffer.alloc(256);

  constructor(options: StateOptions) {
    this.partition = options.partition;
    this.environment = openEnvironment(options.directory);
    const meta = readMeta(this.environment), { buckets } = this.environment;
    this.accounts = new AccountStore(options.cacheBytesMax);
    this.transactions = new TransactionIndex({ page: (run, page) => this.readPage(run, page) }, meta?.runs ?? []);
    this.waiting = WaitingReturns.from(meta?.waiting ?? []);
    this.skips = new Set(meta?.skips);
    this.due = new DueIndex(this.readDue(meta?.dueFirst ?? 0), this.passedDue(meta?.dueFirst ?? 0));
    this.hasBuckets = buckets.getStats !== undefined && (buckets.getStats() as { entryCount: number }).entryCount > 0;
    if (meta) {
      this.accounts.opened = meta.opened;
      this.reference = meta.reference;
      this.clockMs = this.floorClockMs = meta.clockMs;
      this.floor = this.batch = this.committed = meta.floor;
    }
  }

  // ── what apply changes ──
  openAccount(ordinal: number, program: number): void {
    this.accounts.open(ordinal, program);
  }
  addCard(ordinal: number, program: number, text: Uint8Array): void {
    this.ensure(ordinal);
    this.accounts.addCard(ordinal, program, text);
  }
  setFlags(ordinal: number, flags: number): void {
    this.ensure(ordinal);
    this.accounts.setFlags(ordinal, flags);
  }
  /** Adds to `count` cells of an account. */
  addToCells(ordinal: number, count: number, key1: Float64Array, key2: Float64Array, additions: Float64Array): void {
    this.ensure(ordinal);
    for (let from = 0; from < count; ) {
      from = takePass(from, count, key1, key2, additions);
      const added = this.accounts.addPass(ordinal);
      for (let i = 0; i < added; i++) this.noteDue(ordinal, passKey1[i]!, passKey2[i]!);
    }
  }
  /** A transaction was decided; its fact is that row of the batch. */
  addTransaction(id: Uint32Array, content: Uint32Array, batch: number, row: number, recovering: boolean): void {
    this.transactions.add(id, content, batch, row, recovering);
  }
  /** Keeps in mind the day on which a lot matures or expires. */
  noteDue(ordinal: number, key1: number, key2: number): void {
    if (key1 >= AFTER_PENDING) return;
    if (key1 >= PENDING) this.due.add(lotMatures(key2), ordinal);
    else if (lotExpires(key2) !== NEVER) this.due.add(lotExpires(key2), ordinal);
  }

  // ── what decide asks ──
  /** Touches where a card and a transaction, by hash, are looked for; what it returns means nothing. */
  touch(cardHash: number, idHash: number): number {
    return this.accounts.touchCard(cardHash) + this.transactions.touch(idHash);
  }
  /** Ordinal of the account of a card, brought into memory; -1 when there is none. */
  findCard(program: number, text: Uint8Array, start: number, length: number, hash = hashCard(program, text, start, length)): number {
    const found = this.accounts.findCard(program, text, start, length, hash);
    if (found >= 0 || !this.hasBuckets) return found;
    const saved = this.environment.cards.get(this.cardKeyOf(program, text, start, length));
    if (!saved) return -1;
    const ordinal = saved.readUInt32LE(0);
    this.ensure(ordinal);
    return ordinal;
  }
  hasAccount(ordinal: number): boolean {
    return ordinal >= 0 && ordinal < this.accounts.opened;
  }
  /** Brings an account into memory. */
  ensure(ordinal: number): void {
    if (this.accounts.offset(ordinal) >= 0) return;
    const bucket = this.readBucket(Math.floor(ordinal / BUCKET));
    const saved = bucket && accountsOfBucket(bucket).get(ordinal % BUCKET);
    if (!saved) throw new Error(`partition ${this.partition}: account ${ordinal} is neither in memory nor on disk`);
    this.accounts.load(ordinal, saved);
  }
  /** At recovery: does the checkpoint hold the effects of this batch for this account? */
  holds(ordinal: number, batch: number): boolean {
    const bucket = Math.floor(ordinal / BUCKET);
    let stamp = this.stamps.get(bucket);
    if (stamp === undefined) {
      stamp = this.readBucket(bucket)?.[0] ?? -1;
      this.stamps.set(bucket, stamp);
    }
    return stamp >= batch;
  }
  /** No effects of before are applied any more: lets go of what `holds` remembered. */
  recovered(): void {
    this.stamps.clear();
  }

  // ── checkpoints ──
  get sweeping(): boolean {
    return this.cycle !== undefined || this.staged.length > 0;
  }
  /** Begins a cycle, if none is under way. Batches up to the last applied one will be on disk when it ends. */
  beginSweep(): void {
    if (this.cycle || this.batch === this.floor) return;
    const { accounts } = this;
    const dirty = accounts.dirty.subarray(0, accounts.dirtyCount).map((ordinal) => Math.floor(ordinal / BUCKET)).sort();
    const buckets = new Uint32Array(dirty.length);
    let count = 0;
    for (let i = 0; i < dirty.length; i++) if (i === 0 || dirty[i] !== dirty[i - 1]) buckets[count++] = dirty[i]!;
    accounts.dirtyCount = 0;
    accounts.age();
    const frozen = this.transactions.freeze();
    const run = frozen && { run: this.transactions.runs.length, slots: frozen.slots, entries: frozen.entries };
    this.cycle = {
      batch: this.batch, buckets: buckets.subarray(0, count), next: 0, run, words: frozen?.words, nextPage: 0, staged: false, passed: this.due.takePassed(), due: this.due.unsaved(),
      meta: {
        floor: this.batch, opened: accounts.opened, reference: this.reference, clockMs: this.clockMs, waiting: this.waiting.list(),
        runs: run ? [...this.transactions.runs, run] : [...this.transactions.runs], dueFirst: Math.min(this.due.firstDay, NO_DAY), skips: [...this.skips],
      },
    };
    this.debtAtCycle = this.debtBytes;
  }
  /**
   * Takes the next `bucketsMax` dirty buckets (and as many pages) of the cycle, as they are after the last applied batch. What it returns is the same for another machine: where there is
   * one, it has to be in the log before `writeCommitted` is called for this batch, so that the disk never holds what the log doesn't.
   */
  sweepSlice(bucketsMax: number): Slice | undefined {
    const { cycle, accounts } = this;
    if (!cycle || cycle.staged) return undefined;
    const slice: Slice = { batch: this.batch, buckets: [], cards: [], pages: [] };
    for (; cycle.next < cycle.buckets.length && slice.buckets.length < bucketsMax; cycle.next++) {
      const bucket = cycle.buckets[cycle.next]!;
      slice.buckets.push({ bucket, saved: this.collectBucket(bucket, slice.cards) });
      for (let i = 0; i < BUCKET; i++) if (accounts.isDirty(bucket * BUCKET + i)) accounts.markClean(bucket * BUCKET + i);
    }
    const words = cycle.words;
    if (words && cycle.run) {
      const pages = cycle.run.slots / PAGE_ENTRIES;
      for (let i = 0; i < bucketsMax && cycle.nextPage < pages; i++, cycle.nextPage++) {
        slice.pages.push({ run: cycle.run.run, page: cycle.nextPage, words: words.subarray(cycle.nextPage * PAGE_WORDS, (cycle.nextPage + 1) * PAGE_WORDS) });
      }
    }
    if (cycle.next === cycle.buckets.length && (!cycle.run || cycle.nextPage === cycle.run.slots / PAGE_ENTRIES)) {
      slice.meta = cycle.meta;
      slice.due = cycle.due;
      slice.passed = cycle.passed;
      cycle.staged = true;
    }
    this.staged.push(slice);
    return slice;
  }
  /** Writes the slices whose batches are committed. */
  writeCommitted(committed: number): void {
    this.committed = Math.max(this.committed, committed);
    while (this.staged.length > 0 && this.staged[0]!.batch <= this.committed) this.write(this.staged.shift()!);
  }
  close(): void {
    void this.environment.root.close();
  }

  private write(slice: Slice): void {
    writeSlice(this.environment, slice);
    this.hasBuckets ||= slice.buckets.length > 0;
    const { cycle } = this;
    if (!slice.meta || !cycle) return;
    if (cycle.run) this.transactions.thaw(cycle.run);
    this.floor = slice.meta.floor;
    this.floorClockMs = slice.meta.clockMs;
    this.debtBytes -= this.debtAtCycle;
    this.cycle = undefined;
  }
  /** As bucket.ts draws it. */
  private collectBucket(bucket: number, cards: { key: Buffer; ordinal: number }[]): Float64Array {
    const { accounts } = this;
    const stored = this.hasBuckets ? this.readBucket(bucket) : undefined;
    const onDisk = stored ? accountsOfBucket(stored) : undefined;
    const parts: { place: number; saved: Float64Array }[] = [];
    let doubles = 1;
    for (let place = 0; place < BUCKET; place++) {
      const ordinal = bucket * BUCKET + place;
      const saved = accounts.offset(ordinal) >= 0 ? accounts.copyOut(ordinal) : onDisk?.get(place);
      if (!saved) continue;
      if (accounts.isDirty(ordinal) && accounts.hasNewCards(ordinal)) {
        for (const text of accounts.cardsOf(ordinal)) cards.push({ key: Buffer.from(this.cardKeyOf(saved[0]!, text, 0, text.length)), ordinal });
      }
      parts.push({ place, saved });
      doubles += 2 + saved.length;
    }
    const out = new Float64Array(doubles);
    out[0] = this.batch;
    let at = 1;
    for (const { place, saved } of parts) {
      out[at] = place;
      out[at + 1] = saved.length;
      out.set(saved, at + 2);
      at += 2 + saved.length;
    }
    return out;
  }
  private readBucket(bucket: number): Float64Array | undefined {
    for (let i = this.staged.length - 1; i >= 0; i--) {
      const found = this.staged[i]!.buckets.find((candidate) => candidate.bucket === bucket);
      if (found) return found.saved;
    }
    return asDoubles(this.environment.buckets.get(bucket));
  }
  private readPage(run: number, page: number): Uint32Array {
    const saved = this.environment.runs.get([run, page]);
    if (!saved) throw new Error(`partition ${this.partition}: page ${page} of run ${run} is missing`);
    return new Uint32Array(saved.buffer.slice(saved.byteOffset, saved.byteOffset + saved.byteLength) as ArrayBuffer);
  }
  private *readDue(firstDay: number): Generator<DueChunk> {
    for (const { key, value } of this.environment.due.getRange({ start: [firstDay, 0] })) {
      yield { day: key[0], sequence: key[1], ordinals: new Int32Array(value.buffer.slice(value.byteOffset, value.byteOffset + value.byteLength) as ArrayBuffer) };
    }
  }
  private passedDue(firstDay: number): DueKey[] {
    return [...this.environment.due.getKeys({ end: [firstDay, 0] })].map(([day, sequence]) => ({ day, sequence }));
  }
  private cardKeyOf(program: number, text: Uint8Array, start: number, length: number): Buffer {
    const key = this.cardKey.subarray(0, 2 + length);
    key.writeUInt16BE(program, 0);
    key.set(text.subarray(start, start + length), 2);
    return key;
  }
}

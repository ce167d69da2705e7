/**
 * What the decision of one command works with: one instance per shard, pointed at a partition for each batch and at a record for each command. Holds no state of its own
 * between batches; everything that lasts goes through effects.
 */
import { apply } from './apply.js';
import { awards } from './awards.js';
import { EffectsReader, EffectsWriter } from './effects.js';
import { FactBlock } from './facts/fact-block.js';
import { FactHeader } from './facts/fact-header.js';
import type { FactCache } from './fact-cache.js';
import type { OpenFacts } from './facts/read-fact.js';
import { postings } from './ledger/postings.js';
import { cellKey, CellKind, type AccountCells } from './ledger/cells.js';
import { RecordedPurchase } from './recorded-purchase.js';
import type { Reference } from './reference.js';
import type { PartitionState } from './state/partition-state.js';
import type { WaitingNotice } from './state/waiting.js';
import { Transaction } from './transaction.js';
import type { Reason, Rejected } from '../schemas/reasons.js';

/** More than one command notes before they are made: four counters for each award (awards.ts) and a lot for each part that its funders pay (schemas/rule.ts FUNDED_PARTS_MAX). */
const ADDITIONS_MAX = 1 << 17;
/** Of an account and kind that are looked at one by one: what an account may have. */
const LOTS_MAX = 1 << 16;
/** An addition is looked for among so many before it. */
const MERGED_MAX = 16;
const OUTBOX_ROUND_BYTES = 1 << 16;
const DEBT = cellKey(CellKind.debt, 0, 0), HELD = cellKey(CellKind.held, 0, 0), AFTER_BALANCES = cellKey(CellKind.held + 1, 0, 0);

/** Additions to cells that wait for `applyCells`, and what awards gave. Constants of the module: optimized code knows where they lie. Nothing stays in them from one command to the next. */
const cellKey1 = new Float64Array(ADDITIONS_MAX), cellKey2 = new Float64Array(ADDITIONS_MAX), cellAddition = new Float64Array(ADDITIONS_MAX);
const { points: awardPoints, currency: awardCurrency } = awards, { points: postedPoints } = postings;

/** A record for another partition's `internal` topic, committed together with this batch. */
export interface Forward { partition: number; value: Uint8Array }

export class Context implements AccountCells {
  readonly transaction = new Transaction();
  readonly awards = awards;
  readonly postings = postings;
  readonly effects = new EffectsWriter();
  readonly facts = new FactBlock();
  readonly header = new FactHeader();
  readonly purchase = new RecordedPurchase();
  readonly idHash = new Uint32Array(4);
  readonly contentHash = new Uint32Array(2);
  readonly cells = new Float64Array(LOTS_MAX * 3);

  state!: PartitionState;
  reference!: Reference;
  partitions = 1;
  /** Account that rules see through `get`; -1: one that is not opened yet. */
  ordinal = -1;
  /** Append time of the record, ms: the clock of the command. */
  nowMs = 0;
  topic = 0;
  offset = 0;
  index = 0;

  forwards: Forward[] = [];
  rejected: Rejected[] = [];
  waiting: WaitingNotice[] = [];
  ended: string[] = [];
  /** Who waits for the answer: of the envelope that is being processed. */
  gateway = '';
  request = 0;
  detailed = false;
  /** The home of its card has sent the transaction here, along a link: an unknown card is a new one. */
  linked = false;
  /** Facts of earlier batches that came with this one; undefined: they are not kept any more. */
  earlier = new Map<number, OpenFacts | undefined>();
  recentFacts!: FactCache;
  outbox: SharedArrayBuffer | undefined;
  /** Nobody reads it: it keeps the compiler from leaving out what was only touched. */
  touched = 0;
  /** Facts that were missing: the batch ends before the command that needs them. */
  missing: { batch: number; row: number }[] = [];

  /** Points that cells of balances gained in this batch, less what postings say: anything but 0 is a bug. */
  imbalance = 0;
  /** Points awarded and taken back in this batch, by currency ordinal. */
  readonly awarded = new Totals();
  readonly reversed = new Totals();

  private readonly reader = new EffectsReader();
  private applied = 0;
  private cellTotal = 0;

  beginBatch(state: PartitionState, reference: Reference): void {
    this.state = state;
    this.reference = reference;
    this.effects.clear();
    this.applied = 0;
    this.facts.reset();
    this.forwards = [];
    this.rejected = [];
    this.waiting = [];
    this.ended = [];
    this.missing = [];
    this.imbalance = 0;
    this.awarded.clear();
    this.reversed.clear();
  }
  get(key1: number, key2: number): number {
    return this.ordinal < 0 ? 0 : this.state.accounts.get(this.ordinal, key1, key2);
  }
  /** Notes an addition to a cell of the account; made by `applyCells`. */
  add(key1: number, key2: number, addition: number): void {
    if (addition === 0) return;
    if (key1 < AFTER_BALANCES) this.imbalance += key1 >= DEBT && key1 < HELD ? -addition : addition;
    const { cellTotal } = this;
    // Awards mostly go to one lot: it is changed once.
    for (let i = cellTotal - 1, end = Math.max(0, cellTotal - MERGED_MAX); i >= end; i--) {
      if (cellKey1[i] !== key1 || cellKey2[i] !== key2) continue;
      cellAddition[i]! += addition;
      return;
    }
    cellKey1[cellTotal] = key1;
    cellKey2[cellTotal] = key2;
    cellAddition[cellTotal] = addition;
    this.cellTotal++;
  }
  /** Notes an addition to a counter that none was noted for. */
  addToCounter(key1: number, key2: number, addition: number): void {
    if (addition === 0) return;
    const i = this.cellTotal++;
    cellKey1[i] = key1;
    cellKey2[i] = key2;
    cellAddition[i] = addition;
  }
  /** Makes the noted additions. What goes into the effects is done at once, as `apply` does it when it reads them: only the reading is left out. */
  applyCells(ordinal: number): void {
    this.applyEffects();
    const { effects, cellTotal } = this;
    if (cellTotal === 0) return;
    effects.cells(ordinal, cellTotal, cellKey1, cellKey2, cellAddition);
    this.cellTotal = 0;
    this.applied = effects.length;
    this.state.addToCells(ordinal, cellTotal, cellKey1, cellKey2, cellAddition);
  }
  /** Puts a transaction among the known ones, its fact being that row of the batch; at once, as `applyCells` does. */
  addSeen(id: Uint32Array, content: Uint32Array, row: number): void {
    this.applyEffects();
    const { effects, state } = this;
    effects.seen(id, content, row);
    this.applied = effects.length;
    state.addTransaction(id, content, state.batch + 1, row, false);
  }
  /** Applies what was written since the last time: the same function as at recovery. */
  applyEffects(): void {
    const { reader, effects } = this;
    if (this.applied === effects.length) return;
    reader.bytes = effects.bytes;
    reader.at = this.applied;
    apply(this.state, reader, effects.length, this.state.batch + 1);
    this.applied = effects.length;
  }
  /** Room for the results in memory shared with the main thread: the outbox when they fit, else a new one that others will fit into, too. */
  resultsRoom(length: number): Uint8Array {
    const fits = this.outbox && this.outbox.byteLength >= length;
    return new Uint8Array(fits ? this.outbox! : new SharedArrayBuffer(Math.ceil(length / OUTBOX_ROUND_BYTES) * OUTBOX_ROUND_BYTES), 0, length);
  }
  /** A purchase by its fact, in this very batch or an earlier one. undefined: the log has let go of it. `missing`: it is not at hand, and is asked for. */
  purchaseAt(batch: number, row: number): RecordedPurchase | undefined | 'missing' {
    if (batch > this.state.batch) this.purchase.read(this.facts.written(), row, this.reference);
    else {
      const facts = this.askFor(batch, row);
      if (!facts) return this.earlier.has(batch) ? undefined : 'missing';
      const { rows, place } = facts.at(row);
      this.purchase.read(rows, place, this.reference);
    }
    return this.purchase;
  }
  /** The facts of an earlier batch, if they are at hand; else noted in `missing`. */
  askFor(batch: number, row: number): OpenFacts | undefined {
    const facts = this.earlier.get(batch) ?? this.recentFacts.get(batch);
    if (!facts && batch <= this.state.batch && !this.earlier.has(batch)) this.missing.push({ batch, row });
    return facts;
  }
  /** Takes a command into the counts of the batch. */
  count(): void {
    for (let i = 0, { count } = awards, given = awardPoints; i < count; i++) {
      const points = given[i]!;
      if (points === 0) continue;
      if (points < 0) this.reversed.add(awardCurrency[i]!, -points);
      else this.awarded.add(awardCurrency[i]!, points);
    }
    this.countPostings();
  }
  countPostings(): void {
    let posted = 0;
    for (let i = 0, { count } = postings, points = postedPoints; i < count; i++) posted += points[i]!;
    this.imbalance -= posted;
  }
  /** Today in a program's zone, by the clock of the command. */
  today(program: number): number {
    return this.reference.programDay(program, this.nowMs);
  }
  reject(partner: string, id: string, kind: string, reason: Reason, detail?: string, pointer?: string): void {
    this.rejected.push({
      partner, id, kind, reason, rejectedAtMs: this.nowMs, source: { topic: String(this.topic), partition: this.state.partition, offset: this.offset, index: this.index },
      ...(detail === undefined ? {} : { detail }), ...(pointer === undefined ? {} : { pointer }),
    });
  }
}

/** Sums by a small number. */
class Totals {
  private sums = new Float64Array(16);

  add(number: number, addition: number): void {
    if (number >= this.sums.length) {
      const grown = new Float64Array(number * 2);
      grown.set(this.sums);
      this.sums = grown;
    }
    this.sums[number]! += addition;
  }
  clear(): void {
    this.sums.fill(0);
  }
  /** Those that are not 0. */
  entries(): [number: number, sum: number][] {
    return [...this.sums.entries()].filter(([, sum]) => sum !== 0);
  }
}

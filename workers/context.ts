/**
 * What the decision of one command works with: one instance per shard, pointed at a partition for each batch and at a record for each command. Holds no state of its own
 * between batches; everything that lasts goes through effects.
 */
import { apply } from './apply.js';
import { AwardSet } from './awards.js';
import { EffectsReader, EffectsWriter } from './effects.js';
import { FactBlock, FactHeader } from './facts/fact-block.js';
import type { FactCache } from './fact-cache.js';
import { Postings } from './ledger/postings.js';
import { cellKey, CellKind, type AccountCells } from './ledger/cells.js';
import type { Reference } from './reference.js';
import type { PartitionState } from './state/partition-state.js';
import type { WaitingNotice } from './state/waiting.js';
import { Transaction } from './transaction.js';
import type { FactRecord } from '../schemas/fact.js';
import type { Reason, Rejected } from '../schemas/reasons.js';

const CELLS_MAX = 1 << 16;
const DEBT = cellKey(CellKind.debt, 0, 0), HELD = cellKey(CellKind.held, 0, 0), AFTER_BALANCES = cellKey(CellKind.held + 1, 0, 0);

/** A record for another partition's `internal` topic, committed together with this batch. */
export interface Forward { partition: number; value: Uint8Array }

export class Context implements AccountCells {
  readonly transaction = new Transaction();
  readonly awards = new AwardSet();
  readonly postings = new Postings();
  readonly effects = new EffectsWriter();
  readonly facts = new FactBlock();
  readonly header = new FactHeader();
  readonly idHash = new Uint32Array(4);
  readonly contentHash = new Uint32Array(2);
  readonly cells = new Float64Array(CELLS_MAX * 3);

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
  /** Who waits for the answer: of the envelope that is being processed. */
  gateway = '';
  request = 0;
  detailed = false;
  /** Facts of earlier batches that came with this one, by `batch:row`; undefined: there is none any more. */
  earlier = new Map<string, FactRecord | undefined>();
  recentFacts!: FactCache;
  /** Facts that were missing: the batch ends before the command that needs them. */
  missing: { batch: number; row: number }[] = [];

  /** Points that cells of balances gained in this batch, less what postings say: anything but 0 is a bug. */
  imbalance = 0;
  /** Points awarded and taken back in this batch, by currency ordinal. */
  readonly awarded = new Map<number, number>();
  readonly reversed = new Map<number, number>();

  private readonly reader = new EffectsReader();
  private applied = 0;
  private cellTotal = 0;
  private readonly cellKey1 = new Float64Array(CELLS_MAX);
  private readonly cellKey2 = new Float64Array(CELLS_MAX);
  private readonly cellAddition = new Float64Array(CELLS_MAX);

  beginBatch(state: PartitionState, reference: Reference): void {
    this.state = state;
    this.reference = reference;
    this.effects.clear();
    this.applied = 0;
    this.facts.reset();
    this.forwards = [];
    this.rejected = [];
    this.waiting = [];
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
    const i = this.cellTotal++;
    this.cellKey1[i] = key1;
    this.cellKey2[i] = key2;
    this.cellAddition[i] = addition;
  }
  applyCells(ordinal: number): void {
    if (this.cellTotal === 0) return this.applyEffects();
    this.effects.cells(ordinal, this.cellTotal);
    for (let i = 0; i < this.cellTotal; i++) this.effects.cell(this.cellKey1[i]!, this.cellKey2[i]!, this.cellAddition[i]!);
    this.cellTotal = 0;
    this.applyEffects();
  }
  /** Applies what was written since the last time: the same function as at recovery. */
  applyEffects(): void {
    const { reader, effects } = this;
    reader.bytes = effects.bytes;
    reader.at = this.applied;
    apply(this.state, reader, effects.length, this.state.batch + 1);
    this.applied = effects.length;
  }
  /** A fact of an earlier batch; noted in `missing` when it is not at hand (one of this very batch is, in the next). */
  factOf(batch: number, row: number): FactRecord | undefined | 'missing' {
    const key = `${batch}:${row}`;
    if (this.earlier.has(key)) return this.earlier.get(key);
    const recent = this.recentFacts.get(batch, row);
    if (recent) return recent;
    if (batch <= this.state.batch) this.missing.push({ batch, row });
    return 'missing';
  }
  /** Takes a command into the counts of the batch. */
  count(): void {
    const { awards, postings } = this;
    for (let i = 0; i < awards.count; i++) {
      const points = awards.points[i]!, sums = points < 0 ? this.reversed : this.awarded;
      sums.set(awards.currency[i]!, (sums.get(awards.currency[i]!) ?? 0) + Math.abs(points));
    }
    this.countPostings(postings);
  }
  countPostings({ count, points }: Postings): void {
    for (let i = 0; i < count; i++) this.imbalance -= points[i]!;
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

/**
 * What the main thread asks of a shard and what the shard answers. Everything large is bytes: input is transferred to the shard, results come back in shared memory, since nothing is
 * ever transferred out of its thread (worker.ts).
 */
import type { ReferenceSet } from '../schemas/reference.js';
import type { Reply } from '../schemas/envelope.js';
import type { Rejected } from '../schemas/reasons.js';
import type { InputRange } from '../schemas/results.js';
import type { Forward } from './context.js';
import type { WaitingNotice } from './state/waiting.js';

export interface OpenTask {
  type: 'open'; partition: number; partitions: number; directory: string; epoch: number;
  cacheBytesMax: number; debtBytesMax: number; factCacheBytesMax: number;
  /** What sweeps write goes to the log, too, for other machines. */
  snapshots: boolean;
}
/** Records of a snapshot, to replace what the open partition has on disk; it has to be opened again after the last. */
export interface LoadTask { type: 'load'; partition: number; records: Uint8Array; first: boolean; last: boolean }
/** Results records of consecutive batches, to be applied. */
export interface ReplayTask { type: 'replay'; partition: number; records: Uint8Array[] }
export interface ReferenceTask { type: 'reference'; set: ReferenceSet; products: [partner: number, content: Uint8Array][] }
/** Goes on with building the table of products that a set to come names; answers whether it is complete. `content` is shared memory. */
export interface ProductsTask { type: 'products'; hash: string; content: Uint8Array }
/** Replies of records of which a part has been processed, by `topic:offset`. */
export type Partials = [record: string, reply: Reply][];
export interface BatchTask {
  type: 'batch';
  partition: number;
  epoch: number;
  /** The number that this batch gets: must be the state's next, or the shard refuses. */
  batch: number;
  /** Batches up to this one are committed. */
  committed: number;
  frame: Uint8Array;
  /** Where the results are written, if they fit: what the last results of the partition came in. */
  outbox?: SharedArrayBuffer;
  /** Where each input topic stands: [offset, items of that record that are done]. */
  positions: [offset: number, item: number][];
  partial: Partials;
  /** Look at so many records only, and stop after that many transactions of a record; for the search of one that kills its worker. */
  recordsMax?: number;
  itemsMax?: number;
  /** All facts of earlier batches of which the shard asked for some; not of all of them at once. undefined: not kept any more. */
  facts: { batch: number; facts: Uint8Array | undefined }[];
}
export interface SweepTask { type: 'sweep'; partition: number; committed: number; begin: boolean }
/** `snapshot`: what has to be in the log before the partition hears of anything again. */
export interface SweepAnswer { status: PartitionStatus; snapshot: Uint8Array | undefined }
export interface FindTask { type: 'find'; partition: number; partner: string; id: string; kind: 'purchase' | 'return' }
/** Where its fact is; a return may wait for its purchase instead. */
export type FindAnswer = { batch: number; row: number } | 'waiting' | undefined;
/** Which of these purchases the partition knows and the reconciler has not taken back. */
export interface LocateTask { type: 'locate'; partition: number; purchases: { partner: string; id: string }[] }
/** undefined: of an engine of an earlier release, which does not know the question. */
export type LocateAnswer = boolean[] | undefined;
export interface AccountTask { type: 'account'; partition: number; ordinal?: number; program?: string; card?: string }
/** Why the purchase in a row of these facts got what it got (explanation.ts). */
export interface ExplainTask { type: 'explain'; partition: number; facts: Uint8Array; row: number }
export interface CellsTask { type: 'cells'; partition: number; from: number; count: number }
/** All returns that wait: for whoever takes the partition over; from then on batches say what changes. */
export interface WaitingTask { type: 'waiting'; partition: number }
export interface CloseTask { type: 'close'; partition: number }
export type ShardTask = OpenTask | LoadTask | ReplayTask | ReferenceTask | ProductsTask | BatchTask | SweepTask
  | FindTask | LocateTask | AccountTask | ExplainTask | CellsTask | WaitingTask | CloseTask;

export interface PartitionStatus {
  partition: number;
  batch: number;
  floor: number;
  reference: number;
  clockMs: number;
  debtBytes: number;
  /** The partition's clock at the floor: how old the checkpoint is. */
  floorClockMs: number;
  sweeping: boolean;
  accounts: number;
  residentAccounts: number;
  cacheBytes: number;
  transactions: number;
  /** Returns. */
  waiting: number;
  /** When a tick is due next (a day that lots wait for has come, a waiting return ends), ms; Infinity: nothing waits. */
  dueMs: number;
}

export interface BatchCounts {
  processed: number; duplicates: number; rejected: number; waiting: number; lines: number; candidates: number; awards: number; postings: number;
  /** By reason. */
  reasons: Record<string, number>;
  /** By currency ordinal. */
  awarded: [currency: number, points: number][];
  reversed: [currency: number, points: number][];
  /** Points of balances less points of postings: anything but 0 is a bug. */
  imbalance: number;
}

export interface BatchResult {
  partition: number;
  batch: number;
  epoch: number;
  /** The results record, ready to be committed, in memory shared with the shard until the partition's next batch; undefined when the batch could not begin for want of facts (`missing`). */
  results: Uint8Array | undefined;
  rows: number;
  inputs: InputRange[];
  positions: [offset: number, item: number][];
  forwards: Forward[];
  rejected: Rejected[];
  replies: Reply[];
  partial: Partials;
  /** Returns that wait from this batch on, and keys of those that wait no longer. */
  waiting: WaitingNotice[];
  ended: string[];
  /** Parts of the checkpoint as they are after this batch, to be committed with it. */
  snapshot: Uint8Array | undefined;
  /** Facts that the next batch needs; the batch ended before the command that needs them. */
  missing: { batch: number; row: number }[];
  activated: number | undefined;
  /** The batch ended before the activation of a reference set that this shard has not learned. */
  unknownReference: boolean;
  counts: BatchCounts;
  status: PartitionStatus;
  /** Bytes of records of the lane `commands` that the batch finished. */
  inputBytes: number;
  /** Of the results record in the log; set by the main thread when it is committed. */
  offset: number;
}

/** An account as its cells, for the verifier. */
export interface AccountCellsView { ordinal: number; program: number; flags: number; cells: [number, number, number][] }

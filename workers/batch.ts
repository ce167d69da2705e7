/**
 * One batch of one partition: records in, results record out. Goes through the records in the order in which they were handed in, each transaction of each envelope
 * through decide. It stops early only before a command whose facts are not at hand, before the activation of a set that is not known here, and after so many transactions of a record as
 * the search for a poisoned one allows.
 */
import { writeResults, type InputRange } from '../schemas/results.js';
import type { Reply, ReplyItem } from '../schemas/envelope.js';
import { readCommand } from '../schemas/commands.js';
import { answerOf } from './answer.js';
import { decideCommand, openOwnAccount } from './commands.js';
import type { Context } from './context.js';
import { decide, type Outcome } from './decide.js';
import { EnvelopeReader } from './envelope.js';
import { Forwarding } from './forwarding.js';
import { noteOriginal } from './returns.js';
import { Kind, Text } from './transaction.js';
import type { BatchCounts, BatchResult, BatchTask } from './messages.js';
import type { Partition } from './shard.js';
import type { PartitionState } from './state/partition-state.js';
import { FrameRecords } from './records/frame-records.js';
import { utf8 } from './utf8.js';

/** Facts asked for at once. */
const MISSING_MAX = 256;
/** Place of the lane `commands` among the input topics. */
const BULK = 2;
const reader = new EnvelopeReader();
const forwarding = new Forwarding();
const records = new FrameRecords();
/** Where is counted what nobody waits for. */
const nobody: Reply = { gateway: '', request: 0, accepted: 0, duplicates: 0, rejected: 0, items: [] };

type UseReference = (version: number) => boolean;

/** What a batch has come to so far. */
interface Progress {
  readonly counts: BatchCounts;
  readonly inputs: InputRange[];
  readonly replies: Reply[];
  readonly partial: Map<string, Reply>;
  readonly positions: [offset: number, item: number][];
  activated: number | undefined;
  unknownReference: boolean;
  inputBytes: number;
}

export function processBatch(c: Context, partition: Partition, task: BatchTask, useReference: UseReference): Omit<BatchResult, 'status' | 'snapshot'> {
  const progress: Progress = {
    counts: { processed: 0, duplicates: 0, rejected: 0, waiting: 0, lines: 0, candidates: 0, awards: 0, postings: 0, reasons: {}, awarded: [], reversed: [], imbalance: 0 },
    inputs: [], replies: [], partial: new Map(task.partial), positions: task.positions.map(([offset, item]): [number, number] => [offset, item]),
    activated: undefined, unknownReference: false, inputBytes: 0,
  };
  forwarding.clear();
  records.open(task.frame, task.recordsMax);
  for (let number = 0, goesOn = true; goesOn && number < records.count; number++) goesOn = processRecord(c, partition.state, progress, number, task.itemsMax ?? Infinity, useReference);
  return resultOf(c, partition, task, progress);
}

/** Whether the batch goes on behind it; else it ends before this record, or within. */
function processRecord(c: Context, state: PartitionState, progress: Progress, number: number, itemsMax: number, useReference: UseReference): boolean {
  const clockBeforeMs = state.clockMs;
  c.nowMs = state.clockMs = Math.max(clockBeforeMs, records.timestampsMs[number]!);
  c.topic = records.topics[number]!;
  c.offset = records.offsets[number]!;
  c.index = 0;
  c.linked = false;
  const [position, item] = progress.positions[c.topic]!;
  const first = c.offset === position ? item : 0;
  if (reader.open(records.bytes[number]!, records.starts[number]!, records.ends[number]!) === 'command') {
    const envelope = processCommand(c, state, progress, number, useReference);
    if (envelope === 'stop') {
      state.clockMs = clockBeforeMs;
      return false;
    }
    if (envelope === undefined) {
      done(state, progress, number, 0);
      return true;
    }
    reader.open(envelope);
  }
  const stopped = processEnvelope(c, state.skips, progress.partial, first, first + itemsMax, progress.counts, progress.replies);
  forwarding.flush(c);
  if (stopped < 0) {
    done(state, progress, number, 0);
    return true;
  }
  if (stopped > first) done(state, progress, number, stopped);
  // A record of which nothing was taken has not been seen yet: what is read next may be older.
  else state.clockMs = clockBeforeMs;
  if (c.missing.length > 0) lookAhead(c, number, stopped);
  return false;
}

/** The envelope that goes on from the command, if it has one; `stop`: the batch ends before the command. */
function processCommand(c: Context, state: PartitionState, progress: Progress, number: number, useReference: UseReference): Uint8Array | 'stop' | undefined {
  const bytes = records.value(number);
  // Of a command that carries transactions one of these is set aside.
  if (state.skips.has(`${c.topic}:${c.offset}:0`) && !carriesEnvelope(bytes)) {
    c.reject('', '', 'command', 'poison');
    return undefined;
  }
  const { outcome, activate, skip, reply, envelope, linked } = decideCommand(c, bytes);
  if (outcome.status === 'missing') {
    lookAhead(c, number, 0);
    return 'stop';
  }
  // Of two that were published one after the other at two gateways the older one's record may come later: sets only get newer.
  if (activate !== undefined && activate > state.reference) {
    if (!useReference(activate)) {
      progress.unknownReference = true;
      return 'stop';
    }
    openOwnAccount(c);
    c.effects.reference(activate);
    c.applyEffects();
  }
  if (activate !== undefined) progress.activated = state.reference;
  if (skip) {
    c.effects.skip(utf8(`${skip.topic}:${skip.offset}:${skip.index}`));
    c.applyEffects();
  }
  if (reply && reply.accepted + reply.items.length > 0) {
    progress.replies.push({ ...reply, duplicates: 0, rejected: reply.items.length });
    progress.counts.rejected += reply.items.length;
  }
  c.linked = linked === true;
  return envelope;
}

/** Of record `number`, items before `nextItem` are done; 0: all of it. */
function done(state: PartitionState, progress: Progress, number: number, nextItem: number): void {
  const { inputs, positions } = progress, topic = records.topics[number]!, offset = records.offsets[number]!, position = positions[topic]!;
  const next = nextItem === 0 ? offset + 1 : offset, range = inputs.at(-1);
  if (range && range.topic === topic) [range.next, range.nextItem] = [next, nextItem];
  else inputs.push({ topic, from: position[0], fromItem: position[1], next, nextItem });
  [position[0], position[1]] = [next, nextItem];
  if (nextItem > 0) return;
  if (topic === BULK) progress.inputBytes += records.ends[number]! - records.starts[number]!;
  if (state.skips.size > 0) for (const place of state.skips) if (place.startsWith(`${topic}:${offset}:`)) state.skips.delete(place);
}

/** Writes the results record, unless nothing was done. */
function resultOf(c: Context, { state, factCache }: Partition, task: BatchTask, progress: Progress): Omit<BatchResult, 'status' | 'snapshot'> {
  const { counts, inputs, positions, replies, partial, activated, unknownReference, inputBytes } = progress;
  counts.awarded = c.awarded.entries();
  counts.reversed = c.reversed.entries();
  counts.imbalance = c.imbalance;
  const { rows } = c.facts, facts = rows > 0 ? c.facts.finish() : new Uint8Array(0), effects = c.effects.bytes.subarray(0, c.effects.length);
  const results = inputs.length === 0 ? undefined : writeResults({
    partition: state.partition, batch: task.batch, epoch: task.epoch, clockMs: state.clockMs, inputs, positions, reference: state.reference,
    processed: counts.processed, duplicates: counts.duplicates, rejected: counts.rejected, effectsLength: effects.length, factsLength: facts.length, rows,
  }, effects, facts, (length) => c.resultsRoom(length));
  if (results) {
    state.debtBytes += effects.length;
    factCache.put(task.batch, facts, c.facts.marks);
  }
  return {
    partition: state.partition, batch: task.batch, epoch: task.epoch, results, rows, inputs, positions,
    forwards: c.forwards, rejected: c.rejected, replies, partial: [...partial],
    waiting: c.waiting.filter(({ key }) => state.waiting.has(key)), ended: c.ended.filter((key) => !state.waiting.has(key)),
    missing: c.missing, activated, unknownReference, counts, inputBytes, offset: -1,
  };
}

function carriesEnvelope(bytes: Uint8Array): boolean {
  return 'envelope' in readCommand(bytes);
}

/** Transactions of the open envelope from item `first` to `end`. Returns the item before which it had to stop, or -1. */
function processEnvelope(
  c: Context, skips: ReadonlySet<string>, partial: Map<string, Reply>, first: number, end: number, counts: BatchCounts, replies: Reply[],
): number {
  const { transaction: t } = c;
  const { header } = reader;
  c.gateway = header?.gateway ?? '';
  c.request = header?.request ?? 0;
  c.detailed = header?.detailed ?? false;
  const reply: Reply = c.request === 0 ? nobody : { gateway: c.gateway, request: c.request, accepted: 0, duplicates: 0, rejected: 0, items: [] };
  let forwarded = 0;
  for (let item = 0; reader.next(t); item++) {
    if (item < first) continue;
    if (item >= end) {
      if (c.request !== 0) partial.set(`${c.topic}:${c.offset}`, mergeReply(reply, partial, c, first));
      return item;
    }
    c.index = t.index;
    let outcome: Outcome;
    if (reader.problem) outcome = { status: 'rejected', reason: reader.problem.reason, detail: reader.problem.detail, pointer: reader.problem.pointer };
    else if (skips.size > 0 && skips.has(`${c.topic}:${c.offset}:${item}`)) outcome = { status: 'rejected', reason: 'poison' };
    else outcome = decide(c);
    switch (outcome.status) {
      case 'missing':
        if (c.request !== 0) partial.set(`${c.topic}:${c.offset}`, mergeReply(reply, partial, c, first));
        return item;
      case 'elsewhere':
        forwarding.add(c);
        forwarded++;
        continue;
      case 'processed':
        counts.processed++;
        counts.lines += t.lineCount;
        counts.candidates += c.awards.candidates;
        counts.awards += c.awards.count;
        counts.postings += c.postings.count;
        c.count();
        reply.accepted++;
        if (c.detailed) reply.answer = answerOf(c, c.ordinal);
        continue;
      case 'duplicate':
        counts.duplicates++;
        reply.duplicates++;
        if (c.detailed) reply.again = { partition: c.state.partition, partner: t.string(Text.partner), id: t.string(Text.id), kind: t.kind === Kind.return ? 'return' : 'purchase' };
        break;
      case 'waiting':
        counts.waiting++;
        break;
      case 'rejected':
        counts.rejected++;
        counts.reasons[outcome.reason] = (counts.reasons[outcome.reason] ?? 0) + 1;
        reply.rejected++;
        c.reject(t.string(Text.partner), t.string(Text.id), t.kind === Kind.return ? 'return' : 'purchase', outcome.reason, outcome.detail, outcome.pointer);
    }
    if (c.request !== 0) reply.items.push(replyItem(c, outcome));
  }
  mergeReply(reply, partial, c, first);
  const answered = reply.accepted + reply.duplicates + reply.rejected + reply.items.length > 0;
  if (c.request !== 0 && (answered || forwarded === 0)) replies.push(reply);
  return -1;
}

/** Adds what earlier batches answered of the same record. */
function mergeReply(reply: Reply, partial: Map<string, Reply>, c: Context, first: number): Reply {
  if (first === 0) return reply;
  const key = `${c.topic}:${c.offset}`, earlier = partial.get(key);
  if (!earlier) return reply;
  partial.delete(key);
  reply.accepted += earlier.accepted;
  reply.duplicates += earlier.duplicates;
  reply.rejected += earlier.rejected;
  reply.items.unshift(...earlier.items);
  if (earlier.answer !== undefined) reply.answer ??= earlier.answer;
  return reply;
}

function replyItem(c: Context, outcome: Outcome): ReplyItem {
  const item: ReplyItem = { index: c.transaction.index, id: c.transaction.string(Text.id), status: outcome.status as ReplyItem['status'] };
  if (outcome.status === 'rejected') {
    item.reason = outcome.reason;
    if (outcome.pointer !== undefined) item.pointer = outcome.pointer;
    if (outcome.detail !== undefined) item.detail = outcome.detail;
  }
  return item;
}

/** Notes which facts the returns of the rest of the batch need, so that they come with the next batch all at once. */
function lookAhead(c: Context, from: number, item: number): void {
  const { transaction: t } = c;
  for (let number = from; number < records.count && c.missing.length < MISSING_MAX; number++) {
    if (reader.open(records.bytes[number]!, records.starts[number]!, records.ends[number]!) === 'command') {
      const command = readCommand(records.value(number));
      if (command.type !== 'return-execute' && command.type !== 'forwarded') continue;
      reader.open(command.envelope);
    }
    for (let i = 0; reader.next(t) && c.missing.length < MISSING_MAX; i++) {
      if (reader.problem || t.kind !== Kind.return || (number === from && i <= item)) continue;
      noteOriginal(c);
    }
  }
}

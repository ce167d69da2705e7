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

export function processBatch(c: Context, partition: Partition, task: BatchTask, useReference: (version: number) => boolean): Omit<BatchResult, 'status' | 'snapshot'> {
  const { state } = partition;
  forwarding.clear();
  const counts: BatchCounts = {
    processed: 0, duplicates: 0, rejected: 0, waiting: 0, lines: 0, candidates: 0, awards: 0, postings: 0, reasons: {}, awarded: [], reversed: [], imbalance: 0,
  };
  const inputs: InputRange[] = [];
  const replies: Reply[] = [];
  const partial = new Map(task.partial);
  let activated: number | undefined, unknownReference = false, inputBytes = 0;
  const positions = task.positions.map(([offset, item]): [number, number] => [offset, item]);
  /** Of record `number`, items before `nextItem` are done; 0: all of it. */
  const done = (number: number, nextItem: number): void => {
    const topic = records.topics[number]!, offset = records.offsets[number]!, position = positions[topic]!, next = nextItem === 0 ? offset + 1 : offset, range = inputs.at(-1);
    if (range && range.topic === topic) [range.next, range.nextItem] = [next, nextItem];
    else inputs.push({ topic, from: position[0], fromItem: position[1], next, nextItem });
    [position[0], position[1]] = [next, nextItem];
    if (nextItem > 0) return;
    if (topic === BULK) inputBytes += records.ends[number]! - records.starts[number]!;
    if (state.skips.size > 0) for (const place of state.skips) if (place.startsWith(`${topic}:${offset}:`)) state.skips.delete(place);
  };
  records.open(task.frame, task.recordsMax);
  for (let number = 0; number < records.count; number++) {
    const clockBeforeMs = state.clockMs;
    c.nowMs = state.clockMs = Math.max(clockBeforeMs, records.timestampsMs[number]!);
    c.topic = records.topics[number]!;
    c.offset = records.offsets[number]!;
    c.index = 0;
    const [position, item] = positions[c.topic]!;
    const first = c.offset === position ? item : 0;
    c.linked = false;
    if (reader.open(records.bytes[number]!, records.starts[number]!, records.ends[number]!) === 'command') {
      const bytes = records.value(number);
      // Of a command that carries transactions one of these is set aside.
      if (state.skips.has(`${c.topic}:${c.offset}:0`) && !carriesEnvelope(bytes)) {
        c.reject('', '', 'command', 'poison');
        done(number, 0);
        continue;
      }
      const result = decideCommand(c, bytes);
      if (result.outcome.status === 'missing') {
        state.clockMs = clockBeforeMs;
        lookAhead(c, number, 0);
        break;
      }
      // Of two that were published one after the other at two gateways the older one's record may come later: sets only get newer.
      if (result.activate !== undefined && result.activate > state.reference) {
        if (!useReference(result.activate)) {
          unknownReference = true;
          state.clockMs = clockBeforeMs;
          break;
        }
        openOwnAccount(c);
        c.effects.reference(result.activate);
        c.applyEffects();
      }
      if (result.activate !== undefined) activated = state.reference;
      if (result.skip) {
        c.effects.skip(utf8(`${result.skip.topic}:${result.skip.offset}:${result.skip.index}`));
        c.applyEffects();
      }
      if (result.reply && result.reply.accepted + result.reply.items.length > 0) {
        replies.push({ ...result.reply, duplicates: 0, rejected: result.reply.items.length });
        counts.rejected += result.reply.items.length;
      }
      if (!result.envelope) {
        done(number, 0);
        continue;
      }
      c.linked = result.linked === true;
      reader.open(result.envelope);
    }
    const stopped = processEnvelope(c, state.skips, partial, first, first + (task.itemsMax ?? Infinity), counts, replies);
    forwarding.flush(c);
    if (stopped >= 0) {
      if (stopped > first) done(number, stopped);
      // A record of which nothing was taken has not been seen yet: what is read next may be older.
      else state.clockMs = clockBeforeMs;
      if (c.missing.length > 0) lookAhead(c, number, stopped);
      break;
    }
    done(number, 0);
  }

  counts.awarded = c.awarded.entries();
  counts.reversed = c.reversed.entries();
  counts.imbalance = c.imbalance;
  const facts = c.facts.rows > 0 ? c.facts.finish() : new Uint8Array(0);
  const effects = c.effects.bytes.subarray(0, c.effects.length);
  const rows = c.facts.rows;
  const results = inputs.length === 0 ? undefined : writeResults({
    partition: state.partition, batch: task.batch, epoch: task.epoch, clockMs: state.clockMs, inputs, positions, reference: state.reference,
    processed: counts.processed, duplicates: counts.duplicates, rejected: counts.rejected, effectsLength: effects.length, factsLength: facts.length, rows,
  }, effects, facts, (length) => c.resultsRoom(length));
  if (results) {
    state.debtBytes += effects.length;
    partition.factCache.put(task.batch, facts, c.facts.marks);
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

/**
 * The parser (piscina entry of the parser pool): the bytes of a body in, envelopes by partition out.
 *
 * Promises: items are judged one by one, and what is wrong with one doesn't touch the others; the order of items of one partition is the order of the
 * body. Buffers are transferred, not copied. Never throws because of the bytes. An envelope has at most about ENVELOPE_BYTES_MAX, so a partition may
 * have several.
 */
import { move, transferableSymbol, valueSymbol } from 'piscina';
import type { Reason } from '../../schemas/reasons.js';
import { problem, type Problem } from '../../schemas/validate.js';
import { EnvelopeWriter } from '../envelope-writer.js';
import { partitionOf } from '../hash.js';
import { Kind, Text, Transaction } from '../transaction.js';
import { identityOf } from './fill.js';
import { Items, type ItemFormat, type Part } from './items.js';

export interface ParseTask {
  format: ItemFormat;
  /** The bytes are a part of an array, of which the parts before have been read but for the `rest` that stands in front. */
  part?: Part;
  /** json: an object or an array; ndjson: whole lines; msgpack: a map or an array of maps. */
  bytes: Uint8Array;
  /** Index of the first item in its request. */
  firstIndex: number;
  gateway: string;
  /** 0: nobody waits for an answer. */
  request: number;
  detailed: boolean;
  partitions: number;
  /** The partner that the key is restricted to. */
  keyPartner?: string;
  /** The partner of items that name none (files). */
  partner?: string;
  /** Parsing ends after so many rejected items: 64 MiB of `1,` would be 33 million of them. The caller refuses the body then. */
  rejectedMax?: number;
}

export interface ParsedEnvelope { partition: number; bytes: Uint8Array; count: number }
export interface RejectedItem {
  index: number;
  /** As far as they are known, else ''. */
  id: string;
  partner: string;
  kind: string;
  /** The first problem … */
  reason: Reason;
  pointer: string;
  detail: string;
  hint: string;
  /** … and all of them. */
  errors: Problem[];
  /** The item as JSON text, cut to INPUT_BYTES_MAX. */
  input: string;
}
export interface ParseResult {
  envelopes: ParsedEnvelope[];
  /** Items seen: accepted and rejected. Blank lines are no items. */
  count: number;
  /** The body was one item, not a list. */
  single?: boolean;
  rejected: RejectedItem[];
  /** Of a part that is not the last: the bytes to stand in front of the next one. */
  rest?: Uint8Array;
  /** For the next part; 0: there can't be more items, whatever comes. */
  itemsLeft?: number;
  /** Nothing of the body can be read: it is no object and no array, or the one object in it is broken. */
  unreadable?: { detail: string; position: number };
}

/** A batch of a shard is about 2 ms of work, and records of a log are better small. */
export const ENVELOPE_BYTES_MAX = 128 << 10;
export const INPUT_BYTES_MAX = 16 << 10;

const t = new Transaction();
const items = new Items();
const writers: EnvelopeWriter[] = [];
/** Bytes of `partner:id`, for items without card and account. */
const home = new Uint8Array(512);

export default function parse(task: ParseTask): ParseResult {
  const result = parseItems(task);
  // `move` makes piscina transfer the buffers; what arrives in the calling thread is the value.
  return move({ [transferableSymbol]: [...result.envelopes.map(({ bytes }) => bytes.buffer), ...(result.rest ? [result.rest.buffer] : [])], [valueSymbol]: result }) as unknown as ParseResult;
}

/** The same without piscina. */
export function parseItems(task: ParseTask): ParseResult {
  const { bytes, partitions } = task;
  const result: ParseResult = { envelopes: [], count: 0, rejected: [] };
  const { format, part } = task;
  const unreadable = part && format !== 'ndjson' ? items.openPart(format, bytes, part, task.partner) : items.open(format, bytes, 0, bytes.length, task.partner);
  if (unreadable !== undefined) return { ...result, unreadable };
  if (items.single) result.single = true;
  const keyPartner = task.keyPartner === undefined ? undefined : new TextEncoder().encode(task.keyPartner);
  while (writers.length < partitions) writers.push(new EnvelopeWriter());
  const used: boolean[] = [];

  const rejectedMax = task.rejectedMax ?? Infinity;
  for (; result.rejected.length < rejectedMax && items.next(t); result.count++) {
    const index = task.firstIndex + result.count;
    if (items.problems.length > 0) {
      if (items.single && items.problems[0]!.reason === 'malformed') {
        return { ...result, unreadable: { detail: items.problems[0]!.detail, position: items.position } };
      }
      result.rejected.push(rejectedItem(index, items.problems, bytes, task));
      continue;
    }
    if (keyPartner !== undefined && !isText(Text.partner, keyPartner)) {
      const other = problem('/partner', 'other-partner', `the key belongs to partner ${JSON.stringify(task.keyPartner)}`);
      result.rejected.push(rejectedItem(index, [other], bytes, task));
      continue;
    }
    t.index = index;
    const partition = homePartition(partitions), writer = writers[partition]!;
    if (used[partition] !== true) writer.begin(task.gateway, task.request, task.detailed);
    used[partition] = true;
    writer.add(t);
    if (writer.size < ENVELOPE_BYTES_MAX) continue;
    result.envelopes.push({ partition, bytes: writer.finish(), count: writer.count });
    used[partition] = false;
  }
  for (let partition = 0; partition < partitions; partition++) {
    const writer = writers[partition]!;
    if (used[partition] === true) result.envelopes.push({ partition, bytes: writer.finish(), count: writer.count });
  }
  if (!part || part.isLast) return result;
  result.rest = bytes.slice(items.restAt);
  // Nothing but the beginning is left: it is read again.
  if (!items.needsMore || items.restAt > 0 || part.itemsLeft !== undefined) result.itemsLeft = items.itemsLeft;
  return result;
}

/** The partition of the card, else of the account, else of partner and id (of a return: the original's, so that it meets the purchase). */
function homePartition(partitions: number): number {
  const { text, bytes } = t;
  const cardLength = text[2 * Text.card + 1]!;
  if (cardLength > 0) return partitionOf(bytes, text[2 * Text.card]!, cardLength, partitions);
  const partition = text[2 * Text.account + 1]! > 0 ? accountPartition() : -1;
  if (partition >= 0 && partition < partitions) return partition;
  let at = copyText(Text.partner, 0);
  home[at++] = 0x3a;
  at = copyText(t.kind === Kind.return ? Text.originalId : Text.id, at);
  return partitionOf(home, 0, at, partitions);
}

/** P of an account id `P.N`; -1 when it doesn't look like one (no such account exists: whichever shard gets it says so). */
function accountPartition(): number {
  const { text, bytes } = t;
  const start = text[2 * Text.account]!, end = start + text[2 * Text.account + 1]!;
  let partition = 0;
  for (let at = start; at < end && at - start < 7; at++) {
    const byte = bytes[at]!;
    if (byte === 0x2e) return at === start ? -1 : partition;
    if (byte < 0x30 || byte > 0x39) return -1;
    partition = partition * 10 + byte - 0x30;
  }
  return -1;
}

function copyText(field: number, at: number): number {
  const { text, bytes } = t;
  const start = text[2 * field]!, end = start + text[2 * field + 1]!;
  for (let i = start; i < end; i++) home[at++] = bytes[i]!;
  return at;
}

function isText(field: number, expected: Uint8Array): boolean {
  const start = t.text[2 * field]!, length = t.text[2 * field + 1]!;
  if (length !== expected.length) return false;
  for (let i = 0; i < length; i++) if (t.bytes[start + i] !== expected[i]) return false;
  return true;
}

function rejectedItem(index: number, problems: readonly Problem[], bytes: Uint8Array, { format }: ParseTask): RejectedItem {
  const [{ reason, pointer, detail, hint }] = problems as [Problem];
  const { isRead } = items, kind = Object.keys(Kind)[t.kind]!;
  const identity = isRead ? { id: t.string(Text.id), partner: t.string(Text.partner), kind } : identityOf(items.value);
  return { index, ...identity, reason, pointer, detail, hint, errors: [...problems], input: inputText(bytes, format) };
}

/** The item as text, cut; of MessagePack as JSON, of what can't be decoded nothing. */
function inputText(bytes: Uint8Array, format: ItemFormat): string {
  if (format !== 'msgpack') {
    const cut = bytes.subarray(items.itemStart, Math.min(items.itemEnd, items.itemStart + INPUT_BYTES_MAX));
    return new TextDecoder().decode(cut).trimEnd();
  }
  if (items.value === undefined) return '';
  const json = JSON.stringify(items.value, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
  return json.length > INPUT_BYTES_MAX ? json.slice(0, INPUT_BYTES_MAX) : json;
}

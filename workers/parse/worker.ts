/**
 * The parser (piscina entry of the parser pool): the bytes of a body, or of a record batch of a partner's topic (`records`), in; envelopes by partition out. Or products (`products`).
 *
 * Promises: items are judged one by one, and what is wrong with one doesn't touch the others; the order of items of one partition is the order of the
 * body. Buffers are transferred, not copied. Never throws because of the bytes. An envelope has at most about ENVELOPE_BYTES_MAX, so a partition may
 * have several.
 */
import { move, transferableSymbol, valueSymbol } from 'piscina';
import { Transaction } from '../transaction.js';
import { ByPartition, type ParsedEnvelope } from './by-partition.js';
import { Items, type ItemFormat, type Part } from './items.js';
import { readProducts, type ProductsResult, type ProductsTask } from './products.js';
import { parseRecordBatch, type RecordsResult, type RecordsTask } from './records.js';
import { isOf, otherPartner, rejectedItem, type RejectedItem } from './rejected-item.js';

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
  /** The task ends after so many rejected items and gives back what it has not looked at: a piece of `1,` would be half a million of them, and others wait. */
  rejectedMax?: number;
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
  /** The task ended at rejectedMax: the bytes of the items that are left, for a task of their own, which begins with `itemsLeft`. */
  unread?: Uint8Array;
  /** For the next part, or for what is unread; 0: there can't be more items, whatever comes. */
  itemsLeft?: number;
  /** Nothing of the body can be read: it is no object and no array, or the one object in it is broken. */
  unreadable?: { detail: string; position: number };
}

const t = new Transaction();
const items = new Items();
const sorted = new ByPartition();

export default function parse(task: ParseTask): ParseResult {
  const result = parseItems(task);
  const { envelopes, rest, unread } = result;
  // `move` makes piscina transfer the buffers; what arrives in the calling thread is the value.
  const buffers = [...envelopes.map(({ bytes }) => bytes), rest, unread].flatMap((bytes) => (bytes === undefined ? [] : [bytes.buffer]));
  return move({ [transferableSymbol]: buffers, [valueSymbol]: result }) as unknown as ParseResult;
}

/** Records of a partner's topic (records.ts). */
export function records(task: RecordsTask): RecordsResult {
  const result = parseRecordBatch(task);
  return move({ [transferableSymbol]: result.envelopes.map(({ bytes }) => bytes.buffer), [valueSymbol]: result }) as unknown as RecordsResult;
}

/** A piece of a partner's products (products.ts). */
export function products(task: ProductsTask): ProductsResult {
  const result = readProducts(task);
  return move({ [transferableSymbol]: [result.content.buffer], [valueSymbol]: result }) as unknown as ProductsResult;
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
  sorted.begin(partitions, task.gateway, task.request, task.detailed);

  const rejectedMax = task.rejectedMax ?? Infinity;
  for (; result.rejected.length < rejectedMax && items.next(t); result.count++) {
    const index = task.firstIndex + result.count;
    if (items.problems.length > 0) {
      if (items.single && items.problems[0]!.reason === 'malformed') {
        // The item's own place counts from its first byte, the position from the first of the body.
        return { ...result, unreadable: { detail: items.problems[0]!.detail.replace(/, at byte \d+$/, ''), position: items.position } };
      }
      result.rejected.push(rejectedItem(index, items.problems, items, t, bytes, format));
      continue;
    }
    if (keyPartner !== undefined && !isOf(t, keyPartner)) {
      result.rejected.push(rejectedItem(index, [otherPartner(task.partner === undefined ? 'key' : 'request', task.keyPartner!)], items, t, bytes, format));
      continue;
    }
    t.index = index;
    sorted.add(t);
  }
  result.envelopes = sorted.finish();
  if (result.rejected.length >= rejectedMax && items.nextAt >= 0) return { ...result, unread: bytes.subarray(items.nextAt), itemsLeft: items.itemsLeft };
  if (!part || part.isLast) return result;
  result.rest = bytes.slice(items.restAt);
  // Nothing but the beginning is left: it is read again.
  if (!items.needsMore || items.restAt > 0 || part.itemsLeft !== undefined) result.itemsLeft = items.itemsLeft;
  return result;
}

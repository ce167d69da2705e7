/**
 * Records of a partner's topic into envelopes by partition: a record batch of Kafka's is opened here, each record is a transaction or an array of them, JSON or MessagePack by
 * its first byte, and goes through the same reader as a posted body.
 *
 *   batch ─ open ─► record ─ items ─► checked ─► envelope of its home partition
 *                                └──► refused: where it stood, why, what it was
 *
 * Promises: what is wrong with one record or item doesn't touch the others; the order within a home partition is the order of the records. Never throws because of the bytes.
 */
import { RecordBatchReader } from '../records/record-batch.js';
import { Transaction } from '../transaction.js';
import { ByPartition, type ParsedEnvelope } from './by-partition.js';
import { formatOf, Items } from './items.js';
import { cutText, isOf, otherPartner, rejectedItem, unreadableItem, type RejectedItem } from './rejected-item.js';

export interface RecordsTask {
  /** One whole record batch, compressed as it came. */
  batch: Uint8Array;
  /** The records from here on, up to but not including `to`. */
  from: number;
  to: number;
  /** Whose topic it is: the partner of each transaction. */
  partner: string;
  gateway: string;
  partitions: number;
  /** Of one record: after so many refused items what is left of it is refused as a whole. */
  rejectedMax: number;
}
/** `index`: of the item in its record. */
export type RejectedOfRecord = RejectedItem & { offset: number };
export interface RecordsResult {
  envelopes: ParsedEnvelope[];
  records: number;
  /** Items seen: accepted and refused. */
  count: number;
  rejected: RejectedOfRecord[];
}

/** Nobody waits for answers. */
const NO_REQUEST = 0;
/** Bytes that were no text, and control characters. */
const binary = /\ufffd|[^\P{Cc}\s]/u;
const reader = new RecordBatchReader();
const items = new Items();
const t = new Transaction();
const sorted = new ByPartition();

export function parseRecordBatch(task: RecordsTask): RecordsResult {
  const result: RecordsResult = { envelopes: [], records: 0, count: 0, rejected: [] }, partner = new TextEncoder().encode(task.partner);
  sorted.begin(task.partitions, task.gateway, NO_REQUEST, false);
  let damage: string | undefined, next = task.from;
  const advance = (): boolean => {
    try {
      return reader.next();
    } catch (error) {
      damage = (error as Error).message;
      return false;
    }
  };
  try {
    reader.open(task.batch);
  } catch (error) {
    damage = (error as Error).message;
  }
  while (damage === undefined && advance()) {
    if (reader.offset < task.from) continue;
    if (reader.offset >= task.to) break;
    result.records++;
    readRecord(task, partner, result);
    next = reader.offset + 1;
  }
  if (damage !== undefined) {
    result.count++;
    result.rejected.push({ offset: next, ...unreadableItem(0, `the records ${next} to ${task.to - 1} can't be read: ${damage}`, '') });
  }
  result.envelopes = sorted.finish();
  return result;
}

function readRecord(task: RecordsTask, partner: Uint8Array, result: RecordsResult): void {
  const { offset, bytes, valueEnd: end } = reader, start = Math.max(0, reader.valueStart), format = formatOf(bytes, start, end);
  const refuse = (item: RejectedItem): void => void result.rejected.push({ offset, ...item });
  const text = (): string => {
    const shown = cutText(bytes.subarray(start, end));
    return binary.test(shown) ? '' : shown;
  };
  if (reader.valueStart < 0 || start === end) {
    result.count++;
    return refuse(unreadableItem(0, 'the record is empty', ''));
  }
  const unreadable = items.open(format, bytes, start, end, task.partner);
  if (unreadable) {
    result.count++;
    return refuse(unreadableItem(0, `${unreadable.detail}, at byte ${unreadable.position - start}`, text()));
  }
  const refusedBefore = result.rejected.length;
  for (let index = 0; items.next(t); index++) {
    result.count++;
    if (result.rejected.length - refusedBefore >= task.rejectedMax) {
      return refuse(unreadableItem(index, `more than ${task.rejectedMax} items of the record are wrong; from item ${index} on nothing was read`, ''));
    }
    if (items.problems.length > 0) refuse(rejectedItem(index, items.problems, items, t, bytes, format));
    else if (!isOf(t, partner)) refuse(rejectedItem(index, [otherPartner('topic', task.partner)], items, t, bytes, format));
    else {
      t.index = index;
      sorted.add(t);
    }
  }
}

/**
 * Records read at once, from any place: for recovery, facts, the verifier and the dead letters. What shards consume comes by input-stream.ts.
 *
 * Promises: committed records only, at least one when there is one; values that belong to the reader. Results that were written in parts come whole.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { LogError, type LogRecord, type Topic } from '../log.js';
import { RecordBatchReader } from '../../../workers/records/record-batch.js';
import { isTransientCode, type Cluster } from './cluster.js';
import { committedBatches, fetchFrom, OFFSET_OUT_OF_RANGE, type Fetched } from './fetch.js';
import { EARLIEST, listOffset, untilStable } from './offsets.js';
import { isKeyed, keyText, partOf } from './parts.js';

const FETCH_BYTES_MAX = 50 * 2 ** 20, FETCH_BYTES_MIN = 64 * 1024, RETRY_MS = 30_000, BACKOFF_MS = 50;
/** A fetch is counted in compressed bytes: with less than this, little of it would have to be fetched again. */
const COMPRESSION = 4;
const reader = new RecordBatchReader(), nothing = new Uint8Array(0);

export interface KeyedRecord extends Omit<LogRecord, 'key'> { key: Uint8Array | undefined }
interface Parts { first: KeyedRecord; values: Uint8Array[]; count: number }
export interface ReadRecords { records: KeyedRecord[]; nextOffset: number }

/** `inParts`: the topic has records that may be written in parts (parts.ts). */
export async function readRecords(cluster: Cluster, topic: string, partition: number, fromOffset: number, bytesMax: number, inParts: boolean): Promise<ReadRecords> {
  const records: KeyedRecord[] = [];
  let offset = fromOffset, bytes = 0, parts: Parts | undefined;
  for (;;) {
    const fetched = await fetchAt(cluster, topic, partition, offset, Math.max(Math.ceil(bytesMax / COMPRESSION), FETCH_BYTES_MIN));
    if (fetched === 'trimmed') {
      offset = await beginOf(cluster, topic, partition, offset);
      continue;
    }
    const { batches, nextOffset } = committedBatches(fetched.records, fetched.aborted, offset);
    for (const batch of batches) {
      reader.open(batch.bytes);
      while (reader.next()) {
        if (reader.offset < offset) continue;
        if (bytes >= bytesMax && records.length > 0 && !parts) return { records, nextOffset: reader.offset };
        const record = { offset: reader.offset, timestampMs: batch.header.timestampMs, key: reader.key && Uint8Array.from(reader.key), value: Uint8Array.from(reader.value) };
        const part = inParts && record.key && partOf(record.key);
        if (!part) {
          parts = undefined;
          records.push(record);
          bytes += record.value.length;
          continue;
        }
        if (part.index === 0) parts = { first: { ...record, key: part.key }, values: [], count: part.count };
        // Read from the middle of one that begins before what was asked for, or of one whose beginning was compacted away.
        else if (!parts || !continues(parts, part)) parts = undefined;
        if (!parts) continue;
        parts.values.push(record.value);
        bytes += record.value.length;
        if (parts.values.length < parts.count) continue;
        records.push({ ...parts.first, value: joined(parts.values) });
        parts = undefined;
      }
    }
    offset = nextOffset;
    if (offset >= fetched.stableEnd || (records.length > 0 && !parts && bytes >= bytesMax)) return { records, nextOffset: offset };
    // Records were there, and all of them aborted or parts of more: on to the next.
    if (fetched.records === undefined && records.length > 0 && !parts) return { records, nextOffset: offset };
  }
}

/** Whether a record that was written in a transaction counts; resolves when that is decided. */
export async function isCommitted(cluster: Cluster, topic: string, partition: number, offset: number): Promise<boolean> {
  await untilStable(cluster, topic, partition, offset);
  const { records: [first] } = await readRecords(cluster, topic, partition, offset, 1, false);
  return first?.offset === offset;
}

/** As who asked the log for it wants it: with its key, where the topic has keys that mean something here. */
export function logRecordOf(topic: Topic, { offset, timestampMs, value, key }: KeyedRecord): LogRecord {
  return { offset, timestampMs, value, ...(isKeyed(topic) && key ? { key: keyText(key) } : {}) };
}

/** One partition, again until it can be read. */
async function fetchAt(cluster: Cluster, topic: string, partition: number, offset: number, bytesMax: number): Promise<Fetched | 'trimmed'> {
  const untilMs = performance.now() + RETRY_MS;
  for (;;) {
    let reason: string;
    try {
      const [fetched] = await fetchFrom(cluster, cluster.leaderOf(topic, partition), 'reads', [{ topic, partition, offset, bytesMax }], { msMax: 0, bytesMin: 0, bytesMax: FETCH_BYTES_MAX });
      if (fetched!.error === 0 && (fetched!.records !== undefined || offset >= fetched!.stableEnd)) return fetched!;
      if (fetched!.error === OFFSET_OUT_OF_RANGE) return 'trimmed';
      if (fetched!.error !== 0 && !isTransientCode(fetched!.error)) throw new LogError('failed', `${topic}/${partition} can't be read: error ${fetched!.error}`);
      reason = `error ${fetched!.error}`;
    } catch (error) {
      if (error instanceof LogError) throw error;
      reason = (error as Error).message;
    }
    if (performance.now() > untilMs) throw new LogError('unavailable', `${topic}/${partition} can't be read: ${reason}`);
    await pause(BACKOFF_MS);
    await cluster.refresh().catch(() => undefined);
  }
}

/** Where a reading goes on that stood before the first record kept. */
async function beginOf(cluster: Cluster, topic: string, partition: number, offset: number): Promise<number> {
  const begin = await listOffset(cluster, topic, partition, EARLIEST);
  if (begin > offset) return begin;
  throw new LogError('failed', `${topic}/${partition} ends before ${offset}: records that were acknowledged are gone`);
}

function continues({ first, values, count }: Parts, part: { key: Uint8Array | undefined; index: number; count: number }): boolean {
  return part.index === values.length && part.count === count && Buffer.compare(part.key ?? nothing, first.key ?? nothing) === 0;
}
function joined(values: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(values.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const value of values) {
    whole.set(value, at);
    at += value.length;
  }
  return whole;
}

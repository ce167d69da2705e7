/**
 * Reads what sweeps wrote to the topic `snapshots`: which checkpoint it holds, and all of it for a machine that has another one, or none.
 *
 * Promises: the newest record of a key counts, and those of a checkpoint that was not finished only add to the one before: each bucket says up to which batch it holds.
 */
import { FENCE, floorOf, META, packSnapshot, type SnapshotRecord } from '../schemas/snapshot.js';
import { LogError, type Log, type LogRecord } from './log/log.js';
import type { Shards } from './shards.js';

/** Handed to a shard at a time, some MB: one transaction of its disk. Partitions are loaded beside each other. */
const LOAD_RECORDS = 2048;
const FIRST_LOOK_RECORDS = 64, READ_BYTES = 4 * 2 ** 20;

/** The batch after which the results are to be applied to the snapshot; -1 when there is none. */
export async function snapshotFloor(log: Pick<Log, 'read' | 'bounds'>, partition: number): Promise<number> {
  const { begin, end } = await log.bounds('snapshots', partition);
  for (let to = end, back = FIRST_LOOK_RECORDS; to > begin; back *= 2) {
    const from = Math.max(begin, to - back);
    const meta = (await recordsBetween(log, partition, from, to)).findLast(({ key }) => key === META);
    if (meta) return floorOf(meta.value);
    to = from;
  }
  return -1;
}

/**
 * Puts the snapshot in the place of what the open partition has on disk. It has to be opened again afterwards. Read from the end, so that of each key the newest record comes first, and only
 * that one goes to the disk: a topic that is not compacted yet holds each several times.
 */
export async function loadSnapshot(log: Pick<Log, 'read' | 'bounds'>, shards: Shards, partition: number): Promise<void> {
  const { begin, end } = await log.bounds('snapshots', partition), known = new Set<string>();
  let loading: Promise<void> = Promise.resolve(), first = true;
  for (let to = end; first || to > begin;) {
    const from = Math.max(begin, to - LOAD_RECORDS), newest: SnapshotRecord[] = [];
    for (const { key, value } of (await recordsBetween(log, partition, from, to)).reverse()) {
      if (known.has(key!)) continue;
      known.add(key!);
      newest.push({ key: key!, value });
    }
    await loading; // some are read while those before are loaded
    // What is replaced while we read may be compacted away before we come to it. Nothing is, as long as the partition is ours.
    if (from <= begin && await hasGrown(log, partition, end)) throw new LogError('unavailable', `partition ${partition}: another engine writes its snapshot while it is read here`);
    const records = packSnapshot(newest);
    loading = shards.run(partition, { type: 'load', partition, records, first, last: from <= begin }, [records.buffer]);
    loading.catch(() => undefined); // thrown when it is awaited
    first = false;
    to = from;
  }
  await loading;
}

/** By more than fences: those of our own sink come at any time. */
async function hasGrown(log: Pick<Log, 'read' | 'bounds'>, partition: number, since: number): Promise<boolean> {
  const { end } = await log.bounds('snapshots', partition);
  return (await recordsBetween(log, partition, since, end)).some(({ key }) => key !== FENCE);
}
async function recordsBetween(log: Pick<Log, 'read'>, partition: number, from: number, to: number): Promise<LogRecord[]> {
  const found: LogRecord[] = [];
  for (let next = from; next < to;) {
    const { records, nextOffset } = await log.read('snapshots', partition, next, READ_BYTES);
    if (records.length === 0) break;
    for (const record of records) if (record.offset < to) found.push(record);
    next = nextOffset;
  }
  return found;
}

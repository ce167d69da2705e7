/**
 * Reads what sweeps wrote to the topic `snapshots`: which checkpoint it holds, and all of it for a machine that has another one, or none.
 *
 * Promises: the newest record of a key counts, and those of a checkpoint that was not finished only add to the one before: each bucket says up to which batch it holds.
 */
import { floorOf, META, packSnapshot } from '../schemas/snapshot.js';
import type { Log, LogRecord } from './log/log.js';
import type { Shards } from './shards.js';

/** Bytes read and handed to a shard at a time: one transaction of its disk. Partitions are loaded beside each other. */
const LOAD_BYTES = 8 * 2 ** 20;
const FIRST_LOOK_RECORDS = 64, LOOK_BYTES = 2 ** 20;

/** The batch after which the results are to be applied to the snapshot; -1 when there is none. */
export async function snapshotFloor(log: Pick<Log, 'read' | 'bounds'>, partition: number): Promise<number> {
  const { begin, end } = await log.bounds('snapshots', partition);
  for (let to = end, back = FIRST_LOOK_RECORDS; to > begin; back *= 2) {
    const from = Math.max(begin, to - back);
    let meta: LogRecord | undefined;
    for (let next = from; next < to;) {
      const { records, nextOffset } = await log.read('snapshots', partition, next, LOOK_BYTES);
      if (records.length === 0) break;
      meta = records.findLast(({ key }) => key === META) ?? meta;
      next = nextOffset;
    }
    if (meta) return floorOf(meta.value);
    to = from;
  }
  return -1;
}

/** Puts the snapshot in the place of what the open partition has on disk. It has to be opened again afterwards. */
export async function loadSnapshot(log: Pick<Log, 'read' | 'bounds'>, shards: Shards, partition: number): Promise<void> {
  const { begin, end } = await log.bounds('snapshots', partition);
  let next = begin, loading: Promise<void> = Promise.resolve();
  const load = (records: LogRecord[], first: boolean, last: boolean): Promise<void> => {
    const packed = packSnapshot(records.map(({ key, value }) => ({ key: key!, value })));
    return shards.run(partition, { type: 'load', partition, records: packed, first, last }, [packed.buffer]);
  };
  for (let first = true, last = false; !last; first = false) {
    const { records, nextOffset } = await log.read('snapshots', partition, next, LOAD_BYTES);
    last = records.length === 0 || nextOffset >= end;
    next = nextOffset;
    await loading; // one is read while the one before is loaded
    loading = load(records, first, last);
    loading.catch(() => undefined); // thrown when it is awaited
  }
  await loading;
}

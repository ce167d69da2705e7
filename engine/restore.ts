/**
 * Restore: a partition's state is its checkpoint plus the effects after it. Nothing is evaluated again, nothing published again. Afterwards the state's input
 * positions must equal the committed ones, or the partition refuses to start. And its counterpart, the checkpoint of a stop.
 */
import { inputTopics, type Log } from './log/log.js';
import type { Results } from './results.js';
import type { Shards } from './shards.js';
import type { OpenTask, PartitionStatus } from '../workers/messages.js';

/** Bytes of results read and applied at a time. */
const REPLAY_BYTES = 8 * 2 ** 20;

export interface Restored { status: PartitionStatus; positions: [offset: number, item: number][]; epoch: number; replayedBatches: number }

export async function restorePartition(
  log: Log, results: Results, shards: Shards, partition: number, open: Omit<OpenTask, 'type' | 'epoch' | 'partition'>,
): Promise<Restored> {
  await log.settled(partition);
  const found = await results.last(partition), last = found?.header, end = found ? found.offset + 1 : 0, batches = last ? last.batch + 1 : 0;
  const epoch = (last?.epoch ?? 0) + 1;
  let status = await shards.run<PartitionStatus>(partition, { ...open, type: 'open', partition, epoch });
  const floor = status.batch;
  for (let next = floor + 1 < batches ? await results.offsetOf(partition, floor + 1) : end; next < end; ) {
    const { records, nextOffset } = await log.read('results', partition, next, REPLAY_BYTES);
    if (records.length === 0) throw new Error(`partition ${partition}: results from ${next} to ${end} can't be read`);
    status = await shards.run<PartitionStatus>(partition, { type: 'replay', partition, records: records.map(({ value }) => value) });
    next = nextOffset;
  }
  if (status.batch !== batches - 1) {
    throw new Error(`partition ${partition}: its state stands after batch ${status.batch}, the log after ${batches - 1}: the checkpoint is not of this log`);
  }
  const positions = last?.positions ?? inputTopics.map((): [number, number] => [0, 0]);
  for (const [place, topic] of inputTopics.entries()) {
    const committed = await log.position(topic, partition);
    const consumed = positions[place]![0];
    if (committed !== consumed) throw new Error(`partition ${partition}: state has consumed ${topic} up to ${consumed}, the log says ${committed}; refusing to start`);
  }
  return { status, positions, epoch, replayedBatches: batches - 1 - floor };
}

/** Writes everything that is dirty, so that the next start has nothing to replay. `committed`: the last batch that is. */
export async function checkpointPartition(shards: Shards, partition: number, committed: number): Promise<void> {
  for (let begin = true; ; begin = false) {
    const status = await shards.run<PartitionStatus>(partition, { type: 'sweep', partition, committed, begin });
    if (!status.sweeping) return;
  }
}

/**
 * Restore: a partition's state is its checkpoint plus the effects after it. Nothing is evaluated again, nothing published again. Afterwards the state's input
 * positions must equal the committed ones, or the partition refuses to start. And its counterpart, the checkpoint of a stop.
 *
 * Where other machines may have had the partition meanwhile, the snapshot in the log is the checkpoint, and the disk holds it already or gets it: a sweep writes to the log first, so
 * what is on disk is never ahead.
 */
import { inputTopics, LogError, type Log } from './log/log.js';
import type { Committer } from './committer.js';
import { ConfigError } from './config.js';
import type { Found, Results } from './results.js';
import { withoutFacts } from '../schemas/results.js';
import { ShardError, type Shards } from './shards.js';
import { loadSnapshot, snapshotFloor } from './snapshots.js';
import type { OpenTask, PartitionStatus, SweepAnswer } from '../workers/messages.js';
import type { WaitingNotice } from '../workers/state/waiting.js';

/** Bytes of results read and applied at a time. */
const REPLAY_BYTES = 8 * 2 ** 20;

/** `replayedBatches`: whose effects were applied after the checkpoint. `loaded`: the checkpoint came from the log. */
export interface Restored { status: PartitionStatus; waiting: WaitingNotice[]; positions: [offset: number, item: number][]; epoch: number; replayedBatches: number; loaded: boolean }
export type OpenOptions = Omit<OpenTask, 'type' | 'epoch' | 'partition' | 'snapshots'>;

/**
 * Throws LogError `unavailable` when another engine has gone on with the partition while it was read here, so that what was read does not fit together: one that the group has thrown out may
 * not know it yet.
 */
export async function restorePartition(log: Log, results: Results, shards: Shards, partition: number, open: OpenOptions): Promise<Restored> {
  await log.settled(partition);
  const found = await results.last(partition);
  try {
    return await restoreTo(found, log, results, shards, partition, open);
  } catch (error) {
    if (error instanceof ShardError || (await results.last(partition))?.offset === found?.offset) throw error;
    throw new LogError('unavailable', `partition ${partition}: another engine goes on with it while it is read here`, { cause: error });
  }
}
/** `found`: the last results. */
async function restoreTo(found: Found | undefined, log: Log, results: Results, shards: Shards, partition: number, open: OpenOptions): Promise<Restored> {
  const last = found?.header, end = found ? found.offset + 1 : 0, batches = last ? last.batch + 1 : 0;
  const epoch = (last?.epoch ?? 0) + 1;
  const openState = (): Promise<PartitionStatus> => shards.run(partition, { ...open, type: 'open', partition, epoch, snapshots: log.shared });
  let status = await openState();
  const loaded = log.shared && status.floor < batches && status.floor !== await snapshotFloor(log, partition);
  if (loaded) {
    await loadSnapshot(log, shards, partition);
    status = await openState();
  }
  const floor = status.batch;
  for (let next = floor + 1 < batches ? await results.offsetOf(partition, floor + 1) : end; next < end; ) {
    const { records, nextOffset } = await log.read('results', partition, next, REPLAY_BYTES);
    if (records.length === 0) throw new Error(`partition ${partition}: results from ${next} to ${end} can't be read`);
    const effects = records.map(({ value }) => withoutFacts(value));
    status = await shards.run<PartitionStatus>(partition, { type: 'replay', partition, records: effects }, effects.map(({ buffer }) => buffer));
    next = nextOffset;
  }
  if (status.batch !== batches - 1) {
    const places = `partition ${partition}: its state stands after batch ${status.batch}, the log after ${batches - 1}`;
    // What is decided is in the log first: somebody exchanged one of them, or lost it.
    const hint = log.shared ? 'choose another directory with --data; what is in it is made anew from the log' : 'they are not of one another; put the whole directory back from one backup';
    throw new ConfigError(`data: ${places}: ${hint}`);
  }
  const positions = last?.positions ?? inputTopics.map((): [number, number] => [0, 0]);
  for (const [place, topic] of inputTopics.entries()) {
    const committed = await log.position(topic, partition);
    const consumed = positions[place]![0];
    // Kafka forgets what a group has committed when nobody was in it for a while (offsets.retention.minutes: a week), or nothing came to the topic. The last results, of the same transaction, don't.
    if (committed === consumed || (log.shared && committed === 0)) continue;
    const hint = log.shared ? `; when somebody has set the offset of the group, it has to be set back to ${consumed}` : '';
    throw new Error(`partition ${partition}: state has consumed ${topic} up to ${consumed}, the log says ${committed}; refusing to start${hint}`);
  }
  const waiting = await shards.run<WaitingNotice[]>(partition, { type: 'waiting', partition });
  return { status, waiting, positions, epoch, replayedBatches: batches - 1 - floor, loaded };
}

/** Writes everything that is dirty, so that the next start has nothing to replay. `committed`: the last batch that is. */
export async function checkpointPartition(shards: Shards, committer: Committer, partition: number, committed: number): Promise<void> {
  for (let begin = true; ; begin = false) {
    const { status, snapshot } = await shards.run<SweepAnswer>(partition, { type: 'sweep', partition, committed, begin });
    if (!status.sweeping || (snapshot && !(await committer.snapshot(partition, snapshot)))) return;
  }
}

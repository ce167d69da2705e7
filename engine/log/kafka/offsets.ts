/** Offsets that brokers keep: where a partition begins and ends, up to where the group has committed, and what is forgotten. */
import { setTimeout as pause } from 'node:timers/promises';
import { deleteRecordsV2, listOffsetsV8, offsetFetchV8 } from '@platformatic/kafka';
import type { TopicOffset } from './client.js';
import type { Cluster } from './cluster.js';

export const READ_UNCOMMITTED = 0;
const READ_COMMITTED = 1, LOOK_MS_MIN = 2, LOOK_MS_MAX = 40, CONSUMER = -1, ANY_EPOCH = -1, DELETE_MS_MAX = 20_000;
/** Timestamps with which the protocol asks for them. LATEST is the last stable offset. */
export const EARLIEST = -2n, LATEST = -1n;

export async function listOffset(cluster: Cluster, topic: string, partition: number, which: bigint, isolation = READ_COMMITTED): Promise<number> {
  const wanted = [{ name: topic, partitions: [{ partitionIndex: partition, currentLeaderEpoch: ANY_EPOCH, timestamp: which }] }];
  const { topics: [answer] } = await cluster.fromLeader(topic, partition, listOffsetsV8.api, CONSUMER, isolation, wanted);
  return Number(answer!.partitions[0]!.offset);
}

/**
 * Resolves when the record at an offset, or everything that is there now, can be read: a commit is answered when Kafka has decided it, and its marks get into the partitions a moment
 * later; and what an engine left open that is gone ends within its transaction's time.
 */
export async function untilStable(cluster: Cluster, topic: string, partition: number, offset?: number): Promise<void> {
  const end = offset === undefined ? await listOffset(cluster, topic, partition, LATEST, READ_UNCOMMITTED) : offset + 1;
  // Mostly it is a matter of milliseconds; what a frozen engine has open may take seconds, in each partition that it had.
  for (let lookMs = LOOK_MS_MIN; await listOffset(cluster, topic, partition, LATEST) < end; lookMs = Math.min(2 * lookMs, LOOK_MS_MAX)) await pause(lookMs);
}

/** What the group has committed: the next offset of each, 0 where there is nothing yet. While a commit is pending it is waited for. */
export async function committedOffsets(cluster: Cluster, group: string, topics: string[], partitions: number[]): Promise<TopicOffset[]> {
  const wanted = [{ groupId: group, memberEpoch: -1, topics: topics.map((name) => ({ name, partitionIndexes: partitions })) }];
  const { groups: [answer] } = await cluster.fromCoordinator(group, offsetFetchV8.api, wanted, true);
  return answer!.topics.flatMap(({ name, partitions: found }) => found.map(({ partitionIndex, committedOffset }) => (
    { topic: name, partition: partitionIndex, offset: Math.max(0, Number(committedOffset)) }
  )));
}

export async function deleteRecordsBefore(cluster: Cluster, topic: string, partition: number, offset: number): Promise<number> {
  const wanted = [{ name: topic, partitions: [{ partitionIndex: partition, offset: BigInt(offset) }] }];
  const { topics: [answer] } = await cluster.fromLeader(topic, partition, deleteRecordsV2.api, wanted, DELETE_MS_MAX);
  return Number(answer!.partitions[0]!.lowWatermark);
}

/**
 * Where the group's offsets stand of what we process, as far as we know: as we read them when we took a partition, and as our own commits moved them.
 *
 * A member that the group threw out while it was giving partitions back, or about to join again, is not told (librdkafka 2.15, static and cooperative): it joins again as if it had had its others
 * all the time, and its commits are taken. But whoever had them meanwhile has moved their offsets, or nothing has happened: that is looked at in each commit.
 */
import type { TopicOffset } from './client.js';
import type { Cluster } from './cluster.js';
import { committedOffsets } from './offsets.js';

export class Standing {
  /** By partition and topic. */
  private readonly offsets = new Map<number, Map<string, number>>();

  constructor(private readonly cluster: Cluster, private readonly group: string) {}

  get(topic: string, partition: number): number | undefined {
    return this.offsets.get(partition)?.get(topic);
  }
  set({ topic, partition, offset }: TopicOffset): void {
    const known = this.offsets.get(partition) ?? new Map<string, number>();
    this.offsets.set(partition, known.set(topic, offset));
  }
  forget(partition: number): void {
    this.offsets.delete(partition);
  }
  /** What the group says of these. */
  committed(offsets: TopicOffset[], pending?: 'passed over'): Promise<TopicOffset[]> {
    return committedOffsets(this.cluster, this.group, [...new Set(offsets.map(({ topic }) => topic))], [...new Set(offsets.map(({ partition }) => partition))], pending);
  }
  /** Partitions that others have gone on with. To be asked after ours are in a transaction: from then on they can't. */
  async overtaken(offsets: TopicOffset[]): Promise<number[]> {
    const found = offsets.length > 0 ? await this.committed(offsets, 'passed over') : [];
    return [...new Set(found.filter(({ topic, partition, offset }) => (this.get(topic, partition) ?? offset) !== offset).map(({ partition }) => partition))];
  }
}

/**
 * Where the partitions that we process stand, as far as we know: the group's offsets, as we read them when we took a partition, and as our own commits moved them; and where results and snapshots
 * end (succession.ts).
 *
 * A member that the group threw out while it was giving partitions back, or about to join again, is not told (librdkafka 2.15, static and cooperative): it joins again as if it had had its others
 * all the time, and its commits are taken. But whoever had them meanwhile has written results and moved their offsets, or nothing has happened: that is looked at in each commit.
 */
import type { TopicOffset } from './client.js';
import type { Cluster } from './cluster.js';
import { committedOffsets } from './offsets.js';
import { Succession, type Written } from './succession.js';

export class Standing {
  /** By partition and topic. */
  private readonly offsets = new Map<number, Map<string, number>>();
  private readonly succession: Succession;

  /** `results`, `snapshots`: names of these topics. */
  constructor(private readonly cluster: Cluster, private readonly group: string, private readonly results: string, snapshots: string) {
    this.succession = new Succession(cluster, [results, snapshots]);
  }

  /** What is in results and snapshots is about to be read: resolves when all of it is decided. */
  begin(partition: number): Promise<void> {
    return this.succession.begin(partition);
  }
  get(topic: string, partition: number): number | undefined {
    return this.offsets.get(partition)?.get(topic);
  }
  set({ topic, partition, offset }: TopicOffset): void {
    const known = this.offsets.get(partition) ?? new Map<string, number>();
    this.offsets.set(partition, known.set(topic, offset));
  }
  /** A commit of ours took effect. */
  advance(offsets: TopicOffset[], written: Written[]): void {
    for (const offset of offsets) this.set(offset);
    this.succession.committed(written);
  }
  forget(partition: number): void {
    this.offsets.delete(partition);
    this.succession.forget(partition);
  }
  /** What the group says of these. */
  committed(offsets: TopicOffset[], pending?: 'passed over'): Promise<TopicOffset[]> {
    return committedOffsets(this.cluster, this.group, [...new Set(offsets.map(({ topic }) => topic))], [...new Set(offsets.map(({ partition }) => partition))], pending);
  }
  /**
   * Partitions that others have gone on with: their results say so, or, where our step writes none there, the group's offsets. To be asked while our transaction is open: `offsets` are in it, so
   * that from then on nobody who takes the partition passes over them, and `written` is in its place.
   */
  async overtaken(offsets: TopicOffset[], written: Written[]): Promise<number[]> {
    const decided = new Set(written.filter(({ topic }) => topic === this.results).map(({ partition }) => partition)), others = offsets.filter(({ partition }) => !decided.has(partition));
    const [behind, moved] = await Promise.all([this.succession.overtaken(written), others.length > 0 ? this.committed(others, 'passed over') : []]);
    return [...new Set([...behind, ...moved.filter(({ topic, partition, offset }) => (this.get(topic, partition) ?? offset) !== offset).map(({ partition }) => partition)])];
  }
}

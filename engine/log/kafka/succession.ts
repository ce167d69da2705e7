/**
 * Whether what we write follows what we know. Results and snapshots of a partition have one writer at a time, and the order of their records decides who that is, whatever the group has told
 * anybody: between a record and what its writer knew, nobody has committed anything.
 *
 *   offset   41   42    43     44
 *            ours mark  theirs ours       ours was expected at 43, so 43 is looked at before 44 may be committed
 *
 * A member that the group threw out while it was giving partitions back, or about to join again, is not told (librdkafka 2.15, static and cooperative): it joins again as if it had had its others
 * all the time, and its commits are taken. So each step leaves a record in one of the two topics of each of its partitions: where it has none of its own, as a sink's intent, that is a fence, a
 * record of `snapshots` without a value, which says nothing to whoever reads them. Such steps follow each other by it, and look besides at what results have come to.
 *
 * Promises: of two engines that both have begun with a partition, and that both have a transaction open, one commits its batch at most, or its fenced step. Nothing is asked of Kafka for a batch
 * whose record stands where it was expected, which is always but after a transaction that was aborted.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { FENCE, REMOVED } from '../../../schemas/snapshot.js';
import type { OutgoingRecord } from './appender.js';
import type { TopicOffset } from './client.js';
import type { Cluster } from './cluster.js';
import { LATEST, listOffset, READ_UNCOMMITTED, untilStable } from './offsets.js';
import { readRecords } from './read.js';

/** Two that wait for each other go on by then: who has waited for so long aborts, and tries again. */
const DECIDED_MS_MAX = 1000, LOOK_MS = 20;
/** A committed transaction's mark takes an offset in each partition. */
const MARK = 1;

/** A record that is in a partition, committed or not. */
export interface Written { topic: string; partition: number; offset: number }
/** Everything from an offset on and before the one of `to`. */
interface Gap { from: number; to: Written }

export class Succession {
  /** By topic and partition: where our next record will be, if nobody else writes there. */
  private readonly expected = new Map<string, number>();

  /** `results`, `snapshots`: names of the topics with one writer for each partition. */
  constructor(private readonly cluster: Cluster, private readonly results: string, private readonly snapshots: string) {}

  /**
   * Before all that is there is read: resolves when it is decided. What comes from then on is not known. Asked again, also beside our own commits, it waits again, and takes nothing for known
   * that came since: whoever asked first may have read by then.
   */
  async begin(partition: number): Promise<void> {
    await Promise.all([this.results, this.snapshots].map(async (topic) => {
      const at = place({ topic, partition });
      await untilStable(this.cluster, topic, partition);
      if (this.expected.has(at)) return;
      const end = await listOffset(this.cluster, topic, partition, LATEST);
      if (!this.expected.has(at)) this.expected.set(at, end);
    }));
  }
  forget(partition: number): void {
    for (const topic of [this.results, this.snapshots]) this.expected.delete(place({ topic, partition }));
  }
  /** The records of a step, and a fence for each of its partitions that has none of them in the two topics. */
  fenced(records: OutgoingRecord[], partitions: number[]): OutgoingRecord[] {
    const without = new Set(partitions);
    for (const record of records) if (this.isWatched(record)) without.delete(record.partition);
    return [...records, ...[...without].map((partition) => ({ topic: this.snapshots, partition, key: FENCE, value: REMOVED }))];
  }
  /** Not of a topic whose positions are kept: of two transactions that are open the group takes what it was told last, whichever is committed first, and a position would go back. */
  fenceOf(partition: number): TopicOffset {
    return { topic: this.snapshots, partition, offset: this.expected.get(place({ topic: this.snapshots, partition })) ?? 0 };
  }
  /** Records of a transaction of ours that was committed. */
  committed(written: Written[]): void {
    for (const record of written) if (this.isWatched(record)) this.expected.set(place(record), record.offset + 1 + MARK);
  }
  /**
   * Those of the partitions to which somebody else has committed something that we don't know. `written`: of our transaction, which is still open. Throws when that can't be told yet.
   */
  async overtaken(partitions: number[], written: Written[]): Promise<number[]> {
    const next = new Map<string, number>(), gaps: Gap[] = [];
    for (const record of written) {
      if (!this.isWatched(record)) continue;
      const before = next.get(place(record)), from = before ?? this.expected.get(place(record)) ?? record.offset;
      // Our first record keeps what is behind it from being decided.
      if (before !== undefined && record.offset !== before) throw new Error(`another engine writes to ${record.topic}/${record.partition}, too`);
      if (record.offset !== from) gaps.push({ from, to: record });
      next.set(place(record), record.offset + 1);
    }
    const without = partitions.map((partition) => ({ topic: this.results, partition })).filter((results) => !next.has(place(results)));
    const found = await Promise.all([...gaps, ...without].map(async (looked) => {
      const gap = 'to' in looked ? looked : await this.sinceKnown(looked);
      return gap && await this.isFilled(gap) ? [gap.to.partition] : [];
    }));
    return [...new Set(found.flat())];
  }

  private isWatched({ topic }: Pick<Written, 'topic'>): boolean {
    return topic === this.results || topic === this.snapshots;
  }
  private async sinceKnown({ topic, partition }: Omit<Written, 'offset'>): Promise<Gap | undefined> {
    const from = this.expected.get(place({ topic, partition }));
    if (from === undefined) return undefined;
    const offset = await listOffset(this.cluster, topic, partition, LATEST, READ_UNCOMMITTED);
    return offset > from ? { from, to: { topic, partition, offset } } : undefined;
  }
  private async isFilled({ from, to: { topic, partition, offset } }: Gap): Promise<boolean> {
    for (const untilMs = performance.now() + DECIDED_MS_MAX; await listOffset(this.cluster, topic, partition, LATEST) < offset;) {
      if (performance.now() > untilMs) throw new Error(`another engine has a transaction open in ${topic}/${partition}`);
      await pause(LOOK_MS);
    }
    const { records: [first] } = await readRecords(this.cluster, topic, partition, from, 1, false);
    return first !== undefined && first.offset < offset;
  }
}

const place = ({ topic, partition }: Omit<Written, 'offset'>): string => `${topic}/${partition}`;

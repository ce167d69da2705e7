/**
 * Whether what we write follows what we know. Results and snapshots of a partition have one writer at a time, and the order of their records decides who that is, whatever the group has told
 * anybody: between a record and what its writer knew, nobody has committed anything.
 *
 *   offset   41   42    43     44
 *            ours mark  theirs ours       ours was expected at 43, so 43 is looked at before 44 may be committed
 *
 * Promises: of two engines that both have begun with a partition, and that both have a transaction open, one commits at most. Nothing is asked of Kafka where a record stands where it was
 * expected, which is always but after a transaction that was aborted.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Cluster } from './cluster.js';
import { LATEST, listOffset, untilStable } from './offsets.js';
import { readRecords } from './read.js';

/** Two that wait for each other go on by then: who has waited for so long aborts, and tries again. */
const DECIDED_MS_MAX = 1000, LOOK_MS = 20;
/** A committed transaction's mark takes an offset in each partition. */
const MARK = 1;

/** A record that is in a partition, committed or not. */
export interface Written { topic: string; partition: number; offset: number }

export class Succession {
  /** By topic and partition: where our next record will be, if nobody else writes there. */
  private readonly expected = new Map<string, number>();

  /** `watched`: names of the topics with one writer for each partition. */
  constructor(private readonly cluster: Cluster, private readonly watched: readonly string[]) {}

  /** Before all that is there is read: resolves when it is decided. What comes from then on is not known. */
  async begin(partition: number): Promise<void> {
    await Promise.all(this.watched.map(async (topic) => {
      await untilStable(this.cluster, topic, partition);
      this.expected.set(place({ topic, partition }), await listOffset(this.cluster, topic, partition, LATEST));
    }));
  }
  forget(partition: number): void {
    for (const topic of this.watched) this.expected.delete(place({ topic, partition }));
  }
  /** Records of a transaction of ours that was committed. */
  committed(written: Written[]): void {
    for (const record of written) if (this.watched.includes(record.topic)) this.expected.set(place(record), record.offset + 1 + MARK);
  }
  /** Partitions to which somebody else has committed something that we don't know. `written`: of our transaction, which is still open. Throws when that can't be told yet. */
  async overtaken(written: Written[]): Promise<number[]> {
    const next = new Map<string, number>(), gaps: { from: number; record: Written }[] = [];
    for (const record of written) {
      if (!this.watched.includes(record.topic)) continue;
      const before = next.get(place(record)), from = before ?? this.expected.get(place(record)) ?? record.offset;
      // Our first record keeps what is behind it from being decided.
      if (before !== undefined && record.offset !== before) throw new Error(`another engine writes to ${record.topic}/${record.partition}, too`);
      if (record.offset !== from) gaps.push({ from, record });
      next.set(place(record), record.offset + 1);
    }
    const found = await Promise.all(gaps.map(async (gap) => (await this.isFilled(gap) ? [gap.record.partition] : [])));
    return [...new Set(found.flat())];
  }
  private async isFilled({ from, record: { topic, partition, offset } }: { from: number; record: Written }): Promise<boolean> {
    for (const untilMs = performance.now() + DECIDED_MS_MAX; await listOffset(this.cluster, topic, partition, LATEST) < offset;) {
      if (performance.now() > untilMs) throw new Error(`another engine has a transaction open in ${topic}/${partition}`);
      await pause(LOOK_MS);
    }
    const { records: [first] } = await readRecords(this.cluster, topic, partition, from, 1, false);
    return first !== undefined && first.offset < offset;
  }
}

const place = ({ topic, partition }: Omit<Written, 'offset'>): string => `${topic}/${partition}`;

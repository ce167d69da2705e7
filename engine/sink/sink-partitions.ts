/**
 * The partitions whose facts are delivered here, those that are processed here: the feed of each, and what an earlier run, or engine, has left unsure of it.
 *
 *   gained ─▶ begin: the log is settled, its intent says where to go on ─▶ active ─▶ end: what is under way has ended ─▶ lost or given back
 */
import type { Log } from '../log/log.js';
import { intentName, readIntent, type Intent } from './delivery.js';
import { Budget, Feed } from './feed.js';

export interface SinkPartitionsOptions {
  log: Log;
  partitions: number;
  /** Bytes of results that may wait in memory. */
  memoryBytesMax: number;
  release(record: Uint8Array): void;
  /** No partition is begun with any more. */
  isStopping(): boolean;
}

export class SinkPartitions {
  readonly feeds: Feed[];
  /** What was attempted, by this run or an earlier one: its rows may be in the table. */
  readonly unsure = new Map<number, Intent>();
  /** What is under way. */
  readonly deliveries = new Map<number, Promise<void>>();
  /** Which time it is that a partition is ours. */
  private readonly active = new Map<number, number>();
  /** Which time it was that a partition was ours and we ended with it: it may still be ours for a moment. */
  private readonly ended = new Map<number, number>();
  private readonly budget: Budget;
  /** Partitions begin and end one after the other: what ends late may not end what has begun since. */
  private changing: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: SinkPartitionsOptions) {
    this.budget = new Budget(options.memoryBytesMax);
    this.feeds = Array.from({ length: options.partitions }, (_, partition) => this.newFeed(partition));
  }

  has(partition: number): boolean {
    return this.active.has(partition);
  }
  tenure(partition: number): number | undefined {
    return this.active.get(partition);
  }
  /** Takes what is ours and not begun yet. Results may have been committed that nobody offered: before the start, by an earlier run. */
  look(): Promise<void> {
    const { log } = this.options;
    return this.inTurn(async () => {
      await Promise.all([...log.owned].map(async (partition) => {
        const tenure = this.dueTenure(partition);
        if (tenure !== undefined) await this.begin(partition, tenure);
      }));
      for (const feed of this.feeds) {
        if (!this.active.has(feed.partition)) continue;
        const { begin, end } = await log.bounds('results', feed.partition);
        if (!feed.busy && feed.position < begin && !this.unsure.has(feed.partition)) feed.position = begin;
        feed.extend(end, Date.now());
      }
    });
  }
  /** Resolves when nothing of these partitions is under way. */
  end(partitions: number[]): Promise<void> {
    for (const partition of partitions) {
      const tenure = this.active.get(partition) ?? this.options.log.tenure(partition);
      if (tenure !== undefined) this.ended.set(partition, tenure);
      this.active.delete(partition);
    }
    return this.inTurn(async () => {
      for (const partition of partitions) {
        if (this.active.has(partition)) continue;
        await this.deliveries.get(partition);
        this.feeds[partition]!.clear();
        this.unsure.delete(partition);
      }
    });
  }

  /** Goes on with a partition where whoever delivered it before was. */
  private async begin(partition: number, tenure: number): Promise<void> {
    const { log, isStopping } = this.options;
    // Of before it was lost: what it still does may be in the table, or not.
    await this.deliveries.get(partition);
    await log.settled(partition);
    const bytes = await log.getValue(intentName(partition)), intent = bytes && readIntent(bytes, partition);
    if (isStopping() || this.dueTenure(partition) !== tenure) return;
    const feed = (this.feeds[partition] = this.newFeed(partition));
    if (intent) feed.position = feed.end = intent.done ? intent.to : intent.from;
    if (intent && !intent.done) this.unsure.set(partition, intent);
    this.active.set(partition, tenure);
  }
  /** The tenure of a partition that is ours and not begun with. */
  private dueTenure(partition: number): number | undefined {
    const tenure = this.options.log.tenure(partition);
    return tenure === this.active.get(partition) || tenure === this.ended.get(partition) ? undefined : tenure;
  }
  private newFeed(partition: number): Feed {
    return new Feed(partition, this.options.log, this.budget, this.options.release);
  }
  private inTurn<T>(change: () => Promise<T>): Promise<T> {
    const changed = this.changing.then(change);
    this.changing = changed.catch(() => undefined);
    return changed;
  }
}

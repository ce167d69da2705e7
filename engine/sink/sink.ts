/**
 * Facts from the log's results into ClickHouse, each exactly once by plain count(), whatever is killed when.
 *
 *   offer / log ─▶ feed of a partition ─▶ collect a range ─▶ intent into the log ─▶ insert, until it is there ─▶ "done" into the log
 *                                         └──────────────── a few partitions at a time ────────────────────┘
 *
 * Promises: what is done with a range is decided in delivery.ts; a range is whole results records of one partition, inserted as one part; ClickHouse may be away as
 * long as it likes. While little happens a fact is there after about LINGER_MS; under load inserts grow to rowsMax. Never slows the engine down: it lags, and `stats` says by how much.
 */
import { setTimeout as systemPause } from 'node:timers/promises';
import { within } from '../within.js';
import { insertUntilThere, newToken, RETRY_MS_MAX } from './attempts.js';
import { intentName, readIntent, writeIntent, type Intent } from './delivery.js';
import { Budget, Feed, type Offered, type Range } from './feed.js';
import { insertRange } from './insert.js';
import type { SinkOptions, SinkStats } from './options.js';
import { Turns } from './turns.js';

/** How long a fact waits for company while nothing else happens. */
const LINGER_MS = 100;
/** Small inserts over all partitions: each costs a part, its fsyncs and later merges. */
const SMALL_INSERTS_PER_SECOND = 8;
/** Under load a partition's inserts are further apart: of so many rows or more at a time, since a row costs half in an insert of 20,000 as in one of 5,000, merges included. */
const BULK_ROWS = 5000;
const BULK_INSERT_MS = 2000;
/** How often the log is asked for results that nobody offered. */
const LOOK_MS = 1000;
/** How long a stop, or whoever takes a partition over, waits for inserts under way. */
const STOP_MS = 5000;

/** Reads how far it was, and begins. */
export async function startSink(options: SinkOptions): Promise<Sink> {
  const sink = new Sink(options);
  await sink.start();
  return sink;
}

export class Sink {
  private readonly counts = { rows: 0, inserts: 0, retries: 0, insertMs: 0 };
  private readonly feeds: Feed[];
  /** Partitions whose facts are delivered here, those that are processed here; and which time they are ours. */
  private readonly active = new Map<number, number>();
  /** Which time it was that a partition was ours and we ended with it: it may still be ours for a moment. */
  private readonly ended = new Map<number, number>();
  private readonly deliveries = new Map<number, Promise<void>>();
  private readonly budget: Budget;
  private endListening: (() => void) | undefined;
  /** Partitions begin and end one after the other: what ends late may not end what has begun since. */
  private changing: Promise<unknown> = Promise.resolve();
  /** Ranges that were attempted, by this run or an earlier one: their rows may be in the table. */
  private readonly unsure = new Map<number, Intent>();
  private readonly running = new Set<Promise<void>>();
  private readonly insertTurns: Turns;
  private readonly rangesMax: number;
  private readonly smallInsertMs: number;
  private readonly pause: NonNullable<SinkOptions['pause']>;
  private readonly aborted = new AbortController();
  private waiters: { ends: number[]; resolve(caughtUp: boolean): void }[] = [];
  private stopping = false;
  /** The last failure that was logged. */
  private said: string | undefined;
  private timer: NodeJS.Timeout | undefined;
  private looking: NodeJS.Timeout | undefined;

  constructor(private readonly options: SinkOptions) {
    this.budget = new Budget(options.memoryBytesMax ?? 128 * 2 ** 20);
    this.feeds = Array.from({ length: options.partitions }, (_, partition) => this.newFeed(partition));
    this.insertTurns = new Turns(options.insertsMax ?? 2);
    this.rangesMax = options.rangesMax ?? 4;
    this.pause = options.pause ?? ((milliseconds, signal) => systemPause(milliseconds, undefined, { signal }));
    this.smallInsertMs = Math.max(1000, (options.partitions * 1000) / SMALL_INSERTS_PER_SECOND);
  }

  async start(): Promise<void> {
    const { log } = this.options;
    this.endListening = log.onOwnership({
      gained: () => this.lookSoon(),
      // Whoever waits for the partition does not wait for ClickHouse: what is cut short has its intent and token.
      released: async (partitions) => void (await within(STOP_MS, this.end(partitions))),
      lost: (partitions) => void this.end(partitions),
    });
    await this.look();
    this.looking = setInterval(() => this.lookSoon(), LOOK_MS);
  }
  /** Inserts under way may end within the time, then they are cut off. What is not in ClickHouse stays in the log; what was cut off is repeated by the next start. */
  async stop(waitMs = STOP_MS): Promise<void> {
    this.stopping = true;
    this.endListening?.();
    clearInterval(this.looking);
    clearTimeout(this.timer);
    for (const { resolve } of this.waiters.splice(0)) resolve(false);
    const late = setTimeout(() => this.aborted.abort(), waitMs).unref();
    await Promise.all(this.running);
    clearTimeout(late);
    this.aborted.abort();
  }

  /** A results record that was committed just now. The record may not change afterwards. */
  offer(partition: number, offered: Offered): void {
    if (!this.active.has(partition)) return;
    this.feeds[partition]!.offer(offered, Date.now());
    this.schedule();
  }
  /** Results records before it are in ClickHouse. */
  position(partition: number): number {
    return this.feeds[partition]!.position;
  }
  /** Whether everything that is committed now gets into ClickHouse within the time; it is delivered without lingering. */
  async caughtUp(timeoutMs: number): Promise<boolean> {
    await this.look();
    const ends = this.feeds.map(({ end, partition }) => (this.active.has(partition) ? end : 0));
    if (this.stopping || this.has(ends)) return this.has(ends);
    for (const feed of this.feeds) feed.hurryTo = feed.end;
    return new Promise((resolve) => {
      const timer = setTimeout(() => end(false), timeoutMs);
      const waiter = { ends, resolve: (caughtUp: boolean): void => end(caughtUp) };
      const end = (caughtUp: boolean): void => {
        clearTimeout(timer);
        this.waiters = this.waiters.filter((other) => other !== waiter);
        resolve(caughtUp);
      };
      this.waiters.push(waiter);
      this.schedule();
    });
  }
  get stats(): SinkStats {
    const nowMs = Date.now();
    return {
      ...this.counts,
      lagRecords: this.feeds.map(({ position, end, partition }) => (this.active.has(partition) ? Math.max(0, end - position) : 0)),
      lagSeconds: this.feeds.map(({ waiting, sinceMs, partition }) => (waiting && this.active.has(partition) ? Math.max(0, nowMs - sinceMs) / 1000 : 0)),
    };
  }
  /** Why facts of some partition don't get into ClickHouse at the moment. */
  get failure(): string | undefined {
    return this.feeds.find(({ failure }) => failure !== undefined)?.failure;
  }

  /** Goes on with a partition where whoever delivered it before was. */
  private async begin(partition: number, tenure: number): Promise<void> {
    const { log } = this.options;
    // Of before it was lost: what it still does may be in the table, or not.
    await this.deliveries.get(partition);
    await log.settled(partition);
    const bytes = await log.getValue(intentName(partition)), intent = bytes && readIntent(bytes);
    if (this.stopping || this.dueTenure(partition) !== tenure) return;
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
  /** Resolves when nothing of these partitions is under way. */
  private end(partitions: number[]): Promise<void> {
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
  /** Takes what is ours and not begun yet. Results may have been committed that nobody offered: before the start, by an earlier run. */
  private look(): Promise<void> {
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
      this.schedule();
    });
  }
  private lookSoon(): void {
    this.look().catch((error: unknown) => this.options.logger.error({ error: String(error) }, 'the sink cannot look at the log; it tries again'));
  }
  private inTurn<T>(change: () => Promise<T>): Promise<T> {
    const changed = this.changing.then(change);
    this.changing = changed.catch(() => undefined);
    return changed;
  }
  private schedule(): void {
    clearTimeout(this.timer);
    while (!this.stopping && this.running.size < this.rangesMax) {
      const nowMs = Date.now();
      let next: Feed | undefined, nextMs = Infinity;
      for (const feed of this.feeds) {
        const dueMs = this.dueMs(feed);
        if (dueMs < nextMs || (dueMs === nextMs && next && feed.sinceMs < next.sinceMs)) [next, nextMs] = [feed, dueMs];
      }
      if (!next) return;
      if (nextMs > nowMs) {
        this.timer = setTimeout(() => this.schedule(), nextMs - nowMs);
        return;
      }
      const feed = next;
      feed.busy = true;
      const delivery = this.deliver(feed).finally(() => {
        feed.busy = false;
        this.running.delete(delivery);
        this.deliveries.delete(feed.partition);
        this.schedule();
      });
      this.running.add(delivery);
      this.deliveries.set(feed.partition, delivery);
    }
  }
  /** When a feed's next range should go: at once when it is large or somebody waits, else when it has gathered for a while. */
  private dueMs(feed: Feed): number {
    if (feed.busy || !feed.waiting || !this.active.has(feed.partition)) return Infinity;
    if (feed.behind || feed.hurryTo > feed.position || feed.freshRows >= this.options.rowsMax || feed.bytes >= this.options.bytesMax) return 0;
    return Math.max(feed.sinceMs + LINGER_MS, feed.lastInsertMs + (feed.freshRows < BULK_ROWS ? this.smallInsertMs : Math.max(BULK_INSERT_MS, this.smallInsertMs)));
  }

  private newFeed(partition: number): Feed {
    return new Feed(partition, this.options.log, this.budget, (record) => this.options.release?.(record));
  }
  private async deliver(feed: Feed): Promise<void> {
    const { client, log, logger, rowsMax, bytesMax } = this.options, { partition } = feed, { signal } = this.aborted, tenure = this.active.get(partition);
    // Lost and ours again while we waited for an answer: another may have gone on between, so what was begun before says nothing any more.
    const note = (intent: Intent): Promise<void> => (log.tenure(partition) === tenure
      ? log.putValue(intentName(partition), writeIntent(intent), partition) : Promise.reject(new Error(`partition ${partition} has been another engine's since`)));
    try {
      const unsure = this.unsure.get(partition);
      const range = await feed.collect(unsure ? { rowsMax: Infinity, bytesMax: Infinity, to: unsure.to } : { rowsMax, bytesMax, to: feed.end });
      if (unsure && range.to < unsure.to) throw new Error(`results of partition ${partition} can be read up to ${range.to} only; up to ${unsure.to} they were sent before`);
      if (range.rows > 0) {
        const intent = unsure ?? { from: range.from, to: range.to, token: newToken(partition, range), done: false };
        if (!unsure) await note(intent);
        // Whatever fails from here on: it has been attempted.
        this.unsure.set(partition, intent);
        const insert = (given: Range, token: string): Promise<void> => this.insertTurns.take(() => this.insert(given, token));
        const there = await insertUntilThere({ client, partition, signal, insert, note, pause: this.pause, failed: (error) => this.retry(feed, error) }, range, intent, unsure !== undefined);
        // Not waited for: what is written after it survives a crash only together with it, and without it the range is found in the table.
        note({ ...there, done: true }).catch((error: unknown) => this.fail(feed, error));
      }
      this.unsure.delete(partition);
      feed.delivered(range, Date.now());
      if (this.said !== undefined && this.failure === undefined) logger.info('facts get into ClickHouse again');
      if (this.failure === undefined) this.said = undefined;
      for (const { ends, resolve } of [...this.waiters]) if (this.has(ends)) resolve(true);
    } catch (error) {
      // Its next owner goes on.
      if (this.stopping || !this.active.has(partition)) return;
      this.fail(feed, error);
      await this.pause(RETRY_MS_MAX, this.aborted.signal).catch(() => undefined);
    }
  }
  /** Throws when nobody waits for another attempt. */
  private retry(feed: Feed, error: unknown): void {
    if (this.stopping || !this.active.has(feed.partition)) throw error;
    this.fail(feed, error);
    this.counts.retries++;
  }
  private async insert(range: Range, token: string): Promise<void> {
    const refusal = this.options.refusal?.();
    if (refusal !== undefined) throw new Error(refusal);
    const beganMs = performance.now();
    await insertRange(this.options.client, range, token, this.aborted.signal);
    this.counts.insertMs = performance.now() - beganMs;
    this.counts.inserts++;
    this.counts.rows += range.rows;
    this.options.onInsert?.(this.counts.insertMs, range.rows);
  }
  /** Said once, not at every attempt of every partition. */
  private fail(feed: Feed, error: unknown): void {
    feed.failure = String(error);
    if (feed.failure === this.said) return;
    this.said = feed.failure;
    this.options.logger.warn({ error: this.said, partition: feed.partition }, 'facts do not get into ClickHouse; they wait in the log and are sent again');
  }
  private has(ends: number[]): boolean {
    return ends.every((end, partition) => this.feeds[partition]!.position >= end);
  }
}

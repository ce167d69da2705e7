/**
 * Facts from the log's results into ClickHouse, each exactly once by plain count(), whatever is killed when.
 *
 *   offer / log ─▶ feed of each partition ─▶ collect a range of each ─▶ intents into the log ─▶ one insert, until it is there ─▶ "done" into the log
 *                                            └───────────────────────── a few deliveries at a time ──────────────────────────┘
 *
 * Promises: what is done with ranges is decided in delivery.ts; a range is whole results records of one partition, and those of a delivery are inserted as one part, since a part costs what it
 * costs, however few rows it has. ClickHouse may be away as long as it likes. While little happens a fact is there after about LINGER_MS; under load inserts grow to rowsMax. Never slows the
 * engine down: it lags, and `stats` says by how much.
 */
import { setTimeout as systemPause } from 'node:timers/promises';
import { LogError } from '../log/log.js';
import { within } from '../within.js';
import { insertUntilThere, newToken, RETRY_MS_MAX } from './attempts.js';
import { intentName, writeIntent, type Intent, type Piece } from './delivery.js';
import { Budget, Feed, type Offered, type Range } from './feed.js';
import { insertRanges } from './insert.js';
import type { SinkOptions, SinkStats } from './options.js';
import { SinkPartitions } from './sink-partitions.js';
import { Turns } from './turns.js';

/** How long a fact waits for company while nothing else happens. */
const LINGER_MS = 100;
/** Inserts of few rows are so far apart: each costs a part, its fsyncs and later merges. Those of more are further apart: a row costs a third of 6,000's in one of 40,000. */
const SMALL_INSERT_MS = 200, BULK_ROWS = 2000, BULK_INSERT_MS = 1000;
/** Each partition's intent names all pieces of its insert. */
const PIECES_MAX = 16;
/** Inserts that ClickHouse works on at a time; and deliveries, of which others collect or write their intents meanwhile. */
const INSERTS_MAX = 2, DELIVERIES_MAX = 3;
/** How often the log is asked for results that nobody offered. */
const LOOK_MS = 1000;
/** How long a stop, or whoever takes a partition over, waits for inserts under way. */
const STOP_MS = 5000;
const MEMORY_BYTES_MAX = 128 * 2 ** 20;

/** Reads how far it was, and begins. */
export async function startSink(options: SinkOptions): Promise<Sink> {
  const sink = new Sink(options);
  await sink.start();
  return sink;
}

export class Sink {
  private readonly counts = { rows: 0, inserts: 0, retries: 0, insertMs: 0 };
  private readonly partitions: SinkPartitions;
  private endListening: (() => void) | undefined;
  private readonly running = new Set<Promise<void>>();
  private readonly insertTurns = new Turns(INSERTS_MAX);
  /** Tokens of inserts of an earlier attempt that are being repeated. */
  private readonly repeated = new Set<string>();
  /** When the last insert ended, ms. */
  private lastInsertMs = -Infinity;
  private readonly pause: NonNullable<SinkOptions['pause']>;
  private readonly aborted = new AbortController();
  private waiters: { ends: number[]; resolve(caughtUp: boolean): void }[] = [];
  private stopping = false;
  /** The last failure that was logged. */
  private said: string | undefined;
  private timer: NodeJS.Timeout | undefined;
  private looking: NodeJS.Timeout | undefined;

  constructor(private readonly options: SinkOptions) {
    const { log, partitions, memoryBytesMax = MEMORY_BYTES_MAX, release = () => undefined } = options;
    this.partitions = new SinkPartitions({ log, partitions, memoryBytesMax, release, isStopping: () => this.stopping });
    this.pause = options.pause ?? ((milliseconds, signal) => systemPause(milliseconds, undefined, { signal }));
  }

  async start(): Promise<void> {
    this.endListening = this.options.log.onOwnership({
      gained: () => this.lookSoon(),
      // Whoever waits for the partition does not wait for ClickHouse: what is cut short has its intent and token.
      released: async (partitions) => void (await within(STOP_MS, this.partitions.end(partitions))),
      lost: (partitions) => void this.partitions.end(partitions),
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
    if (!this.partitions.has(partition)) return;
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
    const ends = this.feeds.map(({ end, partition }) => (this.partitions.has(partition) ? end : 0));
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
      lagRecords: this.feeds.map(({ position, end, partition }) => (this.partitions.has(partition) ? Math.max(0, end - position) : 0)),
      lagSeconds: this.feeds.map(({ waiting, sinceMs, partition }) => (waiting && this.partitions.has(partition) ? Math.max(0, nowMs - sinceMs) / 1000 : 0)),
    };
  }
  /** Why facts of some partition don't get into ClickHouse at the moment. */
  get failure(): string | undefined {
    return this.feeds.find(({ failure, partition }) => failure !== undefined && this.partitions.has(partition))?.failure;
  }

  private get feeds(): Feed[] {
    return this.partitions.feeds;
  }
  private async look(): Promise<void> {
    await this.partitions.look();
    this.schedule();
  }
  private lookSoon(): void {
    this.look().catch((error: unknown) => this.options.logger.error({ error: String(error) }, 'the sink cannot look at the log; it tries again'));
  }
  private schedule(): void {
    const { unsure } = this.partitions;
    clearTimeout(this.timer);
    while (!this.stopping && this.running.size < DELIVERIES_MAX) {
      const ready = this.feeds.filter(({ busy, waiting, partition }) => waiting && !busy && this.partitions.has(partition)).sort((a, b) => a.sinceMs - b.sinceMs);
      // What fails goes by itself, so that it keeps nothing else back, and leaves a place to the rest.
      const mayFail = this.running.size < DELIVERIES_MAX - 1, intent = ready.map(({ partition }) => unsure.get(partition)).find((attempted) => attempted && !this.repeated.has(attempted.token));
      if (intent && mayFail) {
        this.run(ready.filter(({ partition }) => unsure.get(partition)?.token === intent.token), intent);
        continue;
      }
      const unsent = ready.filter(({ partition }) => !unsure.has(partition)), failing = unsent.find(({ failure }) => failure !== undefined);
      if (failing && mayFail) {
        this.run([failing]);
        continue;
      }
      const fresh = unsent.filter(({ failure }) => failure === undefined), waitMs = this.dueMs(fresh) - Date.now();
      if (waitMs === Infinity) return;
      if (waitMs > 0) {
        this.timer = setTimeout(() => this.schedule(), waitMs);
        return;
      }
      this.run(fresh.slice(0, PIECES_MAX));
    }
  }
  /** When the next insert should go: at once when it is large or somebody waits, else when it has gathered for a while. */
  private dueMs(feeds: Feed[]): number {
    if (feeds.some((feed) => feed.behind || feed.hurryTo > feed.position)) return 0;
    const rows = sum(feeds, ({ freshRows }) => freshRows), sinceMs = Math.min(...feeds.map((feed) => feed.sinceMs));
    if (rows >= this.options.rowsMax || sum(feeds, ({ bytes }) => bytes) >= this.options.bytesMax) return 0;
    // Not after inserts that leave these waiting: those of a backlog follow one another.
    return Math.max(sinceMs + LINGER_MS, Math.min(this.lastInsertMs, sinceMs) + (rows < BULK_ROWS ? SMALL_INSERT_MS : BULK_INSERT_MS));
  }
  /** `intent`: of an earlier attempt at what these begin with. */
  private run(feeds: Feed[], intent?: Intent): void {
    const { deliveries } = this.partitions;
    if (intent) this.repeated.add(intent.token);
    for (const feed of feeds) feed.busy = true;
    const free = (these: Feed[]): void => {
      for (const feed of these) {
        feed.busy = false;
        deliveries.delete(feed.partition);
      }
      this.schedule();
    };
    const delivery = this.deliver(feeds, free, intent).finally(() => {
      if (intent) this.repeated.delete(intent.token);
      this.running.delete(delivery);
      free(feeds);
    });
    this.running.add(delivery);
    for (const { partition } of feeds) deliveries.set(partition, delivery);
  }
  /** Those of the feeds that don't fit are taken out of them, and are free again. */
  private async deliver(feeds: Feed[], free: (these: Feed[]) => void, intent?: Intent): Promise<void> {
    const { log, client, logger } = this.options, { unsure } = this.partitions, { signal } = this.aborted;
    const tenures = new Map(feeds.map(({ partition }) => [partition, this.partitions.tenure(partition)]));
    const isOurs = (partition: number): boolean => this.partitions.tenure(partition) === tenures.get(partition);
    const note = async (intents: Map<number, Intent>): Promise<void> => {
      // Lost and ours again while we waited for an answer: another may have gone on between, so what was begun before says nothing any more.
      for (const partition of intents.keys()) if (log.tenure(partition) !== tenures.get(partition)) throw new LogError('moved', `partition ${partition} has been another engine's since`);
      await log.putOwnValues([...intents].map(([partition, noted]) => ({ partition, name: intentName(partition), value: writeIntent(noted) })));
    };
    const noteAttempt = async (token: string, ranges: Range[]): Promise<void> => {
      const intents = new Map(ranges.map(({ partition, from, to }) => [partition, { from, to, token, done: false, pieces: ranges.map(pieceOf) }]));
      await note(intents);
      // Whatever fails from here on: it has been attempted.
      for (const [partition, noted] of intents) unsure.set(partition, noted);
    };
    try {
      const collected = intent ? await Promise.all(feeds.map((feed) => collectAgain(feed, unsure.get(feed.partition)!.to))) : await this.collect(feeds);
      free(feeds.splice(collected.length));
      const ranges = collected.filter(({ rows }) => rows > 0);
      if (ranges.length > 0) {
        const token = intent?.token ?? newToken(ranges);
        if (!intent) await noteAttempt(token, ranges);
        await insertUntilThere({
          client, signal, pause: this.pause, note: (another) => noteAttempt(another, ranges),
          insert: (given, under) => this.insertTurns.take(() => this.insert(given, under)),
          failed: (error) => {
            if (this.stopping || !feeds.every(({ partition }) => isOurs(partition))) throw error;
            this.fail(feeds, error);
            this.counts.retries++;
          },
        }, { ours: ranges, token, ...(intent ? { all: () => this.allOf(intent, ranges) } : {}) });
      }
      for (const range of collected) {
        unsure.delete(range.partition);
        this.feeds[range.partition]!.delivered(range);
        // Not waited for: what is written after it survives a crash only together with it, and without it the rows are found in the table. Of each by itself, since another may have moved.
        if (range.rows > 0) void this.noteDone(range, note, isOurs);
      }
      if (this.said !== undefined && this.failure === undefined) logger.info('facts get into ClickHouse again');
      if (this.failure === undefined) this.said = undefined;
      for (const { ends, resolve } of [...this.waiters]) if (this.has(ends)) resolve(true);
    } catch (error) {
      // The next owner of what has moved goes on, and we go on with the rest.
      if (this.stopping || !feeds.every(({ partition }) => isOurs(partition))) return;
      this.fail(feeds, error);
      await this.pause(RETRY_MS_MAX, signal).catch(() => undefined);
    }
  }
  private async noteDone({ partition, from, to }: Range, note: (intents: Map<number, Intent>) => Promise<void>, isOurs: (partition: number) => boolean): Promise<void> {
    const done = { from, to, token: '', done: true, pieces: [] };
    await note(new Map([[partition, done]])).catch((error: unknown) => { if (isOurs(partition)) this.fail([this.feeds[partition]!], error); });
  }
  /** Ranges of the first feeds, as much as fits into an insert. */
  private async collect(feeds: Feed[]): Promise<Range[]> {
    const ranges: Range[] = [];
    let { rowsMax, bytesMax } = this.options;
    for (const feed of feeds) {
      if (rowsMax <= 0 || bytesMax <= 0) break;
      const range = await feed.collect({ rowsMax, bytesMax, to: feed.end });
      rowsMax -= range.rows;
      bytesMax -= range.bytes;
      ranges.push(range);
    }
    return ranges;
  }
  /** What an insert held, in its order; what is not among ours is read from the log. */
  private allOf({ pieces }: Intent, ours: Range[]): Promise<Range[]> {
    return Promise.all(pieces.map(async ({ partition, from, to }) => {
      const feed = new Feed(partition, this.options.log, new Budget(0), () => undefined);
      feed.position = from;
      return ours.find((range) => range.partition === partition) ?? collectAgain(feed, to);
    }));
  }
  private async insert(ranges: Range[], token: string): Promise<void> {
    const refusal = this.options.refusal?.();
    if (refusal !== undefined) throw new Error(refusal);
    const beganMs = performance.now(), rows = sum(ranges, (range) => range.rows);
    await insertRanges(this.options.client, ranges, token, this.aborted.signal).finally(() => { this.lastInsertMs = Date.now(); });
    this.counts.insertMs = performance.now() - beganMs;
    this.counts.inserts++;
    this.counts.rows += rows;
    this.options.onInsert?.(this.counts.insertMs, rows);
  }
  /** Said once, not at every attempt. */
  private fail(feeds: Feed[], error: unknown): void {
    for (const feed of feeds) feed.failure = String(error);
    if (this.said === String(error)) return;
    this.said = String(error);
    this.options.logger.warn({ error: this.said, partitions: feeds.map(({ partition }) => partition) }, 'facts do not get into ClickHouse; they wait in the log and are sent again');
  }
  private has(ends: number[]): boolean {
    return ends.every((end, partition) => this.feeds[partition]!.position >= end);
  }
}

async function collectAgain(feed: Feed, to: number): Promise<Range> {
  const range = await feed.collect({ rowsMax: Infinity, bytesMax: Infinity, to });
  if (range.to < to) throw new Error(`results of partition ${feed.partition} can be read up to ${range.to} only; up to ${to} they were sent before`);
  return range;
}
const pieceOf = ({ partition, from, to }: Piece): Piece => ({ partition, from, to });
const sum = <T>(items: T[], of: (item: T) => number): number => items.reduce((total, item) => total + of(item), 0);

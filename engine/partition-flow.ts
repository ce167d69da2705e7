/**
 * The flow of one partition: read what is next → hand it to the shard → give the result to the committer. One batch at the shard at a time, few evaluated and not yet committed.
 * When the shard fails, the partition is restored and goes on from the committed place; a batch that kills its worker twice is cut in halves until the
 * transaction that does it stands alone, and that one is set aside by a record of the log.
 */
import type { BatchResult, BatchTask, Partials, PartitionStatus, SweepAnswer } from '../workers/messages.js';
import { writeCommand } from '../schemas/commands.js';
import { packFrame, type FrameChunk } from '../schemas/frame.js';
import { CommitWaiters } from './commit-waiters.js';
import { inputTopics, type InputTopic, type Log } from './log/log.js';
import type { Restored } from './restore.js';
import type { Results } from './results.js';
import { ShardError, type Shards } from './shards.js';
import type { SpareBuffers } from './spare-buffers.js';
import { untilReached } from './until-reached.js';

/** Batches that are evaluated and wait for their commit, at most. */
const UNCOMMITTED_MAX = 3;
/** Failures of a batch at its worker before it is cut in halves (the first may have been the worker's own), and how small the cuts begin within a record that holds many transactions. */
const FAILURES_MAX = 2, SUSPECT_ITEMS = 512;
/** Of facts that go along with a batch. */
const FACTS_BYTES_MAX = 16 * 2 ** 20;
/** Of bulk that goes along with what a till waits for: about two milliseconds of work. */
const BULK_BESIDE_TILLS_BYTES = 32 * 1024;
const INTERACTIVE = inputTopics.indexOf('interactive');
const readOrder = ['internal', 'interactive', 'commands'] as const satisfies readonly InputTopic[];

export interface FlowEvents {
  evaluated(result: BatchResult): void;
  /** Parts of the checkpoint, to be committed by themselves; false when the partition is another engine's now. */
  snapshot(snapshot: Uint8Array): Promise<boolean>;
  /** The shard failed on this partition. The owner restores all partitions of that shard and calls `restart` on each. */
  shardFailed(partition: number, error: Error): void;
  /** A record activates a reference set that is not known here: another engine published it. Resolves when the shard knows it. */
  unknownReference(): Promise<void>;
  /** The log can't be read or written any more. */
  failed(error: Error): void;
}
/** What was read; `records`: how many it holds, at most. */
interface ReadChunk extends FrameChunk { records: number }
export interface FlowOptions { log: Log; results: Results; shards: Shards; partition: number; batchBytesMax: number; spareBuffers: SpareBuffers; events: FlowEvents }

export class PartitionFlow {
  status: PartitionStatus;
  /** Last batch that is committed and last that was evaluated; -1: none. */
  committed: number;
  evaluated: number;
  /** When the first records were read since the start (performance.now()), for the load test. */
  firstReadMs: number | undefined;
  /** Where each input topic is read on. */
  private positions: [offset: number, item: number][];
  /** By input topic: up to where nothing was found beyond the position. */
  private readonly nothingTo = inputTopics.map(() => 0);
  private epoch: number;
  /** Where the shard writes results: memory of both, handed back with the next batch. */
  private outbox: SharedArrayBuffer | undefined;
  private readonly unread = new Set<InputTopic>(inputTopics);
  private needed: { batch: number; row: number }[] = [];
  /** What has been answered of records that are done in part: after the last batch, by uncommitted batch, after the last committed one. */
  private partial: Partials = [];
  private readonly partials = new Map<number, Partials>();
  private committedPartial: Partials = [];
  private failure: Error | undefined;
  private wake: (() => void) | undefined;
  private stopping = false;
  private paused = false;
  private running: Promise<void> | undefined;
  /** The loop sleeps because of a pause, or has ended, or has not begun. */
  private atRest = true;
  private pauseWaiter: (() => void) | undefined;
  private readonly waiters = new CommitWaiters();
  /** Where a skip was written that has to be read before what it skips. */
  private skipAt: { topic: InputTopic; offset: number } | undefined;
  /** Failures at one place, and how much of it is tried at a time since. */
  private suspect: { at: string; failures: number; records: number; items: number } | undefined;

  constructor(private readonly options: FlowOptions, restored: Restored) {
    ({ status: this.status, positions: this.positions, epoch: this.epoch } = restored);
    this.committed = this.evaluated = restored.status.batch;
  }
  start(): void {
    this.atRest = false;
    this.running = this.run().catch((error: unknown) => this.options.events.failed(error as Error)).finally(() => {
      this.atRest = true;
      this.pauseWaiter?.();
    });
  }
  /** Ends after the batch at the shard; resolves then. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.nudge();
    await this.running;
  }
  /** Stops handing over; resolves when nothing of this partition is at the shard. `restart` ends it. */
  async pause(): Promise<void> {
    this.paused = true;
    if (this.atRest) return;
    await new Promise<void>((resolve) => {
      this.pauseWaiter = resolve;
      this.nudge();
    });
  }
  /** Goes on from a restored state. */
  restart(restored: Restored): void {
    ({ status: this.status, positions: this.positions, epoch: this.epoch } = restored);
    this.committed = this.evaluated = restored.status.batch;
    this.needed = [];
    this.partials.clear();
    this.partial = this.committedPartial;
    for (const topic of inputTopics) this.unread.add(topic);
    this.paused = false;
    this.waiters.settle(this.committed);
    this.waiters.refuse(new Error('what was read has been thrown away'));
    this.nudge();
  }
  appended(topic: InputTopic): void {
    this.unread.add(topic);
    this.nudge();
  }
  /** Everything before it of an input topic (its place) has been evaluated. */
  evaluatedTo(topic: number): number {
    return Math.max(this.positions[topic]![0], this.nothingTo[topic]!);
  }
  onCommitted(batch: number): void {
    this.committed = batch;
    this.committedPartial = this.partials.get(batch) ?? [];
    for (const number of this.partials.keys()) if (number <= batch) this.partials.delete(number);
    this.waiters.settle(batch);
    this.nudge();
  }
  /** Resolves when everything that is evaluated now has been committed; rejects when it is thrown away. */
  whenCommitted(): Promise<void> {
    if (this.evaluated <= this.committed) return Promise.resolve();
    if (this.failure) return Promise.reject(this.failure);
    return this.waiters.wait(this.evaluated);
  }

  private async run(): Promise<void> {
    while (!this.stopping) {
      if (this.paused) {
        this.atRest = true;
        this.pauseWaiter?.();
        await this.sleep();
        this.atRest = false;
        continue;
      }
      if (this.evaluated - this.committed >= UNCOMMITTED_MAX) {
        await this.sleep();
        continue;
      }
      const chunks = await this.read();
      if (chunks.length > 0) await this.evaluate(chunks);
      else if (this.status.sweeping) await this.sweepSlice();
      else if (this.unread.size === 0) await this.sleep();
    }
  }
  /** What is next: what the engine itself has to say (few, and a skip must come before what it skips), then interactive, then bulk. */
  private async read(): Promise<ReadChunk[]> {
    const { log, partition, batchBytesMax } = this.options;
    const read: ReadChunk[] = [];
    let left = batchBytesMax;
    for (const name of this.order) {
      if (left <= 0 || !this.unread.has(name)) continue;
      const topic = inputTopics.indexOf(name);
      this.unread.delete(name);
      const { chunks, nextOffset } = await log.readInput(name, partition, this.positions[topic]![0], left);
      for (const { offset, timestampMs, value, batch, records } of chunks) {
        read.push({ topic, offset, timestampMs, value, batch, records });
        left -= value.byteLength;
      }
      if (chunks.length === 0) this.nothingTo[topic] = nextOffset;
      else this.unread.add(name);
      if (chunks.length > 0 && topic === INTERACTIVE) left = Math.min(left, BULK_BESIDE_TILLS_BYTES);
    }
    return read;
  }
  private async evaluate(chunks: ReadChunk[]): Promise<void> {
    this.firstReadMs ??= performance.now();
    const { shards, partition, events } = this.options;
    const suspect = this.suspect?.at === this.place() ? this.suspect : undefined;
    const frame = packFrame(chunks);
    const task: BatchTask = {
      type: 'batch', partition, epoch: this.epoch, batch: this.evaluated + 1, committed: this.committed, frame, positions: this.positions, facts: await this.fetchFacts(),
      ...(suspect ? { recordsMax: suspect.records } : {}), ...(suspect && suspect.items < SUSPECT_ITEMS ? { itemsMax: suspect.items } : {}), partial: this.partial,
      ...(this.outbox ? { outbox: this.outbox } : {}),
    };
    let result: BatchResult;
    try {
      result = await shards.run<BatchResult>(partition, task, [frame.buffer], chunks.some(({ topic }) => topic === INTERACTIVE));
    } catch (error) {
      if (this.stopping) return;
      this.paused = true;
      if (error instanceof ShardError && error.atWorker) await untilReached(() => this.blame(chunks.reduce((sum, { records }) => sum + records, 0)));
      this.waiters.refuse(error as Error);
      events.shardFailed(partition, error as Error);
      return;
    }
    this.status = result.status;
    this.needed = result.missing;
    if (result.unknownReference) await events.unknownReference();
    if (suspect && result.results) this.suspect = { at: '', failures: suspect.failures, records: suspect.records, items: suspect.items };
    if (!result.results) return;
    result.results = this.emptyOutbox(result.results);
    this.positions = result.positions;
    if (this.skipAt && this.positions[inputTopics.indexOf(this.skipAt.topic)]![0] > this.skipAt.offset) this.skipAt = undefined;
    this.partial = result.partial;
    if (this.suspect) this.suspect = this.suspect.items < SUSPECT_ITEMS ? { ...this.suspect, at: this.place() } : undefined;
    this.evaluated = result.batch;
    this.partials.set(result.batch, result.partial);
    events.evaluated(result);
  }
  /** Takes results out of the memory shared with the shard, which writes the next ones there. */
  private emptyOutbox(shared: Uint8Array): Uint8Array {
    const results = this.options.spareBuffers.room(shared.length);
    results.set(shared);
    if (shared.buffer instanceof SharedArrayBuffer) this.outbox = shared.buffer;
    return results;
  }
  /** The facts that the shard asked for, from the log; what is too much at once it asks for again. Those that are not committed yet are in the shard's own memory. */
  private async fetchFacts(): Promise<BatchTask['facts']> {
    const { results, partition } = this.options, fetched: BatchTask['facts'] = [];
    let bytes = 0;
    for (const batch of new Set(this.needed.map((place) => place.batch).filter((number) => number <= this.committed))) {
      const found = await untilReached(() => results.find(partition, batch));
      fetched.push({ batch, facts: found && Uint8Array.from(found.facts) }); // a copy: of what it is a part of all would go along
      if ((bytes += found?.facts.length ?? 0) > FACTS_BYTES_MAX) break;
    }
    this.needed = [];
    return fetched;
  }
  private get order(): readonly InputTopic[] {
    const { skipAt } = this;
    return skipAt ? [skipAt.topic, ...readOrder.filter((name) => name !== skipAt.topic)] : readOrder;
  }
  private place(): string {
    return this.positions.map(([offset, item]) => `${offset}.${item}`).join(' ');
  }
  /** A shard failed on the batch at this place: narrows down what is tried next. Writes the offender's skip once it stands alone. */
  private async blame(recordsTried: number): Promise<void> {
    const at = this.place(), before = this.suspect?.at === at ? this.suspect : undefined;
    const next = { at, failures: (before?.failures ?? 0) + 1, records: Math.min(before?.records ?? recordsTried, recordsTried), items: before?.items ?? SUSPECT_ITEMS };
    if (next.failures > FAILURES_MAX) {
      if (next.records > 1) next.records = Math.ceil(next.records / 2);
      else if (next.items > 1) next.items = Math.ceil(next.items / 2);
      else {
        const topic = await this.firstUnread(), [offset, index] = this.positions[topic]!;
        // Not into the offender's own topic, where it would stand behind it.
        const into = inputTopics[topic] === 'internal' ? 'interactive' : 'internal', value = writeCommand({ type: 'skip', topic, offset, index });
        const [written] = await this.options.log.append([{ topic: into, partition: this.options.partition, value }]);
        this.skipAt = { topic: into, offset: written! };
        this.suspect = undefined;
        return;
      }
    }
    this.suspect = next;
  }
  private async firstUnread(): Promise<number> {
    for (const name of this.order) {
      const topic = inputTopics.indexOf(name);
      if ((await this.options.log.read(name, this.options.partition, this.positions[topic]![0], 1)).records.length > 0) return topic;
    }
    throw new Error('nothing is there to be blamed');
  }
  private async sweepSlice(): Promise<void> {
    const { log, shards, partition, events } = this.options;
    // Elsewhere it counts at once, so it may hold committed batches only.
    if (log.shared && this.evaluated > this.committed) return this.sleep();
    let snapshot: Uint8Array | undefined;
    try {
      ({ status: this.status, snapshot } = await shards.run<SweepAnswer>(partition, { type: 'sweep', partition, committed: this.committed, begin: false }));
    } catch (error) {
      this.paused = true;
      events.shardFailed(partition, error as Error);
      return;
    }
    // It is about to be told that it ends.
    if (snapshot && !(await events.snapshot(snapshot))) return void (this.paused = true);
    // A slice whose batches are not committed yet waits for the commit, not for more slices.
    if (this.status.sweeping && this.evaluated > this.committed) await this.sleep();
  }
  /** Until something changes. Not when a pause was asked for meanwhile: its nudge came before anybody slept. */
  private sleep(): Promise<void> {
    if (this.stopping || (this.paused && !this.atRest)) return Promise.resolve();
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }
  private nudge(): void {
    const { wake } = this;
    this.wake = undefined;
    wake?.();
  }
  /** Nothing is committed any more: nobody waits for that. */
  fail(error: Error): void {
    this.failure = error;
    this.waiters.refuse(error);
  }
}

/**
 * THE story of the engine: input records are read by partition (partition-flow.ts), evaluated by shards (shards.ts → workers/), committed in groups (committer.ts), and
 * only then told: to whoever waits for an answer, to readers, to the sink. It stops in the same order: doors first, then flows, then the last commit, then shards.
 *
 * The main thread moves buffers and never looks inside a transaction.
 */
import type { ExplanationView } from '../workers/explanation.js';
import type { AccountCellsView, BatchResult, OpenTask, ShardTask } from '../workers/messages.js';
import type { Reply } from '../schemas/envelope.js';
import type { FactRecord } from '../schemas/fact.js';
import type { ReferenceSet } from '../schemas/reference.js';
import { Activations } from './activations.js';
import { systemClock, type Clock } from './clock.js';
import { Committer } from './committer.js';
import { EngineError, type AccountView, type Engine, type Envelope, type ReadyCheck } from './engine.js';
import type { Logger } from './logger.js';
import { LogError, type Append, type Log } from './log/log.js';
import { PartitionFlow } from './partition-flow.js';
import { Reads, type TransactionKind } from './reads.js';
import { Requests } from './requests.js';
import { checkpointPartition, restorePartition } from './restore.js';
import { Results } from './results.js';
import { ShardError, type Shards } from './shards.js';
import type { SpareBuffers } from './spare-buffers.js';
import { Ticks } from './ticks.js';
import { WaitingReturnsLocator } from './waiting-returns.js';

/** How LMDB and the system say that nothing more can be written. */
const DISK_TROUBLE = /no space left|ENOSPC|input\/output error|\bEIO\b|MDB_MAP_FULL|read-only file system/i;
const TICK_MS = 1000;

export interface PipelineOptions {
  log: Log;
  shards: Shards;
  logger: Logger;
  gateway: string;
  batchBytesMax: number;
  lagBytesMax: number;
  /** Bytes of effects that a shard applies in a second at recovery, cautiously. */
  replayBytesPerSecond: number;
  /** For each partition: where its state lives and how much of it may be in memory. */
  open: Omit<OpenTask, 'type' | 'partition' | 'epoch' | 'directory'>;
  stateDirectory(partition: number): string;
  /** Of parts beside the pipeline, for /readyz. */
  otherChecks(): ReadyCheck[];
  /** Waits until the sink has delivered what is committed. */
  sinkCaughtUp(timeoutMs: number): Promise<boolean>;
  /** After each commit: for the sink and the counters. */
  onCommitted(results: BatchResult[], milliseconds: number): void;
  /** Where buffers of results come back to when everybody is done with them. */
  spareBuffers: SpareBuffers;
  clock?: Clock;
}

export class Pipeline implements Engine {
  readonly requests = new Requests();
  readonly flows: PartitionFlow[] = [];
  readonly results: Results;
  private readonly committer: Committer;
  private readonly located: WaitingReturnsLocator;
  private readonly activations: Activations;
  private readonly reads: Reads;
  private readonly ticks: Ticks;
  private readonly restoring = new Set<number>();
  private failure: string | undefined;
  private stopping = false;
  private readonly clock: Clock;
  private endTicking: (() => void) | undefined;
  private endListening: (() => void) | undefined;
  /** Bytes submitted here that are not committed yet. */
  private waitingBytes = 0;
  /** How often a shard had to be replaced. */
  shardFailures = 0;

  constructor(private readonly options: PipelineOptions) {
    this.clock = options.clock ?? systemClock;
    this.results = new Results(options.log);
    this.committer = new Committer(options.log, { committed: (results, ms) => this.committed(results, ms), failed: (error) => this.fail(error) });
    this.activations = new Activations(options.log, (records) => this.append(records));
    this.reads = new Reads(options.log, this.results, (partition, task) => this.read(partition, task));
    this.located = new WaitingReturnsLocator({
      find: (partner, id) => this.reads.places(partner, id, 'purchase'), append: (records) => this.append(records), nowMs: () => this.clock.nowMs(), logger: options.logger,
    });
    this.ticks = new Ticks((records) => this.append(records), options.logger);
  }

  async start(): Promise<void> {
    const { log } = this.options;
    const restored = await Promise.all(Array.from({ length: log.partitions }, (_, partition) => this.restore(partition)));
    const versions = restored.map(({ status }) => status.reference);
    await this.activations.load(versions);
    for (let shard = 0; shard < this.options.shards.count; shard++) await this.teach(shard);
    this.endListening = log.onAppend((topic, partition) => this.flows[partition]?.appended(topic));
    for (const [partition, state] of restored.entries()) {
      const flow = new PartitionFlow({
        log, results: this.results, shards: this.options.shards, partition, batchBytesMax: this.options.batchBytesMax, spareBuffers: this.options.spareBuffers,
        events: {
          evaluated: (result) => this.committer.add(result),
          shardFailed: (failed, error) => void this.shardFailed(this.options.shards.shardOf(failed), error),
          failed: (error) => this.fail(error),
        },
      }, state);
      this.flows.push(flow);
      for (const notice of state.status.waiting) this.located.add(partition, notice);
    }
    await this.activations.catchUp(versions);
    for (const flow of this.flows) flow.start();
    this.endTicking = this.clock.every(TICK_MS, () => this.tick());
  }
  async stop(): Promise<void> {
    this.stopping = true;
    for (const end of [this.endTicking, this.endListening]) end?.();
    await Promise.all(this.flows.map((flow) => flow.stop()));
    await this.committer.idle();
    this.requests.failAll('the engine stops');
    if (this.failure === undefined) {
      await Promise.all(this.flows.map(({ committed }, partition) => checkpointPartition(this.options.shards, partition, committed))).catch((error: unknown) => {
        this.options.logger.warn({ error: String(error) }, 'stopped without a last checkpoint: the next start has more to replay');
      });
    }
    await this.options.shards.close();
  }

  // ── Engine: what doors ask ──
  get partitions(): number {
    return this.options.log.partitions;
  }
  get gateway(): string {
    return this.options.gateway;
  }
  nextRequest(): number {
    return this.requests.next();
  }
  async submit(lane: 'interactive' | 'commands', request: number, envelopes: Envelope[], wait: 'commit' | 'append'): Promise<Reply[]> {
    this.available();
    if (lane === 'commands' && this.waitingBytes > this.options.lagBytesMax) throw new EngineError('busy', 'more purchases wait than the bound allows', 1);
    const replies = wait === 'commit' ? this.requests.expect(request, envelopes.reduce((sum, { count }) => sum + count, 0)) : Promise.resolve([]);
    try {
      await this.append(envelopes.map(({ partition, bytes }) => ({ topic: lane, partition, value: bytes })));
    } catch (error) {
      this.requests.fail(request, error as Error);
      throw error;
    }
    return Promise.all((await replies).map((reply) => this.complete(reply, envelopes)));
  }
  async reject(items: Uint8Array[]): Promise<void> {
    await this.append(items.map((value, i) => ({ topic: 'dead-letters', partition: i % this.partitions, value })));
  }
  readAccount(account: string): Promise<AccountView | undefined> {
    return this.reads.account(account);
  }
  readCard(program: string, card: string): Promise<AccountView | undefined> {
    return this.reads.card(program, card);
  }
  findTransaction(partner: string, id: string, kind: TransactionKind): Promise<{ partition: number; fact: FactRecord } | undefined> {
    return this.reads.transaction(partner, id, kind);
  }
  explainPurchase(partner: string, id: string): Promise<ExplanationView | undefined> {
    return this.reads.explanation(partner, id);
  }
  async activate(set: ReferenceSet, products: Map<number, Uint8Array>): Promise<void> {
    this.available();
    await this.activations.activate({ set, products }, async (lesson) => {
      for (let shard = 0; shard < this.options.shards.count; shard++) await this.ask(shard, () => this.options.shards.runOn(shard, lesson));
    });
  }
  sinkCaughtUp(timeoutMs: number): Promise<boolean> {
    return this.options.sinkCaughtUp(timeoutMs);
  }
  get replayBytesPerSecond(): number {
    return this.options.replayBytesPerSecond;
  }
  /** The newest reference set; what it was when the engine started, for whoever goes on from it. */
  get reference(): ReferenceSet {
    return this.activations.newest;
  }
  checks(): ReadyCheck[] {
    const restoring = [...this.restoring].join(', ');
    return [
      { name: 'log', ok: this.failure === undefined, ...(this.failure === undefined ? {} : { detail: this.failure }) },
      { name: 'partitions', ok: restoring === '' && this.flows.length === this.partitions, ...(restoring === '' ? {} : { detail: `being restored: ${restoring}` }) },
      { name: 'stopping', ok: !this.stopping },
      ...this.options.otherChecks(),
    ];
  }

  // ── for the verifier and the engine's own duties ──
  cells(partition: number, from: number, count: number): Promise<AccountCellsView[]> {
    return this.reads.cells(partition, from, count);
  }
  async append(records: Append[]): Promise<void> {
    const bytes = records.reduce((sum, { topic, value }) => sum + (topic === 'commands' ? value.byteLength : 0), 0);
    this.waitingBytes += bytes;
    try {
      await this.options.log.append(records);
    } catch (error) {
      this.waitingBytes -= bytes;
      if (error instanceof LogError) this.fail(error);
      throw new EngineError('unavailable', `the log refuses: ${(error as Error).message}`, 5);
    }
  }

  private available(): void {
    if (this.failure !== undefined) throw new EngineError('unavailable', this.failure, 30);
    if (this.stopping) throw new EngineError('unavailable', 'the engine stops', 5);
  }
  private async read<T>(partition: number, task: ShardTask): Promise<T> {
    this.available();
    return this.ask(this.options.shards.shardOf(partition), async () => {
      const answer = await this.options.shards.run<T>(partition, task);
      await this.flows[partition]!.whenCommitted();
      return answer;
    });
  }
  /** A shard that does not answer is restored, whoever asked it: an idle one would stay dead until its next batch. */
  private async ask<T>(shard: number, question: () => Promise<T>): Promise<T> {
    try {
      return await question();
    } catch (error) {
      if (error instanceof ShardError) void this.shardFailed(shard, error);
      throw new EngineError('unavailable', `shard ${shard} is being restored: ${(error as Error).message}`, 1);
    }
  }
  /** A single post that was a duplicate is answered as the first time; one that waits is answered from where its purchase lies, if it lies anywhere. */
  private async complete(reply: Reply, envelopes: Envelope[]): Promise<Reply> {
    if (reply.again) {
      const answer = await this.reads.answerAgain(reply.again);
      return answer === undefined ? reply : { ...reply, answer };
    }
    if (envelopes.length === 1 && envelopes[0]!.count === 1 && reply.items[0]?.status === 'waiting') {
      const final = this.requests.expect(reply.request, 1);
      if (await this.located.lookForRequest(reply.request)) return this.complete((await final)[0]!, envelopes);
      this.requests.fail(reply.request, new Error('no purchase'));
    }
    return reply;
  }

  private committed(results: BatchResult[], milliseconds: number): void {
    for (const result of results) {
      const { partition, batch, offset, counts: { imbalance } } = result;
      this.results.note(partition, batch, offset);
      if (imbalance !== 0) this.options.logger.error({ partition, batch, points: imbalance }, 'the ledger is out of balance: balances and postings of a batch differ');
      this.flows[partition]!.onCommitted(batch);
      for (const notice of result.waiting) this.located.add(partition, notice);
    }
    for (const result of results) {
      for (const reply of result.replies) if (reply.gateway === this.gateway) this.requests.deliver(reply);
      if (result.activated !== undefined) this.activations.passed(result.partition, result.activated);
      this.waitingBytes = Math.max(0, this.waitingBytes - result.inputBytes);
    }
    this.options.onCommitted(results, milliseconds);
  }
  private tick(): void {
    this.ticks.tick(this.clock.nowMs(), this.flows.map(({ status }) => status.dueMs));
    void this.located.lookForAll();
  }

  // ── when things break ──
  private fail(error: Error): void {
    if (this.failure !== undefined) return;
    this.failure = error instanceof LogError && error.code === 'full' ? `the disk is full: ${error.message}` : `the log failed: ${error.message}`;
    this.options.logger.fatal({ error: error.stack }, 'the engine stops accepting: %s', this.failure);
    this.requests.failAll(this.failure);
    this.activations.failAll(new EngineError('unavailable', this.failure, 30));
  }
  private async shardFailed(shard: number, error: Error): Promise<void> {
    const partitions = this.flows.flatMap((_, partition) => (this.options.shards.shardOf(partition) === shard ? [partition] : []));
    if (partitions.some((partition) => this.restoring.has(partition)) || this.failure !== undefined || this.stopping) return;
    if (DISK_TROUBLE.test(error.message)) return this.fail(new LogError('full', `a checkpoint could not be written: ${error.message}`, { cause: error }));
    for (const partition of partitions) this.restoring.add(partition);
    this.shardFailures++;
    this.options.logger.error({ error: error.stack, shard, partitions }, 'a shard failed; its partitions are restored from checkpoint and effects');
    try {
      await Promise.all(partitions.map((partition) => this.flows[partition]!.pause()));
      await this.committer.abandon(new Set(partitions));
      await this.options.shards.replace(shard);
      await this.teach(shard);
      // All of them before the first goes on: what killed the worker may do it again at once.
      const restored = await Promise.all(partitions.map((partition) => this.restore(partition)));
      for (const [i, partition] of partitions.entries()) {
        this.restoring.delete(partition);
        this.flows[partition]!.restart(restored[i]!);
      }
      this.options.logger.info({ shard, partitions }, 'the partitions are restored');
    } catch (again) {
      this.fail(again as Error);
    }
  }
  private restore(partition: number): ReturnType<typeof restorePartition> {
    return restorePartition(this.options.log, this.results, this.options.shards, partition, { ...this.options.open, directory: this.options.stateDirectory(partition) });
  }
  /** Gives a shard the reference sets it may come across. */
  private async teach(shard: number): Promise<void> {
    for (const lesson of this.activations.lessons) await this.options.shards.runOn(shard, lesson);
  }
}

/**
 * THE story of the engine: input records are read by partition (partition-flow.ts), evaluated by shards (shards.ts → workers/), committed in groups (committer.ts), and
 * only then told: to whoever waits for an answer, to readers, to the sink. It stops in the same order: doors first, then flows, then the last commit, then shards.
 *
 * The main thread moves buffers and never looks inside a transaction.
 */
import type { ExplanationView } from '../workers/explanation.js';
import { partitionOfText } from '../workers/hash.js';
import type { AccountCellsView, BatchResult, ShardTask } from '../workers/messages.js';
import type { Reply } from '../schemas/envelope.js';
import type { ReferenceSet } from '../schemas/reference.js';
import { Activations } from './activations.js';
import { systemClock, type Clock } from './clock.js';
import { Committer } from './committer.js';
import { EngineError, type AccountView, type DeadLetter, type Engine, type Envelope, type FoundTransaction, type ReadyCheck } from './engine.js';
import type { Logger } from './logger.js';
import { LogError, type Append, type Log } from './log/log.js';
import type { PartitionFlow } from './partition-flow.js';
import { Partitions } from './partitions.js';
import { Reads, type TransactionKind } from './reads.js';
import { followReplies } from './replies.js';
import { Requests } from './requests.js';
import { checkpointPartition, type OpenOptions } from './restore.js';
import { Results } from './results.js';
import { ShardError, type Shards } from './shards.js';
import type { SpareBuffers } from './spare-buffers.js';
import { Ticks } from './ticks.js';
import { troubleTeller } from './trouble.js';
import { WaitingReturnsLocator } from './waiting-returns.js';

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
  open: Omit<OpenOptions, 'directory'>;
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
  /** Asks the engine that has a partition which is not here. */
  askPeer?(partition: number, task: ShardTask): Promise<unknown>;
  /** A partition runs here from now on. */
  took?(partition: number): void;
  /** Final. */ failed?(error: Error): void;
}

export class Pipeline implements Engine {
  readonly requests = new Requests();
  readonly owned: Partitions;
  readonly results: Results;
  readonly committer: Committer;
  private readonly located: WaitingReturnsLocator;
  private readonly activations: Activations;
  private readonly reads: Reads;
  private readonly ticks: Ticks;
  private failure: string | undefined;
  private readonly lookForTrouble: () => void;
  private broken: Error | undefined;
  private stopping = false;
  private readonly clock: Clock;
  private readonly ends: (() => void)[] = [];
  /** By partition: bytes submitted here that are not committed yet. Of those of other engines nothing is known here. */
  private readonly waitingBytes = new Map<number, number>();

  constructor(private readonly options: PipelineOptions) {
    this.clock = options.clock ?? systemClock;
    this.results = new Results(options.log);
    this.lookForTrouble = troubleTeller(options.log, options.logger);
    this.committer = new Committer(options.log, options.gateway, { committed: (results, ms) => this.committed(results, ms), failed: (error) => this.fail(error) });
    const { log, shards, logger } = options;
    this.activations = new Activations({
      log, shards: shards.count, append: (records) => this.append(records), teach: (shard, lesson) => this.ask(shard, () => shards.runOn(shard, lesson)),
    });
    this.owned = new Partitions({
      log, results: this.results, shards, committer: this.committer, activations: this.activations, logger, batchBytesMax: options.batchBytesMax, spareBuffers: options.spareBuffers,
      open: (partition) => ({ ...options.open, directory: options.stateDirectory(partition) }),
      events: {
        took: (partition, { waiting }) => {
          // What was submitted before may have been committed by another engine.
          if (options.log.shared) this.waitingBytes.delete(partition);
          this.located.change(partition, [], waiting);
          options.took?.(partition);
        },
        gave: (partition) => this.located.leave(partition),
        failed: (error) => this.fail(error),
      },
    });
    this.reads = new Reads(options.log, this.results, (partition, task) => this.read(partition, task));
    this.located = new WaitingReturnsLocator({
      locate: (purchases) => this.reads.locate(purchases), append: (records) => this.append(records), logger: options.logger,
    });
    this.ticks = new Ticks((records) => this.append(records), options.logger);
  }

  async start(): Promise<void> {
    await this.owned.start();
    if (this.failure !== undefined) throw this.broken;
    if (this.options.log.shared) this.ends.push(await followReplies(this.options.log, this.gateway, (reply) => this.requests.deliver(reply)));
    this.ends.push(this.clock.every(TICK_MS, () => this.tick()));
  }
  async stop(): Promise<void> {
    this.stopping = true;
    for (const end of this.ends) end();
    await this.owned.stop();
    await this.committer.idle();
    this.requests.failAll('the engine stops');
    if (this.failure === undefined) {
      await Promise.all([...this.flows].map(([partition, { committed }]) => checkpointPartition(this.options.shards, this.committer, partition, committed))).catch((error: unknown) => {
        this.options.logger.warn({ error: String(error) }, 'stopped without a last checkpoint: the next start has more to replay');
      });
    }
    await this.options.shards.close();
  }
  /** Whoever still waits for an answer hears that there is none; the log is about to be closed under what is under way. */
  giveUp(): void {
    this.stopping = true;
    this.requests.failAll('the engine stops');
  }

  // ── Engine: what doors ask ──
  get flows(): ReadonlyMap<number, PartitionFlow> {
    return this.owned.flows;
  }
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
    if (lane === 'commands' && this.lagBytes() > this.options.lagBytesMax) throw new EngineError('busy', 'more purchases wait than the bound allows', 1);
    const replies = wait === 'commit' ? this.requests.expect(request, envelopes.reduce((sum, { count }) => sum + count, 0)) : Promise.resolve([]);
    try {
      await this.append(envelopes.map(({ partition, bytes }) => ({ topic: lane, partition, value: bytes })));
    } catch (error) {
      this.requests.fail(request, error as Error);
      throw error;
    }
    return Promise.all((await replies).map((reply) => this.complete(reply, envelopes)));
  }
  async reject(letters: DeadLetter[]): Promise<void> {
    const partitionOf = (key: string | undefined, i: number): number => (key === undefined ? i % this.partitions : partitionOfText(key, this.partitions));
    await this.append(letters.map(({ value, key }, i) => ({ topic: 'dead-letters', partition: partitionOf(key, i), value, ...(key !== undefined && { key }) })));
  }
  readAccount(account: string): Promise<AccountView | undefined> {
    return this.reads.account(account);
  }
  readCard(program: string, card: string): Promise<AccountView | undefined> {
    return this.reads.card(program, card);
  }
  findTransaction(partner: string, id: string, kind: TransactionKind): Promise<FoundTransaction | 'waiting' | undefined> {
    return this.reads.transaction(partner, id, kind);
  }
  explainPurchase(partner: string, id: string): Promise<ExplanationView | undefined> {
    return this.reads.explanation(partner, id);
  }
  async activate(set: ReferenceSet, products: Map<number, Uint8Array>, saved = false): Promise<boolean> {
    this.available();
    return this.activations.activate({ set, products }, saved);
  }
  newestReference(): Promise<ReferenceSet> {
    return this.activations.readNewest();
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
    this.lookForTrouble(); // the log says what is said here
    const restoring = [...this.owned.restoring].join(', '), wrong = this.failure ?? this.options.log.trouble;
    return [
      { name: 'log', ok: wrong === undefined, ...(wrong === undefined ? {} : { detail: wrong }) },
      { name: 'partitions', ok: restoring === '', ...(restoring === '' ? {} : { detail: `being restored: ${restoring}` }) },
      { name: 'stopping', ok: !this.stopping },
      ...this.options.otherChecks(),
    ];
  }

  // ── for the verifier and the engine's own duties ──
  cells(partition: number, from: number, count: number): Promise<AccountCellsView[]> {
    return this.reads.cells(partition, from, count);
  }
  async append(records: Append[]): Promise<number[]> {
    const bulk = records.filter(({ topic }) => topic === 'commands');
    for (const { partition, value } of bulk) this.addWaiting(partition, value.byteLength);
    try {
      return await this.options.log.append(records);
    } catch (error) {
      for (const { partition, value } of bulk) this.addWaiting(partition, -value.byteLength);
      if (error instanceof LogError && error.code !== 'unavailable') this.fail(error);
      throw new EngineError('unavailable', `the log refuses: ${(error as Error).message}`, 5);
    }
  }

  private addWaiting(partition: number, bytes: number): void {
    this.waitingBytes.set(partition, Math.max(0, (this.waitingBytes.get(partition) ?? 0) + bytes));
  }
  private lagBytes(): number {
    return [...this.flows.keys()].reduce((bytes, partition) => bytes + (this.waitingBytes.get(partition) ?? 0), 0);
  }
  private available(): void {
    if (this.failure !== undefined) throw new EngineError('unavailable', this.failure, 30);
    if (this.stopping) throw new EngineError('unavailable', 'the engine stops', 5);
  }
  private async read<T>(partition: number, task: ShardTask): Promise<T> {
    this.available();
    const here = await this.answerHere(partition, task);
    if (here) return here.value as T;
    if (!this.options.askPeer) throw new EngineError('unavailable', `partition ${partition} is not here at the moment`, 1);
    return this.options.askPeer(partition, task) as Promise<T>;
  }
  /** For whoever asks: what the shard of a partition says that is here; undefined when it isn't. */
  async answerHere(partition: number, task: ShardTask): Promise<{ value: unknown } | undefined> {
    return this.flows.has(partition) ? { value: await this.answer(partition, task) } : undefined;
  }
  private answer(partition: number, task: ShardTask): Promise<unknown> {
    return this.ask(this.options.shards.shardOf(partition), async () => {
      const answer = await this.options.shards.run<unknown>(partition, task, [], task.type !== 'cells');
      await this.flows.get(partition)?.whenCommitted();
      return answer;
    });
  }
  /** A shard that does not answer is restored, whoever asked it: an idle one would stay dead until its next batch. */
  private async ask<T>(shard: number, question: () => Promise<T>): Promise<T> {
    try {
      return await question();
    } catch (error) {
      if (error instanceof ShardError) void this.owned.shardFailed(shard, error);
      throw new EngineError('unavailable', `shard ${shard} is being restored: ${(error as Error).message}`, 1);
    }
  }
  /** A single post that was a duplicate is answered as the first time; one that waits is answered from where its purchase lies, if it lies anywhere. */
  private async complete(reply: Reply, envelopes: Envelope[]): Promise<Reply> {
    const answer = reply.again && await this.reads.answerAgain(reply.again);
    if (answer !== undefined) return { ...reply, answer };
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
      this.flows.get(partition)?.onCommitted(batch);
      this.located.change(partition, result.ended, result.waiting);
    }
    for (const result of results) {
      for (const reply of result.replies) if (reply.gateway === this.gateway) this.requests.deliver(reply);
      if (result.activated !== undefined) this.activations.passed(result.partition, result.activated);
      this.addWaiting(result.partition, -result.inputBytes);
    }
    this.options.onCommitted(results, milliseconds);
  }
  private tick(): void {
    this.ticks.tick(this.clock.nowMs(), new Map([...this.flows].map(([partition, { status }]) => [partition, status.dueMs])));
    void this.located.lookForAll();
    this.lookForTrouble();
  }

  // ── when things break ──
  private fail(error: Error): void {
    if (this.failure !== undefined) return;
    this.broken = error;
    this.failure = error instanceof LogError && error.code === 'full' ? `the disk is full: ${error.message}` : `the log failed: ${error.message}`;
    if (!this.stopping) this.options.logger.fatal({ error: error.stack }, 'the engine stops accepting: %s', this.failure);
    for (const flow of this.flows.values()) flow.fail(error);
    this.requests.failAll(this.failure);
    this.activations.failAll(new EngineError('unavailable', this.failure, 30));
    this.options.failed?.(error);
  }
}

/**
 * The partitions that this engine processes, each with its flow: taken when the log says that they are ours, let go when they go to another engine, restored when their shard fails.
 *
 *   gained ─▶ restore (checkpoint, then results) ─▶ flow runs ─▶ released: ends its batch, commits ─▶ state closed ─▶ given back
 *                          ▲                          │    └───▶ lost: everything uncommitted is thrown away
 *                          └────── its shard failed ──┘
 *
 * Promises: changes happen one after the other, in the order in which the log told them; a flow runs only on a state that stands where the log is. Embedded, all partitions are ours
 * from the start to the end.
 */
import type { Activations } from './activations.js';
import type { Committer } from './committer.js';
import type { Logger } from './logger.js';
import { LogError, type Log } from './log/log.js';
import { PartitionFlow, type FlowEvents } from './partition-flow.js';
import { restorePartition, type OpenOptions, type Restored } from './restore.js';
import type { Results } from './results.js';
import type { Shards } from './shards.js';
import type { SpareBuffers } from './spare-buffers.js';
import { untilReached } from './until-reached.js';

/** How LMDB and the system say that nothing more can be written. */
const DISK_TROUBLE = /no space left|ENOSPC|input\/output error|\bEIO\b|MDB_MAP_FULL|read-only file system/i;

export interface PartitionsOptions {
  log: Log;
  results: Results;
  shards: Shards;
  committer: Committer;
  activations: Activations;
  logger: Logger;
  batchBytesMax: number;
  spareBuffers: SpareBuffers;
  /** Where a partition's state lives, and how much of it may be in memory. */
  open(partition: number): OpenOptions;
  events: {
    /** It runs from now on, from this state. */
    took(partition: number, restored: Restored): void;
    /** It does not run here any more. */
    gave(partition: number): void;
    /** Final. */
    failed(error: Error): void;
  };
}

export class Partitions {
  readonly flows = new Map<number, PartitionFlow>();
  /** Being restored, by a failed shard or because they have just come. */
  readonly restoring = new Set<number>();
  /** How often a shard had to be replaced. */
  shardFailures = 0;
  /** Batches whose effects were applied again, since the start. */
  replayedBatches = 0;
  /** How long the latest partitions took from their coming, all together, until they ran, ms. */
  takeMs = 0;
  private stopping = false;
  private changing: Promise<void> = Promise.resolve();
  private endListening: (() => void)[] = [];

  constructor(private readonly options: PartitionsOptions) {}

  /** Resolves when what is ours now is restored and runs. */
  async start(): Promise<void> {
    const { log, events, logger } = this.options;
    this.endListening.push(
      log.onOwnership({
        gained: (partitions) => void this.inTurn(() => this.take(partitions)),
        released: (partitions) => this.inTurn(() => this.letGo(partitions, false)),
        lost: (partitions) => this.lose(partitions),
        deletedUnread: (topic, partition, from, to) => logger.error(
          { topic, partition, from, to }, 'records were deleted before they were read, and what was in them is lost: look whether the topic has a retention, or who deletes; it goes on behind them',
        ),
        failed: (error) => events.failed(error),
      }),
      log.onAppend((topic, partition) => this.flows.get(partition)?.appended(topic)),
    );
    await this.inTurn(() => this.take([...log.owned]));
  }
  /** Ends the flows after the batch at their shard. */
  async stop(): Promise<void> {
    this.stopping = true;
    for (const end of this.endListening) end();
    await Promise.all([...this.flows.values()].map((flow) => flow.stop()));
    await this.changing;
  }
  /** A shard did not answer, whoever asked it. */
  async shardFailed(shard: number, error: Error): Promise<void> {
    const { log, shards, logger, committer, activations, events } = this.options;
    const partitions = [...this.flows.keys()].filter((partition) => shards.shardOf(partition) === shard);
    if (partitions.some((partition) => this.restoring.has(partition)) || this.stopping) return;
    if (DISK_TROUBLE.test(error.message)) return events.failed(new LogError('full', `a checkpoint could not be written: ${error.message}`, { cause: error }));
    for (const partition of partitions) this.restoring.add(partition);
    this.shardFailures++;
    logger.error({ error: error.stack, shard, partitions }, 'a shard failed; its partitions are restored from checkpoint and effects');
    await this.inTurn(async () => {
      const ours = partitions.filter((partition) => this.flows.has(partition));
      await Promise.all(ours.map((partition) => this.flows.get(partition)!.pause()));
      await committer.abandon(new Set(ours));
      await shards.replace(shard);
      await activations.teach(shard);
      // All of them before the first goes on: what killed the worker may do it again at once.
      const held = await Promise.all(ours.map((partition) => this.restoreHeld(partition)));
      for (const partition of partitions) this.restoring.delete(partition);
      for (const [i, partition] of ours.entries()) {
        const restored = held[i];
        if (restored && log.tenure(partition) === restored.tenure) this.flows.get(partition)!.restart(restored);
      }
      logger.info({ shard, partitions }, 'the partitions are restored');
    });
  }

  private async take(wanted: number[]): Promise<void> {
    const { log, activations, events, logger, shards } = this.options;
    const partitions = wanted.filter((partition) => log.owned.has(partition) && !this.flows.has(partition)), beganMs = performance.now();
    for (const partition of partitions) this.restoring.add(partition);
    const taken: Restored[] = [];
    try {
      const held = await Promise.all(partitions.map((partition) => this.restoreHeld(partition)));
      await untilReached(() => activations.load(held.flatMap((restored) => (restored ? [restored.status.reference] : []))));
      const versions = new Map<number, number>();
      for (const [i, partition] of partitions.entries()) {
        const restored = held[i];
        if (!restored || log.tenure(partition) !== restored.tenure) await shards.run(partition, { type: 'close', partition });
        else {
          this.flows.set(partition, this.flow(partition, restored));
          versions.set(partition, restored.status.reference);
          taken.push(restored);
          events.took(partition, restored);
        }
      }
      await untilReached(() => activations.catchUp(versions));
      if (!this.stopping) for (const partition of versions.keys()) this.flows.get(partition)!.start();
    } finally {
      for (const partition of partitions) this.restoring.delete(partition);
    }
    if (!log.shared || taken.length === 0) return;
    this.takeMs = performance.now() - beganMs;
    const loaded = taken.filter((restored) => restored.loaded).length, replayedBatches = taken.reduce((sum, { replayedBatches: batches }) => sum + batches, 0);
    logger.info({ partitions, loaded, replayedBatches, milliseconds: Math.round(this.takeMs) }, 'partitions are processed here');
  }
  /** Nothing when it went away meanwhile, and perhaps came again: then its turn is next. */
  private async restoreHeld(partition: number): Promise<(Restored & { tenure: number | undefined }) | undefined> {
    const { log } = this.options, tenure = log.tenure(partition);
    try {
      return { ...await this.restore(partition), tenure };
    } catch (error) {
      // Whoever has it now goes on while we read.
      if (log.tenure(partition) === tenure) throw error;
      return undefined;
    }
  }
  /** At once: they may be ours again, and another's between, before their turn comes. */
  private lose(partitions: number[]): void {
    this.options.committer.disown(new Set(partitions.filter((partition) => this.flows.has(partition))));
    for (const partition of partitions) {
      const flow = this.flows.get(partition);
      void flow?.stop();
      // Who waits for its commits, as they do who are giving it back, would wait for ever.
      flow?.fail(new Error('the partition is not ours any more'));
    }
    void this.inTurn(() => this.letGo(partitions, true));
  }
  private async letGo(partitions: number[], lost: boolean): Promise<void> {
    const { shards, committer, logger, events } = this.options;
    const ours = partitions.filter((partition) => this.flows.has(partition));
    await Promise.all(ours.map((partition) => this.flows.get(partition)!.stop()));
    // All of them: what was disowned has to end here, whether its flow is still there or not.
    if (lost) await committer.abandon(new Set(partitions));
    else await Promise.all(ours.map((partition) => this.flows.get(partition)!.whenCommitted().catch(() => undefined)));
    for (const partition of ours) {
      this.flows.delete(partition);
      events.gave(partition);
      await shards.run(partition, { type: 'close', partition });
    }
    if (ours.length > 0) logger.info({ partitions: ours, lost }, 'partitions are not processed here any more');
  }
  private flow(partition: number, restored: Restored): PartitionFlow {
    const { log, results, shards, committer, batchBytesMax, spareBuffers, activations, events } = this.options;
    const flowEvents: FlowEvents = {
      evaluated: (result) => committer.add(result),
      snapshot: (snapshot) => committer.snapshot(partition, snapshot),
      shardFailed: (failed, error) => void this.shardFailed(shards.shardOf(failed), error),
      failed: (error) => events.failed(error),
      unknownReference: () => untilReached(() => activations.load([])),
    };
    return new PartitionFlow({ log, results, shards, partition, batchBytesMax, spareBuffers, events: flowEvents }, restored);
  }
  private async restore(partition: number): Promise<Restored> {
    const { log, results, shards, open } = this.options, restored = await untilReached(() => restorePartition(log, results, shards, partition, open(partition)));
    this.replayedBatches += restored.replayedBatches;
    return restored;
  }
  private inTurn(change: () => Promise<void>): Promise<void> {
    this.changing = this.changing.then(change).catch((error: unknown) => this.options.events.failed(error as Error));
    return this.changing;
  }
}

/**
 * Starts the engine from its settings: log → shards and pipeline (restored) → analytics and sink. Stops in the opposite order. What is not here is a door: the gateway and the
 * metrics port are opened by who calls this (serving.ts).
 */
import { randomUUID } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { startAnalytics, type Analytics } from './analytics.js';
import { rolesOf, type Config } from './config.js';
import { makeDataDirectory } from './data-directory.js';
import { observeEngine } from './engine-metrics.js';
import { History } from './history.js';
import { listening } from './listening.js';
import type { Log } from './log/log.js';
import { openLog } from './log/open.js';
import type { Logger } from './logger.js';
import type { Metrics } from './metrics.js';
import { Peers } from './peers.js';
import { Pipeline } from './pipeline.js';
import type { BatchResult } from '../workers/messages.js';
import { ReferenceStore } from './reference.js';
import { Shards } from './shards.js';
import { SpareBuffers } from './spare-buffers.js';

/** Bytes of effects that a shard applies in a second at recovery, cautiously (docs/decisions/008-state-as-cells.md); what paces the checkpoints. */
const REPLAY_BYTES_PER_SECOND = 40 * 2 ** 20;
/** Of buffers that nobody needs at the moment; about what is under way at full load. */
const SPARE_BYTES_MAX = 32 * 2 ** 20;
/** Of the memory for accounts, what goes to the facts of recent batches, for returns. */
const FACT_CACHE_SHARE = 0.15;

export interface RunningEngine {
  engine: Pipeline;
  references: ReferenceStore;
  log: Log;
  shards: Shards;
  /** Undefined with clickhouse=off. */
  analytics: Analytics | undefined;
  /** Resolves when nothing is processed here any more, with why. What an engine had on a log that others share, they take when its process has ended. */
  failed: Promise<Error>;
  stop(): Promise<void>;
  /** A stop has taken long: the log is closed under whatever waits for it, and inserts are cut off. All of that is as after a crash, so nothing is lost. */
  giveUp(): void;
}

/** `committed` hears of each commit, besides the metrics. */
export async function startEngine(
  config: Config, logger: Logger, metrics: Metrics, committed?: (results: BatchResult[], milliseconds: number) => void,
): Promise<RunningEngine> {
  makeDataDirectory(config.data);
  const log = await openLog(config);
  const shards = new Shards({ count: Math.min(log.partitions, config.shards || availableParallelism()), entry: new URL('../workers/worker.js', import.meta.url) });
  let analytics: Analytics | undefined, peers: Peers | undefined;
  const spareBuffers = new SpareBuffers(SPARE_BYTES_MAX);
  const observe = observeEngine(metrics, () => pipeline.reference);
  let fail!: (error: Error) => void;
  const failed = new Promise<Error>((resolve) => { fail = resolve; });
  const pipeline: Pipeline = new Pipeline({
    log, shards, logger, gateway: randomUUID(), batchBytesMax: config.batchBytesMax, lagBytesMax: config.lagBytesMax, replayBytesPerSecond: REPLAY_BYTES_PER_SECOND, spareBuffers,
    open: {
      partitions: log.partitions,
      cacheBytesMax: Math.floor((config.cacheBytesMax * (1 - FACT_CACHE_SHARE)) / log.partitions),
      factCacheBytesMax: Math.floor((config.cacheBytesMax * FACT_CACHE_SHARE) / log.partitions),
      debtBytesMax: Math.floor((config.replaySecondsMax * REPLAY_BYTES_PER_SECOND * shards.count) / log.partitions),
    },
    stateDirectory: (partition) => join(config.data, 'state', String(partition)),
    otherChecks: () => (analytics ? [analytics.check()] : []),
    sinkCaughtUp: (timeoutMs) => analytics?.caughtUp(timeoutMs) ?? Promise.resolve(false),
    onCommitted: (results, milliseconds) => {
      observe.committed(results, milliseconds);
      committed?.(results, milliseconds);
      if (analytics) analytics.committed(results);
      else for (const { results: record } of results) spareBuffers.give(record!);
    },
    failed: fail,
    askPeer: (partition, task) => peers!.ask(partition, task),
    took: (partition) => void peers?.announce(partition).catch((error: unknown) => logger.warn({ error: String(error), partition }, 'this engine could not say that it has the partition')),
  });
  try {
    if (log.shared) {
      const starting = Peers.start({ log, host: config.peerHost || config.host, port: config.peerPort, answer: (partition, task) => pipeline.answerHere(partition, task) });
      peers = await listening('peerPort', config.peerHost === '' ? 'host' : 'peerHost', starting);
    }
    await pipeline.start();
    const references = new ReferenceStore(pipeline.reference, config.historyDays);
    if (config.clickhouse !== 'off' && rolesOf(config).has('sink')) analytics = await startAnalytics({ config, logger, metrics, log, pipeline, spareBuffers });
    observe.watch({ pipeline, log, shards, analytics });
    const sinkPosition = (partition: number): number => analytics?.sink.position(partition) ?? Infinity;
    const history = new History({ log, results: pipeline.results, flows: pipeline.flows, historyDays: config.historyDays, sinkPosition, logger });
    history.start();
    return {
      engine: pipeline, references, log, shards, analytics, failed,
      giveUp() {
        logger.warn('the log or ClickHouse keeps the engine from stopping; what waits for them is given up, and goes on at the next start');
        pipeline.giveUp();
        void analytics?.sink.stop(0);
        void log.close();
      },
      async stop() {
        await history.stop();
        await pipeline.stop();
        await peers?.stop();
        await analytics?.stop();
        await log.close();
      },
    };
  } catch (error) {
    await analytics?.stop();
    await pipeline.stop();
    await peers?.stop();
    await log.close();
    throw error;
  }
}

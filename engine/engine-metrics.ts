/** Sets the engine's metrics (metrics.ts names them): counters after each commit, gauges right before a scrape. Never waits, never asks a worker. */
import type { BatchResult } from '../workers/messages.js';
import type { Analytics } from './analytics.js';
import { inputTopics, type Log } from './log/log.js';
import type { ReferenceSet } from '../schemas/reference.js';
import type { Metrics } from './metrics.js';
import type { Pipeline } from './pipeline.js';
import type { Shards } from './shards.js';

export interface Watched { pipeline: Pipeline; log: Log; shards: Shards; analytics: Analytics | undefined }
export interface EngineObserver {
  committed(results: BatchResult[], milliseconds: number): void;
  watch(parts: Watched): void;
}

/** `reference`: the newest set. Commits begin before the engine can be watched: a backlog is processed while ClickHouse starts. */
export function observeEngine(metrics: Metrics, reference: () => ReferenceSet): EngineObserver {
  let imbalance = 0;
  let set: ReferenceSet | undefined;
  const labels = (ordinal: number): { program: string; currency: string } => {
    if (!set?.currencies[ordinal]) set = reference();
    const currency = set.currencies[ordinal];
    return { program: (currency && set.programs[currency.program]?.id) ?? '', currency: currency?.id ?? '' };
  };
  return {
    committed(results, milliseconds) {
      metrics.commits.inc();
      metrics.commitSeconds.observe(milliseconds / 1000);
      for (const { counts, rejected } of results) {
        metrics.batchTransactions.observe(counts.processed + counts.duplicates + counts.rejected + counts.waiting);
        metrics.processed.inc(counts.processed);
        metrics.duplicates.inc(counts.duplicates);
        metrics.rulesEvaluated.inc(counts.candidates);
        metrics.deadLetters.inc(rejected.length);
        for (const [reason, count] of Object.entries(counts.reasons)) metrics.rejected.inc({ reason }, count);
        for (const [currency, points] of counts.awarded) metrics.pointsAwarded.inc(labels(currency), points);
        for (const [currency, points] of counts.reversed) metrics.pointsReversed.inc(labels(currency), points);
        imbalance += counts.imbalance;
      }
      metrics.ledgerImbalance.set(imbalance);
    },
    watch({ pipeline, log, shards, analytics }) {
      const counted = { loggedBytes: 0, shardBusyMs: shards.busyMs.map(() => 0), failures: 0, replayedBatches: 0, snapshotBytes: 0 };
      let utilization = performance.eventLoopUtilization();
      const lag = new Lag(pipeline, log);
      metrics.onScrape(() => {
        metrics.loggedBytes.inc(log.bytesAppended - counted.loggedBytes);
        counted.loggedBytes = log.bytesAppended;
        for (const [shard, busyMs] of shards.busyMs.entries()) {
          metrics.busySeconds.inc({ part: `shard-${shard}` }, (busyMs - counted.shardBusyMs[shard]!) / 1000);
          counted.shardBusyMs[shard] = busyMs;
        }
        const now = performance.eventLoopUtilization();
        metrics.busySeconds.inc({ part: 'main' }, (now.active - utilization.active) / 1000);
        utilization = now;
        metrics.workerRestarts.inc(pipeline.owned.shardFailures - counted.failures);
        counted.failures = pipeline.owned.shardFailures;
        metrics.replayedBatches.inc(pipeline.owned.replayedBatches - counted.replayedBatches);
        counted.replayedBatches = pipeline.owned.replayedBatches;
        metrics.snapshotBytes.inc(pipeline.committer.snapshotBytes - counted.snapshotBytes);
        counted.snapshotBytes = pipeline.committer.snapshotBytes;
        metrics.ruleSet.set(pipeline.reference.ruleSet);
        metrics.referenceVersion.set(pipeline.reference.version);
        lag.collect(metrics);
        showPartitions(metrics, pipeline, shards);
        analytics?.collect();
      });
    },
  };
}

function showPartitions(metrics: Metrics, pipeline: Pipeline, shards: Shards): void {
  const cache = shards.busyMs.map(() => ({ accounts: 0, bytes: 0 }));
  for (const { status } of pipeline.flows.values()) {
    const partition = String(status.partition);
    metrics.accounts.set({ partition }, status.accounts);
    metrics.checkpointAgeSeconds.set({ partition }, status.debtBytes === 0 ? 0 : Math.max(0, (status.clockMs - status.floorClockMs) / 1000));
    metrics.replayDebtSeconds.set({ partition }, status.debtBytes / pipeline.replayBytesPerSecond);
    const shard = cache[shards.shardOf(status.partition)]!;
    shard.accounts += status.residentAccounts;
    shard.bytes += status.cacheBytes;
  }
  for (const [shard, { accounts, bytes }] of cache.entries()) {
    metrics.cacheAccounts.set({ shard: String(shard) }, accounts);
    metrics.cacheBytes.set({ shard: String(shard) }, bytes);
  }
}

/** Ends of topics change without the pipeline knowing; they are asked for beside the scrape, and the scrape shows the last answer. */
class Lag {
  private readonly records: number[];

  constructor(private readonly pipeline: Pipeline, private readonly log: Log) {
    this.records = Array.from({ length: log.partitions }, () => 0);
  }
  collect(metrics: Metrics): void {
    for (const [partition, records] of this.records.entries()) {
      if (!this.pipeline.flows.has(partition)) continue; // its owner says it
      metrics.lagRecords.set({ partition: String(partition) }, records);
      const clockMs = this.pipeline.flows.get(partition)?.status.clockMs ?? 0;
      metrics.lagSeconds.set({ partition: String(partition) }, records === 0 ? 0 : Math.max(0, (Date.now() - clockMs) / 1000));
      void this.ask(partition);
    }
  }
  private async ask(partition: number): Promise<void> {
    let records = 0;
    const flow = this.pipeline.flows.get(partition);
    for (const [place, topic] of inputTopics.entries()) records += (await this.log.bounds(topic, partition)).end - (flow?.evaluatedTo(place) ?? Infinity);
    this.records[partition] = Math.max(0, records);
  }
}

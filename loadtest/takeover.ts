/**
 * How long partitions are without an owner when an engine dies and another one, whose disk is empty, takes them: one engine (a process of its own) evaluates generated transactions and is
 * killed; when its session is over, another one begins. Timed from its start until all partitions are processed, the opening of the log and the joining of the group included.
 *
 * What it measures is the worst case that the settings allow: the killed one has written no last checkpoint, and the state comes from snapshots and results alone.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { settings, type Config } from '../engine/config.js';
import type { Logger } from '../engine/logger.js';
import { createMetrics } from '../engine/metrics.js';
import { startEngine } from '../engine/start.js';
import { temporaryInstallation } from '../engine/temporary.js';
import { EngineProcess } from './engine-process.js';
import { rounded, shown, verdict, type Verified } from './figures.js';
import { fillWithLoad } from './fill.js';
import { MemorySampler } from './usage.js';
import { verifyRunning } from './verifier.js';

const PARTNERS = 50, RULES = 50;
const LOOK_MS = 20, PROGRESS_MS = 1000;
/** What a session may take longer than the setting says. */
const SESSION_SLACK_MS = 1000;

export interface TakeoverOptions { accounts: number; transactions: number; seed: number; verify: boolean; config: Config; logger: Logger; progress(line: string): void }
export interface TakeoverReport {
  seed: number;
  /** That the partitions had. */
  accounts: number;
  partitions: number;
  transactions: number;
  batches: number;
  snapshotBytes: number;
  replayedBatches: number;
  /** From the start of the engine until it processed all partitions; `restoreSeconds` of them since the partitions were its own. */
  seconds: number;
  restoreSeconds: number;
  /** Of those seconds: what does not depend on what else the machine does. */
  cpuSeconds: number;
  peakMemoryBytes: number;
  verified: Verified;
}

export async function runTakeover(options: TakeoverOptions): Promise<TakeoverReport> {
  const { accounts, transactions, seed, progress, logger } = options;
  const directory = await mkdtemp(join(tmpdir(), 'pointstream-takeover-')), temporary = await temporaryInstallation(withoutClickHouse(options.config));
  const config: Config = { ...temporary.config, port: 0, metricsPort: 0, clickhousePort: 0, data: join(directory, 'former') };
  try {
    const filled = await fillWithLoad(config, { seed, transactions, accounts, distribution: 'uniform', partners: PARTNERS, rules: RULES }, progress);
    progress(`the log holds ${transactions} transactions (${filled.seconds.toFixed(1)} s)`);
    const written = await evaluateAndKill(config, transactions, progress);
    await pause(config.kafkaSessionMs + SESSION_SLACK_MS);
    progress('another engine begins, with an empty disk');
    const memory = new MemorySampler(), beganMs = performance.now(), cpuBegan = process.cpuUsage();
    const running = await startEngine({ ...config, data: join(directory, 'other') }, logger, createMetrics()), { engine, log } = running;
    try {
      while (engine.flows.size < log.partitions || engine.owned.restoring.size > 0) await pause(LOOK_MS);
      const seconds = (performance.now() - beganMs) / 1000, { ownBytes } = memory.stop(), { user, system } = process.cpuUsage(cpuBegan);
      progress(`all partitions are processed again after ${seconds.toFixed(2)} s`);
      const verified = options.verify ? (await verifyRunning(running, { progress })).ok : null;
      return {
        seed, accounts: [...engine.flows.values()].reduce((sum, { status }) => sum + status.accounts, 0), partitions: log.partitions, transactions, ...written,
        replayedBatches: engine.owned.replayedBatches, seconds: rounded(seconds), restoreSeconds: rounded(engine.owned.takeMs / 1000), cpuSeconds: rounded((user + system) / 1e6),
        peakMemoryBytes: ownBytes, verified,
      };
    } finally {
      memory.stop();
      await running.stop();
    }
  } finally {
    await temporary.remove();
    await rm(directory, { recursive: true, force: true });
  }
}

/** Facts are nobody's here. What belongs to a server only is refused where there is none. */
function withoutClickHouse(config: Config): Config {
  return { ...config, clickhouse: 'off', clickhouseDatabase: settings.clickhouseDatabase.default, clickhouseCluster: settings.clickhouseCluster.default };
}

/** A process of its own evaluates everything and is killed at once. */
async function evaluateAndKill(config: Config, transactions: number, progress: (line: string) => void): Promise<{ batches: number; snapshotBytes: number }> {
  const engine = new EngineProcess(config);
  try {
    await engine.start();
    for (let saidMs = performance.now(); ; await pause(LOOK_MS)) {
      if (!engine.running) throw new Error('the engine that was to be killed ended by itself');
      const metrics = await engine.metrics(), evaluated = metrics('pointstream_batch_transactions_sum');
      if (evaluated >= transactions) return { batches: metrics('pointstream_batch_transactions_count'), snapshotBytes: metrics('pointstream_snapshot_written_bytes_total') };
      if (performance.now() - saidMs < PROGRESS_MS) continue;
      saidMs = performance.now();
      progress(`${evaluated} of ${transactions} transactions evaluated`);
    }
  } finally {
    await engine.end('SIGKILL');
  }
}

export function takeoverText(report: TakeoverReport): string {
  return [
    `accounts       ${shown(report.accounts)} in ${report.partitions} partitions, of ${shown(report.transactions)} transactions`,
    `snapshots      ${shown(report.snapshotBytes / 2 ** 20)} MiB written; ${shown(report.replayedBatches)} of ${shown(report.batches)} batches replayed`,
    `seconds        ${shown(report.seconds)} from the start of the engine until it served all partitions, ${shown(report.restoreSeconds)} of them since they were its own`,
    `CPU            ${shown(report.cpuSeconds)} s`,
    `peak memory    ${shown(report.peakMemoryBytes / 2 ** 20)} MiB`,
    `verified       ${verdict(report.verified)}`,
  ].join('\n');
}

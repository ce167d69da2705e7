/**
 * `loadtest drain`: fills the log with generated transactions, starts the engine on it, and times it from the first record that it reads until
 * ClickHouse counts what the log holds. Then the verifier. What the machine was busy with while it ran stands in the report, so that whoever reads it
 * sees the bottleneck.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Config } from '../engine/config.js';
import type { Logger } from '../engine/logger.js';
import { inputTopics } from '../engine/log/log.js';
import { createMetrics } from '../engine/metrics.js';
import { startEngine, type RunningEngine } from '../engine/start.js';
import { temporaryInstallation } from '../engine/temporary.js';
import type { BatchCounts } from '../workers/messages.js';
import { quantile, rounded, shown, verdict, type Verified } from './figures.js';
import { fillWithLoad, type Filled } from './fill.js';
import { cpuSecondsOf, MemorySampler, type Memory } from './usage.js';
import { verifyRunning, verifyText, type VerifyReport } from './verifier.js';

const LOOK_MS = 10, PROGRESS_MS = 1000, SINK_MS = 600_000;

export interface DrainOptions {
  transactions: number;
  accounts: number;
  partners: number;
  rules: number;
  distribution: 'uniform' | 'zipf';
  seed: number;
  /** Kept when given; else a temporary one, removed afterwards. */
  data?: string;
  verify: boolean;
  config: Config;
  logger: Logger;
  progress(line: string): void;
}

export interface DrainReport {
  seed: number;
  transactions: number;
  lines: number;
  seconds: number;
  /** Whether it was timed until ClickHouse had everything; without one it ends at the last commit. */
  intoClickhouse: boolean;
  transactionsPerSecond: number;
  linesPerSecond: number;
  cpuSeconds: number;
  /** Anonymous and shared memory of the engine and its children; pages of mapped files apart. */
  peakMemoryBytes: number;
  peakFileMappedBytes: number;
  /** Written while it drained: results, dead letters, forwarded commands. */
  bytesLoggedPerTransaction: number;
  rulesEvaluatedPerTransaction: number;
  /** Awards with points. */
  awardsPerTransaction: number;
  entries: number;
  commits: number;
  commitMsP50: number;
  commitMsP99: number;
  /** Shares of one core each; of all cores together in `machine`. */
  busy: { main: number; shards: number[]; parsers: number; clickhouse: number; machine: number };
  cores: number;
  processed: number;
  duplicates: number;
  rejected: number;
  reasons: Record<string, number>;
  fillSeconds: number;
  verified: Verified;
  verifySeconds: number | undefined;
}

export async function runDrain(options: DrainOptions): Promise<DrainReport> {
  const { transactions, progress } = options;
  const directory = options.data ?? await mkdtemp(join(tmpdir(), 'pointstream-drain-'));
  const temporary = options.data === undefined ? await temporaryInstallation(options.config) : undefined, config = { ...(temporary?.config ?? options.config), data: directory };
  try {
    const filled = await fillWithLoad(config, options, progress);
    progress(`the log holds ${transactions} transactions (${(filled.bytes / 2 ** 20).toFixed(0)} MiB, ${filled.seconds.toFixed(1)} s)`);
    return await drain({ ...options, config }, filled);
  } finally {
    await temporary?.remove();
    if (options.data === undefined) await rm(directory, { recursive: true, force: true });
  }
}

async function drain(options: DrainOptions, filled: Filled): Promise<DrainReport> {
  const { progress, logger } = options;
  const config: Config = { ...options.config, port: 0, clickhousePort: 0, metricsPort: 0 };
  const counts = new Counts(), memory = new MemorySampler();
  const cpuBegan = process.cpuUsage();
  const running = await startEngine(config, logger, createMetrics(), (results, milliseconds) => counts.commit(results.map((result) => result.counts), milliseconds));
  try {
    await untilDrained(running, counts, options);
    const facts = await countFacts(running);
    const endMs = performance.now(), beganMs = Math.min(...[...running.engine.flows.values()].map(({ firstReadMs }) => firstReadMs ?? Infinity));
    const { user, system } = process.cpuUsage(cpuBegan);
    const measured: Measured = {
      counts, facts, seconds: (endMs - beganMs) / 1000, shardsBusyMs: running.shards.busyMs, mainBusy: performance.eventLoopUtilization(counts.mainBegan).utilization, peak: memory.stop(),
      ownSeconds: (user + system) / 1e6, childSeconds: cpuSecondsOf(running.analytics?.pid),
    };
    if (facts && facts.transactions !== counts.total.processed) throw new Error(`ClickHouse counts ${facts.transactions} transactions, the log ${counts.total.processed}`);
    progress(`drained in ${measured.seconds.toFixed(2)} s`);
    const verified = options.verify ? await verifyRunning(running, { progress }) : undefined;
    if (verified && !verified.ok) progress(verifyText(verified));
    return reportOf(options, filled, running, measured, verified);
  } finally {
    memory.stop();
    await running.stop();
  }
}

/** Resolves when everything is evaluated and committed, and ClickHouse has it. */
async function untilDrained(running: RunningEngine, counts: Counts, { transactions, progress }: DrainOptions): Promise<void> {
  const { analytics } = running;
  let saidMs = performance.now();
  // The log is asked last: on Kafka that is a request for each partition, and the broker has better things to do meanwhile.
  while (counts.evaluated < transactions || !(await allCommitted(running))) {
    await pause(LOOK_MS);
    if (performance.now() - saidMs < PROGRESS_MS) continue;
    saidMs = performance.now();
    progress(`${counts.evaluated} of ${transactions} transactions evaluated${analytics ? `, ${analytics.sink.stats.rows} facts in ClickHouse` : ''}`);
  }
  if (analytics && !(await analytics.caughtUp(SINK_MS))) {
    throw new Error(`ClickHouse did not get everything within ${SINK_MS / 1000} s: ${analytics.sink.failure ?? 'it is slow'}`);
  }
}

/** Whether everything that the input topics hold is evaluated and committed. */
async function allCommitted({ engine, log }: RunningEngine): Promise<boolean> {
  for (const [partition, flow] of engine.flows) {
    if (flow.committed < flow.evaluated) return false;
    for (const [place, topic] of inputTopics.entries()) if ((await log.bounds(topic, partition)).end > flow.evaluatedTo(place)) return false;
  }
  return true;
}

interface Facts { transactions: number; entries: number; awards: number }

async function countFacts({ analytics }: RunningEngine): Promise<Facts | undefined> {
  if (!analytics) return undefined;
  const answer = await analytics.client.query({
    query: `SELECT toUInt32(countIf(kind IN ('purchase', 'return'))) AS transactions, toUInt32(sum(length(postings.points))) AS entries,
              toUInt32(sumIf(arrayCount(points -> points > 0, awards.points), kind = 'purchase')) AS awards FROM facts`,
    format: 'JSONEachRow',
  });
  const [row] = await answer.json<Facts>();
  return row;
}

interface Measured {
  counts: Counts;
  /** undefined: without ClickHouse. */
  facts: Facts | undefined;
  seconds: number;
  /** CPU of this process and of its children. */
  ownSeconds: number;
  childSeconds: number;
  mainBusy: number;
  shardsBusyMs: number[];
  peak: Memory;
}

function reportOf({ seed, transactions }: DrainOptions, filled: Filled, { log }: RunningEngine, measured: Measured, verified: VerifyReport | undefined): DrainReport {
  const { counts, facts, seconds, childSeconds, peak } = measured, { total, commitMs } = counts, cpuSeconds = measured.ownSeconds + childSeconds, cores = availableParallelism();
  return {
    seed, transactions, lines: filled.lines,
    seconds: rounded(seconds), intoClickhouse: facts !== undefined, transactionsPerSecond: Math.round(transactions / seconds), linesPerSecond: Math.round(filled.lines / seconds),
    cpuSeconds: rounded(cpuSeconds), peakMemoryBytes: peak.ownBytes, peakFileMappedBytes: peak.fileBytes, bytesLoggedPerTransaction: rounded(log.bytesAppended / transactions),
    rulesEvaluatedPerTransaction: rounded(total.candidates / total.processed),
    awardsPerTransaction: rounded((facts?.awards ?? total.awards) / total.processed), entries: facts?.entries ?? total.postings,
    commits: commitMs.length, commitMsP50: rounded(quantile(commitMs, 0.5)), commitMsP99: rounded(quantile(commitMs, 0.99)),
    busy: {
      main: rounded(measured.mainBusy), shards: measured.shardsBusyMs.map((busyMs) => rounded(Math.min(1, busyMs / (seconds * 1000)))),
      parsers: 0, // nothing comes through the doors
      clickhouse: rounded(childSeconds / seconds), machine: rounded(cpuSeconds / seconds / cores),
    },
    cores, processed: total.processed, duplicates: total.duplicates, rejected: total.rejected, reasons: counts.reasons, fillSeconds: rounded(filled.seconds),
    verified: verified?.ok ?? null, verifySeconds: verified && rounded(verified.seconds),
  };
}

/** What commits said. */
class Counts {
  readonly commitMs: number[] = [];
  readonly total = { processed: 0, duplicates: 0, rejected: 0, waiting: 0, candidates: 0, awards: 0, postings: 0 };
  readonly reasons: Record<string, number> = {};
  /** Taken at the first commit: what starting took is not counted. */
  mainBegan: ReturnType<typeof performance.eventLoopUtilization> | undefined;

  get evaluated(): number {
    const { processed, duplicates, rejected, waiting } = this.total;
    return processed + duplicates + rejected + waiting;
  }
  commit(batches: BatchCounts[], milliseconds: number): void {
    this.mainBegan ??= performance.eventLoopUtilization();
    this.commitMs.push(milliseconds);
    for (const counts of batches) {
      for (const name of Object.keys(this.total) as (keyof Counts['total'])[]) this.total[name] += counts[name];
      for (const [reason, count] of Object.entries(counts.reasons)) this.reasons[reason] = (this.reasons[reason] ?? 0) + count;
    }
  }
}

/** For people: the numbers, and what was busy, the busiest first. */
export function drainText(report: DrainReport): string {
  const end = report.intoClickhouse ? 'row in ClickHouse' : 'commit, without ClickHouse';
  const { busy, commitMsP50, commitMsP99, reasons, verified, verifySeconds } = report;
  const rows: [string, string][] = [
    ['transactions', `${shown(report.transactions)} (${shown(report.lines)} lines): ${shown(report.processed)} processed, ${shown(report.duplicates)} repeats, ${shown(report.rejected)} refused${
      Object.keys(reasons).length > 0 ? ` (${Object.entries(reasons).map(([reason, times]) => `${reason} ${shown(times)}`).join(', ')})` : ''}`],
    ['seconds', `${shown(report.seconds)}, from the first read to the last ${end}`],
    ['rate', `${shown(report.transactionsPerSecond)} transactions/s, ${shown(report.linesPerSecond)} lines/s`],
    ['CPU', `${shown(report.cpuSeconds)} s: ${shown((report.cpuSeconds * 1e6) / report.transactions)} µs a transaction`],
    ['peak memory', `${shown(report.peakMemoryBytes / 2 ** 20)} MiB, and ${shown(report.peakFileMappedBytes / 2 ** 20)} MiB of mapped files`],
    ['logged', `${shown(report.bytesLoggedPerTransaction)} bytes a transaction`],
    ['rules', `${shown(report.rulesEvaluatedPerTransaction)} candidates and ${shown(report.awardsPerTransaction)} awards a transaction, ${shown(report.entries)} entries`],
    ['commits', `${shown(report.commits)}: p50 ${shown(commitMsP50)} ms, p99 ${shown(commitMsP99)} ms`],
    ['verified', verified === null ? verdict(verified) : `${verdict(verified)}, ${shown(verifySeconds ?? 0)} s`],
  ];
  const parts: [string, number][] = [
    ['main thread', busy.main], ...busy.shards.map((value, shard): [string, number] => [`shard ${shard}`, value]), ['parsers', busy.parsers], ['ClickHouse', busy.clickhouse],
  ];
  const bars = parts.sort((a, b) => b[1] - a[1]).map(([name, value]) => `  ${name.padEnd(12)} ${`${Math.round(value * 100)} %`.padStart(6)}  ${'█'.repeat(Math.round(value * 40))}`);
  return [
    ...rows.map(([name, value]) => `${name.padEnd(14)}${value}`), '',
    `busy, of one core (the machine has ${report.cores}, ${Math.round(busy.machine * 100)} % of all busy):`, ...bars,
    `The bottleneck: ${busy.machine > 0.85 ? 'the cores; most of all ' : ''}${parts[0]![0]}.`,
  ].join('\n');
}

/**
 * `loadtest drain`: fills the log with generated transactions, starts the engine on it, and times it from the first record that it reads until
 * ClickHouse counts what the log holds. Then the verifier. What the machine was busy with while it ran stands in the report, so that whoever reads it
 * sees the bottleneck.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Config } from '../engine/config.js';
import type { Logger } from '../engine/logger.js';
import { inputTopics } from '../engine/log/log.js';
import { createMetrics } from '../engine/metrics.js';
import { startEngine, type RunningEngine } from '../engine/start.js';
import { temporaryInstallation } from '../engine/temporary.js';
import type { BatchCounts } from '../workers/messages.js';
import type { ProgramDocument } from '../schemas/reference.js';
import { fillLog } from './fill.js';
import { Generator } from './generator.js';
import { loadRules } from './rule-sets.js';
import { cpuSecondsOf, MemorySampler } from './usage.js';
import { verifyRunning, verifyText } from './verifier.js';
import { GeneratedWorld } from './world.js';

const STORES = 2000, PRODUCTS = 80_000, DAYS = 30, DAY_MS = 86_400_000, POLL_MS = 10, SINK_MS = 600_000;
const program: ProgramDocument = { name: 'Load test', timeZone: 'Europe/Berlin', currencies: [{ id: 'points', scale: 0 }] };

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
  /** undefined: left out. */
  verified: boolean | undefined;
  verifySeconds: number | undefined;
}

export async function runDrain(options: DrainOptions): Promise<DrainReport> {
  const { transactions, accounts, seed, distribution, progress } = options;
  const directory = options.data ?? await mkdtemp(join(tmpdir(), 'pointstream-drain-'));
  const temporary = options.data === undefined ? await temporaryInstallation(options.config) : undefined, config = { ...(temporary?.config ?? options.config), data: directory };
  try {
    const world = new GeneratedWorld({ seed, partners: options.partners, stores: STORES, products: PRODUCTS });
    const endMs = Math.floor(Date.now() / DAY_MS) * DAY_MS;
    const generator = new Generator({ seed, transactions, accounts, distribution, startMs: endMs - DAYS * DAY_MS, days: DAYS }, world);
    const filled = await fillLog({
      config, program, world, rules: loadRules(world, options.rules), generator, transactions,
      progress,
    });
    progress(`the log holds ${transactions} transactions (${(filled.bytes / 2 ** 20).toFixed(0)} MiB, ${filled.seconds.toFixed(1)} s)`);
    return await drain({ ...options, config }, filled);
  } finally {
    await temporary?.remove();
    if (options.data === undefined) await rm(directory, { recursive: true, force: true });
  }
}

async function drain(options: DrainOptions, filled: { lines: number; seconds: number }): Promise<DrainReport> {
  const { transactions, progress, logger } = options;
  const config: Config = { ...options.config, port: 0, clickhousePort: 0, metricsPort: 0 };
  const counts = new Counts(), memory = new MemorySampler();
  const cpuBegan = process.cpuUsage();
  const running = await startEngine(config, logger, createMetrics(), (results, milliseconds) => counts.commit(results.map((result) => result.counts), milliseconds));
  const { engine, log, shards, analytics } = running;
  try {
    const saidMs = { last: performance.now() };
    // The log is asked last: on Kafka that is a request for each partition, and the broker has better things to do meanwhile.
    while (counts.evaluated < transactions || !(await allCommitted(running))) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      if (performance.now() - saidMs.last < 1000) continue;
      saidMs.last = performance.now();
      progress(`${counts.evaluated} of ${transactions} transactions evaluated, ${analytics?.sink.stats.rows ?? 0} facts in ClickHouse`);
    }
    if (analytics && !(await analytics.caughtUp(SINK_MS))) {
      throw new Error(`ClickHouse did not get everything within ${SINK_MS / 1000} s: ${analytics.sink.failure ?? 'it is slow'}`);
    }
    const found = await clickhouseCounts(running);
    const endMs = performance.now();
    const main = performance.eventLoopUtilization(counts.mainBegan), { user, system } = process.cpuUsage(cpuBegan), peak = memory.stop();
    if (found && found.transactions !== counts.total.processed) throw new Error(`ClickHouse counts ${found.transactions} transactions, the log ${counts.total.processed}`);
    const seconds = (endMs - Math.min(...[...engine.flows.values()].map(({ firstReadMs }) => firstReadMs ?? Infinity))) / 1000;
    const childSeconds = cpuSecondsOf(analytics?.pid), cpuSeconds = (user + system) / 1e6 + childSeconds, cores = availableParallelism();
    progress(`drained in ${seconds.toFixed(2)} s`);
    const verified = options.verify ? await verifyRunning(running, { progress }) : undefined;
    if (verified && !verified.ok) progress(verifyText(verified));
    const { total } = counts, share = (value: number): number => Math.round(value * 1000) / 1000;
    return {
      seed: options.seed, transactions, lines: filled.lines, seconds: share(seconds), transactionsPerSecond: Math.round(transactions / seconds),
      linesPerSecond: Math.round(filled.lines / seconds),
      cpuSeconds: share(cpuSeconds), peakMemoryBytes: peak.ownBytes, peakFileMappedBytes: peak.fileBytes,
      bytesLoggedPerTransaction: share(log.bytesAppended / transactions),
      rulesEvaluatedPerTransaction: share(total.candidates / total.processed),
      awardsPerTransaction: share((found?.awards ?? total.awards) / total.processed), entries: found?.entries ?? total.postings,
      commits: counts.commitMs.length, commitMsP50: share(counts.quantile(0.5)), commitMsP99: share(counts.quantile(0.99)),
      busy: {
        main: share(main.utilization), shards: shards.busyMs.map((busyMs) => share(Math.min(1, busyMs / (seconds * 1000)))), parsers: 0,
        clickhouse: share(childSeconds / seconds),
        machine: share(cpuSeconds / seconds / cores),
      },
      cores, processed: total.processed, duplicates: total.duplicates, rejected: total.rejected, reasons: counts.reasons,
      fillSeconds: share(filled.seconds),
      verified: verified?.ok, verifySeconds: verified && share(verified.seconds),
    };
  } finally {
    memory.stop();
    await running.stop();
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

async function clickhouseCounts({ analytics }: RunningEngine): Promise<{ transactions: number; entries: number; awards: number } | undefined> {
  if (!analytics) return undefined;
  const answer = await analytics.client.query({
    query: `SELECT toUInt32(countIf(kind IN ('purchase', 'return'))) AS transactions, toUInt32(sum(length(postings.points))) AS entries,
              toUInt32(sumIf(arrayCount(points -> points > 0, awards.points), kind = 'purchase')) AS awards FROM facts`,
    format: 'JSONEachRow',
  });
  const [row] = await answer.json<{ transactions: number; entries: number; awards: number }>();
  return row;
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
  quantile(part: number): number {
    const sorted = [...this.commitMs].sort((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
  }
}

/** For people: the numbers, and what was busy, the busiest first. */
export function drainText(report: DrainReport): string {
  const { busy, commitMsP50, commitMsP99, reasons, verified, verifySeconds } = report;
  const count = (value: number): string => value.toLocaleString('en', { maximumFractionDigits: 1 });
  const rows: [string, string][] = [
    ['transactions', `${count(report.transactions)} (${count(report.lines)} lines): ${count(report.processed)} processed, ${count(report.duplicates)} repeats, ${count(report.rejected)} refused${
      Object.keys(reasons).length > 0 ? ` (${Object.entries(reasons).map(([reason, times]) => `${reason} ${count(times)}`).join(', ')})` : ''}`],
    ['seconds', `${count(report.seconds)}, from the first read to the last row in ClickHouse`],
    ['rate', `${count(report.transactionsPerSecond)} transactions/s, ${count(report.linesPerSecond)} lines/s`],
    ['CPU', `${count(report.cpuSeconds)} s: ${count((report.cpuSeconds * 1e6) / report.transactions)} µs a transaction`],
    ['peak memory', `${count(report.peakMemoryBytes / 2 ** 20)} MiB, and ${count(report.peakFileMappedBytes / 2 ** 20)} MiB of mapped files`],
    ['logged', `${count(report.bytesLoggedPerTransaction)} bytes a transaction`],
    ['rules', `${count(report.rulesEvaluatedPerTransaction)} candidates and ${count(report.awardsPerTransaction)} awards a transaction, ${count(report.entries)} entries`],
    ['commits', `${count(report.commits)}: p50 ${count(commitMsP50)} ms, p99 ${count(commitMsP99)} ms`],
    ['verified', verified === undefined ? 'left out' : `${verified ? 'everything agrees' : 'DIFFERENCES'}, ${count(verifySeconds ?? 0)} s`],
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

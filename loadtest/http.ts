/**
 * `loadtest http`: an engine with its doors, and partners that post NDJSON over several connections; timed from the first request until ClickHouse
 * has every fact. Then single purchases, one after the other on the idle engine, each answered with its award. Then the verifier.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Config } from '../engine/config.js';
import type { Logger } from '../engine/logger.js';
import { startServing, type Serving } from '../engine/serving.js';
import { temporaryInstallation } from '../engine/temporary.js';
import { quantile, rounded, shown, verdict, type Verified } from './figures.js';
import { Generator, type GeneratorOptions } from './generator.js';
import type { FromSender, SenderAnswer, SenderSetup } from './http-sender.js';
import { loadRules } from './rule-sets.js';
import { cpuSecondsOf, MemorySampler } from './usage.js';
import { verifyRunning, verifyText } from './verifier.js';
import { GeneratedWorld, loadTestWorld } from './world.js';

const DAYS = 30, DAY_MS = 86_400_000, SINK_MS = 600_000;
const SINGLES = 500, SINGLES_FIRST = 100;

export interface HttpOptions {
  transactions: number;
  accounts: number;
  partners: number;
  rules: number;
  seed: number;
  connections: number;
  verify: boolean;
  config: Config;
  logger: Logger;
  progress(line: string): void;
}
export interface HttpReport {
  seed: number;
  transactions: number;
  connections: number;
  bytesPerTransaction: number;
  /** Until the last answer, and until ClickHouse has everything. */
  secondsAnswered: number;
  seconds: number;
  transactionsPerSecond: number;
  requestMsP50: number;
  requestMsP99: number;
  accepted: number; duplicates: number; rejected: number; waiting: number; busyAnswers: number;
  cpuSeconds: number;
  peakMemoryBytes: number;
  busy: { main: number; shards: number[]; clickhouse: number };
  singles: number;
  singleMsP50: number;
  singleMsP99: number;
  cores: number;
  verified: Verified;
}

export async function runHttp(options: HttpOptions): Promise<HttpReport> {
  const directory = await mkdtemp(join(tmpdir(), 'pointstream-http-'));
  const temporary = await temporaryInstallation(options.config);
  const serving = await startServing({ ...temporary.config, data: directory, port: 0, clickhousePort: 0, metricsPort: 0 }, options.logger);
  try {
    return await measure(options, serving);
  } finally {
    await serving.stop();
    await temporary.remove();
    await rm(directory, { recursive: true, force: true });
  }
}

async function measure(options: HttpOptions, serving: Serving): Promise<HttpReport> {
  const { transactions, seed, connections, progress } = options, { http: url } = serving.endpoints, key = serving.adminKey, { engine, analytics, shards } = serving.running;
  const worldOptions = loadTestWorld(seed, options.partners), world = new GeneratedWorld(worldOptions);
  const startMs = Date.now() - DAYS * DAY_MS;
  const generator: GeneratorOptions = { seed, transactions, accounts: options.accounts, distribution: 'uniform', startMs, days: DAYS };
  await publish(url, key, world, options.rules);
  progress('making the bodies');
  const sender = await startSender({ url, key, connections, world: worldOptions, generator });
  const memory = new MemorySampler(), cpuBegan = process.cpuUsage(), childBegan = cpuSecondsOf(analytics?.pid);
  const mainBegan = performance.eventLoopUtilization(), busyBegan = shards.busyMs;
  const beganMs = performance.now();
  const answer = await sender.post();
  const secondsAnswered = (performance.now() - beganMs) / 1000;
  if (analytics && !(await engine.sinkCaughtUp(SINK_MS))) throw new Error(`ClickHouse did not get everything within ${SINK_MS / 1000} s`);
  const seconds = (performance.now() - beganMs) / 1000;
  const main = performance.eventLoopUtilization(mainBegan), busyMs = shards.busyMs, { user, system } = process.cpuUsage(cpuBegan);
  const childSeconds = cpuSecondsOf(analytics?.pid) - childBegan, peak = memory.stop();
  progress(`${transactions} transactions in ${seconds.toFixed(1)} s; now one at a time`);
  const singleMs = await singles(url, key, new Generator({ ...generator, startMs: Date.now() - DAY_MS, days: 1, idPrefix: 'single' }, world));
  const verified = options.verify ? await verifyRunning(serving.running, { progress }) : undefined;
  if (verified && !verified.ok) progress(verifyText(verified));
  return {
    seed, transactions, connections, bytesPerTransaction: rounded(sender.bytes / transactions), secondsAnswered: rounded(secondsAnswered),
    seconds: rounded(seconds),
    transactionsPerSecond: Math.round(transactions / seconds), requestMsP50: rounded(quantile(answer.requestMs, 0.5)),
    requestMsP99: rounded(quantile(answer.requestMs, 0.99)),
    accepted: answer.accepted, duplicates: answer.duplicates, rejected: answer.rejected, waiting: answer.waiting, busyAnswers: answer.busyAnswers,
    cpuSeconds: rounded((user + system) / 1e6 + childSeconds), peakMemoryBytes: peak.ownBytes,
    busy: {
      main: rounded(main.utilization), clickhouse: rounded(childSeconds / seconds),
      shards: busyMs.map((endMs, shard) => rounded(Math.min(1, (endMs - busyBegan[shard]!) / (seconds * 1000)))),
    },
    singles: singleMs.length, singleMsP50: rounded(quantile(singleMs, 0.5)), singleMsP99: rounded(quantile(singleMs, 0.99)),
    cores: availableParallelism(), verified: verified?.ok ?? null,
  };
}

async function publish(url: string, key: string, world: GeneratedWorld, rules: number): Promise<void> {
  const put = async (path: string, type: string, body: string): Promise<void> => {
    const answer = await fetch(`${url}${path}`, { method: 'PUT', headers: { authorization: `Bearer ${key}`, 'content-type': type }, body });
    if (!answer.ok) throw new Error(`PUT ${path}: ${answer.status} ${(await answer.text()).slice(0, 500)}`);
  };
  for (const [partner, id] of world.partnerIds.entries()) {
    await put(`/v1/partners/${id}`, 'application/json', JSON.stringify(world.partnerDocument(partner)));
    await put(`/v1/partners/${id}/products`, 'application/x-ndjson', world.productDocuments(partner).map((product) => JSON.stringify(product)).join('\n'));
  }
  await put('/v1/rules', 'application/json', JSON.stringify({ rules: loadRules(world, rules) }));
}

interface Sender { bytes: number; post(): Promise<SenderAnswer> }

function startSender(setup: SenderSetup): Promise<Sender> {
  const worker = new Worker(new URL('./http-sender.js', import.meta.url), { workerData: setup });
  const answer = new Promise<SenderAnswer>((resolve, reject) => {
    worker.on('error', reject);
    worker.on('message', (message: FromSender) => {
      if ('answer' in message) resolve(message.answer);
      else if ('failure' in message) reject(new Error(`the sender failed: ${message.failure}`));
    });
  });
  answer.catch(() => undefined); // whoever posts sees it
  return new Promise((resolve, reject) => {
    worker.on('error', reject);
    worker.on('message', (message: FromSender) => {
      if (!('ready' in message)) return;
      resolve({
        bytes: message.bytes,
        post() {
          worker.postMessage('go');
          return answer;
        },
      });
    });
  });
}

/** Milliseconds of each, after some to warm up. */
async function singles(url: string, key: string, generator: Generator): Promise<number[]> {
  const milliseconds: number[] = [];
  for (let n = 0; n < SINGLES + SINGLES_FIRST; n++) {
    const body = generator.json(n), beganMs = performance.now();
    const answer = await fetch(`${url}/v1/transactions`, { method: 'POST', headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' }, body });
    const { status } = await answer.json() as { status: string };
    if (n >= SINGLES_FIRST) milliseconds.push(performance.now() - beganMs);
    if (answer.status !== 200 || status !== 'processed') throw new Error(`a single purchase was answered ${answer.status} ${status}`);
  }
  return milliseconds;
}

const percent = (share: number): string => `${Math.round(share * 100)} %`;

export function httpText(report: HttpReport): string {
  const rows: [string, string][] = [
    ['transactions', `${shown(report.transactions)}: ${shown(report.accepted)} accepted, ${shown(report.duplicates)} repeats, ${shown(report.rejected)} refused, ${shown(report.waiting)} waiting`],
    ['rate', `${shown(report.transactionsPerSecond)}/s over ${report.connections} connections, until everything was in ClickHouse (${
      shown(report.seconds)} s; answered after ${shown(report.secondsAnswered)} s)`],
    ['requests', `p50 ${shown(report.requestMsP50)} ms, p99 ${shown(report.requestMsP99)} ms, ${shown(report.busyAnswers)} told to come again`],
    ['CPU', `${shown(report.cpuSeconds)} s with the sender's: ${shown((report.cpuSeconds * 1e6) / report.transactions)} µs a transaction`],
    ['peak memory', `${shown(report.peakMemoryBytes / 2 ** 20)} MiB with the sender's bodies`],
    ['busy', `main thread ${percent(report.busy.main)}, shards ${report.busy.shards.map(percent).join(', ')}, ClickHouse ${percent(report.busy.clickhouse)} of one core`],
    ['single posts', `${shown(report.singles)} on the idle engine: p50 ${shown(report.singleMsP50)} ms, p99 ${shown(report.singleMsP99)} ms`],
    ['verified', verdict(report.verified)],
  ];
  return rows.map(([name, value]) => `${name.padEnd(14)}${value}`).join('\n');
}

/**
 * `demo`: the front door. An engine on a data directory of its own, a coalition and its purchases sent over HTTP as partners would, then what came out: speed,
 * points by promotion, what was rejected and why, the verifier's verdict, three answers from ClickHouse. Stays up unless --exit.
 *
 * Lateness is unlimited, rules are undated and points expire counted from when the purchase was received, so that old data show the same as today's.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Config } from '../config.js';
import type { Endpoints } from '../endpoints.js';
import { createLogger } from '../logger.js';
import type { Serving } from '../serving.js';
import { temporaryInstallation, type Temporary } from '../temporary.js';
import { Client } from './client.js';
import { CommandError, exitCodes, print, say, type CommandDefinition, type ExitCode, type Options } from './command.js';
import { sendPurchases, type Coalition, type Sent } from './demo-feed.js';
import { askClickhouse, reportText, type DemoReport } from './demo-report.js';
import { expectReportWritable } from './named-file.js';
import { addSettings, loadSettings, withoutMissingChdb } from './settings.js';
import { stopSignal } from './stop-signal.js';
import { verifyEngine } from './verify.js';

const SINK_WAIT_MS = 120_000;
const defaults = { logLevel: 'warn' } as const;

export const demo: CommandDefinition = {
  name: 'demo',
  summary: 'Run everything on generated purchases (or a file), show what comes out, stay up',
  examples: ['pointstream demo', 'pointstream demo --transactions 100000 --exit', 'pointstream demo --input sales.ndjson.gz --products products.ndjson.gz --partner grocer'],
  configure(command) {
    command
      .option('--transactions <n>', 'how many purchases are generated', '1000000')
      .option('--input <file>', 'real purchases instead, NDJSON or CSV, also .gz')
      .option('--products <file>', 'their products, NDJSON, also .gz')
      .option('--partner <id>', 'whose purchases these are')
      .option('--no-verify', 'leave the verifier out')
      .option('--json <file>', 'write the summary there')
      .option('--exit', 'end after the summary');
    addSettings(command, { ...defaults, data: 'a temporary directory, removed at the end' });
  },
  run,
};

async function run(options: Options): Promise<ExitCode> {
  // Before anything is made: what is made is removed however the demo ends.
  const signal = stopSignal();
  const coalition = await coalitionOf(options);
  if (options.data !== undefined) return show(String(options.data), coalition, options, signal);
  const directory = mkdtempSync(join(tmpdir(), 'pointstream-demo-'));
  // A second signal is obeyed at once, while the embedded ClickHouse may still write.
  const removeNow = (): void => rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 });
  process.once('exit', removeNow);
  try {
    return await show(directory, coalition, options, signal);
  } finally {
    await rm(directory, { recursive: true, force: true });
    process.off('exit', removeNow);
  }
}

async function show(directory: string, coalition: Coalition, options: Options, signal: Promise<NodeJS.Signals>): Promise<ExitCode> {
  let asked: NodeJS.Signals | undefined, temporary: Temporary | undefined, serving: Serving | undefined;
  void signal.then((name) => { asked = name; });
  const expectNoSignal = (): void => {
    if (asked !== undefined) interrupted(asked);
  };
  try {
    const given = await freePorts(withoutMissingChdb(await loadSettings(options, { fixed: { data: directory }, defaults }), say), options);
    if (options.data === undefined) temporary = await temporaryInstallation(given);
    else await (await import('./demo-refusal.js')).refuseInstallationOfOthers(given, coalition);
    const config = temporary?.config ?? given, logger = createLogger(config.logLevel);
    const { startServing } = await import('../serving.js');
    expectNoSignal();
    say(`starting on ${directory}`);
    serving = await startServing(config, logger, verifyEngine);
    expectNoSignal();
    const report = await Promise.race([play(serving, coalition, options), signal.then(interrupted)]);
    print(reportText(report));
    if (options.json !== undefined) await writeFile(String(options.json), `${JSON.stringify(report, null, 2)}\n`);
    if (options.exit !== true) {
      say(addresses(serving.endpoints, config));
      await signal;
    }
    return report.verified === false ? exitCodes.failed : exitCodes.fine;
  } catch (error) {
    // A signal to the whole process group also ends an embedded ClickHouse that is just starting: no failure of its own.
    expectNoSignal();
    throw error;
  } finally {
    await serving?.stop();
    await temporary?.remove();
  }
}

/** All that can be wrong with what the user gave is said here, before anything is started. */
async function coalitionOf(options: Options): Promise<Coalition> {
  const transactions = transactionCount(options);
  if (options.products !== undefined && options.input === undefined) throw new CommandError(exitCodes.usage, '--products names the products of a file of purchases: give it with --input');
  await expectReportWritable(options);
  const { generatedCoalition, coalitionOfFile } = await import('./demo-coalition.js');
  return options.input === undefined ? generatedCoalition(transactions) : coalitionOfFile(options);
}

function addresses({ http, clickhouse, metrics }: Endpoints, config: Config): string {
  const key = config.adminKey === '' ? `the key is in ${config.data}/admin-key` : 'the key is your POINTSTREAM_ADMIN_KEY';
  return [
    '',
    `HTTP API    ${http}   (described at ${http}/docs; ${key})`,
    ...(clickhouse === null ? [] : [`ClickHouse  ${clickhouse}   (curl ${clickhouse} -d 'SELECT count() FROM ${config.clickhouseDatabase}.transactions')`]),
    `metrics     ${metrics}/metrics`,
    'It stays up until Ctrl-C.',
  ].join('\n');
}

async function play(serving: Serving, coalition: Coalition, options: Options): Promise<DemoReport> {
  const client = await Client.open({ url: serving.endpoints.http, key: serving.adminKey });
  await publish(client, coalition);
  const began = performance.now();
  const sent = await sendPurchases(client, coalition, (line) => say(line));
  const secondsSent = (performance.now() - began) / 1000;
  const delivered = await serving.running.engine.sinkCaughtUp(SINK_WAIT_MS);
  const seconds = (performance.now() - began) / 1000;
  if (!delivered && serving.running.analytics !== undefined) say(`ClickHouse is still behind after ${SINK_WAIT_MS / 1000} s`);
  const verified = options.verify === false ? null : await verdict(serving);
  const answers = serving.running.analytics === undefined ? undefined : await askClickhouse(serving.running.analytics.client, coalition);
  const total = (counts: Sent): number => counts.accepted + counts.duplicates + counts.rejected + counts.waiting;
  return { ...sent, transactions: total(sent), secondsSent, seconds, transactionsPerSecond: Math.round(total(sent) / seconds), verified, ...answers };
}

const interrupted = (signal: NodeJS.Signals): never => {
  throw new CommandError(exitCodes.failed, `ended by ${signal}`);
};

async function verdict({ running }: Serving): Promise<boolean> {
  const { verifyText } = await import('../../loadtest/verifier.js');
  const report = await verifyEngine(running, say);
  if (!report.ok) print(verifyText(report));
  return report.ok;
}

async function publish(client: Client, { program, partners, products, rules }: Coalition): Promise<void> {
  const put = (path: string, document: unknown): Promise<unknown> => client.call('PUT', path, { type: 'application/json', bytes: JSON.stringify(document) });
  await put('/v1/programs/default', program);
  for (const { id, document } of partners) {
    await put(`/v1/partners/${encodeURIComponent(id)}`, document);
    await client.call('PUT', `/v1/partners/${encodeURIComponent(id)}/products`, { type: 'application/x-ndjson', bytes: await products(id) });
  }
  await put('/v1/rules', { rules });
}

function transactionCount(options: Options): number {
  const count = Number(options.transactions);
  if (!Number.isSafeInteger(count) || count < 1) throw new CommandError(exitCodes.usage, `--transactions: ${String(options.transactions)} is not a number of transactions`);
  return count;
}

/** The usual ports when they are free and nothing else was asked for, so that the demo also runs beside an engine. */
async function freePorts(config: Config, options: Options): Promise<Config> {
  const ports: Partial<Record<'port' | 'clickhousePort' | 'metricsPort', number>> = {};
  for (const name of ['port', 'clickhousePort', 'metricsPort'] as const) {
    if (options[name] === undefined && !(await isFree(config.host, config[name]))) ports[name] = 0;
  }
  return { ...config, ...ports };
}

function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
}

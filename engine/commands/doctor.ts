/**
 * `doctor`: what this machine has and lacks for the engine: versions, optional parts, ports, disk, limits. Changes nothing but a scratch file in the data
 * directory, which it removes.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { open, readFile, rm, stat, statfs } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { availableParallelism, totalmem } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { pendingMigrations } from '../../schemas/clickhouse/migrations.js';
import { chdbMissing, HOW_TO_GET_CHDB } from '../clickhouse/installed.js';
import { atServer, serverEndpoint } from '../clickhouse-endpoint.js';
import { isServer, type Config } from '../config.js';
import { HOW_TO_GET_IT, loadNative } from '../log/kafka/client.js';
import { connectionOf } from '../log/kafka/connection.js';
import { exitCodes, print, printJson, type CommandDefinition, type ExitCode } from './command.js';
import { addSettings, loadSettings } from './settings.js';

export interface Check { name: string; status: 'ok' | 'warning' | 'failed'; detail: string; hint?: string; values?: Record<string, number> }

export const doctor: CommandDefinition = {
  name: 'doctor',
  summary: 'Check versions, optional parts, ports, disk and limits of this machine',
  examples: ['pointstream doctor', 'pointstream doctor --data ./data --json'],
  configure(command) {
    addSettings(command);
    command.option('--json', 'checks as JSON');
  },
  async run(options): Promise<ExitCode> {
    const { config, given } = await loadSettings(options);
    const checks = await runChecks(config, given.has('clickhouse'));
    const ok = checks.every(({ status }) => status !== 'failed');
    if (options.json === true) printJson({ ok, checks });
    else checks.forEach(printCheck);
    return ok ? exitCodes.fine : exitCodes.failed;
  },
};

function printCheck({ name, status, detail, hint }: Check): void {
  print(`${marks[status]} ${name.padEnd(18)} ${detail}`);
  if (hint !== undefined) print(`${''.padEnd(26)} → ${hint}`);
}

/** `good` false: a warning, or a failure where the engine cannot run. */
function check(name: string, good: boolean, detail: string, otherwise: { status?: 'warning' | 'failed'; hint?: string } = {}, values?: Record<string, number>): Check {
  const { status = 'warning', hint } = otherwise;
  return { name, status: good ? 'ok' : status, detail, ...(good || hint === undefined ? {} : { hint }), ...(values === undefined ? {} : { values }) };
}

const marks = { ok: 'ok     ', warning: 'warning', failed: 'FAILED ' };
const MiB = 2 ** 20;
const GiB = 2 ** 30;
const FSYNCS = 200;
const FSYNC_BYTES = 4096;
const FSYNC_MS_MAX = 3000;
/** Redemptions at the till are promised in 25 ms where the disk does this. */
const FSYNC_P99_MS_GOOD = 5;
const OPEN_FILES_MIN = 4096;
const MEMORY_BYTES_MIN = 2 * GiB;
const DISK_BYTES_MIN = 2 * GiB;
const SHARED_MEMORY_BYTES_MIN = 64 * MiB;
const CHDB_MS_MAX = 30_000;

/** `isAsked`: clickhouse is not left to its default, which does without. */
async function runChecks(config: Config, isAsked: boolean): Promise<Check[]> {
  const parts = [checkNode(), checkLmdb(), checkChdb(config.clickhouse === 'embedded', isAsked), checkKafkaClient(config.kafka !== '')];
  if (config.kafka !== '') parts.push(await checkBrokers(config));
  const ports = [];
  for (const name of ['port', ...(config.clickhouse === 'embedded' ? ['clickhousePort' as const] : []), 'metricsPort'] as const) ports.push(await checkPort(name, config.host, config[name]));
  const server = isServer(config.clickhouse) ? [await checkClickHouse(config)] : [];
  return [...parts, ...ports, ...server, ...(await checkDisk(config.data)), checkOpenFiles(), await checkMemory(), await checkSharedMemory()];
}

function checkNode(): Check {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const fine = major > 20 || (major === 20 && minor >= 19);
  const detail = `${process.versions.node} on ${process.platform}-${process.arch}, ${availableParallelism()} cores`;
  return check('node', fine, detail, { status: 'failed', hint: 'install node 20.19 or newer' });
}

function checkKafkaClient(needed: boolean): Check {
  const name = '@confluentinc/kafka-javascript';
  try {
    return check(name, true, `librdkafka ${loadNative().librdkafkaVersion}`);
  } catch (error) {
    // Nobody misses it who does not ask for Kafka, but who means to do so finds here how to get it.
    if (!needed) return { name, status: 'ok', detail: 'not installed; needed for --kafka only', hint: HOW_TO_GET_IT };
    return check(name, false, (error as Error).message.replace(`: ${HOW_TO_GET_IT}`, ''), { status: 'failed', hint: HOW_TO_GET_IT });
  }
}

async function checkBrokers(config: Config): Promise<Check> {
  const { countBrokers } = await import('../log/kafka/topics.js');
  try {
    return check('kafka', true, `${await countBrokers({ ...connectionOf(config), clientId: 'pointstream-doctor' })} brokers answer at ${config.kafka}`);
  } catch (error) {
    const hint = 'settings that begin with kafka, in docs/settings.md; how they go together is in README.md, "Several machines, on Kafka"';
    return check('kafka', false, (error as Error).message, { status: 'failed', hint });
  }
}

function checkLmdb(): Check {
  try {
    createRequire(import.meta.url)('lmdb');
    return check('lmdb', true, 'installed');
  } catch (error) {
    return check('lmdb', false, 'not there', { status: 'failed', hint: `npm ci; ${(error as Error).message.split('\n')[0]}` });
  }
}

/** Loaded as serve does, in a process of its own: packages may be there whose library is of no use here. With those serve ends; without them it goes on, unless they are asked for. */
function checkChdb(needed: boolean, isAsked: boolean): Check {
  const missing = chdbMissing(), unusable = needed && missing === undefined ? chdbUnusable() : undefined, doesWithout = needed && !isAsked && missing !== undefined;
  const detail = `${missing ?? unusable ?? 'installed'}${doesWithout ? '; without it facts wait in the log' : ''}`;
  return check('chdb', missing === undefined && unusable === undefined, detail, { status: needed && !doesWithout ? 'failed' : 'warning', hint: HOW_TO_GET_CHDB });
}

function chdbUnusable(): string | undefined {
  const library = JSON.stringify(new URL('../clickhouse/library.js', import.meta.url).href);
  const load = `import(${library}).then(({ loadNative }) => { loadNative(); process.stdout.write('loaded'); }).catch(({ message }) => { process.stdout.write(message); })`;
  const { stdout, signal } = spawnSync(process.execPath, ['-e', load], { encoding: 'utf8', timeout: CHDB_MS_MAX, stdio: ['ignore', 'pipe', 'ignore'] });
  return stdout === 'loaded' ? undefined : stdout.replace(`; ${HOW_TO_GET_CHDB}`, '') || `loading chdb ended by ${signal ?? 'itself'}`;
}

function checkPort(name: string, host: string, port: number): Promise<Check> {
  if (port === 0) return Promise.resolve(check(name, true, 'any free one'));
  return new Promise((resolve) => {
    const server = createServer();
    const taken = (error: Error): Check => check(name, false, `${host}:${port}: ${error.message}`, { hint: 'an engine may run there; else choose another port, or 0' });
    server.once('error', (error) => resolve(taken(error)));
    server.listen(port, host, () => server.close(() => resolve(check(name, true, `${host}:${port} is free`))));
  });
}

async function checkClickHouse(config: Config): Promise<Check> {
  const name = 'ClickHouse server';
  try {
    return await atServer(serverEndpoint(config), async (client, endpoint) => {
      const [found] = await (await client.query({ query: 'SELECT version() AS version', format: 'JSONEachRow' })).json<{ version: string }>();
      const pending = await pendingMigrations(client, endpoint), detail = `${found!.version} at ${endpoint.url}, database ${endpoint.database}`;
      return check(name, pending.length === 0, pending.length === 0 ? detail : `${detail} lacks ${pending.length} steps`, { hint: 'pointstream migrate' });
    });
  } catch (error) {
    return check(name, false, (error as Error).message, { hint: 'facts wait in the log until it answers; see --clickhouse, --clickhouse-user and POINTSTREAM_CLICKHOUSE_PASSWORD' });
  }
}

async function checkDisk(directory: string): Promise<Check[]> {
  const place = await nearestDirectory(resolve(directory)), path = join(place, `.doctor-${process.pid}`);
  try {
    const milliseconds = await measureFsync(path);
    const { bavail, bsize } = await statfs(place);
    const freeBytes = bavail * bsize;
    const at = (share: number): number => milliseconds[Math.min(milliseconds.length - 1, Math.floor(milliseconds.length * share))]!;
    const fsyncMsP50 = round(at(0.5)), fsyncMsP99 = round(at(0.99));
    const name = place === resolve(directory) ? directory : `${directory} is not there yet; ${place}`;
    const space = `${name} is writable, ${(freeBytes / GiB).toFixed(1)} GiB free`;
    return [
      check('data directory', freeBytes >= DISK_BYTES_MIN, space, { hint: 'a full disk stops the engine (it loses nothing)' }, { freeBytes }),
      check('disk', fsyncMsP99 <= FSYNC_P99_MS_GOOD, `fsync p50 ${fsyncMsP50} ms, p99 ${fsyncMsP99} ms`, { hint: 'every commit waits for one; a local SSD answers in under 5 ms' }, {
        fsyncMsP50, fsyncMsP99,
      }),
    ];
  } catch (error) {
    return [check('data directory', false, (error as Error).message, { status: 'failed', hint: 'choose a directory that can be written: --data DIR' })];
  } finally {
    // Where it could not be made, above a file instead of a directory, it can't be removed either.
    await rm(path, { force: true }).catch(() => undefined);
  }
}

/** The directory itself, or above one that is not there yet: doctor makes none. */
async function nearestDirectory(path: string): Promise<string> {
  try {
    await stat(path);
    return path;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || dirname(path) === path) return path;
    return nearestDirectory(dirname(path));
  }
}

/** Milliseconds of small appends with fdatasync, ascending. */
async function measureFsync(path: string): Promise<number[]> {
  const file = await open(path, 'w');
  try {
    const bytes = Buffer.alloc(FSYNC_BYTES, 1), milliseconds: number[] = [];
    const end = performance.now() + FSYNC_MS_MAX;
    for (let i = 0; i < FSYNCS && performance.now() < end; i++) {
      const began = performance.now();
      await file.write(bytes, 0, bytes.length, i * FSYNC_BYTES);
      await file.datasync();
      milliseconds.push(performance.now() - began);
    }
    return milliseconds.sort((a, b) => a - b);
  } finally {
    await file.close();
  }
}
const round = (milliseconds: number): number => Math.round(milliseconds * 100) / 100;

function checkOpenFiles(): Check {
  const name = 'open files';
  try {
    const limit = execFileSync('/bin/sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }).trim();
    const enough = limit === 'unlimited' || Number(limit) >= OPEN_FILES_MIN;
    return check(name, enough, `at most ${limit}`, { hint: `ulimit -n ${OPEN_FILES_MIN}` });
  } catch (error) {
    return check(name, false, `unknown: ${(error as Error).message}`);
  }
}

async function checkMemory(): Promise<Check> {
  // In a container the limit of its control group counts, not the machine's memory.
  const limit = Number((await readText('/sys/fs/cgroup/memory.max')) ?? NaN);
  const bytes = Number.isFinite(limit) ? Math.min(limit, totalmem()) : totalmem();
  return check('memory', bytes >= MEMORY_BYTES_MIN, `${(bytes / GiB).toFixed(1)} GiB`, { hint: 'lower cacheBytesMax and clickhouseMemoryBytesMax' }, { bytes });
}

async function checkSharedMemory(): Promise<Check> {
  const name = '/dev/shm', elsewhere = 'inserts into the embedded ClickHouse go through temporary files on disk instead';
  try {
    const { bavail, bsize } = await statfs(name);
    const enough = bavail * bsize >= SHARED_MEMORY_BYTES_MIN;
    return check(name, enough, `${Math.round((bavail * bsize) / MiB)} MiB free`, { hint: `${elsewhere}; docker run --shm-size 256m` });
  } catch (error) {
    return check(name, false, `not there (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`, { hint: elsewhere });
  }
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

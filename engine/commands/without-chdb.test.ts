/**
 * The command line where npm left out chdb, or its library for the platform: both are optional packages. They are hidden, so this is the same where they are installed. And where the library
 * is there and is none.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { chdbMissing } from '../clickhouse/embedded-fixture.js';
import { pointstreamWith, serve, type Ended } from '../../test/support/command-line.js';
import type { Check } from './doctor.js';

// Whole engines in processes of their own: minutes on a machine that is busy with other tests.
t.setTimeout(590_000);

const directory = await mkdtemp(join(tmpdir(), 'without-chdb-'));
t.teardown(() => rm(directory, { recursive: true }));

/** An environment in which packages whose names begin so are not found; with `instead`, that file is found. */
async function hiding(what: string, begin: string, instead?: string): Promise<NodeJS.ProcessEnv> {
  const file = join(directory, `without-${what}.cjs`);
  const found = instead === undefined ? `throw Object.assign(new Error("Cannot find module '" + name + "'"), { code: 'MODULE_NOT_FOUND' })` : `return ${JSON.stringify(instead)}`;
  await writeFile(file, `const Module = require('node:module'), resolve = Module._resolveFilename;
    Module._resolveFilename = function (name, ...more) {
      if (name.startsWith(${JSON.stringify(begin)})) ${found};
      return resolve.call(this, name, ...more);
    };`);
  return { NODE_OPTIONS: `--require ${file}` };
}
const withoutChdb = await hiding('package', 'chdb'), withoutLibrary = await hiding('library', '@chdb/');
const run = (...argv: string[]): Promise<Ended> => pointstreamWith(withoutChdb, directory, ...argv);
const isBug = /a bug|^\s+at /m, freePorts = ['--port', '0', '--metrics-port', '0', '--clickhouse-port', '0'];

t.test('serve goes on as with clickhouse off, and says so; who asks for the embedded one is refused', async (t) => {
  for (const [name, environment, missing] of [['package', withoutChdb, 'package chdb is not'], ['library', withoutLibrary, 'package @chdb/lib-.* is not']] as const) {
    const data = join(directory, name);
    await mkdir(data);
    const served = await serve(data, [], environment);
    t.equal(served.endpoints.clickhouse, null);
    t.equal((await fetch(`${served.endpoints.http}/readyz`)).status, 200);
    const { code, stderr } = await served.kill('SIGTERM');
    t.equal(code, 0);
    t.match(stderr, new RegExp(`"level":"warn".*no embedded ClickHouse, ${missing}.*facts wait in the log.*npm ci`));
    t.match(stderr, /^ready: .*ClickHouse off/m);
  }
  const ways: [how: string, argv: string[], environment: NodeJS.ProcessEnv][] = [
    ['flag', ['--clickhouse', 'embedded'], {}], ['environment', [], { POINTSTREAM_CLICKHOUSE: 'embedded' }], ['file', ['--config', 'asked.yaml'], {}],
  ];
  await writeFile(join(directory, 'asked.yaml'), 'clickhouse: embedded\n');
  for (const [how, argv, environment] of ways) {
    const refused = await pointstreamWith({ ...withoutChdb, ...environment }, directory, 'serve', '--data', 'asked', ...freePorts, ...argv);
    t.match(refused, { code: 2, stderr: /^error: clickhouse: embedded cannot be started, package chdb is not installed: npm ci .*address of a server, or to off$/m }, how);
    t.notMatch(refused.stderr, isBug);
  }
});

t.test('demo, verify and loadtest drain leave their parts of ClickHouse out, and say so', async (t) => {
  const said = /^there is no embedded ClickHouse, package chdb is not installed: /m;
  const shown = await run('demo', '--data', 'demo', '--transactions', '200', '--exit', '--json', 'demo.json', ...freePorts);
  t.match(shown, { code: 0, stderr: said, stdout: /without ClickHouse[^]*verified +every account, lot, entry and result agrees/ });
  t.match(JSON.parse(await readFile(join(directory, 'demo.json'), 'utf8')), { verified: true, promotions: undefined });
  t.match(await run('verify', '--data', 'demo'), { code: 0, stderr: said, stdout: /Everything agrees/ });
  const drained = await run('loadtest', 'drain', '--transactions', '500', '--accounts', '50', '--partners', '2', '--rules', '4');
  t.match(drained, { code: 0, stderr: said, stdout: /to the last commit, without ClickHouse/ });
  for (const { stderr } of [shown, drained]) t.notMatch(stderr, isBug);
});

async function doctor(environment: NodeJS.ProcessEnv, ...argv: string[]): Promise<{ code: number | null; checks: Check[] }> {
  const { code, stdout } = await pointstreamWith(environment, directory, 'doctor', '--json', ...freePorts, ...argv);
  return { code, checks: (JSON.parse(stdout) as { checks: Check[] }).checks };
}
const of = (checks: Check[], name: string): Check => checks.find((check) => check.name === name)!;

t.test('a library that cannot be loaded ends serve and demo with what is wrong and what to do; doctor says it before', { skip: chdbMissing }, async (t) => {
  const library = join(directory, 'broken.node'), environment = await hiding('whole-library', '@chdb/', library);
  await writeFile(library, 'not a library');
  const said = /^error: the embedded ClickHouse does not start: chdb cannot be loaded: .*broken\.node.*; npm ci .*address of a server, or to off$/m;
  for (const argv of [['serve', '--data', 'broken', ...freePorts], ['demo', '--transactions', '10', '--exit']]) {
    const ended = await pointstreamWith(environment, directory, ...argv);
    t.match(ended, { code: 2, stdout: '', stderr: said }, argv[0]);
    t.notMatch(ended.stderr, isBug);
  }
  const { code, checks } = await doctor(environment);
  t.match({ code, chdb: of(checks, 'chdb') }, { code: 1, chdb: { status: 'failed', detail: /^chdb cannot be loaded: .*broken\.node/, hint: /npm ci/ } });
  t.notMatch(of(checks, 'chdb').detail, /facts wait|npm ci --include/, 'serve does not go on without it, and the hint is said once');
  t.match(of((await doctor(environment, '--clickhouse', 'off')).checks, 'chdb'), { status: 'ok' }, 'nobody loads it');
});

t.test('doctor tries what serve needs, and says how to get what is missing', async (t) => {
  await writeFile(join(directory, 'file'), '');
  const withoutKafka = await hiding('kafka', '@confluentinc/');
  const library = await doctor(withoutLibrary);
  t.match(of(library.checks, 'chdb'), { status: 'warning', detail: /@chdb\/lib-.*is not installed; without it facts wait in the log/, hint: /npm ci/ });
  const asked = await doctor(withoutChdb, '--clickhouse', 'embedded');
  t.match({ code: asked.code, chdb: of(asked.checks, 'chdb') }, { code: 1, chdb: { status: 'failed', detail: 'package chdb is not installed', hint: /npm ci/ } });
  const kafka = await doctor(withoutKafka, '--clickhouse', 'off', '--data', 'file');
  t.match(of(kafka.checks, '@confluentinc/kafka-javascript'), { status: 'ok', detail: /not installed/, hint: /librdkafka|pkg-config/ });
  t.match({ code: kafka.code, data: of(kafka.checks, 'data directory') }, { code: 1, data: { status: 'failed', detail: /ENOTDIR/, hint: /--data DIR/ } });
  t.ok(of(kafka.checks, 'memory'), 'and the other checks are there');
});

/** The process: its data survive it, its address stays, and it never outlives the engine. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { ClickHouseLogLevel, createClient } from '@clickhouse/client';
import t from 'tap';
import { startEmbeddedClickHouse } from './child.js';
import { chdbMissing, eventually, startForTest } from './embedded-fixture.js';
import { createLogger } from '../logger.js';

const directoryOfVictim = process.env.POINTSTREAM_TEST_DIRECTORY;

if (chdbMissing) t.test('the process', { skip: chdbMissing }, () => undefined);
else if (directoryOfVictim !== undefined) {
  // An engine that gets killed.
  const { pid } = await startEmbeddedClickHouse({ directory: directoryOfVictim, port: 0, host: '127.0.0.1', memoryBytesMax: 500 * 2 ** 20, access: 'readonly', logger: createLogger('silent') });
  process.send!(pid);
} else {
  t.test('a killed process is noticed, and started again with its address, its secret and its rows', async (t) => {
    const { clickHouse, engine } = await startForTest(t), { url, enginePassword, pid } = clickHouse;
    await engine.command({ query: 'CREATE TABLE kept (a Int32) ENGINE = MergeTree ORDER BY a' });
    await engine.insert({ table: 'kept', values: [{ a: 1 }], format: 'JSONEachRow' });
    const exited = new Promise<string>((resolve) => clickHouse.onExit(resolve));
    process.kill(pid, 'SIGKILL');
    t.equal(await exited, 'SIGKILL');
    t.equal(clickHouse.pid, 0);
    await clickHouse.restart();
    t.same([clickHouse.url, clickHouse.enginePassword], [url, enginePassword]);
    t.not(clickHouse.pid, pid);
    const rows = async (): Promise<unknown> => (await engine.query({ query: 'SELECT a FROM kept', format: 'JSONEachRow' })).json();
    t.same(await rows(), [{ a: 1 }]);
    await clickHouse.restart();
    t.same(await rows(), [{ a: 1 }], 'after an orderly restart');
    const heavy = engine.query({ query: 'SELECT sum(sipHash64(number)) FROM numbers(1000000000000)' }).catch(() => 'broken off');
    await eventually(async () => /1000000000000/.test(await (await engine.query({ query: "SELECT query FROM system.processes WHERE query LIKE '%sum(sip%'" })).text()), 'the heavy query runs');
    await clickHouse.restart();
    t.equal(await heavy, 'broken off');
    t.same(await rows(), [{ a: 1 }], 'after a restart that broke off a query');
  });

  t.test('it ends with an engine that is killed, and its directory can be taken over at once', async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'pointstream-clickhouse-'));
    const victim = fork(fileURLToPath(import.meta.url), { env: { ...process.env, POINTSTREAM_TEST_DIRECTORY: directory }, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    const pid = await new Promise<number>((resolve) => victim.on('message', (message) => { if (typeof message === 'number') resolve(message); }));
    victim.kill('SIGKILL');
    const { reader } = await startForTest(t, { directory });
    t.same(await (await reader.query({ query: 'SELECT 1 AS a', format: 'JSONEachRow' })).json(), [{ a: 1 }]);
    await eventually(() => !isAlive(pid), `process ${pid} is gone`);
  });

  t.test('it waits for a directory that another still has', async (t) => {
    const first = await startForTest(t), words = new PassThrough();
    const second = startForTest(t, { directory: first.directory, logger: createLogger('warn', words) });
    t.match(String((await once(words, 'data') as [Buffer])[0]), /Cannot lock file/);
    process.kill(first.clickHouse.pid, 'SIGKILL');
    t.same(await (await second).reader.ping(), { success: true });
  });

  t.test('a port that is taken is said', async (t) => {
    const { clickHouse } = await startForTest(t);
    await t.rejects(startForTest(t, { port: Number(new URL(clickHouse.url).port) }), /EADDRINUSE/);
  });

  t.test('full access writes databases of its own', async (t) => {
    const { clickHouse, engine, reader } = await startForTest(t, { access: 'full' });
    await engine.command({ query: 'CREATE DATABASE pointstream' });
    await engine.command({ query: 'CREATE TABLE pointstream.facts (a Int32) ENGINE = MergeTree ORDER BY a' });
    await engine.insert({ table: 'pointstream.facts', values: [{ a: 1 }, { a: 2 }], format: 'JSONEachRow' });
    await reader.command({ query: 'CREATE DATABASE mine' });
    await reader.command({ query: 'CREATE TABLE mine.copy (a Int32) ENGINE = MergeTree ORDER BY a' });
    await reader.command({ query: 'INSERT INTO mine.copy SELECT a * 10 FROM pointstream.facts' });
    await reader.insert({ table: 'mine.copy', values: [{ a: 30 }], format: 'JSONEachRow' });
    await reader.command({ query: 'SET max_block_size = 5', session_id: 's' });
    const answer = await reader.query({ query: "SELECT sum(a) AS a, getSetting('max_block_size') AS b FROM mine.copy", format: 'JSONEachRow', session_id: 's' });
    t.same(await answer.json(), [{ a: '60', b: '5' }]);
    await t.rejects(reader.insert({ table: 'pointstream.facts', values: [{ a: 3 }], format: 'JSONEachRow' }), /Not enough privileges/);
    await t.rejects(reader.command({ query: 'DROP DATABASE pointstream' }), /Not enough privileges/);

    const analyst = createClient({ url: clickHouse.url, database: 'pointstream', log: { level: ClickHouseLogLevel.OFF } });
    t.teardown(() => analyst.close());
    await analyst.command({ query: 'CREATE DATABASE own' });
    await analyst.command({ query: 'CREATE TABLE own.t (a Int32) ENGINE = MergeTree ORDER BY a' });
    await analyst.insert({ table: 'own.t', values: [{ a: 1 }], format: 'JSONEachRow' });
    await analyst.command({ query: 'INSERT INTO own.t SELECT a FROM facts' });
    t.same(await (await analyst.query({ query: 'SELECT count() AS n FROM own.t', format: 'JSONEachRow' })).json(), [{ n: '3' }]);
    await t.rejects(analyst.insert({ table: 'facts', values: [{ a: 3 }], format: 'JSONEachRow' }), /Not enough privileges/);
    await analyst.command({ query: 'DROP DATABASE own' });
    await reader.command({ query: 'USE pointstream', session_id: 'u' });
    await t.rejects(reader.insert({ table: 'facts', values: [{ a: 3 }], format: 'JSONEachRow', session_id: 'u' }), /Not enough privileges/, 'nor in a session');
    t.same(await (await reader.query({ query: 'SELECT count() AS n FROM facts', format: 'JSONEachRow', session_id: 'u' })).json(), [{ n: '2' }]);
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

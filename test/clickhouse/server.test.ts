/**
 * The sink and the command line on a ClickHouse server: migrations that are cut off anywhere, answers that are lost, an hour without the server. The server is the embedded endpoint,
 * or the real one that POINTSTREAM_TEST_CLICKHOUSE_URL names. Replicated tables need a real cluster: here only their statements are looked at.
 */
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { pino } from 'pino';
import t from 'tap';
import { atServer, connect, type Endpoint } from '../../engine/clickhouse-endpoint.js';
import { openEmbeddedLog } from '../../engine/log/embedded.js';
import { startSink } from '../../engine/sink/sink.js';
import { fillIn, migrate, migrations, pendingMigrations, statementsOf, type DatabasePlace, type MigrationClient } from '../../schemas/clickhouse/migrations.js';
import { clickhouseType, factTable, type FactColumn } from '../../schemas/fact-table.js';
import { factCase } from '../facts/fact-cases.js';
import { factResults } from '../sink/fact-results.js';
import { ShortTime } from '../sink/short-time.js';
import { pointstream, pointstreamWith, serve } from '../support/command-line.js';
import { temporaryDirectory } from '../support/core.js';
import { ask, isRealServer, serverForTest, serverMissing } from './server-fixture.js';
import { UnreliableNetwork } from './unreliable-network.js';

const seed = 20_260_501, WAIT_MS = 60_000, HOUR_MS = 3_600_000, PARTITIONS = 2, ROWS = 20, CUTS_STEP = process.env.NIGHTLY ? 1 : 3;
const logger = pino({ level: 'silent' });

t.comment(`seed ${seed}; ${isRealServer ? 'a real server' : 'the embedded endpoint as the server'}`);
t.setTimeout(590_000);

t.test('migrations are numbered without gaps, and on a cluster every table is replicated by every replica', async (t) => {
  t.same(migrations.map(({ number }) => number), migrations.map((_, place) => place + 1));
  const place: DatabasePlace = { database: 'own', cluster: 'main', login: { user: "o'neill", password: 'a\\b{database}' } };
  const statements = [...migrations.map(({ file }) => file), 'each-time.sql'].flatMap(statementsOf).map((statement) => fillIn(statement, place));
  for (const statement of statements) {
    t.match(statement, /^CREATE (TABLE IF NOT EXISTS|OR REPLACE VIEW|OR REPLACE DICTIONARY) own\.\w+ ON CLUSTER 'main' /, 'may be run again, on all replicas');
    if (statement.startsWith('CREATE TABLE')) t.match(statement, /ENGINE = ReplicatedMergeTree\('\/clickhouse\/tables\/\{uuid\}\/\{shard\}', '\{replica\}'\) ORDER BY/);
    if (statement.includes('DICTIONARY')) t.match(statement, String.raw`USER 'o\'neill' PASSWORD 'a\\b{database}' TABLE`);
    t.notMatch(statement, /\{(on_cluster|merge_tree|as_user)\}|pointstream/);
  }
  t.match(statements[0], /\breplicated_deduplication_window_seconds = 2592000\b/);
});

t.test('a server', { skip: serverMissing }, async (t) => {
  const server = await serverForTest(t);
  const own = (name: string): Endpoint => ({ ...server, database: `${server.database}_${name}` });

  await t.test('migrations may be cut off anywhere and run again', async (t) => {
    let cuts = 0;
    for (let finished = false; !finished; cuts += CUTS_STEP) {
      const endpoint = own(`cut_${cuts}`);
      await atServer(endpoint, async (client) => {
        let left = cuts;
        const cutOff: MigrationClient = {
          query: (options) => client.query(options),
          command: async (options) => {
            if (left-- === 0) throw new Error('cut off');
            await client.command(options);
          },
        };
        finished = await migrate(cutOff, endpoint).then(() => true, (error: Error) => {
          if (error.message !== 'cut off') throw error;
          return false;
        });
        await migrate(client, endpoint);
        t.same(await pendingMigrations(client, endpoint), [], `after ${cuts} statements`);
        await client.command({ query: `DROP DATABASE ${endpoint.database}` });
      });
    }
    t.ok(cuts > migrations.length * 2);
  });

  await t.test('two at a time', async (t) => {
    await atServer(server, (client) => Promise.all([migrate(client, server), migrate(client, server)]));
    t.same(await atServer(server, migrate), [], 'nothing is left to do');
  });
  await t.test('facts have the columns of schemas/fact-table.ts; a change there is a new step in schemas/clickhouse', async (t) => {
    const rows = await atServer(server, async (client) => (await client.query({
      query: `SELECT name, type FROM system.columns WHERE database = '${server.database}' AND table = 'facts' ORDER BY position`, format: 'JSONEachRow',
    })).json<{ name: string; type: string }>());
    t.same(rows, Object.entries(factTable as Record<string, FactColumn>).map(([name, column]) => ({ name, type: clickhouseType(column) })));
  });

  await t.test('each fact once, though answers are lost and the server is away for an hour', async (t) => {
    const network = new UnreliableNetwork(server.url), url = await network.start(), client = connect({ ...server, url });
    const log = await openEmbeddedLog({ directory: temporaryDirectory(t), partitions: PARTITIONS });
    t.teardown(async () => {
      await client.close();
      await network.stop();
      await log.close();
    });
    const cases = fc.sample(factCase(), { seed, numRuns: ROWS });
    let committed = 0;
    const commit = async (partition: number): Promise<void> => {
      const batch = (await log.bounds('results', partition)).end;
      await log.commit({ outputs: [{ topic: 'results', partition, value: factResults(cases, partition, batch) }], positions: [] });
      committed += ROWS;
    };
    for (let i = 0; i < 4; i++) await commit(i % PARTITIONS);
    // The first inserts arrive, their answers don't; then nobody is there.
    network.answersToLose = 2;
    let minutes = 0;
    const time = new ShortTime(async (nowMs) => {
      network.isAway = network.lost === 2 && nowMs < HOUR_MS;
      for (; minutes < Math.min(60, Math.floor(nowMs / 60_000)); minutes += 10) await commit((minutes / 10) % PARTITIONS);
    });
    const sink = await startSink({ log, client, partitions: PARTITIONS, logger, rowsMax: 2 * ROWS, bytesMax: 2 ** 20, pause: time.pause });
    t.teardown(() => sink.stop());
    t.equal(await sink.caughtUp(WAIT_MS), true);
    // The hour is over for the server a little before its last results are in the log.
    while (minutes < 60) await setImmediate();
    t.equal(await sink.caughtUp(WAIT_MS), true);
    t.same({ minutes, lost: network.lost }, { minutes: 60, lost: 2 });
    t.equal(await ask(server, `SELECT concat(toString(count()), ' ', toString(uniqExact(source_partition, batch, source_index))) FROM ${server.database}.facts`), `${committed} ${committed}`);
  });

  await t.test('the command line', async (t) => {
    const endpoint = own('served'), directory = temporaryDirectory(t), environment = { POINTSTREAM_CLICKHOUSE_PASSWORD: server.password };
    const flags = ['--clickhouse', server.url, '--clickhouse-user', server.user, '--clickhouse-database', endpoint.database];
    const run = (...argv: string[]): ReturnType<typeof pointstream> => pointstreamWith(environment, directory, ...argv, ...flags);
    const data = mkdtempSync(join(directory, 'data-')), key = 'a-key-of-the-test-0000';
    t.match(await run('migrate', '--check'), { code: 1, stdout: /^missing {2}001 facts\n/ });
    t.match(await pointstream(directory, 'migrate'), { code: 2, stderr: /clickhouse is embedded: say which server/ });
    t.match(await pointstream(directory, 'migrate', '--clickhouse', 'http://127.0.0.1:1'), { code: 3, stderr: /^error: ClickHouse at http:\/\/127\.0\.0\.1:1: .*ECONNREFUSED/ });

    const served = await serve(data, flags, { ...environment, POINTSTREAM_ADMIN_KEY: key });
    t.teardown(() => served.kill('SIGKILL'));
    const call = async (method: string, path: string, body?: object): Promise<{ status: number; body: unknown }> => {
      const answer = await fetch(served.endpoints.http + path, { method, headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' }, ...(body ? { body: JSON.stringify(body) } : {}) });
      return { status: answer.status, body: await answer.json() };
    };
    t.equal(served.endpoints.clickhouse, server.url);
    t.match(await call('GET', '/readyz'), { status: 200, body: { checks: [{}, {}, {}, { name: 'clickhouse', ok: true, detail: /^database \w+ lacks step 1 \(facts\), .*: run pointstream migrate$/ }] } });
    await call('PUT', '/v1/partners/grocer', { name: 'Grocer', timeZone: 'UTC', currency: 'EUR' });
    await call('PUT', '/v1/rules', { rules: [{ id: 'base', version: 1, award: { kind: 'perAmount', points: 1, amount: 100 } }] });
    const purchase = { id: 'p1', kind: 'purchase', partner: 'grocer', card: 'c1', occurredAt: '2026-01-05T10:00:00Z', currency: 'EUR', total: 700 };
    t.match(await call('POST', '/v1/transactions', purchase), { status: 200, body: { points: 7 } }, 'tills go on without analytics');

    t.match(await run('migrate'), { code: 0, stdout: /^done {5}001 facts\ndone {5}002 views\ndone {5}003 reference data\n$/ });
    t.match(await run('migrate', '--json'), { code: 0, stdout: /"done": \[\]/ });
    const seen = async (query: string, wanted: string): Promise<void> => {
      let found = '';
      for (const untilMs = Date.now() + WAIT_MS; found !== wanted && Date.now() < untilMs;) found = await ask(endpoint, query);
      t.equal(found, wanted, query);
    };
    await seen(`SELECT count() FROM ${endpoint.database}.transactions`, '1');
    await seen(`SELECT groupArray(name) FROM ${endpoint.database}.partners`, 'Grocer');
    // Dictionaries log in as the engine's user, whom the embedded endpoint knows, but its library doesn't.
    if (isRealServer) await seen(`SELECT dictGet('${endpoint.database}.partners_dictionary', 'name', tuple('grocer'))`, 'Grocer');
    const { account } = (await call('GET', '/v1/cards/c1')).body as { account: string };
    t.match(await call('GET', `/v1/accounts/${account}/entries`), { status: 200, body: { data: [{ points: 7, rule: 'base', transaction_id: 'p1' }] } });
    t.match(await run('verify', '--data', data), { code: 0, stdout: /clickhouse/ }, 'a running engine');
    t.match(await served.kill('SIGTERM'), { code: 0 });
    t.match(await run('verify', '--data', data), { code: 0, stdout: /clickhouse/ }, 'its directory');
    t.match(await run('doctor', '--data', data, '--json', '--port', '0', '--metrics-port', '0'), { stdout: /"name": "ClickHouse server",\n\s+"status": "ok"/ });

    // Another place, by mistake and then on purpose.
    const other = own('other'), otherFlags = ['--clickhouse', server.url, '--clickhouse-user', server.user, '--clickhouse-database', other.database];
    const atOther = (...argv: string[]): ReturnType<typeof pointstream> => pointstreamWith(environment, directory, ...argv, ...otherFlags);
    t.match(await atOther('migrate'), { code: 0 });
    const refused = await atOther('serve', '--data', data, '--port', '0', '--metrics-port', '0');
    t.match(refused, { code: 2, stderr: /^error: clickhouse: database \w+_other at .* is not where the facts of this installation are .*pointstream migrate --adopt/m });
    t.match(await atOther('migrate', '--check', '--adopt', '--data', data), { code: 2 });
    t.match(await atOther('migrate', '--adopt', '--data', join(directory, 'nothing')), { code: 2, stderr: /has no log, so there is nothing to adopt/ });
    t.match(await atOther('migrate', '--adopt', '--data', data), { code: 0, stderr: /facts go to database \w+_other .* from now on/ });
    const moved = await serve(data, otherFlags, { ...environment, POINTSTREAM_ADMIN_KEY: key });
    t.teardown(() => moved.kill('SIGKILL'));
    const answer = await fetch(`${moved.endpoints.http}/v1/transactions`, {
      method: 'POST', headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' }, body: JSON.stringify({ ...purchase, id: 'p2' }),
    });
    t.equal(answer.status, 200);
    await seen(`SELECT groupArray(id) FROM ${other.database}.transactions`, 'p2');
    await seen(`SELECT groupArray(id) FROM ${endpoint.database}.transactions`, 'p1');
    t.match(await moved.kill('SIGTERM'), { code: 0 });
    t.match(await run('serve', '--data', data, '--port', '0', '--metrics-port', '0'), { code: 2 }, 'the former one is another one now');

    t.match(await run('demo', '--transactions', '300', '--exit', '--port', '0', '--metrics-port', '0', '--json', 'demo.json'), { code: 0 }, 'demo');
    t.equal(await ask(endpoint, `SELECT count() FROM system.databases WHERE startsWith(name, '${endpoint.database}')`), '1', 'the demo has taken its database away');
  });
});

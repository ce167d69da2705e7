/**
 * Two engines on one log and one ClickHouse server: partitions move between them every few seconds while a file is fed, and ClickHouse loses answers and is away. Each fact is there
 * once, and the verifier agrees with topics, accounts and ClickHouse.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Generator } from '../../loadtest/generator.js';
import { loadRules } from '../../loadtest/rule-sets.js';
import type { VerifyReport } from '../../loadtest/verifier.js';
import { GeneratedWorld } from '../../loadtest/world.js';
import { ask, serverForTest, serverMissing } from '../clickhouse/server-fixture.js';
import { UnreliableNetwork } from '../clickhouse/unreliable-network.js';
import { ADMIN_KEY, eventually, NDJSON, ownDirectory, TestEngine } from '../end-to-end/engine.js';
import { Broker, kafkaMissing } from './broker.js';

const TRANSACTIONS = process.env.NIGHTLY ? 6000 : 4000, PARTITIONS = 6, ROUNDS = process.env.NIGHTLY ? 3 : 2;
const seed = Number(process.env.POINTSTREAM_TEST_SEED ?? 20_260_117);
const world = new GeneratedWorld({ seed, partners: 1, stores: 12, products: 300 }), partner = world.partnerIds[0]!;
const generator = new Generator({ seed, transactions: TRANSACTIONS, accounts: 500, distribution: 'zipf', startMs: Date.UTC(2026, 0, 1), days: 28 }, world);
const documents = Array.from({ length: TRANSACTIONS }, (_, n) => generator.document(n));

t.test('two engines and a ClickHouse server', { skip: kafkaMissing || serverMissing }, async (t) => {
  t.comment(`seed ${seed}; another one by POINTSTREAM_TEST_SEED`);
  const broker = await Broker.start(t), server = await serverForTest(t), network = new UnreliableNetwork(server.url), url = await network.start();
  t.teardown(() => network.stop());
  const flags = [
    '--kafka', broker.address, '--kafka-prefix', 'shared.', '--partitions', String(PARTITIONS), '--kafka-session-ms', '2000', '--log-level', 'warn', '--shards', '1',
    '--clickhouse', url, '--clickhouse-database', server.database, '--clickhouse-user', server.user,
  ];
  const environment = { POINTSTREAM_CLICKHOUSE_PASSWORD: server.password };
  const one = await TestEngine.start(t, { flags, environment });
  t.match(await one.run('migrate', ...flags.slice(flags.indexOf('--clickhouse'))), { code: 0 });
  await one.put('/v1/programs/default', { name: 'Default', timeZone: 'UTC', currencies: [{ id: 'points', scale: 0 }], expiryFrom: 'received' });
  await one.put(`/v1/partners/${partner}`, world.partnerDocument(0));
  await one.put(`/v1/partners/${partner}/products`, world.productDocuments(0).map((product) => JSON.stringify(product)).join('\n'), NDJSON);
  await one.put('/v1/rules', { rules: loadRules(world, 10) });
  const other = await TestEngine.start(t, { flags, environment });

  const file = join(one.directory, 'sales.ndjson');
  writeFileSync(file, documents.map((document) => `${JSON.stringify(document)}\n`).join(''));
  const feeding = one.run('feed', file, '--partner', partner, '--url', one.http, '--key', ADMIN_KEY, '--batch-bytes', '16384', '--retry-seconds', '180', '--json');
  const facts = `SELECT count() FROM ${server.database}.transactions`, factsBeyond = (count: number): Promise<number> => eventually(async () => Number(await ask(server, facts)), (found) => found > count);
  for (let round = 0, count = 0; round < ROUNDS; round++) {
    // Answers are lost, then nobody is there while partitions move.
    count = await factsBeyond(count);
    network.answersToLose = 2;
    await eventually(async () => network.answersToLose, (left) => left === 0);
    network.isAway = true;
    await (round % 2 === 0 ? other.kill() : other.stop());
    await eventually(() => one.ready(), ({ status }) => status === 200);
    network.isAway = false;
    await other.start();
  }
  const { code, stdout, stderr } = await feeding;
  if (!t.equal(code, 0, 'fed to the end')) t.comment(stderr);
  const fed = JSON.parse(stdout || '{}') as { accepted: number; duplicates: number };
  t.equal(fed.accepted + fed.duplicates, TRANSACTIONS);
  const different = new Set(documents.map(({ id, kind }) => `${kind} ${id}`)).size;
  t.equal(await eventually(async () => Number(await ask(server, facts)), (found) => found >= different), different, 'facts');
  t.equal(await ask(server, `SELECT uniqExact(partner, id, kind) FROM ${server.database}.transactions`), String(different));
  const verified = await one.run('verify', '--data', one.directory, '--json', ...flags.slice(flags.indexOf('--clickhouse')));
  if (!t.equal(verified.code, 0, 'the verifier finds nothing')) t.comment(verified.stdout, verified.stderr);
  t.match(JSON.parse(verified.stdout || '{}') as VerifyReport, { ok: true, differences: [], checks: [{}, {}, {}, {}, {}, {}, { check: 'clickhouse' }] });
  const elsewhere = flags.with(flags.indexOf('--clickhouse-database') + 1, `${server.database}_elsewhere`), settings = elsewhere.slice(elsewhere.indexOf('--clickhouse'));
  t.match(await one.run('migrate', ...settings), { code: 0 });
  const refused = await one.run('serve', '--data', ownDirectory(t), '--port', '0', '--metrics-port', '0', ...elsewhere);
  t.match(refused, { code: 2, stderr: /is not where the facts of this installation are/ }, 'one that would take its facts elsewhere takes none');
  t.ok(network.lost >= 2 * ROUNDS, `${network.lost} answers were lost`);
  for (const engine of [one, other]) t.match(await engine.stop(), { code: 0 });
});

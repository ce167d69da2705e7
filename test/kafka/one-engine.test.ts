/**
 * One engine whose log is on a real broker: kill -9 of the engine and of the broker while a file is fed by `pointstream feed`, then the same file again. Nothing is lost, nothing
 * counts twice, and the verifier agrees with topics, accounts and ClickHouse.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { hasTopics } from '../../engine/log/kafka/topics.js';
import { Generator } from '../../loadtest/generator.js';
import { Random } from '../../loadtest/random.js';
import { loadRules } from '../../loadtest/rule-sets.js';
import type { VerifyReport } from '../../loadtest/verifier.js';
import { GeneratedWorld } from '../../loadtest/world.js';
import { chdbMissing } from '../../engine/clickhouse/embedded-fixture.js';
import { ADMIN_KEY, eventually, NDJSON, ownDirectory, TestEngine } from '../end-to-end/engine.js';
import { Broker, kafkaMissing } from './broker.js';
import { addPartitions } from './foreign.js';

const TRANSACTIONS = 3000, BATCH_BYTES = '16384', DAY_MS = 86_400_000;
const seed = Number(process.env.POINTSTREAM_TEST_SEED ?? 20_260_117);
const world = new GeneratedWorld({ seed, partners: 1, stores: 12, products: 500 }), partner = world.partnerIds[0]!;
const generator = new Generator({ seed, transactions: TRANSACTIONS, accounts: 700, distribution: 'zipf', startMs: Date.UTC(2026, 0, 1), days: 28 }, world);
const documents = Array.from({ length: TRANSACTIONS }, (_, n) => generator.document(n));

t.test('killed engines and a killed broker', { skip: kafkaMissing || chdbMissing }, async (t) => {
  t.comment(`seed ${seed}; another one by POINTSTREAM_TEST_SEED`);
  const random = new Random(seed).at(0), broker = await Broker.start(t, { 'group.max.session.timeout.ms': 60_000 });
  const engine = await TestEngine.start(t, { flags: ['--kafka', broker.address, '--kafka-prefix', 'one.', '--partitions', '4', '--shards', '1', '--log-level', 'warn'] });
  await engine.put('/v1/programs/default', { name: 'Default', timeZone: 'Europe/Berlin', currencies: [{ id: 'points', scale: 0 }], expiryFrom: 'received' });
  await engine.put(`/v1/partners/${partner}`, world.partnerDocument(0));
  await engine.put(`/v1/partners/${partner}/products`, world.productDocuments(0).map((product) => JSON.stringify(product)).join('\n'), NDJSON);
  await engine.put('/v1/rules', { rules: loadRules(world, 14) });
  const single = { id: 'single', kind: 'purchase', partner, card: '4711', occurredAt: new Date(Date.UTC(2026, 0, 5) + DAY_MS).toISOString(), currency: 'EUR', total: 1000 };
  const first = await engine.call('POST', '/v1/transactions', { body: single });
  t.match(first, { status: 200, body: { status: 'processed' } });
  const file = join(engine.directory, 'sales.ndjson');
  writeFileSync(file, documents.map((document) => `${JSON.stringify(document)}\n`).join(''));
  const feed = (...more: string[]): ReturnType<TestEngine['run']> => engine.run('feed', file, '--partner', partner, '--url', engine.http, '--key', ADMIN_KEY, '--batch-bytes', BATCH_BYTES, ...more);
  const reached = (row: number): Promise<unknown> => eventually(async () => rowReached(file), (now) => now >= row);

  for (const [kill, which] of (process.env.NIGHTLY ? ['engine', 'broker', 'all'] as const : ['all', 'broker'] as const).entries()) {
    const row = Math.floor((TRANSACTIONS * (kill + random.fraction())) / 4);
    t.comment(`kill ${which} after row ${row}`);
    const feeding = feed('--retry-seconds', which === 'broker' ? '180' : '0');
    await reached(row);
    if (which === 'broker') {
      await broker.kill();
      await broker.run();
      const { code, stderr } = await feeding;
      if (!t.equal(code, 0, 'the engine goes on when the broker is back')) t.comment(stderr);
      continue;
    }
    await engine.kill(which === 'all' ? 'all' : 'engine');
    await feeding;
    await engine.start();
  }
  // As for somebody who lost what it remembered.
  const { code, stdout, stderr } = await feed('--restart', '--json');
  if (!t.equal(code, 0, 'fed to the end')) t.comment(stderr);
  const fed = JSON.parse(stdout) as { accepted: number; duplicates: number };
  t.equal(fed.accepted + fed.duplicates, TRANSACTIONS);
  t.match(await engine.call('POST', '/v1/transactions', { body: single }), { status: 200, body: { status: 'duplicate', points: first.body.points } });
  const different = new Set(documents.map(({ id, kind }) => `${kind} ${id}`)).size + 1;
  t.equal(await engine.settled('SELECT count() FROM pointstream.transactions', different), different);
  t.same(await engine.query('SELECT count() AS rows, uniqExact(partner, id, kind) AS different FROM pointstream.transactions'), [{ rows: different, different }]);
  const verified = await engine.run('verify', '--data', engine.directory, '--json');
  if (!t.equal(verified.code, 0, 'the verifier finds nothing')) t.comment(verified.stdout, verified.stderr);
  t.match(JSON.parse(verified.stdout) as VerifyReport, { ok: true, differences: [] });
  const mistaken = await engine.run('verify', '--data', ownDirectory(t), '--kafka', broker.address, '--kafka-prefix', 'won.', '--clickhouse', 'off');
  t.match(mistaken, { code: 2, stdout: '', stderr: /no topics that begin with won\., so there is nothing to verify/ });
  t.equal(await hasTopics({ brokers: [broker.address], clientId: 'foreign' }, 'won.'), false, 'and makes none');
  const refused = await engine.run('serve', '--data', ownDirectory(t), '--kafka', broker.address, '--kafka-prefix', 'one.', '--clickhouse', 'off', '--kafka-session-ms', '61000');
  t.match(refused, { code: 3, stderr: /error: brokers don't take kafkaSessionMs=61000/ });
  const elsewhere = await engine.run('verify', '--data', ownDirectory(t), '--kafka', broker.address, '--kafka-prefix', 'one.');
  t.match(elsewhere, { code: 2, stdout: '', stderr: /clickhouse is not there, so the facts are elsewhere: say where serve brings them, --clickhouse URL/ }, 'and takes no facts away');
  const joining = await engine.run('demo', '--data', ownDirectory(t), '--kafka', broker.address, '--kafka-prefix', 'one.', '--transactions', '100', '--exit');
  t.match(joining, { code: 2, stdout: '', stderr: /has topics that begin with one\., and they are not of / }, 'a demo does not put its rules among those of others');
  await engine.stop();
  const using = await engine.run('demo', '--data', engine.directory, '--kafka', broker.address, '--kafka-prefix', 'one.', '--transactions', '100', '--exit');
  t.match(using, { code: 2, stdout: '', stderr: /is in use: partner "[^"]+", rule .* are not the demo's/ }, 'also where they are its own topics');
  await engine.start();
  await addPartitions(broker, 'one.commands', 5);
  t.match(await engine.ended, { code: 1, stderr: /there is no results\/4: the log has 4 partitions, fixed when it was created/ }, 'whose records nobody would read');
});

/** The row up to which `feed` knows the file to be in. */
function rowReached(file: string): number {
  try {
    return (JSON.parse(readFileSync(`${file}.feed`, 'utf8')) as { place: { row: number } }).place.row;
  } catch {
    return 0; // not begun
  }
}

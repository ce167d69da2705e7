/**
 * Two engines on one log, on a real broker: partitions move when one joins, is killed or frozen, while a file is fed and a till posts one by one. Nobody answers twice, no answer is lost, and
 * the verifier agrees with the topics and with the accounts wherever they are.
 */
import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import t from 'tap';
import { Generator } from '../../loadtest/generator.js';
import { loadRules } from '../../loadtest/rule-sets.js';
import type { VerifyReport } from '../../loadtest/verifier.js';
import { GeneratedWorld } from '../../loadtest/world.js';
import { ADMIN_KEY, eventually, NDJSON, ownDirectory, TestEngine } from '../end-to-end/engine.js';
import { Broker, kafkaMissing } from './broker.js';

const TRANSACTIONS = 2500, SESSION_MS = 2000;
const seed = Number(process.env.POINTSTREAM_TEST_SEED ?? 20_260_117);
const world = new GeneratedWorld({ seed, partners: 1, stores: 12, products: 300 }), partner = world.partnerIds[0]!;
const generator = new Generator({ seed, transactions: TRANSACTIONS, accounts: 500, distribution: 'uniform', startMs: Date.UTC(2026, 0, 1), days: 28 }, world);

t.test('two engines', { skip: kafkaMissing }, async (t) => {
  t.comment(`seed ${seed}; another one by POINTSTREAM_TEST_SEED`);
  const broker = await Broker.start(t), flags = [
    '--kafka', broker.address, '--kafka-prefix', 'two.', '--partitions', '8', '--clickhouse', 'off', '--kafka-session-ms', String(SESSION_MS), '--log-level', 'warn', '--shards', '1',
  ];
  const one = await TestEngine.start(t, { flags });
  await one.put('/v1/programs/default', { name: 'Default', timeZone: 'UTC', currencies: [{ id: 'points', scale: 0 }], expiryFrom: 'received' });
  await one.put(`/v1/partners/${partner}`, world.partnerDocument(0));
  await one.put(`/v1/partners/${partner}/products`, world.productDocuments(0).map((product) => JSON.stringify(product)).join('\n'), NDJSON);
  await one.put('/v1/rules', { rules: loadRules(world, 10) });
  const other = await TestEngine.start(t, { flags });
  const balances = new Map<string, unknown>();
  const purchase = (n: number): Record<string, unknown> => (
    { id: `till-${n}`, kind: 'purchase', partner, card: `till ${n}`, occurredAt: '2026-01-05T10:00:00Z', currency: 'EUR', total: 1000 }
  );
  /** Posts until it is answered, as tills do; a repeat tells what the first was told. */
  const post = async (engine: TestEngine, n: number): Promise<string> => {
    const { status, body } = await eventually(() => engine.call('POST', '/v1/transactions', { body: purchase(n) }), (answer) => answer.status === 200);
    t.equal(status, 200, JSON.stringify(body));
    balances.set(`till ${n}`, body.points);
    return String(body.status);
  };

  await t.test('answers and reads come from whichever engine has the account', async (t) => {
    for (let n = 0; n < 24; n++) t.equal(await post(n % 2 === 0 ? one : other, n), 'processed');
    for (let n = 0; n < 24; n++) {
      for (const engine of [one, other]) t.match(await engine.call('GET', `/v1/cards/${encodeURIComponent(`till ${n}`)}`), { status: 200, body: { cards: [`till ${n}`] } });
      t.match(await (n % 2 === 0 ? other : one).call('POST', '/v1/transactions', { body: purchase(n) }), { status: 200, body: { status: 'duplicate', points: balances.get(`till ${n}`) } });
    }
  });

  const file = join(one.directory, 'sales.ndjson');
  writeFileSync(file, Array.from({ length: TRANSACTIONS }, (_, n) => `${JSON.stringify(generator.document(n))}\n`).join(''));
  const feed = (engine: TestEngine): ReturnType<TestEngine['run']> => (
    engine.run('feed', file, '--partner', partner, '--url', engine.http, '--key', ADMIN_KEY, '--batch-bytes', '16384', '--retry-seconds', '180', '--json', '--restart')
  );
  const fedWhole = async (feeding: ReturnType<TestEngine['run']>): Promise<void> => {
    const { code, stdout, stderr } = await feeding;
    if (!t.equal(code, 0, 'fed to the end')) t.comment(stderr);
    const { accepted, duplicates } = JSON.parse(stdout || '{}') as { accepted: number; duplicates: number };
    t.equal(accepted + duplicates, TRANSACTIONS);
  };
  const verify = async (engine: TestEngine): Promise<void> => {
    const { code, stdout, stderr } = await engine.run('verify', '--data', engine.directory, '--json');
    if (!t.equal(code, 0, 'the verifier finds nothing')) t.comment(stdout, stderr);
    t.match(JSON.parse(stdout || '{}') as VerifyReport, { ok: true, differences: [] });
  };

  await t.test('one is killed while the other is fed', async () => {
    const feeding = feed(other);
    await eventually(() => other.call('GET', `/v1/cards/${encodeURIComponent(generator.document(300).card)}`), ({ status }) => status === 200);
    await one.kill();
    for (let n = 100; n < 110; n++) await post(other, n);
    await fedWhole(feeding);
    await verify(other);
  });

  await t.test('one that is frozen for longer than its session adds nothing when it wakes', async (t) => {
    await one.start();
    const feeding = feed(one);
    await eventually(() => one.call('GET', `/v1/cards/${encodeURIComponent('till 0')}`), ({ status }) => status === 200);
    process.kill(other.pid, 'SIGSTOP');
    await pause(3 * SESSION_MS);
    for (let n = 200; n < 210; n++) await post(one, n);
    process.kill(other.pid, 'SIGCONT');
    await fedWhole(feeding);
    for (let n = 0; n < 24; n++) t.equal(await post(other, n), 'duplicate');
    await verify(one);
    await verify(other);
  });

  await t.test('one that finds its name taken ends, so that nothing waits for it', async (t) => {
    const directory = ownDirectory(t);
    cpSync(join(other.directory, 'kafka', 'instance'), join(directory, 'kafka', 'instance'));
    const copy = await TestEngine.start(t, { flags, directory });
    t.match(await other.ended, { code: 1, stderr: /ending, so that other engines take the partitions/ });
    for (let n = 300; n < 324; n++) t.equal(await post(n % 2 === 0 ? one : copy, n), 'processed');
    await verify(one);
    t.match(await copy.stop(), { code: 0 });
  });
  t.match(await one.stop(), { code: 0 });
});

/**
 * Partners that write into Kafka, on a real broker: topics of their own by a router that is killed again and again, and `commands` itself by trusted producers. Whatever is in these
 * records, each transaction counts once, each mistake is among the dead letters with its place, and the verifier agrees.
 */
import { Packr } from 'msgpackr';
import t from 'tap';
import { openKafkaLog } from '../../engine/log/kafka/kafka-log.js';
import { committedOffsets, deleteRecordsBefore, LATEST, listOffset } from '../../engine/log/kafka/offsets.js';
import { readRecords } from '../../engine/log/kafka/read.js';
import { Generator } from '../../loadtest/generator.js';
import { Random } from '../../loadtest/random.js';
import { loadRules } from '../../loadtest/rule-sets.js';
import type { VerifyReport } from '../../loadtest/verifier.js';
import { GeneratedWorld } from '../../loadtest/world.js';
import { EnvelopeReader } from '../../workers/envelope.js';
import { eventually, NDJSON, ownDirectory, TestEngine } from '../end-to-end/engine.js';
import { Broker, kafkaMissing } from './broker.js';
import { createTopic, deleteTopic, produce, withCluster, type ForeignRecord } from './foreign.js';

const TRANSACTIONS = 3000, PARTITIONS = 4, PREFIX = 'router.', SESSION_MS = 1500;
const seed = Number(process.env.POINTSTREAM_TEST_SEED ?? 20_260_117);
const world = new GeneratedWorld({ seed, partners: 1, stores: 12, products: 300 }), partner = world.partnerIds[0]!;
const generator = new Generator({ seed, transactions: TRANSACTIONS, accounts: 500, distribution: 'uniform', startMs: Date.UTC(2026, 0, 1), days: 28 }, world);
const packr = new Packr({ useRecords: false });
const tillPurchase = (n: number): Record<string, unknown> => (
  { id: `till-${n}`, kind: 'purchase', partner, card: `till ${n % 40}`, occurredAt: '2026-01-05T10:00:00Z', currency: 'EUR', total: 1000 + n }
);

interface Listed { reason: string; source?: { topic: string; partition: number; offset: number; index: number }; transaction_id: string; partner: string }

t.test('partners on Kafka', { skip: kafkaMissing }, async (t) => {
  t.comment(`seed ${seed}; another one by POINTSTREAM_TEST_SEED`);
  const random = new Random(seed).at(1), broker = await Broker.start(t);
  const kafka = ['--kafka', broker.address, '--kafka-prefix', PREFIX, '--kafka-session-ms', String(SESSION_MS), '--clickhouse', 'off', '--log-level', 'warn'];
  const engine = await TestEngine.start(t, { flags: [...kafka, '--partitions', String(PARTITIONS), '--shards', '1', '--roles', 'gateway,engine'] });
  await engine.put('/v1/programs/default', { name: 'Default', timeZone: 'UTC', currencies: [{ id: 'points', scale: 0 }], expiryFrom: 'received' });
  await engine.put(`/v1/partners/${partner}`, world.partnerDocument(0));
  await engine.put(`/v1/partners/${partner}/products`, world.productDocuments(0).map((product) => JSON.stringify(product)).join('\n'), NDJSON);
  await engine.put('/v1/rules', { rules: loadRules(world, 10) });

  const counter = async (of: TestEngine, name: string): Promise<number> => {
    const text = await (await fetch(`${of.metrics}/metrics`)).text();
    return [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))].reduce((sum, [, value]) => sum + Number(value), 0);
  };
  const rejected = async (only = `&partner=${partner}`): Promise<Listed[]> => {
    const all: Listed[] = [];
    for (let after = ''; ;) {
      const { body } = await engine.call('GET', `/v1/rejected?limit=500${only}${after}`), data = body.data as (Listed & { id: string })[];
      all.push(...data);
      if (body.has_more !== true) return all;
      after = `&starting_after=${data.at(-1)!.id}`;
    }
  };
  /** Of transactions that lie in `commands`, whoever wrote them there. */
  const commands = async (): Promise<number> => {
    const log = await openKafkaLog({ connection: { brokers: [broker.address] }, prefix: PREFIX, directory: ownDirectory(t), codec: 'none', sessionMs: SESSION_MS, engine: false });
    const reader = new EnvelopeReader();
    let count = 0;
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const { end } = await log.bounds('commands', partition);
      for (let offset = 0; offset < end;) {
        const { records, nextOffset } = await log.read('commands', partition, offset, 2 ** 22);
        for (const { value } of records) count += reader.open(value) === 'transactions' ? reader.header.count : 1;
        offset = nextOffset;
      }
    }
    await log.close();
    return count;
  };
  const evaluated = async (): Promise<number> => (await Promise.all(['processed', 'duplicate', 'rejected'].map((name) => counter(engine, `pointstream_transactions_${name}_total`))))
    .reduce((sum, count) => sum + count, 0);
  const verify = async (): Promise<void> => {
    const { code, stdout, stderr } = await engine.run('verify', '--data', engine.directory, '--json');
    if (!t.equal(code, 0, 'the verifier finds nothing')) t.comment(stdout, stderr);
    t.match(JSON.parse(stdout || '{}') as VerifyReport, { ok: true, differences: [] });
  };

  await t.test('topics of partners, by a router that is killed', async (t) => {
    const sales = 'sales.v1', returns = 'returns.v1', topics = `${partner}=${sales},${partner}=${returns},${partner}=not-there`;
    await createTopic(broker, sales, 3);
    await createTopic(broker, returns, 1);
    const flags = [...kafka, '--roles', 'router', '--router-topics', topics], router = await TestEngine.start(t, { flags });
    /** Records that the routers' group has not passed: what a killed one has handed on, and will be handed on again, is among them. */
    const behind = (): Promise<number> => withCluster(broker, async (cluster) => {
      await cluster.describe([sales, returns]);
      const passedOf = (topic: string, ...partitions: number[]): ReturnType<typeof committedOffsets> => committedOffsets(cluster, `${PREFIX}routers`, [topic], partitions);
      const passed = [...await passedOf(sales, 0, 1, 2), ...await passedOf(returns, 0)];
      return (await Promise.all(passed.map(async ({ topic, partition, offset }) => await listOffset(cluster, topic, partition, LATEST) - offset))).reduce((sum, count) => sum + count, 0);
    });
    const broken: (string | Buffer | null)[] = [
      '{"id": "cut', null, '', 'hello', Buffer.from([0xc1, 2, 1]), Buffer.from([0, 0, 0, 0, 1, 7]), JSON.stringify({ ...tillPurchase(0), id: 'x', total: -1 }), packr.pack({ ...tillPurchase(0), id: 'y', stor: 1 }),
      JSON.stringify({ ...tillPurchase(0), id: 'z', partner: 'somebody-else' }), packr.pack(generator.document(0)).subarray(0, 30),
    ];
    const different = new Set<string>();
    let sent = 0, wrong = 0, n = 0;
    for (const [round, codec] of ['lz4', 'none', 'gzip'].entries()) {
      const records: ForeignRecord[] = [];
      // Any partitioning: records go wherever the producer likes.
      const put = (value: string | Buffer | null): void => void records.push({ value, partition: random.below(3) });
      for (const end = Math.floor((TRANSACTIONS * (round + 1)) / 3); n < end;) {
        const count = Math.min(end - n, 1 + random.below(12)), documents = Array.from({ length: count }, (_, i) => generator.document(n + i));
        const value = documents.length === 1 ? documents[0]! : documents;
        put(random.fraction() < 0.5 ? JSON.stringify(value) : packr.pack(value));
        n += count;
        sent += count;
        for (const { kind, id } of documents) different.add(`${kind} ${id}`);
        if (random.fraction() >= 0.05) continue;
        put(broken[random.below(broken.length)]!);
        wrong++;
      }
      const before = await counter(engine, 'pointstream_transactions_processed_total');
      const producing = produce(broker, sales, records, { 'compression.codec': codec, 'batch.num.messages': 30 });
      // In the middle of it.
      await eventually(() => counter(engine, 'pointstream_transactions_processed_total'), (now) => now > before);
      if (round < 2) await router.kill();
      await producing;
      if (round < 2) await router.start();
    }
    const other = await TestEngine.start(t, { flags }), parts = 'pointstream_router_partitions';
    t.ok(await eventually(() => counter(other, parts), (now) => now > 0) > 0, 'another router takes part');
    t.equal(await eventually(async () => await counter(router, parts) + await counter(other, parts), (now) => now === 4), 4, 'each partition has one');
    await other.kill();
    await produce(broker, returns, [{ value: JSON.stringify([tillPurchase(1), tillPurchase(1)]) }]);
    different.add('purchase till-1');
    sent += 2;
    t.equal(await eventually(() => counter(engine, 'pointstream_transactions_processed_total'), (now) => now >= different.size), different.size, 'each counts once');
    const places = async (): Promise<Set<string>> => new Set((await rejected()).flatMap(({ source }) => (source?.topic === sales ? Object.values(source).join('/') : [])));
    t.equal((await eventually(places, (found) => found.size >= wrong)).size, wrong, 'each mistake has its place');
    for (const { source, reason, partner: whose } of await rejected()) {
      t.ok(['malformed', 'invalid', 'unknown-field', 'other-partner'].includes(reason) && source && source.partition >= 0 && whose === partner, `${reason} ${JSON.stringify(source)}`);
    }
    t.equal(await eventually(behind, (records) => records === 0), 0, 'nothing is still to come');
    const handedOn = await commands();
    t.comment(`${sent} sent, ${handedOn} handed on`);
    t.ok(handedOn >= sent, 'at least once');
    t.equal(await eventually(evaluated, (now) => now === handedOn), handedOn, 'processed + duplicates + rejected');
    t.equal(await counter(engine, 'pointstream_transactions_duplicate_total'), handedOn - different.size);
    t.equal(await eventually(() => counter(router, parts), (now) => now === 4), 4, 'a topic that is not there holds nothing up');
    const keys = await withCluster(broker, async (cluster) => {
      await cluster.describe([`${PREFIX}dead-letters`]);
      const found: string[] = [];
      for (let partition = 0; partition < PARTITIONS; partition++) {
        for (const { key } of (await readRecords(cluster, `${PREFIX}dead-letters`, partition, 0, 2 ** 24, false)).records) found.push(Buffer.from(key!).toString());
      }
      return found;
    });
    t.ok(keys.every((key) => /^sales\.v1\/[012]\/\d+\/\d+$/.test(key)), 'dead letters have their origin as key');

    await t.test('a topic that is made anew is read from its beginning', async () => {
      await deleteTopic(broker, returns);
      await eventually(() => createTopic(broker, returns, 1).then(() => true), (done) => done);
      await produce(broker, returns, [{ value: packr.pack(tillPurchase(2)) }]);
      t.equal(await eventually(() => counter(engine, 'pointstream_transactions_processed_total'), (now) => now > different.size), different.size + 1);
    });
    await t.test('what was deleted before it was read is told', async (t) => {
      t.match(await router.stop(), { code: 0 });
      const lost = { ...tillPurchase(3), id: 'lost' };
      await produce(broker, returns, [{ value: packr.pack([lost]) }]);
      const to = await withCluster(broker, async (cluster) => {
        await cluster.describe([returns]);
        return deleteRecordsBefore(cluster, returns, 0, await listOffset(cluster, returns, 0, LATEST));
      });
      await produce(broker, returns, [{ value: packr.pack({ ...lost, id: 'kept' }) }]);
      await router.start();
      t.equal(await eventually(() => counter(engine, 'pointstream_transactions_processed_total'), (now) => now > different.size + 1), different.size + 2);
      t.match(await router.stop(), { code: 0, stderr: new RegExp(`"topic":"${returns}","partner":"${partner}","partition":0,"from":1,"to":${to},"msg":"records .* deleted before they were read`) });
    });
  });

  await t.test('trusted producers, straight to commands', async (t) => {
    const topic = `${PREFIX}commands`, before = await counter(engine, 'pointstream_transactions_processed_total');
    const records = Array.from({ length: 300 }, (_, i): ForeignRecord => {
      const document = tillPurchase(1000 + i);
      return { key: document.card as string, value: i % 2 === 0 ? JSON.stringify(document) : packr.pack(document), ...(i % 10 === 0 && { partition: i % PARTITIONS }) };
    });
    const garbage: ForeignRecord[] = [
      '{"id": "cut', null, '', 'hello', Buffer.from([0xc1, 9]), Buffer.from([0xc1, 1, 5]), Buffer.from([0xc1, 2, 5, 5]), Buffer.from([0xc1, 2, 0x81, 0xa4]), JSON.stringify({ ...tillPurchase(0), id: 'wrong', total: -1 }), JSON.stringify({ ...tillPurchase(0), id: 'nobody', partner: 'nobody' }),
    ].map((value) => ({ value, key: 'any' }));
    await produce(broker, topic, [...records, ...garbage, ...records.slice(0, 50)], { partitioner: 'murmur2', 'compression.codec': 'zstd' });
    t.equal(await eventually(() => counter(engine, 'pointstream_transactions_processed_total'), (now) => now >= before + records.length), before + records.length);
    for (const n of [0, 1, 7]) t.match(await engine.call('GET', `/v1/transactions/${partner}/till-${1000 + n}`), { status: 200, body: { id: `till-${1000 + n}` } });
    const letters = await eventually(async () => (await rejected('')).filter(({ source }) => source!.topic === 'commands'), (found) => found.length >= garbage.length);
    t.same(letters.map(({ reason }) => reason).sort(), ['invalid', ...Array<string>(8).fill('malformed'), 'unknown-partner']);
  });
  await verify();
  t.match(await engine.stop(), { code: 0 });
});

/** The log's contract on Apache Kafka, with a real broker; and what only Kafka can do to it: lose an answer, be written by others, hold a transaction open. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { called, connectNative, disconnectNative, loadNative } from '../../engine/log/kafka/client.js';
import { openKafkaLog } from '../../engine/log/kafka/kafka-log.js';
import { LATEST, listOffset, READ_UNCOMMITTED } from '../../engine/log/kafka/offsets.js';
import { readRecords } from '../../engine/log/kafka/read.js';
import type { Log } from '../../engine/log/log.js';
import { eventually } from '../end-to-end/engine.js';
import { readInputUntil } from '../log-contract/input-contract.js';
import { logContract, readAll, type LogStorage } from '../log-contract/log-contract.js';
import { Broker, freePorts, kafkaMissing } from './broker.js';
import { withCluster } from './foreign.js';
import { END_TRANSACTION, Proxy } from './proxy.js';

const texts = (records: { value: Uint8Array }[]): string[] => records.map(({ value }) => Buffer.from(value).toString());

if (kafkaMissing) t.pass('skipped', { skip: kafkaMissing });
else {
  // Clients are sent to the proxy, which loses what a test wants lost.
  const [port] = await freePorts(1), broker = await Broker.start(t, { 'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}` });
  const proxy = await Proxy.start(t, port!, broker.port), native = loadNative();
  let storages = 0;
  const openLog = async (t: { teardown(end: () => Promise<void>): void }, prefix: string): Promise<Log> => {
    const directory = mkdtempSync(join(tmpdir(), 'pointstream-log-'));
    const log = await openKafkaLog({ connection: { brokers: [broker.address] }, prefix, directory, codec: 'lz4', sessionMs: 6000, engine: true, partitions: 2 });
    t.teardown(async () => {
      await log.close();
      rmSync(directory, { recursive: true });
    });
    return log;
  };
  logContract(t, {
    name: 'kafka',
    takesClock: false,
    async create(): Promise<LogStorage> {
      const directory = mkdtempSync(join(tmpdir(), 'pointstream-log-')), prefix = `contract-${storages++}-`;
      return {
        open: ({ partitions }) => openKafkaLog({
          connection: { brokers: [broker.address] }, prefix, directory, codec: 'lz4', sessionMs: 6000, engine: true, ...(partitions === undefined ? {} : { partitions }),
        }),
        async remove() { rmSync(directory, { recursive: true }); },
      };
    },
  });

  t.test('a commit whose answer is lost took effect once', async (t) => {
    const log = await openLog(t, 'lost-');
    const step = (n: number): Promise<number[]> => log.commit({
      outputs: [0, 1].map((partition) => ({ topic: 'results', partition, value: Buffer.from(`result ${n}`) })), positions: [{ topic: 'commands', partition: 0, offset: n + 1 }],
    });
    await step(0);
    for (const n of [1, 2, 3]) {
      const lost = proxy.loseAnswer(END_TRANSACTION);
      const [offsets] = await Promise.all([step(n), lost]);
      const { records } = await log.read('results', 1, offsets![1]!, 1);
      t.same(texts(records), [`result ${n}`], 'its places are known all the same');
      t.equal(await log.position('commands', 0), n + 1);
    }
    await step(4);
    for (const partition of [0, 1]) t.same(texts(await readAll(log, 'results', partition)), [0, 1, 2, 3, 4].map((n) => `result ${n}`));
  });

  t.test('of two that both have a transaction open in a partition, only one commits', async (t) => {
    const log = await openLog(t, 'both-'), results = 'both-results', theirs = new native.Producer({ 'bootstrap.servers': broker.address, 'transactional.id': 'theirs' });
    const ours = (n: number): Promise<number[]> => log.commit({
      outputs: ['a', 'b'].map((part) => ({ topic: 'results', partition: 0, value: Buffer.from(`ours ${n}${part}`) })), positions: [{ topic: 'commands', partition: 0, offset: n }],
    });
    const written = (): Promise<number> => withCluster(broker, async (cluster) => {
      await cluster.describe([results]);
      return listOffset(cluster, results, 0, LATEST, READ_UNCOMMITTED);
    });
    await log.settled(0);
    await ours(1);
    await connectNative(theirs);
    await called((done) => theirs.initTransactions(10_000, done));
    const begin = async (): Promise<number> => {
      await called((done) => theirs.beginTransaction(done));
      theirs.produce(results, 0, Buffer.from('theirs'), null, null, 0);
      await called((done) => theirs.flush(10_000, done));
      return written();
    };
    const before = await begin(), waiting = ours(2);
    t.ok(await eventually(written, (end) => end > before) > before, 'both are there');
    await called((done) => theirs.abortTransaction(10_000, done));
    await waiting;
    const again = await begin(), refused = t.rejects(ours(3), { code: 'moved' });
    t.ok(await eventually(written, (end) => end > again) > again, 'both are there again');
    await called((done) => theirs.commitTransaction(10_000, done));
    await refused;
    await disconnectNative(theirs);
    t.same(texts(await readAll(log, 'results', 0)), ['ours 1a', 'ours 1b', 'ours 2a', 'ours 2b', 'theirs']);
    await log.settled(0);
    await ours(3);
    t.same(texts(await readAll(log, 'results', 0)).slice(5), ['ours 3a', 'ours 3b'], 'what it knows now it goes on from');
  });

  t.test('what comes after a partition was read counts as unknown, whoever looks at it again', async (t) => {
    const log = await openLog(t, 'again-'), theirs = new native.Producer({ 'bootstrap.servers': broker.address, 'transactional.id': 'again' });
    const ours = (n: number): Promise<number[]> => log.commit({ outputs: [{ topic: 'results', partition: 0, value: Buffer.from(`ours ${n}`) }], positions: [{ topic: 'commands', partition: 0, offset: n }] });
    await log.settled(0);
    await ours(1);
    await connectNative(theirs);
    await called((done) => theirs.initTransactions(10_000, done));
    await called((done) => theirs.beginTransaction(done));
    theirs.produce('again-results', 0, Buffer.from('theirs'), null, null, 0);
    await called((done) => theirs.commitTransaction(10_000, done));
    await disconnectNative(theirs);
    await log.settled(0); // as the sink does, later than the flow
    await t.rejects(ours(2), { code: 'moved' });
    t.same(texts(await readAll(log, 'results', 0)), ['ours 1', 'theirs']);
  });

  t.test('who looks at a partition again while it is written to finds nobody else', async (t) => {
    const log = await openLog(t, 'beside-'), tenure = log.tenure(0);
    await log.settled(0);
    let isOver = false;
    const looking = (async () => { while (!isOver) await log.settled(0); })();
    for (let n = 1; n <= 30; n++) await log.commit({ outputs: [{ topic: 'results', partition: 0, value: Buffer.from(`result ${n}`) }], positions: [{ topic: 'commands', partition: 0, offset: n }] });
    isOver = true;
    await looking;
    t.equal(log.tenure(0), tenure);
  });

  t.test('a step without results whose answer is lost took effect once, and is nobody else\'s', async (t) => {
    const log = await openLog(t, 'fenced-'), tenure = log.tenure(0);
    await log.settled(0);
    for (const n of [1, 2]) {
      const lost = proxy.loseAnswer(END_TRANSACTION);
      await Promise.all([log.commit({ outputs: [{ topic: 'snapshots', partition: 0, key: 'meta', value: Buffer.from(`sweep ${n}`) }], positions: [], fences: [0] }), lost]);
      const alsoLost = proxy.loseAnswer(END_TRANSACTION);
      await Promise.all([log.putOwnValues([{ partition: 0, name: 'sink/0', value: Buffer.from(`intent ${n}`) }]), alsoLost]);
    }
    t.equal(log.tenure(0), tenure);
    t.same(texts((await readAll(log, 'snapshots', 0)).filter(({ key }) => key === 'meta')), ['sweep 1', 'sweep 2']);
    const intents = await withCluster(broker, async (cluster) => {
      await cluster.describe(['fenced-control']);
      return (await readRecords(cluster, 'fenced-control', 0, 0, 2 ** 20, false)).records;
    });
    t.same(texts(intents), ['\0intent 1', '\0intent 2']);
  });


  t.test('records of other producers are read, whatever compresses them; what they abort is not', async (t) => {
    const log = await openLog(t, 'codecs-'), topic = 'codecs-commands', expected: string[] = [];
    for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
      const producer = new native.Producer({ 'bootstrap.servers': broker.address, 'compression.codec': codec, 'linger.ms': 50 });
      await connectNative(producer);
      for (let i = 0; i < 40; i++) {
        expected.push(`${codec} ${i} ${'text '.repeat(i)}`);
        producer.produce(topic, 0, Buffer.from(expected.at(-1)!), `key ${i}`, null, i);
      }
      await called((done) => producer.flush(10_000, done));
      await disconnectNative(producer);
    }
    const aborting = new native.Producer({ 'bootstrap.servers': broker.address, 'transactional.id': 'aborts' });
    await connectNative(aborting);
    await called((done) => aborting.initTransactions(10_000, done));
    await called((done) => aborting.beginTransaction(done));
    aborting.produce(topic, 0, Buffer.from('aborted'), null, null, 0);
    await called((done) => aborting.flush(10_000, done));
    t.same(texts(await readAll(log, 'commands', 0)), expected, 'an open transaction is not read');
    await called((done) => aborting.abortTransaction(10_000, done));
    await disconnectNative(aborting);
    const [last] = await log.append([{ topic: 'commands', partition: 0, value: Buffer.from('last') }]);
    expected.push('last');
    // The broker answers an abort before its mark stands in the partition; what comes later is read from then on, so the reading that waits comes first.
    t.same(texts(await readInputUntil(log, 'commands', 0, 0, last!)), expected, 'as shards get it');
    t.same(texts(await readAll(log, 'commands', 0)), expected, 'as others do');
  });

  t.test('results and values that are larger than a record may be come back whole', async (t) => {
    const log = await openLog(t, 'large-'), large = Buffer.alloc(20 * 2 ** 20, 'large '), small = Buffer.from('small');
    const offsets = await log.commit({ outputs: [small, large, small].map((value) => ({ topic: 'results', partition: 0, value })), positions: [] });
    const records = await readAll(log, 'results', 0);
    t.same(records.map(({ offset, value }) => [offset, value.length]), [[offsets[0], 5], [offsets[1], large.length], [offsets[2], 5]]);
    t.ok(Buffer.from(records[1]!.value).equals(large));
    t.equal((await log.read('results', 0, offsets[1]! + 1, 1)).records[0]!.offset, offsets[2], 'from its middle on the next one is read');
    for (const value of [large, large.subarray(1), small]) {
      await log.putValue('products/a', value);
      t.ok(Buffer.from((await log.getValue('products/a'))!).equals(value));
    }
  });

  t.test('what was added and is put anew leaves nothing behind for compaction to keep', async (t) => {
    const log = await openLog(t, 'added-');
    t.equal(await log.addValue('keys/1', Buffer.from('a long list')), true);
    await log.putValue('keys/1', Buffer.from('[]'));
    const newest = await withCluster(broker, async (cluster) => {
      await cluster.describe(['added-control']);
      const { records } = await readRecords(cluster, 'added-control', 0, 0, 2 ** 20, false);
      return new Map(records.map(({ key, value }) => [Buffer.from(key!).toString(), Buffer.from(value).toString()]));
    });
    t.equal(newest.get('keys/1'), '\0[]');
    t.same([...newest].filter(([key]) => key.startsWith('keys/1 added')).map(([, value]) => value), [''], 'a tombstone');
  });
}

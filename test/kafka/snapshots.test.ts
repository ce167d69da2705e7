/**
 * State that moves by snapshots, on a real broker: an engine with an empty disk takes over and replays only what came after; a former owner that was frozen adds nothing; values in parts
 * are read whole or not at all.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { called, connectNative, disconnectNative, loadNative } from '../../engine/log/kafka/client.js';
import { openKafkaLog } from '../../engine/log/kafka/kafka-log.js';
import type { Log, LogRecord } from '../../engine/log/log.js';
import { Generator } from '../../loadtest/generator.js';
import { loadRules } from '../../loadtest/rule-sets.js';
import type { VerifyReport } from '../../loadtest/verifier.js';
import { GeneratedWorld } from '../../loadtest/world.js';
import { ADMIN_KEY, eventually, NDJSON, ownDirectory, TestEngine, type Tap } from '../end-to-end/engine.js';
import { readAll } from '../log-contract/log-contract.js';
import { Broker, freePorts, kafkaMissing } from './broker.js';
import { OFFSETS_OF_TRANSACTION, PRODUCE, Proxy } from './proxy.js';

const TRANSACTIONS = 8000, ACCOUNTS = 4000, SESSION_MS = 2000;
const seed = Number(process.env.POINTSTREAM_TEST_SEED ?? 20_260_117);
const said = ({ key, value }: LogRecord): [string | undefined, string] => [key, Buffer.from(value).toString()];

t.test('snapshots', { skip: kafkaMissing }, async (t) => {
  t.comment(`seed ${seed}; another one by POINTSTREAM_TEST_SEED`);
  const broker = await Broker.start(t);
  const openLog = async (t: Tap, prefix: string): Promise<Log> => {
    const log = await openKafkaLog({ connection: { brokers: [broker.address] }, prefix, directory: ownDirectory(t), codec: 'lz4', sessionMs: SESSION_MS, engine: true, partitions: 1 });
    t.teardown(() => log.close());
    return log;
  };

  await t.test('an engine with an empty disk replays what came after the snapshot, and nothing else', async (t) => {
    const world = new GeneratedWorld({ seed, partners: 1, stores: 12, products: 300 }), partner = world.partnerIds[0]!;
    const generator = new Generator({ seed, transactions: TRANSACTIONS, accounts: ACCOUNTS, distribution: 'uniform', startMs: Date.UTC(2026, 0, 1), days: 28 }, world);
    // Little memory: a sweep follows the other, since only what is written may leave it.
    const flags = ['--kafka', broker.address, '--kafka-prefix', 'moves.', '--partitions', '4', '--clickhouse', 'off', '--kafka-session-ms', String(SESSION_MS), '--log-level', 'warn',
      '--shards', '1', '--cache-bytes-max', String(2 ** 20)];
    const one = await TestEngine.start(t, { flags });
    await one.put('/v1/programs/default', { name: 'Default', timeZone: 'UTC', currencies: [{ id: 'points', scale: 0 }], expiryFrom: 'received' });
    await one.put(`/v1/partners/${partner}`, world.partnerDocument(0));
    await one.put(`/v1/partners/${partner}/products`, world.productDocuments(0).map((product) => JSON.stringify(product)).join('\n'), NDJSON);
    await one.put('/v1/rules', { rules: loadRules(world, 10) });
    const file = join(one.directory, 'sales.ndjson');
    writeFileSync(file, Array.from({ length: TRANSACTIONS }, (_, n) => `${JSON.stringify(generator.document(n))}\n`).join(''));
    const feed = async (engine: TestEngine, more: string[]): Promise<{ accepted: number; duplicates: number }> => {
      const { code, stdout, stderr } = await engine.run('feed', file, '--partner', partner, '--url', engine.http, '--key', ADMIN_KEY, '--batch-bytes', '65536', '--json', ...more);
      if (!t.equal(code, 0, 'fed to the end')) t.comment(stderr);
      return JSON.parse(stdout) as { accepted: number; duplicates: number };
    };
    await feed(one, []);
    const batches = await metric(one, 'pointstream_batch_transactions_count');
    t.ok(await metric(one, 'pointstream_snapshot_written_bytes_total') > 0, 'sweeps wrote to the log');
    await one.kill();
    const other = await TestEngine.start(t, { flags });
    // Those of the killed one come when its session is over.
    await eventually(() => accounts(other), (found) => found >= 4);
    const replayed = await metric(other, 'pointstream_replayed_batches_total');
    t.comment(`${replayed} of ${batches} batches were replayed`);
    t.ok(replayed < batches / 4, `${replayed} of ${batches} batches`);
    const { accepted, duplicates } = await feed(other, ['--restart']);
    t.same([accepted, duplicates], [0, TRANSACTIONS], 'everything is known');
    const { code, stdout, stderr } = await other.run('verify', '--data', other.directory, '--json');
    if (!t.equal(code, 0, 'the verifier finds nothing')) t.comment(stdout, stderr);
    t.match(JSON.parse(stdout || '{}') as VerifyReport, { ok: true, differences: [] });
    t.match(await other.stop(), { code: 0 });
    await other.start();
    t.equal(await metric(other, 'pointstream_replayed_batches_total'), 0, 'after a stop nothing has to be replayed');
    t.match(await other.stop(), { code: 0 });
  });

  await t.test('a former owner that was frozen adds nothing to the snapshot', async (t) => {
    const script = fileURLToPath(new URL('snapshot-writer.js', import.meta.url));
    const former = spawn(process.execPath, [script, broker.address, 'frozen.', ownDirectory(t), String(SESSION_MS)], { stdio: ['ignore', 'pipe', 'inherit'] });
    t.teardown(() => void former.kill('SIGKILL'));
    let output = '';
    former.stdout.on('data', (text) => { output += text; });
    await eventually(async () => output, (text) => text.includes('written 5'));
    former.kill('SIGSTOP');
    const log = await openLog(t, 'frozen.');
    await eventually(async () => log.owned.size, (owned) => owned === 1);
    await log.position('commands', 0);
    await log.settled(0);
    const before = (await readAll(log, 'snapshots', 0)).length;
    const mine = (n: number): Promise<number[]> => log.commit({ outputs: [{ topic: 'snapshots', partition: 0, key: 'meta', value: Buffer.from(`mine ${n}`) }], positions: [], fences: [0] });
    t.ok(before > 5);
    await mine(0);
    former.kill('SIGCONT');
    const [code] = (await once(former, 'close')) as [number];
    t.equal(code, 0);
    t.match(output, /\nmoved\n$/, 'it was told');
    await mine(1);
    t.same((await readAll(log, 'snapshots', 0)).slice(before).map(said), [['meta', 'mine 0'], ['meta', 'mine 1']]);
  });

  if (process.env.NIGHTLY) await t.test('a former owner that had the word of the group for a commit is waited for, wherever its records are', async (t) => {
    const [port] = await freePorts(1), own = await Broker.start(t, {
      'advertised.listeners': `PLAINTEXT://127.0.0.1:${port!}`, 'transaction.abort.timed.out.transaction.cleanup.interval.ms': 500,
    });
    const proxy = await Proxy.start(t, port!, own.port), directory = ownDirectory(t), script = fileURLToPath(new URL('snapshot-writer.js', import.meta.url));
    const former = spawn(process.execPath, [script, own.address, 'word.', ownDirectory(t), String(SESSION_MS)], { stdio: ['ignore', 'pipe', 'inherit'] });
    t.teardown(() => void former.kill('SIGKILL'));
    let output = '';
    former.stdout.on('data', (text) => { output += text; });
    await eventually(async () => output, (text) => text.includes('written 5'));
    // It waits beside the other, so that it has the partition while the other's transaction is still open.
    const log = await openKafkaLog({ connection: { brokers: [own.address] }, prefix: 'word.', directory, codec: 'lz4', sessionMs: SESSION_MS, engine: true, partitions: 1 });
    t.teardown(() => log.close());
    t.equal(log.owned.size, 0);
    await proxy.hold(PRODUCE, OFFSETS_OF_TRANSACTION);
    former.kill('SIGSTOP');
    await eventually(async () => log.owned.size, (owned) => owned === 1);
    await log.settled(0);
    const before = (await readAll(log, 'snapshots', 0)).length, ended = once(former, 'close');
    former.kill('SIGCONT');
    proxy.release();
    await ended;
    t.match(output, /\nmoved\n$/, 'it was told');
    t.equal((await readAll(log, 'snapshots', 0)).length, before, 'and added nothing once the partition was settled');
  });

  await t.test('what is larger than a record comes back whole, and parts whose others are missing do not', async (t) => {
    const log = await openLog(t, 'parts.'), native = loadNative(), large = Buffer.alloc(20 * 2 ** 20, 'large ');
    await eventually(async () => log.owned.size, (owned) => owned === 1);
    await log.commit({ outputs: [{ topic: 'snapshots', partition: 0, key: 'bucket/1', value: large }, { topic: 'snapshots', partition: 0, key: 'bucket/2', value: Buffer.from('small') }], positions: [] });
    const producer = new native.Producer({ 'bootstrap.servers': broker.address });
    await connectNative(producer);
    for (const key of ['bucket/3 part 1/2', 'bucket/4 part 0/2', 'bucket/5 part 1/2', 'bucket/4 part 0/3', 'bucket/4 part 1/3', 'bucket/6']) producer.produce('parts.snapshots', 0, Buffer.from(key), key, null, 0);
    await called((done) => producer.flush(10_000, done));
    await disconnectNative(producer);
    const records = await readAll(log, 'snapshots', 0);
    t.same(records.map(({ key, value }) => [key, value.length]), [['bucket/1', large.length], ['bucket/2', 5], ['bucket/6', 8]]);
    t.ok(Buffer.from(records[0]!.value).equals(large));
  });
});

/** The sum over its labels. */
async function metric(engine: TestEngine, name: string): Promise<number> {
  const text = await (await fetch(`${engine.metrics}/metrics`)).text();
  return text.split('\n').filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`)).reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}
/** Partitions of which it knows how many accounts they have: those that it has. */
async function accounts(engine: TestEngine): Promise<number> {
  return (await (await fetch(`${engine.metrics}/metrics`)).text()).split('\n').filter((line) => line.startsWith('pointstream_accounts{')).length;
}

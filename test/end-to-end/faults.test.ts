/**
 * What breaks around a running engine: its ClickHouse is killed, an analyst asks too much, the memory for accounts is far too small, the disk is full, it is told to stop in
 * the middle of its work. It says so, loses nothing, and counts stay exact. (A shard's worker that dies: test/poison.test.ts.)
 */
import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test as Tap } from 'tap';
import { chdbMissing } from '../../engine/clickhouse/embedded-fixture.js';
import { smallDisk } from '../support/small-disk.js';
import { eventually, killProcess, NDJSON, TestEngine } from './engine.js';

const CARDS = 16_000, BATCH = 4000;
const COUNT = 'SELECT count() FROM pointstream.transactions';

/** Purchases from..to, card by card around; each gives a point for each 100. */
function purchases(from: number, to: number): string {
  let text = '';
  for (let n = from; n < to; n++) {
    text += `{"id":"p${n}","kind":"purchase","partner":"grocer","card":"c${n % CARDS}","occurredAt":"2026-01-05T10:00:00Z","currency":"EUR","lines":[{"sku":"a","quantity":1,"amount":${100 * (n % 90)}}]}\n`;
  }
  return text;
}
const pointsOf = (from: number, to: number): number => Array.from({ length: to - from }, (_, i) => (from + i) % 90).reduce((sum, points) => sum + points, 0);

async function prepare(engine: TestEngine): Promise<void> {
  await engine.put('/v1/partners/grocer', { name: 'Grocer', timeZone: 'UTC', currency: 'EUR' });
  await engine.put('/v1/rules', { rules: [{ id: 'base', version: 1, award: { kind: 'perAmount', points: 1, amount: 100 } }] });
}
async function post(t: Tap, engine: TestEngine, from: number, to: number): Promise<void> {
  const { status, body } = await engine.call('POST', '/v1/transactions', { body: purchases(from, to), type: NDJSON });
  t.match({ status, body }, { status: 200, body: { accepted: to - from, duplicates: 0, rejected: 0 } }, `purchases ${from} to ${to}`);
}
async function exact(t: Tap, engine: TestEngine, count: number): Promise<void> {
  t.equal(await engine.settled(COUNT, count), count);
  t.same(await engine.query('SELECT uniqExact(id) AS different, sum(points) AS points FROM pointstream.transactions'), [{ different: count, points: pointsOf(0, count) }]);
}
async function verified(t: Tap, engine: TestEngine): Promise<void> {
  const { code, stdout, stderr } = await engine.run('verify', '--data', engine.directory);
  if (!t.equal(code, 0, 'verified')) t.comment(stdout, stderr);
}

t.test('one engine, many troubles', { skip: chdbMissing }, async (t) => {
  // As little memory for accounts as can be set: a tenth of the accounts does not fit.
  const engine = await TestEngine.start(t, { flags: ['--cache-bytes-max', String(2 ** 20)] });
  await prepare(engine);
  let posted = 0;
  const postNext = async (t: Tap): Promise<void> => post(t, engine, posted, (posted += BATCH));

  await t.test('far more accounts than memory: the same results', async (t) => {
    while (posted < CARDS + 2 * BATCH) await postNext(t);
    await exact(t, engine, posted);
    for (const card of [0, 5, CARDS - 1]) {
      const want = Array.from({ length: Math.ceil((posted - card) / CARDS) }, (_, i) => (card + i * CARDS) % 90).reduce((sum, points) => sum + points, 0);
      t.match((await engine.call('GET', `/v1/cards/c${card}`)).body, { balances: { points: { available: want } } }, `card ${card}`);
    }
  });

  await t.test('ClickHouse is killed while facts go there', async (t) => {
    const [child] = engine.children;
    if (child === undefined) return t.comment('no child process can be found here');
    const unready = eventually(() => engine.ready(), ({ status }) => status === 503);
    killProcess(child);
    t.match((await unready).body, { status: 'not ready', checks: [{ name: 'log', ok: true }, {}, {}, { name: 'clickhouse', ok: false, detail: /started again/ }] });
    await postNext(t);
    t.equal((await eventually(() => engine.ready(), ({ status }) => status === 200)).status, 200, 'it comes back by itself');
    await exact(t, engine, posted);
  });

  await t.test('an analyst who asks too much stops neither purchases nor facts', async (t) => {
    const cancel = new AbortController();
    let answered = false;
    const queries = [1, 2].map((n) => fetch(`${engine.clickhouse}/?query_id=heavy-${n}`, { method: 'POST', body: 'SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = 0', signal: cancel.signal })
      .then(() => { answered = true; }, () => undefined));
    const running = "SELECT count() FROM system.processes WHERE query LIKE '%sipHash64%' AND query NOT LIKE '%processes%'";
    t.equal(await engine.settled(running, 2), 2, 'they run');
    await postNext(t);
    t.match(await engine.call('POST', '/v1/transactions', { body: purchases(posted, ++posted) }), { status: 200 });
    await exact(t, engine, posted);
    t.equal(answered, false, 'and still do');
    cancel.abort();
    await Promise.all(queries);
    const left = await eventually(async () => (await engine.query<{ left: number }>(running.replace('count()', 'count() AS left')))[0]!.left, (count) => count === 0);
    t.equal(left, 0, 'nobody waits for them: they end');
  });

  await t.test('a second engine on the directory is refused', async (t) => {
    t.match(await engine.run('serve', '--data', engine.directory, '--port', '0', '--metrics-port', '0', '--clickhouse-port', '0'), { code: 3, stdout: '', stderr: /is open in process \d+/ });
    t.match(await engine.ready(), { status: 200 }, 'the first one goes on');
  });

  await t.test('told to stop in the middle of work it finishes what it took, ends with 0, and has all of it', async (t) => {
    const begun = posted;
    const answers = Array.from({ length: 6 }, async () => {
      const body = purchases(posted, (posted += BATCH / 4));
      return engine.call('POST', '/v1/transactions', { body, type: NDJSON }).catch(() => undefined);
    });
    await Promise.race(answers);
    t.match(await engine.stop(), { code: 0 });
    const taken = (await Promise.all(answers)).reduce((sum, answer) => sum + (answer?.status === 200 ? Number(answer.body.accepted) : 0), 0);
    await verified(t, engine);
    await engine.start();
    const { body } = await engine.call('POST', '/v1/transactions', { body: purchases(begun, posted), type: NDJSON });
    t.match(body, { rejected: 0 });
    t.ok(Number(body.duplicates) >= taken, `${taken} were acknowledged, ${Number(body.duplicates)} are there`);
    await exact(t, engine, posted);
  });
  await engine.stop();
});

t.test('a full disk', { skip: chdbMissing }, async (t) => {
  const directory = smallDisk(t, '96m');
  if (directory === undefined) return;
  const engine = await TestEngine.start(t, { directory });
  await prepare(engine);
  const ballast = join(directory, 'ballast');
  const { bavail, bsize } = statfsSync(directory);
  writeFileSync(ballast, Buffer.alloc(Math.max(0, bavail * bsize - 6 * 2 ** 20)));

  let taken = 0, refused;
  for (let n = 0; refused === undefined && n < 200_000; n += 1000) {
    const answer = await engine.call('POST', '/v1/transactions', { body: purchases(n, n + 1000), type: NDJSON });
    if (answer.status === 200) taken = n + 1000;
    else refused = answer;
  }
  t.comment(`full after ${taken} purchases`);
  t.match(refused, { status: 503, body: { type: '/problems/unavailable', detail: /disk .*full/i } });
  t.ok(Number(refused?.headers.get('retry-after')) >= 1, 'says when to try again');
  t.match(await engine.call('POST', '/v1/transactions', { body: purchases(0, 1) }), { status: 503 }, 'single posts too');
  const ready = await engine.ready();
  t.match(ready, { status: 503, body: { checks: [{ name: 'log', ok: false, detail: /disk is full/ }] } });
  t.match(await engine.call('GET', '/livez', { key: null }), { status: 200 }, 'alive, to be looked at');

  rmSync(ballast);
  const ended = await engine.stop();
  t.match(ended.stderr, /the engine stops accepting: the disk is full/, 'the log says it');
  await engine.start();
  t.match(await engine.ready(), { status: 200 });
  const again = await engine.call('POST', '/v1/transactions', { body: purchases(0, taken + 1000), type: NDJSON });
  t.match(again, { status: 200, body: { rejected: 0 } });
  t.ok(Number(again.body.duplicates) >= taken, `${taken} were acknowledged, ${Number(again.body.duplicates)} are there`);
  await exact(t, engine, taken + 1000);
  await verified(t, engine);
  t.match(await engine.stop(), { code: 0 });
});

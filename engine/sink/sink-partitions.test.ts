/** Partitions that come and go while their facts are under way, alone or in an insert with others: each fact once, whoever delivers it. */
import { setImmediate, setTimeout as pause } from 'node:timers/promises';
import t from 'tap';
import { eventually } from '../../test/end-to-end/engine.js';
import { ShortTime } from '../../test/sink/short-time.js';
import { shared, sorted, WAIT_MS, world } from '../../test/sink/sink-world.js';
import { intentName, writeIntent } from './delivery.js';
import type { Sink } from './sink.js';

t.test('a partition is given back while ClickHouse does not answer, and whoever has it next goes on', { timeout: 60_000 }, async (t) => {
  const { log, fake, client, expected, commit, start } = await world(t), owned = new Set([0]), { log: moving, listeners } = shared(log, owned);
  let letGo = (): void => undefined;
  const inserting = new Promise<void>((began) => {
    fake.hold = () => (began(), new Promise<void>((resolve) => { letGo = resolve; }));
  });
  await commit(0, 6);
  const sink = await start({ log: moving, client });
  await inserting;
  await listeners[0]!.released([0]);
  owned.delete(0);
  t.same(fake.rows, [], 'the insert is still under way');
  fake.hold = undefined;
  await commit(0, 7);
  const next = await start();
  t.equal(await next.caughtUp(WAIT_MS), true);
  letGo();
  await Promise.all([sink.stop(), next.stop()]);
  t.same(sorted(fake.rows), sorted(expected));
});

for (const looking of [false, true]) {
  t.test(`partitions are lost and come back while an insert is under way${looking ? ', and the log answers nothing' : ''}`, async (t) => {
    const { log, fake, client, expected, commit, start } = await world(t);
    const owned = new Set([0, 1, 2]);
    let answers = Promise.resolve(), tenure = 1;
    const { log: moving, listeners } = shared(log, owned, () => tenure, { bounds: (topic, partition) => answers.then(() => log.bounds(topic, partition)) });
    fake.knowsTokens = false;
    let letGo = (): void => undefined, answer = (): void => undefined;
    const inserting = new Promise<void>((began) => {
      fake.hold = () => (began(), new Promise<void>((resolve) => { letGo = resolve; }));
    });
    for (let i = 0; i < 3; i++) await commit(0, 6);
    const sink = await start({ log: moving, client });
    await inserting;
    if (looking) answers = new Promise((resolve) => { answer = resolve; });
    // The first look hangs; the second begins after the partition has come back, and before it has ended.
    const looks = [sink.caughtUp(WAIT_MS), sink.caughtUp(WAIT_MS)];
    owned.delete(0);
    listeners[0]!.lost([0]);
    owned.add(0);
    tenure++;
    listeners[0]!.gained([0]);
    for (let i = 0; i < 3; i++) await commit(0, 6, sink);
    fake.hold = undefined;
    answer();
    // Enough for an early beginning to ask for the rows, and to insert them again.
    for (let turn = 0; turn < 3000; turn++) await setImmediate();
    letGo();
    await Promise.all(looks);
    t.equal(await sink.caughtUp(WAIT_MS), true);
    t.same(sorted(fake.rows), sorted(expected));
    await sink.stop();
  });
}

for (const [what, tokenIs] of [['was not there', 'new'], ['is there', 'new'], ['is there, and its token is forgotten', 'forgotten'], ['is not there, and its token is used up', 'used up']] as const) {
  t.test(`an insert of an earlier engine ${what}; two others have its partitions now`, async (t) => {
    const { log, fake, client, expected, commit, start } = await world(t), pieces = [0, 1].map((partition) => ({ partition, from: 0, to: 2 }));
    for (const { partition } of [...pieces, ...pieces]) await commit(partition, 6);
    await log.putOwnValues(pieces.map(({ partition, from, to }) => ({ partition, name: intentName(partition), value: writeIntent({ from, to, token: 'earlier', done: false, pieces }) })));
    if (what.startsWith('is there')) fake.rows.push(...expected);
    if (tokenIs === 'forgotten') fake.knowsTokens = false;
    if (tokenIs === 'used up') fake.useUp('earlier');
    for (const partition of [0, 1]) await commit(partition, 5);
    const time = new ShortTime(() => undefined), sinks = await Promise.all([0, 1].map((partition) => start({ log: shared(log, new Set([partition])).log, client, pause: time.pause })));
    for (const sink of sinks) t.equal(await sink.caughtUp(WAIT_MS), true);
    t.same(sorted(fake.rows), sorted(expected));
    t.same([sinks[0]!.position(0), sinks[1]!.position(1)], [3, 3]);
    for (const sink of sinks) await sink.stop();
    const again = await start();
    t.equal(await again.caughtUp(WAIT_MS), true);
    t.same(sorted(fake.rows), sorted(expected), 'a later start inserts nothing');
    await again.stop();
  });
}

t.test('a token that one owner has replaced is forgotten by ClickHouse before the other one comes', async (t) => {
  const { log, fake, client, expected, commit, start } = await world(t), pieces = [0, 1].map((partition) => ({ partition, from: 0, to: 2 }));
  for (const { partition } of [...pieces, ...pieces]) await commit(partition, 6);
  await log.putOwnValues(pieces.map(({ partition, from, to }) => ({ partition, name: intentName(partition), value: writeIntent({ from, to, token: 'earlier', done: false, pieces }) })));
  fake.useUp('earlier');
  const time = new ShortTime(() => undefined), sinkOf = (partition: number): Promise<Sink> => start({ log: shared(log, new Set([partition])).log, client, pause: time.pause });
  const first = await sinkOf(0);
  t.equal(await first.caughtUp(WAIT_MS), true);
  fake.forget('earlier');
  const second = await sinkOf(1);
  t.equal(await second.caughtUp(WAIT_MS), true);
  t.same(sorted(fake.rows), sorted(expected));
  await Promise.all([first.stop(), second.stop()]);
});

t.test('results of a partition that can not be read keep no other partition back', { timeout: 300_000 }, async (t) => {
  const { log, fake, expected, commit, start } = await world(t);
  for (const partition of [0, 1, 2]) await commit(partition, 6);
  const broken = shared(log, new Set([0, 1, 2]), () => 1, {
    read: (topic, partition, from, bytes) => (partition === 0 ? Promise.reject(new Error('a damaged record')) : log.read(topic, partition, from, bytes)),
  });
  const time = new ShortTime(() => setImmediate()), sink = await start({ log: broken.log, pause: time.pause }), others = expected.filter((row) => !row.startsWith('0.'));
  t.same(sorted(await eventually(async () => fake.rows, (rows) => rows.length === others.length)), sorted(others));
  t.match(sink.failure, /a damaged record/);
  await sink.stop(0);
});

t.test('what comes in a partition is there before the backlog of another one', { timeout: 300_000 }, async (t) => {
  const { fake, expected, commit, start } = await world(t), INSERT_MS = 20;
  fake.hold = () => pause(INSERT_MS);
  for (let batch = 0; batch < 100; batch++) await commit(0, 25);
  let before: number | undefined;
  const sink = await start({ onInsert: () => { if (before === undefined && fake.rows.includes('1.0.0')) before = fake.rows.length; } });
  await commit(1, 1, sink);
  // Nobody is in a hurry, or it would be due at once.
  await eventually(async () => fake.rows.length, (rows) => rows === expected.length);
  t.comment(`it was among the first ${before} of ${expected.length} rows`);
  t.ok(before! < expected.length / 2);
  t.same(sorted(fake.rows), sorted(expected));
  await sink.stop();
});

t.test('a partition is lost while an insert with others is tried again; these go on at once', { timeout: 60_000 }, async (t) => {
  const { log, fake, client, expected, commit, start } = await world(t), owned = new Set([0, 1]), { log: moving, listeners } = shared(log, owned);
  fake.away = true;
  for (const partition of [0, 1]) await commit(partition, 6);
  const time = new ShortTime(() => setImmediate()), sink = await start({ log: moving, client, pause: time.pause });
  while (sink.failure === undefined) await setImmediate();
  owned.delete(0);
  listeners[0]!.lost([0]);
  const next = await start({ log: shared(log, new Set([0])).log, pause: time.pause });
  fake.away = false;
  for (const of of [sink, next]) t.equal(await of.caughtUp(WAIT_MS), true);
  t.same(sorted(fake.rows), sorted(expected));
  t.equal(sink.failure, undefined);
  await Promise.all([sink.stop(), next.stop()]);
});

/** The sink on a real embedded log and a fake ClickHouse: each fact once, in few inserts, whatever fails and wherever the sink is killed. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { ClickHouseLogLevel, createClient, type ClickHouseClient } from '@clickhouse/client';
import t from 'tap';
import { eventually } from '../../test/end-to-end/engine.js';
import { fakeResults, type Fault } from '../../test/sink/fake-clickhouse.js';
import { ShortTime } from '../../test/sink/short-time.js';
import { PARTITIONS, sorted, WAIT_MS, world } from '../../test/sink/sink-world.js';
import type { Log } from '../log/log.js';
import { intentName, writeIntent } from './delivery.js';

t.test('what lies in the log and what is offered arrives once, in inserts of whole records', async (t) => {
  const { log, fake, expected, commit, start } = await world(t);
  for (let i = 0; i < 30; i++) await commit(i % PARTITIONS, i % 4 === 0 ? 0 : 7);
  let insertedRows = 0;
  const sink = await start({ onInsert: (_, rows) => { insertedRows += rows; } });
  for (let i = 0; i < 30; i++) await commit(i % PARTITIONS, 5, sink);
  t.equal(await sink.caughtUp(WAIT_MS), true);
  t.same(sorted(fake.rows), sorted(expected));
  t.ok(Math.max(...fake.inserts) < 25 + 7, `inserts have ${fake.inserts.join(', ')} rows`);
  t.ok(fake.together <= 2);
  t.match(fake.settings, { async_insert: '0', insert_deduplicate: '1', input_format_parallel_parsing: '0', min_insert_block_size_rows: /^\d{9,}$/ });
  t.match(sink.stats, { rows: expected.length, inserts: fake.inserts.length, retries: 0, lagRecords: [0, 0, 0], lagSeconds: [0, 0, 0] });
  t.equal(insertedRows, expected.length);
  t.same([0, 1, 2].map((partition) => sink.position(partition)), await Promise.all([0, 1, 2].map(async (partition) => (await log.bounds('results', partition)).end)));
  await sink.stop();
  const again = await start();
  t.equal(await again.caughtUp(WAIT_MS), true);
  t.same(sorted(fake.rows), sorted(expected), 'a second start inserts nothing');
  await again.stop();
});

t.test('what there is of several partitions goes in one insert', async (t) => {
  const { fake, expected, commit, start } = await world(t);
  for (let i = 0; i < 2 * PARTITIONS; i++) await commit(i % PARTITIONS, 4);
  const sink = await start();
  t.equal(await sink.caughtUp(WAIT_MS), true);
  t.same(fake.inserts, [expected.length]);
  t.same(sorted(fake.rows), sorted(expected));
  await sink.stop();
});

t.test('records that found no room in memory are read from the log', async (t) => {
  const { fake, expected, commit, start } = await world(t);
  const sink = await start({ memoryBytesMax: fakeResults(0, 0, 9).byteLength * 3 });
  for (let i = 0; i < 40; i++) await commit(i % 2, 9, sink);
  t.equal(await sink.caughtUp(WAIT_MS), true);
  t.same(sorted(fake.rows), sorted(expected));
  await sink.stop();
});

t.test('a fact is there soon without anybody asking', async (t) => {
  const { fake, commit, start } = await world(t);
  let inserted: () => void;
  const arrival = new Promise<void>((resolve) => { inserted = resolve; });
  const sink = await start({ onInsert: () => inserted() });
  await commit(1, 1, sink);
  const beganMs = performance.now();
  await arrival;
  t.comment(`after ${Math.round(performance.now() - beganMs)} ms`);
  t.same(fake.rows, ['1.0.0']);
  await sink.stop();
});

const faults: Fault[][] = [['error'], ['lost'], ['answer lost'], ['token used up'], ['error', 'lost', 'answer lost', 'lost'], ['lost', 'token used up', 'token used up', 'error']];
for (const [knowsTokens, chain] of [true, false].flatMap((known) => faults.map((chain) => [known, chain] as const))) {
  t.test(`${chain.join(', ')}; tokens are ${knowsTokens ? 'known' : 'forgotten'}`, async (t) => {
    const { fake, expected, commit, start } = await world(t);
    Object.assign(fake, { faults: [...chain], knowsTokens });
    for (let i = 0; i < 9; i++) await commit(i % PARTITIONS, 10);
    const time = new ShortTime(() => undefined), sink = await start({ pause: time.pause });
    t.equal(await sink.caughtUp(WAIT_MS), true);
    t.same(sorted(fake.rows), sorted(expected));
    t.equal(sink.stats.retries, chain.length);
    t.equal(sink.failure, undefined, 'is forgotten once it went on');
    await sink.stop();
  });
}

t.test('an hour without ClickHouse, which has forgotten all tokens when it is back', async (t) => {
  const { fake, expected, commit, start } = await world(t), HOUR_MS = 3_600_000;
  // The first insert gets there; its answer doesn't, because ClickHouse goes away.
  Object.assign(fake, { faults: ['answer lost'], knowsTokens: false });
  for (let partition = 0; partition < PARTITIONS; partition++) await commit(partition, 10);
  let minutes = 0;
  const time = new ShortTime(async (nowMs) => {
    fake.away = nowMs < HOUR_MS;
    for (; minutes < Math.min(60, Math.floor(nowMs / 60_000)); minutes++) await commit(minutes % PARTITIONS, 9);
  });
  const sink = await start({ pause: time.pause, memoryBytesMax: fakeResults(0, 0, 9).byteLength * 5 });
  t.equal(await sink.caughtUp(WAIT_MS), true, 'what was there at the beginning');
  // The hour is over for ClickHouse a little before its last purchases are in the log.
  while (minutes < 60) await setImmediate();
  t.equal(await sink.caughtUp(WAIT_MS), true, 'and what came since');
  t.equal(minutes, 60, 'purchases went on all the time');
  t.same(sorted(fake.rows), sorted(expected));
  t.ok(sink.stats.retries <= PARTITIONS * (HOUR_MS / 2000 + 10), `it asks every two seconds, for each partition: ${sink.stats.retries} times`);
  t.match(sink.stats, { lagRecords: [0, 0, 0] });
  t.equal(sink.failure, undefined);
  await sink.stop();
});

t.test('a stop ends while ClickHouse does not answer, with more ranges than may be inserted at a time', { timeout: 60_000 }, async (t) => {
  const { commit, start } = await world(t);
  let count = 0, bothThere!: () => void;
  const two = new Promise<void>((resolve) => { bothThere = resolve; }), mute = createServer(() => { if (++count === 2) bothThere(); });
  await new Promise<void>((resolve) => void mute.listen(0, '127.0.0.1', resolve));
  const client = createClient({ url: `http://127.0.0.1:${(mute.address() as AddressInfo).port}`, log: { level: ClickHouseLogLevel.OFF } });
  t.teardown(async () => {
    await client.close();
    mute.closeAllConnections();
    mute.close();
  });
  for (let partition = 0; partition < PARTITIONS; partition++) await commit(partition, 10);
  const sink = await start({ client, rowsMax: 10 });
  await two;
  await sink.stop(0);
  t.equal(count, 2, 'the third did not begin');
});

t.test('a range of which a part is there is refused, loudly, and nothing is doubled', async (t) => {
  const { fake, commit, start } = await world(t);
  fake.faults = ['half'];
  fake.knowsTokens = false;
  await commit(0, 10);
  const sink = await start();
  const refused = /ClickHouse has 5 of the 10 rows of partition 0/;
  t.match(await eventually(async () => sink.failure, (failure) => refused.test(failure ?? '')), refused);
  t.equal(await sink.caughtUp(0), false);
  t.equal(fake.rows.length, 5);
  t.match(sink.stats.lagRecords, [1, 0, 0]);
  await sink.stop();
});

/** Lets a sink take `steps` steps; after the last one nothing ever answers it, as if its process had been killed there. */
function killedAfter(steps: number, log: Log, client: ClickHouseClient): { log: Log; client: ClickHouseClient; killed: Promise<void> } {
  let left = steps, kill: () => void;
  const killed = new Promise<void>((resolve) => { kill = resolve; });
  const step = async <T>(action: () => Promise<T>): Promise<T> => {
    if (left-- > 0) return action();
    kill();
    return new Promise<T>(() => undefined);
  };
  const both = async <T>(action: () => Promise<T>): Promise<T> => {
    const done = await step(action);
    return step(() => Promise.resolve(done));
  };
  const wrap = <O extends object>(target: O, counted: string[]): O => new Proxy(target, {
    get: (object, name) => {
      const value = Reflect.get(object, name) as unknown;
      if (typeof value !== 'function') return value;
      return counted.includes(String(name)) ? (...parameters: unknown[]) => both(() => Reflect.apply(value, object, parameters) as Promise<unknown>) : value.bind(object) as unknown;
    },
  });
  return { log: wrap(log, ['putOwnValues', 'read']), client: wrap(client, ['exec']), killed };
}

t.test('killed between any two steps', async (t) => {
  for (const knowsTokens of [true, false]) {
    for (let steps = 0, finished = false; !finished; steps++) {
      await t.test(`after ${steps} steps, tokens ${knowsTokens ? 'known' : 'forgotten'}`, async (t) => {
        const { log, client, fake, expected, commit, start } = await world(t);
        fake.knowsTokens = knowsTokens;
        for (let i = 0; i < 8; i++) await commit(i % 2, 10);
        const { killed, ...parts } = killedAfter(steps, log, client);
        const doomed = await start(parts);
        finished = await Promise.race([killed.then(() => false), doomed.caughtUp(WAIT_MS)]);
        for (let i = 0; i < 3; i++) await commit(i % 2, 3);
        const sink = await start();
        t.equal(await sink.caughtUp(WAIT_MS), true);
        t.same(sorted(fake.rows), sorted(expected));
        await sink.stop();
        const stopped = doomed.stop();
        if (finished) await stopped;
      });
    }
  }
});

t.test('results that an earlier run has sent and that can be read only in part yet', async (t) => {
  const { log, fake, client, expected, commit, start } = await world(t);
  for (let i = 0; i < 4; i++) await commit(0, 6);
  await log.putValue(intentName(0), writeIntent({ from: 0, to: 4, token: 'earlier', done: false, pieces: [{ partition: 0, from: 0, to: 4 }] }));
  fake.rows.push(...expected);
  let looks = 0;
  const slow = new Proxy(log, {
    get: (object, name) => {
      const value = Reflect.get(object, name) as unknown;
      if (name === 'read' && looks++ < 2) return async (...[topic, partition, from]: Parameters<Log['read']>) => (from === 0 ? log.read(topic, partition, from, 1) : { topic, partition, records: [], nextOffset: from });
      return typeof value === 'function' ? value.bind(object) as unknown : value;
    },
  });
  const time = new ShortTime(() => undefined), sink = await start({ log: slow, client, pause: time.pause });
  t.equal(await sink.caughtUp(WAIT_MS), true);
  t.ok(looks > 2, 'it looked again');
  t.same(sorted(fake.rows), sorted(expected));
  await sink.stop();
});

/**
 * Sinks of several engines on one log and one ClickHouse: partitions are given away, lost and taken back, engines die or hear nothing for a while, inserts fail, linger, and lose their answers. Each fact is there
 * once, in whatever order all of it happens.
 */
import { setImmediate } from 'node:timers/promises';
import type { ClickHouseClient } from '@clickhouse/client';
import { pino } from 'pino';
import t from 'tap';
import { startSink, type Sink } from '../../engine/sink/sink.js';
import { Random } from '../../loadtest/random.js';
import { FakeClickHouse, type Fault } from './fake-clickhouse.js';
import { EngineLog, MovingLog } from './moving-log.js';

const PARTITIONS = 3, STEPS = 120, WAIT_MS = 20_000, TOGETHER = 10;
const first = Number(process.env.POINTSTREAM_TEST_SEED ?? 100), count = process.env.NIGHTLY ? 2000 : 30;
const faults: Fault[] = ['error', 'lost', 'answer lost', 'token used up'];

interface Engine { log: EngineLog; sink: Sink }

/** What ended up in ClickHouse, and what should have. */
async function play(seed: number): Promise<{ found: string[]; expected: string[]; caughtUp: boolean; failure: string | undefined; happened: string[] }> {
  const random = new Random(seed).at(0), log = new MovingLog(PARTITIONS, random), fake = new FakeClickHouse(), client = await fake.start();
  const expected: string[] = [], happened: string[] = [], engines: Engine[] = [];
  const pause = async (_milliseconds: number, signal: AbortSignal): Promise<void> => {
    await log.turns();
    signal.throwIfAborted();
  };
  const start = async (): Promise<Engine> => {
    const own = new EngineLog(log), mortal = new Proxy(client, {
      get: (object, name) => {
        const value = Reflect.get(object, name) as unknown;
        if (typeof value !== 'function') return value;
        return (...parameters: unknown[]) => own.answered(own.dead ? new Promise(() => undefined) : Reflect.apply(value, object, parameters) as Promise<unknown>);
      },
    }) as ClickHouseClient;
    const sink = await startSink({ log: own.asLog(), client: mortal, partitions: PARTITIONS, logger: pino({ level: 'silent' }), rowsMax: 15, bytesMax: 2 ** 20, pause });
    const engine = { log: own, sink };
    engines.push(engine);
    return engine;
  };
  const any = (): Engine => engines[random.below(engines.length)]!;
  const ownerOf = (partition: number): Engine | undefined => engines.find(({ log: own }) => log.owners[partition] === own);
  const steps: Record<string, (partition: number) => Promise<void> | void> = {
    commit: (partition) => {
      const owner = ownerOf(partition);
      if (!owner) return;
      const { result, readable } = log.commit(partition, random.below(5));
      for (let row = 0; row < result.rows; row++) expected.push(`${partition}.${result.batch}.${row}`);
      void readable.then(() => {
        if (!owner.log.dead) owner.sink.offer(partition, { batch: result.batch, offset: result.offset, record: result.value, rows: result.rows });
      });
    },
    hurry: () => void any().sink.caughtUp(WAIT_MS),
    give: async (partition) => {
      const owner = ownerOf(partition);
      if (owner?.log.stalled) return; // nobody gives back what waits for an answer
      await owner?.log.release(partition);
      any().log.gain(partition);
    },
    lose: async (partition) => {
      ownerOf(partition)?.log.lose(partition);
      if (random.below(2) === 0) await log.turns();
      any().log.gain(partition);
    },
    die: async () => {
      const [engine] = engines.splice(random.below(engines.length), 1);
      engine!.log.dead = true;
      void engine!.sink.stop(0);
      await start();
      for (let partition = 0; partition < PARTITIONS; partition++) if (log.owners[partition] === engine!.log) any().log.gain(partition);
    },
    fault: () => void fake.faults.push(faults[random.below(faults.length)]!),
    stall: () => {
      const { log: own } = any();
      own.stalled = !own.stalled;
    },
    linger: () => { fake.hold = fake.hold ? undefined : () => log.turns(); },
  };
  const names = ['commit', 'commit', 'commit', 'commit', 'hurry', 'hurry', 'give', 'lose', 'lose', 'die', 'fault', 'linger', 'stall', 'stall'];
  await start();
  await start();
  for (let partition = 0; partition < PARTITIONS; partition++) any().log.gain(partition);
  for (let step = 0; step < STEPS; step++) {
    const name = names[random.below(names.length)]!, partition = random.below(PARTITIONS);
    happened.push(`${name} ${partition}`);
    await steps[name]!(partition);
    for (let turns = random.below(12); turns > 0; turns--) await setImmediate();
  }
  fake.faults = [];
  for (const { log: own } of engines) own.stalled = false;
  await Promise.all(log.results.map((results) => results.until()));
  const caughtUp = (await Promise.all(engines.map(({ sink }) => sink.caughtUp(WAIT_MS)))).every(Boolean), failure = engines.map(({ sink }) => sink.failure).find(Boolean);
  await Promise.all(engines.map(({ sink }) => sink.stop()));
  await client.close();
  await fake.stop();
  return { found: [...fake.rows].sort(), expected: expected.sort(), caughtUp, failure, happened };
}

t.test('each fact once, whoever delivers it', async (t) => {
  t.comment(`seeds ${first} to ${first + count - 1}; others by POINTSTREAM_TEST_SEED, more with NIGHTLY`);
  t.setTimeout(30 * 60_000);
  const seen = new Set<string>();
  for (let seed = first; seed < first + count; seed += TOGETHER) {
    const seeds = Array.from({ length: Math.min(TOGETHER, first + count - seed) }, (_, place) => seed + place);
    for (const [place, { found, expected, caughtUp, failure, happened }] of (await Promise.all(seeds.map(play))).entries()) {
      const right = t.same(found, expected, `seed ${seeds[place]}`);
      if (!right || !t.equal(caughtUp, true, `seed ${seeds[place]}: ${failure}`)) t.comment(happened.join(', '));
      for (const step of happened) seen.add(step.split(' ')[0]!);
    }
  }
  t.same([...seen].sort(), ['commit', 'die', 'fault', 'give', 'hurry', 'linger', 'lose', 'stall']);
});

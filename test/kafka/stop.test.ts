/**
 * A graceful stop ends by itself, and loses nothing, whatever is away at that moment: the broker killed or frozen with commits under way, partitions that are on their way, ClickHouse that does
 * not answer. What was acknowledged is there afterwards.
 */
import { setTimeout as pause } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { Generator } from '../../loadtest/generator.js';
import { loadRules } from '../../loadtest/rule-sets.js';
import { GeneratedWorld } from '../../loadtest/world.js';
import type { Ended } from '../support/command-line.js';
import { chdbMissing } from '../../engine/clickhouse/embedded-fixture.js';
import { eventually, NDJSON, TestEngine, type Tap } from '../end-to-end/engine.js';
import { Broker, kafkaMissing } from './broker.js';

/** `STOP_MS`: in its first half a stop waits for what is away; in its second half the client alone takes 4 s to give up, and a busy machine may add some. */
const TRANSACTIONS = 100_000, BODY = 50, LOOKED_FOR = 200, STOP_MS = 20_000, SESSION_MS = 2000, AGAIN_MS = 100;
const seed = Number(process.env.POINTSTREAM_TEST_SEED ?? 20_260_117);
const world = new GeneratedWorld({ seed, partners: 1, stores: 12, products: 300 }), partner = world.partnerIds[0]!;
const generator = new Generator({ seed, transactions: TRANSACTIONS, accounts: 500, distribution: 'uniform', startMs: Date.UTC(2026, 0, 1), days: 28 }, world);

t.test('a stop', { skip: kafkaMissing, timeout: 590_000 }, async (t) => {
  const broker = await Broker.start(t);
  let next = 0;
  const common = ['--kafka', broker.address, '--partitions', '4', '--kafka-session-ms', String(SESSION_MS), '--shards', '1', '--stop-timeout-ms', String(STOP_MS)];
  const flags = [...common, '--kafka-prefix', 'stop.', '--clickhouse', 'off'];
  const prepared = async (t: Tap, flags: string[]): Promise<TestEngine> => {
    const engine = await TestEngine.start(t, { flags });
    await engine.put('/v1/programs/default', { name: 'Default', timeZone: 'UTC', currencies: [{ id: 'points', scale: 0 }], expiryFrom: 'received' });
    await engine.put(`/v1/partners/${partner}`, world.partnerDocument(0));
    await engine.put(`/v1/partners/${partner}/products`, world.productDocuments(0).map((product) => JSON.stringify(product)).join('\n'), NDJSON);
    await engine.put('/v1/rules', { rules: loadRules(world, 5) });
    return engine;
  };
  /** Posts one body after the other until `end`; the purchases that were acknowledged. */
  const feed = (engine: TestEngine): { acknowledged: string[]; end(): Promise<void> } => {
    const acknowledged: string[] = [];
    let over = false;
    const lanes = [0, 1].map(async () => {
      while (!over) {
        const documents = Array.from({ length: BODY }, () => generator.document(next++));
        try {
          const { status } = await engine.post(documents);
          if (status === 200) acknowledged.push(...documents.filter(({ kind }) => kind === 'purchase').map(({ id }) => id));
          else await pause(AGAIN_MS);
        } catch {
          return; // it has gone
        }
      }
    });
    return { acknowledged, end: async () => { over = true; await Promise.all(lanes); } };
  };
  /** Ended in time and without an error: by itself, or by the signal where a call into the client does not return (engine/end-process.ts). */
  const endedWell = async (t: Test, what: string, ending: Promise<Ended>): Promise<void> => {
    const beganMs = performance.now(), { code, signal, stderr } = await ending;
    if (!t.ok(code === 0 || signal === 'SIGTERM', `${what}: ${code ?? signal} after ${Math.round(performance.now() - beganMs)} ms`)) t.comment(stderr);
  };
  const missing = async (engine: TestEngine, ids: string[]): Promise<string[]> => {
    const found = async (id: string): Promise<boolean> => (await eventually(() => engine.call('GET', `/v1/transactions/${partner}/${id}`), ({ status }) => status === 200 || status === 404)).status === 200;
    const looked = await Promise.all(ids.slice(-LOOKED_FOR).map(async (id) => [id, await found(id)] as const));
    return looked.filter(([, isThere]) => !isThere).map(([id]) => id);
  };
  const fed = async (engine: TestEngine): Promise<ReturnType<typeof feed>> => {
    const feeding = feed(engine);
    await eventually(async () => feeding.acknowledged.length, (count) => count > 500);
    return feeding;
  };
  const goesOn = async (t: Test, engine: TestEngine, acknowledged: string[]): Promise<void> => {
    await engine.start();
    t.same(await missing(engine, acknowledged), []);
  };
  const one = await prepared(t, flags);

  await t.test('while the broker is away', async (t) => {
    const feeding = await fed(one);
    await broker.kill();
    await endedWell(t, 'broker killed', one.stop());
    await feeding.end();
    await broker.run();
    await goesOn(t, one, feeding.acknowledged);
  });
  if (process.env.NIGHTLY) await t.test('while the broker is frozen in the midst of commits', async (t) => {
    const feeding = await fed(one);
    process.kill(broker.pid!, 'SIGSTOP');
    await endedWell(t, 'broker frozen', one.stop()).finally(() => process.kill(broker.pid!, 'SIGCONT'));
    await feeding.end();
    await goesOn(t, one, feeding.acknowledged);
  });
  await t.test('while partitions are on their way', async (t) => {
    const feeding = await fed(one), other = await TestEngine.start(t, { flags });
    const third = TestEngine.start(t, { flags });
    await endedWell(t, 'the first', one.stop());
    await feeding.end();
    const last = await third;
    await endedWell(t, 'the second', other.stop());
    t.same(await missing(last, feeding.acknowledged), []);
    await endedWell(t, 'the last', last.stop());
  });
  await t.test('while ClickHouse does not answer', { skip: chdbMissing }, async (t) => {
    const engine = await prepared(t, [...common, '--kafka-prefix', 'stop-analytics.']), feeding = await fed(engine), before = feeding.acknowledged.length;
    process.kill(engine.children[0]!, 'SIGSTOP');
    await eventually(async () => feeding.acknowledged.length, (count) => count > before + 500);
    // What analysts see of it is to be written, too.
    await engine.put(`/v1/partners/${partner}`, { ...world.partnerDocument(0), name: 'Renamed' });
    await endedWell(t, 'ClickHouse frozen', engine.stop());
    await feeding.end();
    await goesOn(t, engine, feeding.acknowledged);
    await endedWell(t, 'when all is well', engine.stop());
  });
});

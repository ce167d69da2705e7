/**
 * Documents and keys that are put at two gateways of one installation, one of them without an engine: what one has answered the other one knows, and of two that are put at the same moment
 * none is lost.
 */
import t from 'tap';
import { eventually, TestEngine } from '../end-to-end/engine.js';
import { Broker, kafkaMissing } from './broker.js';

const ROUNDS = 8;
const document = (name: string): object => ({ name, timeZone: 'UTC', currency: 'EUR' });

t.test('two gateways', { skip: kafkaMissing }, async (t) => {
  const broker = await Broker.start(t), flags = ['--kafka', broker.address, '--kafka-prefix', 'gateways.', '--partitions', '2', '--clickhouse', 'off', '--shards', '1', '--log-level', 'warn'];
  const one = await TestEngine.start(t, { flags }), other = await TestEngine.start(t, { flags: [...flags, '--roles', 'gateway'] }), both = [one, other];
  const buy = (gateway: TestEngine, partner: string, id: string, key?: string): ReturnType<TestEngine['call']> => gateway.call('POST', '/v1/transactions', {
    body: { id, kind: 'purchase', partner, card: '4711', occurredAt: '2026-01-05T10:00:00Z', currency: 'EUR', total: 1000 }, ...(key === undefined ? {} : { key }),
  });

  await t.test('what one has answered the other knows', async (t) => {
    for (const [i, gateway] of [one, other, one].entries()) {
      const partner = `turn-${i}`, elsewhere = gateway === one ? other : one;
      await gateway.put(`/v1/partners/${partner}`, document(partner));
      t.match(await elsewhere.call('GET', `/v1/partners/${partner}`), { status: 200, body: { name: partner } });
      t.match(await buy(elsewhere, partner, 'r-1'), { status: 200, body: { status: 'processed' } });
    }
    await other.put('/v1/rules', { rules: [{ id: 'base', version: 1, award: { kind: 'perAmount', points: 1, amount: 100 } }] });
    t.match(await buy(one, 'turn-0', 'r-2'), { status: 200, body: { points: 10 } });
    t.match(await one.call('GET', '/v1/rules'), { body: { rules: [{ id: 'base' }] } });
    t.match(await one.call('GET', '/v1/partners'), { body: { data: [{ id: 'turn-0' }, { id: 'turn-1' }, { id: 'turn-2' }] } });
  });

  await t.test('of two at the same moment none is lost', async (t) => {
    const names: string[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      await Promise.all(both.map(async (gateway, i) => {
        const partner = `round-${round}-${i}`;
        names.push(partner);
        await gateway.put(`/v1/partners/${partner}`, { ...document(partner), keys: [{ key: `key-of-${partner}-0000`, scopes: ['post'] }] });
      }));
    }
    for (const gateway of both) {
      const { body: { data } } = await gateway.call('GET', '/v1/partners');
      t.same((data as { id: string }[]).map(({ id }) => id).filter((id) => id.startsWith('round')).sort(), names.sort());
      for (const partner of names) {
        const answer = await eventually(() => buy(gateway, partner, 'r-1', `key-of-${partner}-0000`), ({ status }) => status === 200);
        t.match(answer, { status: 200 }, JSON.stringify(answer.body));
      }
    }
  });

  await t.test('a key that is taken away at one is not taken by the other either', async (t) => {
    await one.put('/v1/partners/round-0-1', { ...document('round-0-1'), keys: [] });
    t.match(await eventually(() => buy(other, 'round-0-1', 'r-2', 'key-of-round-0-1-0000'), ({ status }) => status === 401), { status: 401 });
  });

  await t.test('all of it is there after a start', async (t) => {
    t.match(await other.stop(), { code: 0 });
    await other.start();
    t.match(await other.call('GET', '/v1/partners/round-7-0'), { status: 200 });
    t.match(await buy(other, 'round-7-0', 'r-2', 'key-of-round-7-0-0000'), { status: 200 });
  });
  const { code, stdout, stderr } = await one.run('verify', '--data', one.directory, '--json');
  if (!t.equal(code, 0, 'the verifier finds nothing')) t.comment(stdout, stderr);
  for (const gateway of both) t.match(await gateway.stop(), { code: 0 });
});

import t from 'tap';
import { call, startFakeGateway } from '../../test/gateway/fake-engine.js';

const NDJSON = 'application/x-ndjson';
const purchase = (id: string): object => ({ id, kind: 'purchase', partner: 'p', card: '1', occurredAt: '2025-06-01T10:15:00Z', currency: 'EUR', total: 1000 });

t.test("what a partner's key posts is kept as that partner's when it is refused", async (t) => {
  const fake = await startFakeGateway(), key = 'key-of-partner-p-0001';
  t.teardown(() => fake.gateway.close());
  await call(fake, 'PUT', '/v1/partners/p', { body: { name: 'P', timeZone: 'UTC', currency: 'EUR', keys: [{ key, scopes: ['post'] }] } });
  const planted = JSON.stringify({ ...purchase('1'), partner: 'q', nonsense: 1 }), body = [planted, 'nonsense', JSON.stringify(purchase('2'))].join('\n');
  t.match(await call(fake, 'POST', '/v1/transactions', { body, type: NDJSON, key }), { status: 200, body: { accepted: 1, rejected: 2 } });
  t.match(await call(fake, 'POST', '/v1/transactions?partner=p', { body, type: NDJSON }), { status: 200, body: { rejected: 2 } });
  t.match(await call(fake, 'POST', '/v1/transactions', { body, type: NDJSON }), { status: 200, body: { rejected: 2 } });
  t.same(fake.engine.rejects.map(({ partner, reason }) => [partner, reason]), [
    ['p', 'unknown-field'], ['p', 'malformed'], ['p', 'unknown-field'], ['p', 'malformed'], ['q', 'unknown-field'], ['', 'malformed'],
  ], 'nothing gets into the list of another one, and what names nobody is found by who posted it');
});

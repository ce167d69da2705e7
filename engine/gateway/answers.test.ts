import { once } from 'node:events';
import { connect } from 'node:net';
import t from 'tap';
import { ADMIN_KEY, call, startFakeGateway } from '../../test/gateway/fake-engine.js';

// More than the buffers of a connection hold.
const ANSWER_BYTES = 16 * 2 ** 20;

t.test('answers that nobody reads are bounded, and cut off', async (t) => {
  const fake = await startFakeGateway({ bodyBytesInFlightMax: ANSWER_BYTES * 1.5, bodyIdleMsMax: 2000 }), { hostname, port } = new URL(fake.gateway.url);
  t.teardown(() => fake.gateway.close());
  fake.rejected.push({ id: '0.0', partner: 'p', transaction_id: 'x', kind: 'purchase', reason: 'invalid', hint: '', rejected_at: '2025-06-01T00:00:00.000Z', input: 'x'.repeat(ANSWER_BYTES) });
  t.match(await call(fake, 'GET', '/v1/rejected'), { status: 200 });

  const silent = connect({ host: hostname, port: Number(port) });
  await once(silent, 'connect');
  silent.write(`GET /v1/rejected HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${ADMIN_KEY}\r\n\r\n`);
  await once(silent, 'readable');
  t.match(await call(fake, 'GET', '/v1/rejected'), { status: 503, body: { type: '/problems/unavailable', detail: /readers/ } });
  t.match(await call(fake, 'GET', '/livez'), { status: 200 }, 'small answers have room');

  // Its end is seen by who reads; that it was cut off, by the room that there is again.
  for (let status = 503; status !== 200;) ({ status } = await call(fake, 'GET', '/v1/rejected'));
  let bytes = 0;
  silent.on('data', (chunk: Buffer) => { bytes += chunk.length; }).on('error', () => undefined);
  if (!silent.closed) await once(silent, 'close');
  t.ok(bytes < ANSWER_BYTES, `${bytes} bytes had gone out`);
});

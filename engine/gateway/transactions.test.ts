import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { json } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { gzipSync } from 'node:zlib';
import { pack } from 'msgpackr';
import t from 'tap';
import { ADMIN_KEY, call, directParser, startFakeGateway } from '../../test/gateway/fake-engine.js';
import { EngineError } from '../engine.js';

const purchase = (id: string, total = 1000): object =>
  ({ id, kind: 'purchase', partner: 'p', card: `c${id}`, occurredAt: '2025-01-01T10:00:00Z', currency: 'EUR', total });
const lines = (...items: object[]): string => items.map((item) => `${JSON.stringify(item)}\n`).join('');
const NDJSON = 'application/x-ndjson';

t.test('one transaction is answered with its award, a repeat with duplicate, other content with 409', async (t) => {
  const fake = await startFakeGateway();
  t.teardown(() => fake.gateway.close());
  const first = await call(fake, 'POST', '/v1/transactions', { body: purchase('1') });
  t.match(first, { status: 200, body: { status: 'processed', partner: 'p', id: '1', points: 10 } });
  t.match(await call(fake, 'POST', '/v1/transactions', { body: purchase('1') }), { status: 200, body: { status: 'duplicate' } });
  const conflict = await call(fake, 'POST', '/v1/transactions', { body: purchase('1', 2000) });
  t.match(conflict, { status: 409, body: { type: '/problems/conflict', status: 409 } });
  t.equal(conflict.headers.get('content-type'), 'application/problem+json');
  t.match(await call(fake, 'POST', '/v1/transactions', { body: { ...purchase('2'), kind: 'return', original: { id: '9' } } }), { status: 202 });
  t.same([...new Set(fake.engine.lanes)], ['interactive']);
  t.match(await call(fake, 'GET', '/v1/transactions/p/1'), { status: 200, body: { status: 'processed', id: '1', points: 10, balances: { points: { available: 10 } } } });
  t.match(await call(fake, 'GET', '/v1/transactions/p/1?kind=return'), { status: 404 });
  t.match(await call(fake, 'GET', '/v1/transactions/p/1/explanation'), { status: 200, body: { id: '1', rules: 'then' } });
  t.match(await call(fake, 'GET', '/v1/transactions/p/9/explanation'), { status: 404 });
});

t.test('a wrong transaction is refused with the place of each error', async (t) => {
  const fake = await startFakeGateway();
  t.teardown(() => fake.gateway.close());
  const wrong = await call(fake, 'POST', '/v1/transactions', { body: { ...purchase('1'), total: -5, occuredAt: 'x' } });
  t.equal(wrong.status, 422);
  const pointers = (wrong.body.errors as { pointer: string }[]).map(({ pointer }) => pointer);
  t.ok(pointers.includes('/total') && pointers.includes('/occuredAt'), pointers.join(' '));
  t.match(JSON.stringify(wrong.body.errors), /occurredAt/, 'with the nearest known name');
  t.match(await call(fake, 'POST', '/v1/transactions', { body: '{"id":' }), { status: 400, body: { type: '/problems/malformed' } });
  t.match(await call(fake, 'POST', '/v1/transactions', { body: '' }), { status: 400 });
  t.match(await call(fake, 'POST', '/v1/transactions', { body: '{"id":"a","total":9007199254740993}' }), { status: 422 });
  const deep = `${'['.repeat(5000)}${']'.repeat(5000)}`;
  t.match(await call(fake, 'POST', '/v1/transactions', { body: deep }), { status: 200, body: { accepted: 0, rejected: 1 } }, 'a list of one item that is no object');
  t.equal(fake.engine.order.length, 0, 'nothing reached the engine');
});

t.test('batches: JSON array, NDJSON and MessagePack are answered item by item', async (t) => {
  const fake = await startFakeGateway();
  t.teardown(() => fake.gateway.close());
  const broken = { ...purchase('b'), total: 1.5 };
  const bodies = {
    'application/json': JSON.stringify([purchase('1'), broken, purchase('2')]),
    [NDJSON]: `${JSON.stringify(purchase('1'))}\n\n${JSON.stringify(broken)}\r\n${JSON.stringify(purchase('3'))}`,
    'application/msgpack': new Uint8Array(pack([purchase('1'), broken, purchase('4')])),
  };
  let duplicates = 0;
  for (const [type, body] of Object.entries(bodies)) {
    const { status, body: answer } = await call(fake, 'POST', '/v1/transactions', { body, type });
    t.equal(status, 200, type);
    t.match(answer, { accepted: duplicates === 0 ? 2 : 1, duplicates, rejected: 1 });
    t.match((answer.items as object[]).at(-1), { index: 1, id: 'b', status: 'rejected', reason: 'invalid', pointer: '/total' }, type);
    duplicates = 1;
  }
  t.same([...new Set(fake.engine.lanes)], ['commands']);
  t.equal(fake.engine.rejects.length, 3, 'what a batch rejects is kept');
  t.match(fake.engine.rejects[0], { partner: 'p', id: 'b', reason: 'invalid', pointer: '/total', source: { topic: 'http', index: 1 } });
  t.match(await call(fake, 'POST', '/v1/transactions', { body: '[]' }), { status: 200, body: { accepted: 0, items: [] } });
  t.match(await call(fake, 'POST', '/v1/transactions', { body: 'nonsense\nmore\n', type: NDJSON }), { status: 400, body: { type: '/problems/malformed' } });
});

t.test('a body that cannot be read is answered with one place, counted from its first byte', async (t) => {
  const fake = await startFakeGateway();
  t.teardown(() => fake.gateway.close());
  const wrong: [path: string, body: string, detail: string][] = [
    ['', '{"id":"x', 'the text ends within quotes, at byte 6'],
    ['?wait=append', '  {"id":"x', 'the text ends within quotes, at byte 8'],
    ['', ' {} x', 'unexpected bytes after the object, at byte 3'],
    ['', '  17', 'expected a JSON object or an array of objects, at byte 2'],
    ['', '[] x', 'unexpected bytes after the array, at byte 2'],
  ];
  for (const [query, body, detail] of wrong) t.strictSame((await call(fake, 'POST', `/v1/transactions${query}`, { body })).body.detail, detail, body);
});

t.test('a body of nothing but rejects is not read to its end', async (t) => {
  const fake = await startFakeGateway({ rejectedItemsMax: 100 });
  t.teardown(() => fake.gateway.close());
  for (const [type, body] of [['application/json', `[${'1,'.repeat(100_000)}1]`], [NDJSON, `${lines(purchase('1'))}${'1\n'.repeat(100_000)}`]] as const) {
    t.match(await call(fake, 'POST', '/v1/transactions', { body, type }), { status: 400, body: { detail: /more than 100 items/ } });
  }
  t.equal(fake.engine.rejects.length, 0);
});

t.test('a piece in which much is wrong goes to the parsers in several tasks, so that others have their turn; the answer is the same', async (t) => {
  const tasks: number[] = [];
  const fake = await startFakeGateway({}, { ...directParser, parse: async (task) => {
    const result = await directParser.parse(task);
    tasks.push(result.rejected.length);
    return result;
  } });
  t.teardown(() => fake.gateway.close());
  const isGood = (i: number): boolean => i % 1000 === 999;
  const items = Array.from({ length: 6000 }, (_, i) => (isGood(i) ? purchase(String(i)) : i)), rejected = items.flatMap((_, i) => (isGood(i) ? [] : [i]));
  const bodies = { 'application/json': JSON.stringify(items), [NDJSON]: items.map((item) => JSON.stringify(item)).join('\n'), 'application/msgpack': new Uint8Array(pack(items)) };
  for (const [type, body] of Object.entries(bodies)) {
    tasks.length = 0;
    const { status, body: answer } = await call(fake, 'POST', '/v1/transactions', { body, type });
    t.match({ status, answer }, { status: 200, answer: { rejected: rejected.length } }, type);
    t.strictSame((answer.items as { index: number; status: string }[]).flatMap(({ index, status }) => (status === 'rejected' ? [index] : [])), rejected, type);
    t.ok(tasks.length >= 6 && Math.max(...tasks) <= 1000, `${type}: ${tasks.join(' ')}`);
  }
  t.strictSame(fake.engine.order.slice(0, 6), ['999', '1999', '2999', '3999', '4999', '5999'], 'the order of the body');
  t.equal(fake.engine.rejects.length, 3 * rejected.length, 'each is kept once');
});

t.test('what looks like the number of a payment card is neither kept nor repeated, whatever is wrong', async (t) => {
  const fake = await startFakeGateway();
  t.teardown(() => fake.gateway.close());
  const pan = { ...purchase('pan'), card: '4111111111111111' }, wrong = [{ ...pan, total: -5 }, { ...pan, card: '4111-1111-1111-1111', clubCard: 'x' }, { ...pan, card: 4111111111111111 }];
  const { status, body } = await call(fake, 'POST', '/v1/transactions', { body: `${lines(...wrong, { ...purchase('other'), total: -5 })}{"card":"4111111111111111",`, type: NDJSON });
  t.match({ status, body }, { status: 200, body: { rejected: 5, items: [{ reason: 'invalid' }, { reason: 'unknown-field' }, { reason: 'invalid' }, { id: 'other' }, { reason: 'malformed' }] } });
  t.same(fake.engine.rejects.map(({ input }) => input?.includes('****')), [true, true, true, false, true], 'stars stand for its digits');
  const alone = await call(fake, 'POST', '/v1/transactions', { body: wrong[2]! });
  const missing = await call(fake, 'GET', '/v1/cards/4111-1111-1111-1111');
  t.match([alone, missing], [{ status: 422 }, { status: 404 }]);
  t.notMatch(JSON.stringify([body, alone.body, missing.body, fake.engine.rejects]), /1111/);
});

t.test('a gateway that closes lets what is under way finish', async (t) => {
  const fake = await startFakeGateway();
  let release = (): void => undefined;
  fake.engine.gate = new Promise((resolve) => { release = resolve; });
  const posted = call(fake, 'POST', '/v1/transactions', { body: purchase('1') });
  while (fake.engine.order.length === 0) await new Promise((resolve) => setImmediate(resolve));
  const closed = fake.gateway.close();
  release();
  t.match(await posted, { status: 200, body: { status: 'processed' } });
  await closed;
  await t.rejects(call(fake, 'GET', '/livez'));
});

t.test('NDJSON goes in pieces, in order, with indexes of the whole body', async (t) => {
  const fake = await startFakeGateway({ pieceBytes: 4096 }, 'pool');
  t.teardown(() => fake.gateway.close());
  const items = Array.from({ length: 5000 }, (_, i) => (i === 300 ? { ...purchase('x'), kind: 'gift' } : { ...purchase(String(i)), card: 'same' }));
  const { status, body } = await call(fake, 'POST', '/v1/transactions', { body: lines(...items), type: NDJSON });
  t.match({ status, body }, { status: 200, body: { accepted: 4999, duplicates: 0, rejected: 1, items: [{ index: 300, id: 'x', status: 'rejected', pointer: '/kind' }] } });
  t.ok(fake.engine.lanes.length > 4, `${fake.engine.lanes.length} pieces`);
  t.same(fake.engine.order, items.flatMap((_, i) => (i === 300 ? [] : [String(i)])), 'the order of the body');
});

t.test('arrays go in pieces, too, JSON and MessagePack: as much in memory as a piece, the same indexes and places', async (t) => {
  const items = Array.from({ length: 5000 }, (_, i) => (i === 300 ? { ...purchase('x'), kind: 'gift' } : i === 4000 ? 17 : { ...purchase(String(i)), card: 'same' }));
  const order = items.flatMap((_, i) => (i === 300 || i === 4000 ? [] : [String(i)]));
  const answer = { accepted: 4998, duplicates: 0, rejected: 2, items: [{ index: 300, id: 'x', status: 'rejected', pointer: '/kind' }, { index: 4000, status: 'rejected', reason: 'invalid', pointer: '' }] };
  const json = Buffer.from(`\ufeff \n${JSON.stringify(items, null, 1)}\n `), packed = pack(items);
  for (const [type, bytes] of [['application/json', json], ['application/msgpack', packed]] as const) {
    const fake = await startFakeGateway({ pieceBytes: 4096 }, 'pool');
    t.teardown(() => fake.gateway.close());
    const answered = await chunked(fake.gateway.url, (async function* () {
      for (let at = 0; at < bytes.length; at += 10_000) {
        // Evaluation begins while the body arrives.
        if (at === 100_000) while (fake.engine.lanes.length === 0) await new Promise((resolve) => setImmediate(resolve));
        yield bytes.subarray(at, at + 10_000);
      }
    })(), type);
    t.match(answered, { status: 200, body: answer }, type);
    t.ok(fake.engine.lanes.length > 8, `${fake.engine.lanes.length} pieces`);
    t.same(fake.engine.order, order, 'the order of the body');
    t.equal((await fake.options.metrics.bodyBytesInFlight.get()).values[0]!.value, 0, 'nothing of it is counted as held any more');
  }
  const fake = await startFakeGateway({ pieceBytes: 4096 }, 'pool');
  t.teardown(() => fake.gateway.close());
  const post = (body: string): ReturnType<typeof call> => call(fake, 'POST', '/v1/transactions', { body });
  const three = [1, 2, 3].map((i) => JSON.stringify(purchase(`e${i}`))), padding = ' '.repeat(9000);
  t.match(await post(`[${three.join(',')}${padding}${three[0]!}${padding}]`), { status: 200, body: { accepted: 3, rejected: 1, items: [{ index: 3, id: '', reason: 'malformed' }] } }, 'what follows is not read');
  t.match(await post(`${padding}[${padding}]${padding}`), { status: 200, body: { accepted: 0, items: [] } });
  t.match(await post(`[${padding}]${padding}x`), { status: 400, body: { detail: /unexpected bytes after the array/ } });
  const { total: _, ...wrong } = purchase('wrong') as { total: number };
  for (const [behind, detail] of [[']x', /^unexpected bytes after the array$/], [' x', /^expected "," or "\]"/], ['', /^the array ends without "\]"$/]] as const) {
    const item = purchase(`one${behind}`), answer = { accepted: 1, rejected: 1, items: [{ index: 1, id: '', status: 'rejected', reason: 'malformed', detail }] };
    t.match(await post(`[${JSON.stringify(item)}${padding}${behind}`), { status: 200, body: answer }, 'one item that can be read is taken');
    t.match(await post(`[${JSON.stringify(wrong)}${behind}`), { status: 200, body: { accepted: 0, rejected: 2, items: [{ reason: 'missing' }, { reason: 'malformed', detail }] } });
  }
  t.match(await post(`[${three[0]!.slice(0, -1)}]${padding}x`), { status: 400, body: { detail: /none of 2 items can be read/ } });
  t.match(await post(padding), { status: 400, body: { type: '/problems/malformed' } });
});

t.test('wait=append answers without replies, partner= names the partner of items', async (t) => {
  const fake = await startFakeGateway();
  t.teardown(() => fake.gateway.close());
  const appended = await call(fake, 'POST', '/v1/transactions?wait=append', { body: lines(purchase('1'), purchase('2')), type: NDJSON });
  t.match(appended, { status: 200, body: { accepted: 2, duplicates: 0, rejected: 0, items: [] } });
  const { partner: _, ...nameless } = purchase('3') as { partner: string };
  const named = await call(fake, 'POST', '/v1/transactions?partner=p', { body: lines(nameless, { ...purchase('4'), partner: 'q' }), type: NDJSON });
  t.match(named.body, { accepted: 1, rejected: 1, items: [{ index: 1, reason: 'other-partner', detail: 'the request is for partner "p"' }] });
  t.match(await call(fake, 'POST', '/v1/transactions?wate=append', { body: purchase('5') }), { status: 400, body: { detail: /did you mean wait/ } });
  t.match(await call(fake, 'POST', '/v1/transactions?wait=never', { body: purchase('5') }), { status: 400 });
});

t.test("a partner's key posts for its partner only", async (t) => {
  const fake = await startFakeGateway();
  t.teardown(() => fake.gateway.close());
  const key = 'partner-q-key-000000';
  await fake.keys.put('q', [{ key, scopes: ['post'] }]);
  t.match(await call(fake, 'POST', '/v1/transactions', { body: purchase('1'), key }), { status: 403, body: { type: '/problems/other-partner' } });
  t.match(await call(fake, 'POST', '/v1/transactions', { body: [purchase('1')], key }), { status: 200, body: { rejected: 1, items: [{ reason: 'other-partner', detail: 'the key belongs to partner "q"' }] } });
  t.match(await call(fake, 'POST', '/v1/transactions', { body: { ...purchase('1'), partner: 'q' }, key }), { status: 200 });
  t.match(await call(fake, 'GET', '/v1/transactions/q/1', { key }), { status: 403, body: { type: '/problems/forbidden' } });
  t.match(await call(fake, 'GET', '/v1/transactions/q/1/explanation', { key }), { status: 403, body: { type: '/problems/forbidden' } });
  t.match(await call(fake, 'POST', '/v1/transactions', { body: purchase('1'), key: 'wrong-key' }), { status: 401 });
  t.match(await call(fake, 'POST', '/v1/transactions', { body: purchase('1'), key: null }), { status: 401 });
  t.equal(fake.engine.rejects.length, 0, 'nothing of it is kept');
});

t.test('busy and unavailable are said with Retry-After', async (t) => {
  const fake = await startFakeGateway({ answerTimeoutMs: 100 });
  t.teardown(() => fake.gateway.close());
  fake.engine.refusal = new EngineError('busy', 'lag', 3);
  const busy = await call(fake, 'POST', '/v1/transactions', { body: lines(purchase('1')), type: NDJSON });
  t.match(busy, { status: 429, body: { type: '/problems/busy' } });
  t.equal(busy.headers.get('retry-after'), '3');
  fake.engine.refusal = new EngineError('unavailable', 'the disk is full', 1);
  t.match(await call(fake, 'POST', '/v1/transactions', { body: purchase('1') }), { status: 503 });
  fake.engine.refusal = new Error('a bug');
  const logged = t.capture(fake.options.logger, 'error');
  const bug = await call(fake, 'POST', '/v1/transactions', { body: purchase('1') });
  t.match(bug, { status: 500, body: { type: '/problems/internal' } });
  t.notMatch(JSON.stringify(bug.body), /a bug/, 'nothing of the inside gets out');
  t.match(logged(), [{ args: [{ err: { message: 'a bug' } }, 'request failed'] }], 'but into the log');
  fake.engine.refusal = undefined;
  fake.engine.gate = new Promise(() => undefined);
  t.match(await call(fake, 'POST', '/v1/transactions', { body: purchase('1') }), { status: 503, body: { detail: /not committed within 100 ms/ } });
});

t.test('content types, encodings and sizes', async (t) => {
  const fake = await startFakeGateway({ bodyBytesMax: 20_000 });
  t.teardown(() => fake.gateway.close());
  const body = lines(purchase('1'), purchase('2'));
  t.match(await call(fake, 'POST', '/v1/transactions', { body, type: 'text/csv' }), { status: 415, body: { type: '/problems/unsupported-media-type' } });
  t.match(await call(fake, 'POST', '/v1/transactions', { body, type: 'application/json; charset=latin1' }), { status: 415 });
  t.match(await call(fake, 'POST', '/v1/transactions', { body: new Uint8Array(Buffer.from(body)), type: null }), { status: 415 });
  t.match(await call(fake, 'POST', '/v1/transactions', { body: new Uint8Array(gzipSync(body)), type: NDJSON, headers: { 'content-encoding': 'gzip' } }), { status: 200, body: { accepted: 2 } });
  t.match(await call(fake, 'POST', '/v1/transactions', { body, type: NDJSON, headers: { 'content-encoding': 'gzip' } }), { status: 400, body: { type: '/problems/malformed' } });
  t.match(await call(fake, 'POST', '/v1/transactions', { body, type: NDJSON, headers: { 'content-encoding': 'br' } }), { status: 415 });
  t.match(await call(fake, 'POST', '/v1/transactions', { body: 'x'.repeat(20_001), type: NDJSON }), { status: 413, body: { type: '/problems/body-too-large' } });
  const bomb = new Uint8Array(gzipSync(Buffer.alloc(10_000_000)));
  t.match(await call(fake, 'POST', '/v1/transactions', { body: bomb, type: NDJSON, headers: { 'content-encoding': 'gzip' } }), { status: 413 });
  t.match(await call(fake, 'POST', '/v1/transactions', { body, type: NDJSON }), { status: 200, body: { duplicates: 2 } }, 'and it goes on');
  t.match(await chunked(fake.gateway.url, Array.from({ length: 10 }, () => `${'x'.repeat(4000)}\n`)), { status: 413 });
});

t.test('a body that stops arriving is answered 408, one that is cut off leaves nothing of its last line', async (t) => {
  const fake = await startFakeGateway({ bodyIdleMsMax: 150 });
  t.teardown(() => fake.gateway.close());
  const slow = await rawRequest(fake.gateway.url, `POST /v1/transactions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${ADMIN_KEY}\r\ncontent-type: ${NDJSON}\r\ncontent-length: 500\r\n\r\n{"id"`);
  t.match(slow, /^HTTP\/1.1 408[^]*request-timeout/);
  const { port } = new URL(fake.gateway.url);
  const socket = connect(Number(port), '127.0.0.1');
  const head = `POST /v1/transactions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${ADMIN_KEY}\r\ncontent-type: ${NDJSON}\r\ncontent-length: 5000\r\n\r\n`;
  await new Promise((resolve) => socket.write(head + JSON.stringify(purchase('cut')), resolve));
  socket.destroy();
  t.match(await call(fake, 'POST', '/v1/transactions', { body: purchase('after') }), { status: 200 });
  t.notOk(fake.engine.order.includes('cut'));
  t.match(await rawRequest(fake.gateway.url, 'nonsense\r\n\r\n'), /^HTTP\/1.1 400[^]*problem\+json/);
  t.match(await rawRequest(fake.gateway.url, `GET /livez HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`), /^HTTP\/1.1 431/);
});

/** Sends pieces without a content length. */
function chunked(url: string, pieces: Iterable<string> | AsyncIterable<Uint8Array>, type = NDJSON): Promise<{ status: number; body: unknown }> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest(`${url}/v1/transactions`, { method: 'POST', headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': type } }, (response) => {
      void json(response).then((body) => resolve({ status: response.statusCode!, body }), reject);
    });
    sent.once('error', reject);
    void pipeline(Readable.from(pieces), sent).catch(reject);
  });
}

function rawRequest(url: string, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    let answer = '';
    socket.on('data', (chunk) => { answer += chunk.toString(); });
    socket.once('error', reject);
    socket.once('close', () => resolve(answer));
    socket.write(text);
  });
}

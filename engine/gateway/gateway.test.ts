import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import { ADMIN_KEY, call, directParser, startFakeGateway } from '../../test/gateway/fake-engine.js';
import { Keys } from '../keys.js';
import { startGateway } from './gateway.js';
import { operations } from './openapi.js';
import { doorProblems } from './problems.js';

t.test('addresses and methods that do not exist', async (t) => {
  const fake = await startFakeGateway();
  t.teardown(() => fake.gateway.close());
  t.match(await call(fake, 'GET', '/nothing'), { status: 404, body: { type: '/problems/not-found' } });
  const wrong = await call(fake, 'DELETE', '/v1/partners/p');
  t.match(wrong, { status: 405, body: { type: '/problems/method-not-allowed' } });
  t.equal(wrong.headers.get('allow'), 'GET, HEAD, PUT');
  t.match(await call(fake, 'POST', '/v1/rules', { body: {} }), { status: 405 });
  t.match(await call(fake, 'GET', '/v1/cards/%zz'), { status: 400, body: { type: '/problems/bad-request' } });
  t.match(await call(fake, 'GET', `/v1/cards/${'9'.repeat(600)}`), { status: 404 });
  t.match(await call(fake, 'GET', '/livez'), { status: 200 });
});

t.test('readiness says which part is not there', async (t) => {
  const fake = await startFakeGateway();
  t.teardown(() => fake.gateway.close());
  t.match(await call(fake, 'GET', '/readyz', { key: null }), { status: 200, body: { status: 'ready' } });
  fake.engine.checksFailed.push({ name: 'clickhouse', ok: false, detail: 'it does not answer' });
  t.match(await call(fake, 'GET', '/readyz'), { status: 503, body: { status: 'not ready', checks: [{ name: 'log' }, { name: 'clickhouse', ok: false, detail: 'it does not answer' }] } });
});

t.test('documents are published, read back, and refused with their errors', async (t) => {
  const fake = await startFakeGateway();
  t.teardown(() => fake.gateway.close());
  const program = { name: 'Coalition', timeZone: 'UTC', currencies: [{ id: 'points', scale: 0 }] };
  t.match(await call(fake, 'PUT', '/v1/programs/x', { body: program }), { status: 200, body: program });
  t.match(await call(fake, 'GET', '/v1/programs/x'), { status: 200, body: program });
  t.match((await call(fake, 'GET', '/v1/programs')).body, { data: [{ id: 'default' }, { id: 'x' }], has_more: false });
  t.match(await call(fake, 'PUT', '/v1/rules', { body: { rules: [] } }), { status: 200, body: { ruleSet: 1 } });
  t.match(await call(fake, 'GET', '/v1/rules'), { status: 200, body: { ruleSet: 1, rules: [] } });
  t.match(await call(fake, 'PUT', '/v1/rules', { body: { refuse: true } }), { status: 422, body: { type: '/problems/invalid', errors: [{ pointer: '/refuse' }] } });
  const taken = await call(fake, 'PUT', '/v1/rules', { body: { refuse: 409 } });
  t.match(taken, { status: 409, body: { type: '/problems/conflict', title: 'It contradicts what was accepted before.' } }, 'a title that fits documents');
  t.match(await call(fake, 'PUT', '/v1/rules', { body: '[' }), { status: 400, body: { type: '/problems/malformed' } });
  t.match(await call(fake, 'PUT', '/v1/rules', { body: '[]' }), { status: 422 });
  t.match(await call(fake, 'PUT', '/v1/rules', { body: `${'{"a":'.repeat(100)}1${'}'.repeat(100)}` }), { status: 422, body: { detail: /nested/ } });
  t.match(await call(fake, 'PUT', '/v1/rules', { body: '['.repeat(100) }), { status: 422, body: { detail: /nested/ } }, 'before it is decoded');
  t.match(await call(fake, 'PUT', '/v1/rules', { body: { rules: [], note: '[\\"['.repeat(100) } }), { status: 200 }, 'brackets in texts are text');
  const twice = '{"rules":[{"id":"a","award":{"kind":"fixed","points":1},"note":"a \\"x\\": b","award":{"kind":"fixed","points":2}}],"x/y":1,"x/y":1,"__proto__":{}}';
  for (const [path, body, pointers] of [
    ['/v1/rules', twice, ['/rules/0/award', '/x~1y']], ['/v1/rules', `\ufeff${twice}`, ['/rules/0/award', '/x~1y']], ['/v1/programs/x', '{"name":"a","timeZone":"UTC","name":"b"}', ['/name']],
    ['/v1/partners/x', '{"stores":[{"id":"1"},{"id":"1","\\u0069d":"2"}]}', ['/stores/1/id']],
  ] as const) {
    const put = await call(fake, 'PUT', path, { body });
    t.match(put, { status: 422, body: { type: '/problems/invalid', errors: pointers.map((pointer) => ({ pointer, reason: 'invalid', detail: 'the field is given twice', hint: /./ })) } }, body);
    t.equal((put.body.errors as unknown[]).length, pointers.length);
  }
  t.match(await call(fake, 'PUT', '/v1/rules', { body: '{"a":'.repeat(20) + '1,"a":1' + '}'.repeat(20) }), { status: 422, body: { detail: /nested/ } });
  t.match(await call(fake, 'PUT', '/v1/rules', { body: '{}', type: 'text/plain' }), { status: 415 });
  t.match(await call(fake, 'PUT', '/v1/rules', { body: new Uint8Array([0x7b, 0xff, 0x7d]) }), { status: 400 });
  t.match(await call(fake, 'GET', '/v1/partners/p'), { status: 404 });
  t.match(await call(fake, 'PUT', '/v1/partners/nobody/products', { body: '{"sku":"1"}\n', type: 'application/x-ndjson' }), { status: 404 });
  t.equal(fake.engine.activated.length, 3, 'what was refused was not activated');
});

t.test('a large catalog goes to the parsers in pieces, so that a single post waits for a piece and not for all of it', async (t) => {
  const sizes: number[] = [];
  const fake = await startFakeGateway({}, { ...directParser, readProducts: (task) => {
    sizes.push(task.bytes.length);
    return directParser.readProducts(task);
  } });
  t.teardown(() => fake.gateway.close());
  await call(fake, 'PUT', '/v1/partners/grocer', { body: { name: 'Grocer', timeZone: 'UTC', currency: 'EUR' } });
  const body = Array.from({ length: 60_000 }, (_, i) => `{"sku":"sku ${i}","category":"some category ${i % 50}"}\n${i % 3 === 0 ? '\n' : ''}`).join('');
  const type = 'application/x-ndjson', put = await call(fake, 'PUT', '/v1/partners/grocer/products', { body, type });
  t.match(put, { status: 200, body: { partner: 'grocer', products: 60_000 } });
  t.ok(sizes.length > 10 && Math.max(...sizes) < 400_000, `pieces of ${sizes.join(', ')} bytes`);
  t.equal(sizes.reduce((sum, size) => sum + size), body.length);
  t.equal(Buffer.from(fake.references.products.at(-1)!.content).toString(), body.replaceAll('\n\n', '\n'));
  t.match(fake.references.products.at(-1)!.hash, createHash('sha256').update(body.replaceAll('\n\n', '\n')).digest('hex'));
  await call(fake, 'PUT', '/v1/partners/grocer/products', { body: `${body}{"sku":1}\n`, type });
  t.match(fake.references.products.at(-1)!.problems, [{ pointer: '/80000/sku' }], 'a line is counted in the whole body');
  await call(fake, 'PUT', '/v1/partners/grocer/products', { body: '{}\n'.repeat(200_000), type });
  t.equal(fake.references.products.at(-1)!.problems.length, 50, 'and what is wrong is told so many times only');
});

t.test('a PUT replaces the whole document: what it leaves out is gone', async (t) => {
  const fake = await startFakeGateway(), path = '/v1/partners/grocer';
  t.teardown(() => fake.gateway.close());
  const partner = { name: 'Grocer', program: 'default', timeZone: 'UTC', currency: 'EUR' }, full = { ...partner, latenessDays: 3, stores: [{ id: 's1', timeZone: 'Asia/Tokyo' }], terminals: [{ id: 't1', store: 's1', status: 'active' }] };
  await call(fake, 'PUT', path, { body: full });
  const { body } = await call(fake, 'GET', path);
  t.same(body, full);
  t.same((await call(fake, 'PUT', path, { body })).body, full, 'what is answered can be put as it is');
  t.same((await call(fake, 'PUT', path, { body: partner })).body, partner);
  t.same((await call(fake, 'GET', path)).body, partner);
  const { paths } = (await call(fake, 'GET', '/openapi.json')).body as unknown as { paths: Record<string, { put: { description: string } }> };
  t.match(paths['/v1/partners/{partner}']!.put.description, /replaces the one before.*`keys` alone stay/);
  t.match(paths['/v1/programs/{program}']!.put.description, /replaces the one before/);
});

t.test('keys of a partner: scopes, own data only, replaced as a whole, never returned', async (t) => {
  const fake = await startFakeGateway();
  t.teardown(() => fake.gateway.close());
  const key = 'a-key-of-the-grocer-1', reader = 'another-key-of-grocer';
  const partner = { name: 'Grocer', timeZone: 'UTC', currency: 'EUR' };
  const put = await call(fake, 'PUT', '/v1/partners/grocer', { body: { ...partner, keys: [{ key, scopes: ['post', 'products'] }, { key: reader, scopes: ['read'] }] } });
  t.match(put, { status: 200, body: partner });
  t.notMatch(JSON.stringify([put.body, (await call(fake, 'GET', '/v1/partners/grocer')).body, fake.references.set]), /a-key-of|keys/);
  t.notMatch(Buffer.from(fake.storage.values.get('keys')!).toString(), /a-key-of/, 'only digests at rest');
  const products = { body: '{"sku":"1"}\n\n{"sku":"2"}\n', type: 'application/x-ndjson' };
  t.match(await call(fake, 'PUT', '/v1/partners/grocer/products', { ...products, key }), { status: 200, body: { products: 2 } });
  const zipped = { body: new Uint8Array(gzipSync(products.body)), type: products.type, headers: { 'content-encoding': 'gzip' } };
  t.match(await call(fake, 'PUT', '/v1/partners/grocer/products', { ...zipped, key }), { status: 200, body: { products: 2 } });
  t.match(await call(fake, 'PUT', '/v1/partners/other/products', { ...products, key }), { status: 403, body: { type: '/problems/other-partner' } });
  t.match(await call(fake, 'GET', '/v1/rejected', { key }), { status: 403, body: { type: '/problems/forbidden', detail: /scope read/ } });
  t.match(await call(fake, 'PUT', '/v1/rules', { body: {}, key: reader }), { status: 403, body: { detail: /admin/ } });
  t.match(await call(fake, 'GET', '/v1/rejected', { key: reader }), { status: 200 });
  t.match(await call(fake, 'GET', '/v1/rejected?partner=other', { key: reader }), { status: 403 });
  t.match(await call(fake, 'GET', '/v1/partners/other', { key: reader }), { status: 403 });

  const reopened = await Keys.open(ADMIN_KEY, fake.storage);
  t.match(reopened.find(key), { partner: 'grocer' }, 'they survive a restart');
  await call(fake, 'PUT', '/v1/partners/grocer', { body: partner });
  t.match(await call(fake, 'GET', '/v1/rejected', { key: reader }), { status: 200 }, 'a document without keys leaves them');
  await call(fake, 'PUT', '/v1/partners/grocer', { body: { ...partner, keys: [] } });
  t.match(await call(fake, 'GET', '/v1/rejected', { key: reader }), { status: 401 }, 'an empty list takes them away');

  const wrong = { ...partner, keys: [{ key: 'short', scopes: ['pots'] }, { key: ADMIN_KEY, scopes: [], name: 'x' }] };
  const refused = await call(fake, 'PUT', '/v1/partners/late', { body: wrong });
  t.match(refused, { status: 422 });
  t.same((refused.body.errors as { pointer: string }[]).map(({ pointer }) => pointer), ['/keys/0/key', '/keys/0/scopes/0', '/keys/1/name', '/keys/1/key', '/keys/1/scopes']);
  t.match(refused.body.errors, { 1: { hint: 'did you mean post?' } });
  t.match(await call(fake, 'GET', '/v1/partners/late'), { status: 404 }, 'put whole or not at all');
  const twice = { ...partner, name: 'Late', keys: [{ key: reader, scopes: ['read'] }, { key: reader, scopes: ['post'] }] };
  t.match(await call(fake, 'PUT', '/v1/partners/grocer', { body: twice }), { status: 422, body: { errors: [{ pointer: '/keys/1/key', detail: /twice/ }] } });
  t.match(await call(fake, 'GET', '/v1/rejected', { key: reader }), { status: 401 }, 'nothing is changed');
  t.match(await call(fake, 'GET', '/v1/partners/grocer'), { body: partner });
});

t.test('accounts, cards, entries and rejects', async (t) => {
  const fake = await startFakeGateway();
  t.teardown(() => fake.gateway.close());
  await call(fake, 'POST', '/v1/transactions', { body: { id: '1', kind: 'purchase', partner: 'p', card: '77', occurredAt: '2025-01-01T00:00:00Z', currency: 'EUR', total: 500 } });
  t.match(await call(fake, 'GET', '/v1/cards/77'), { status: 200, body: { account: '0.77', balances: { points: { available: 5, pending: 0, held: 0, debt: 0, lots: [{ points: 5 }] } } } });
  t.match(await call(fake, 'GET', '/v1/accounts/0.77'), { status: 200 });
  t.match(await call(fake, 'GET', '/v1/cards/78'), { status: 404 });
  t.match(await call(fake, 'GET', '/v1/accounts/0.78/entries'), { status: 404 });
  const entry = {
    account: '0.77', currency: 'points', points: 5, counter_account: 'issuance:p', kind: 'accrual', rule: 'base', rule_version: 1, funder: 'p', transaction_id: '1',
    occurred_at: '', posted_at: '',
  };
  fake.entries.push({ id: 'a', partner: 'p', ...entry }, { id: 'b', partner: 'q', ...entry });
  t.match((await call(fake, 'GET', '/v1/accounts/0.77/entries?limit=1')).body, { data: [{ id: 'a' }], has_more: true });
  t.match(await call(fake, 'GET', '/v1/accounts/0.77/entries?limit=0'), { status: 400 });
  t.match(await call(fake, 'GET', '/v1/accounts/0.77/entries?limit=99999'), { status: 400 });
  t.match(await call(fake, 'GET', '/v1/rejected?reason=nonsense'), { status: 400 });
  for (const name of ['constructor', '__proto__', 'toString']) t.match(await call(fake, 'GET', `/v1/rejected?${name}=x`), { status: 400, body: { detail: /^unknown query parameter/ } }, name);
  for (const path of ['/v1/rejected?starting_after=zzz', '/v1/rejected?starting_after=4.0', '/v1/rejected?starting_after=0.1.', '/v1/accounts/0.77/entries?starting_after=zzz']) {
    t.match(await call(fake, 'GET', path), { status: 400, body: { detail: /^starting_after: .* is no id of this list; give the id/ } }, path);
  }
  t.match(await call(fake, 'GET', '/v1/rejected?starting_after=3.9007199254740991'), { status: 200 }, 'an id whose item is gone');
  t.match(await call(fake, 'GET', '/v1/accounts/0.77/entries?starting_after=0.1735689600000.1.7.0.1.0'), { status: 200 });
  await call(fake, 'PUT', '/v1/partners/q', { body: { name: 'Q', timeZone: 'UTC', currency: 'EUR', keys: [{ key: 'key-of-partner-q-0001', scopes: ['read'] }] } });
  t.match((await call(fake, 'GET', '/v1/accounts/0.77/entries', { key: 'key-of-partner-q-0001' })).body, { data: [{ id: 'b' }], has_more: false }, 'a partner sees its own');
});

t.test('accounts are imported row by row', async (t) => {
  const fake = await startFakeGateway();
  t.teardown(() => fake.gateway.close());
  const rows = [
    { card: '1', balances: { points: 120 } },
    { cards: ['2', '11'], balances: { points: { lots: [{ points: 5, expires: '2030-01-01' }] } } },
    { card: '4', balances: { points: 1.5 } },
    { balances: {} },
    { card: '5', balances: { points: { lots: [{ points: 5, expires: '2030-02-30' }] } } },
    { card: '6', balanses: {} },
  ];
  const { status, body } = await call(fake, 'POST', '/v1/accounts/import', { body: rows.map((row) => JSON.stringify(row)).join('\n'), type: 'application/x-ndjson' });
  t.equal(status, 200);
  t.match(body, { accepted: 2, rejected: 4 });
  t.same((body.items as { pointer: string }[]).map(({ pointer }) => pointer), ['/balances/points', '/card', '/balances/points/lots/0/expires', '/balanses']);
  t.same(fake.engine.imported.sort(), ['1', '2']);
  const few = await startFakeGateway({ rejectedItemsMax: 3 });
  t.teardown(() => few.gateway.close());
  const refused = await call(few, 'POST', '/v1/accounts/import', { body: `${JSON.stringify(rows[0])}\n${'1\n'.repeat(4)}`, type: 'application/x-ndjson' });
  t.match(refused, { status: 400, body: { detail: 'more than 3 rows are wrong, from row 0 on nothing was taken' } }, 'nor are rejects listed without end');
  t.same(few.engine.imported, []);
});

t.test('a quota is told in headers and ends with 429', async (t) => {
  const fake = await startFakeGateway({ quotaPerMinute: 2 });
  t.teardown(() => fake.gateway.close());
  const answers = [];
  for (let i = 0; i < 8; i++) answers.push(await call(fake, 'GET', '/v1/rules'));
  t.match(answers[0]!.headers.get('ratelimit-policy'), '"key";q=2;w=60');
  const refused = answers.find(({ status }) => status === 429)!;
  t.match(refused.body, { type: '/problems/quota' });
  t.ok(Number(refused.headers.get('retry-after')) >= 1);
});

t.test('the verifier is asked for and reports line by line', async (t) => {
  const fake = await startFakeGateway();
  t.teardown(() => fake.gateway.close());
  t.match(await call(fake, 'POST', '/v1/verify'), { status: 503, body: { detail: /without the verifier/ } });
  let end = (): void => undefined;
  const gate = new Promise<void>((resolve) => { end = resolve; });
  const verify = async (progress: (line: string) => void): Promise<object> => {
    progress('half');
    await gate;
    return { ok: true };
  };
  const keys = await Keys.open(ADMIN_KEY, fake.storage, 'operator-key-for-tests');
  const second = { gateway: await startGateway({ ...fake.options, keys, verify }) };
  t.teardown(() => second.gateway.close());
  const asked = await fetch(`${second.gateway.url}/v1/verify`, { method: 'POST', headers: { authorization: 'Bearer operator-key-for-tests' } });
  t.match(await call(second, 'POST', '/v1/verify'), { status: 429, body: { detail: /is running/ } });
  end();
  t.equal(await asked.text(), '{"progress":"half"}\n{"report":{"ok":true}}\n');
  t.match(await call(second, 'GET', '/v1/rules', { key: 'operator-key-for-tests' }), { status: 403 }, 'the operator key opens nothing else');
});

t.test('the description of the API is complete', async (t) => {
  const fake = await startFakeGateway();
  t.teardown(() => fake.gateway.close());
  t.match(await call(fake, 'GET', '/asyncapi.json', { key: null }), { status: 200, body: { asyncapi: '3.0.0', channels: { commands: { address: 'pointstream-commands' } } } });
  const { body } = await call(fake, 'GET', '/openapi.json', { key: null });
  t.match(body, { openapi: '3.1.0', components: { schemas: { Transaction: {}, Rule: {}, Problem: {} } } });
  const described = Object.values(body.paths as object).flatMap((path) => Object.keys(path as object).filter((method) => method !== 'head'));
  t.equal(described.length, Object.keys(operations).length, 'each operation is a route and each route an operation');
  const { title } = (await call(fake, 'GET', '/problems/conflict')).body;
  for (const [path, method] of [['programs/{program}', 'put'], ['partners/{partner}', 'put'], ['rules', 'put'], ['transactions', 'post']] as const) {
    t.match((body.paths as Record<string, object>)[`/v1/${path}`], { [method]: { responses: { 409: { description: title } } } }, `${method} ${path}`);
  }
  const missing = [...JSON.stringify(body).matchAll(/#\/components\/schemas\/([A-Za-z]+)/g)].filter(([, name]) => !(name! in (body.components as { schemas: object }).schemas));
  t.same(missing, [], 'every reference leads somewhere');
  const docs = await fetch(`${fake.gateway.url}/docs`);
  t.equal(docs.status, 200);
  t.match(await docs.text(), /swagger/i);
  for (const code of Object.keys(doorProblems)) t.match(await call(fake, 'GET', `/problems/${code}`), { status: 200, body: { type: `/problems/${code}` } });
  t.match(await call(fake, 'GET', '/problems/late'), { status: 200, body: { hint: /latenessDays/ } });
  t.match(await call(fake, 'GET', '/problems/toString'), { status: 404 });
});

t.test('a sender that looks for an answer only when it has sent all gets to it; one that goes on and on is cut off', async (t) => {
  const fake = await startFakeGateway({ bodyBytesMax: 20_000 });
  t.teardown(() => fake.gateway.close());
  const socket = connect(Number(new URL(fake.gateway.url).port), '127.0.0.1'), closed = once(socket, 'close').catch(() => undefined);
  let answers = '';
  socket.on('data', (chunk) => { answers += chunk.toString(); });
  const answered = async (count: number): Promise<void> => {
    while (answers.split('HTTP/1.1 ').length <= count && !socket.closed) await Promise.race([once(socket, 'data'), closed]);
  };
  const post = (length: number): string => `POST /v1/transactions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${ADMIN_KEY}\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n`;
  socket.write(post(39_000) + ' '.repeat(25_000));
  await answered(1);
  socket.write(`${' '.repeat(14_000)}GET /livez HTTP/1.1\r\nhost: x\r\n\r\n`);
  await answered(2);
  t.match(answers, /^HTTP\/1.1 413 [^]*HTTP\/1.1 200 /);
  socket.write(post(1_000_000) + ' '.repeat(50_000));
  await closed;
  t.pass('closed');
});

t.test('so does one that wants the connection closed then', async (t) => {
  const bodyBytesMax = 1 << 20, fake = await startFakeGateway({ bodyBytesMax: 12 * bodyBytesMax });
  t.teardown(() => fake.gateway.close());
  // More than the system holds between the two, so that the sender is not done before the answer.
  for (const [key, length, status] of [[ADMIN_KEY, 20 * bodyBytesMax, 413], ['unknown', 11 * bodyBytesMax, 401]] as const) {
    const socket = connect(Number(new URL(fake.gateway.url).port), '127.0.0.1').pause();
    const head = `POST /v1/transactions HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer ${key}\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n`;
    socket.write(head);
    await new Promise((resolve, reject) => {
      socket.once('error', reject);
      socket.write(Buffer.alloc(length), resolve);
    });
    t.match(await text(socket), new RegExp(`^HTTP/1.1 ${status} `));
  }
});

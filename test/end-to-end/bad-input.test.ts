/**
 * Bad input at the real doors: every answer says what is wrong and where, nothing is half-applied, what goes to review can be looked up, and the engine goes on. One
 * engine for the whole table; what it holds is compared before and after.
 */
import { request as httpRequest } from 'node:http';
import { gzipSync } from 'node:zlib';
import { pack } from 'msgpackr';
import t, { type Test as Tap } from 'tap';
import { chdbMissing } from '../../engine/clickhouse/embedded-fixture.js';
import { NDJSON, ndjson, TestEngine, type Answer, type Asked, type Problem } from './engine.js';

const GROCER_KEY = 'grocer-key-0000000000', OTHER_KEY = 'other-key-00000000000', READ_KEY = 'grocer-reads-00000000';
const MAX = Number.MAX_SAFE_INTEGER;
const BODY_BYTES_MAX = 4 * 2 ** 20;

const good = { id: 'x', kind: 'purchase', partner: 'grocer', card: 'c1', occurredAt: '2026-01-05T10:00:00Z', currency: 'EUR' };
const total = (more: object): object => ({ ...good, total: 1000, ...more });
const line = (more: object = {}): object => ({ sku: 'a', quantity: 1, amount: 500, ...more });
const lines = (...each: object[]): object => ({ ...good, lines: each });
/** Source text, where an object would lose it. */
const text = (field: string): string => JSON.stringify(total({})).replace('"total":1000', field);
const returned = (more: object): object => ({ id: 'r', kind: 'return', partner: 'grocer', occurredAt: '2026-01-06T10:00:00Z', original: { id: 'bought' }, ...more });

interface Case { name: string; body: unknown; status: number; problem: string; errors?: Partial<Record<keyof Problem, string | RegExp>>[]; detail?: RegExp; kept?: true; asked?: Asked }

/** Single posts, each with the status, the problem type and the place that its answer has to name. */
const cases: Case[] = [
  { name: 'malformed JSON', body: '{"id":"x",', status: 400, problem: 'malformed', detail: /at byte 10/ },
  { name: 'text behind the object', body: `${JSON.stringify(total({}))} x`, status: 400, problem: 'malformed' },
  { name: 'no body', body: '', status: 400, problem: 'malformed' },
  { name: 'a number', body: '17', status: 400, problem: 'malformed' },
  { name: 'not UTF-8', body: new Uint8Array([...Buffer.from('{"id":"'), 0xff, 0xfe, ...Buffer.from('"}')]), status: 400, problem: 'malformed' },
  { name: 'deep nesting', body: `${'{"id":'.repeat(100_000)}1${'}'.repeat(100_000)}`, status: 422, problem: 'invalid', errors: [{ detail: /nested deeper than 16 levels, at byte 102/ }] },
  { name: 'deep nesting in an unknown field', body: text(`"total":1000,"more":${'['.repeat(100_000)}${']'.repeat(100_000)}`), status: 422, problem: 'invalid', errors: [{ detail: /nested/ }] },
  { name: 'unknown field', body: total({ occuredAt: 'x' }), status: 422, problem: 'unknown-field', errors: [{ pointer: '/occuredAt', reason: 'unknown-field', hint: /occurredAt/ }] },
  { name: 'unknown field of a line', body: lines(line({ amout: 1 })), status: 422, problem: 'unknown-field', errors: [{ pointer: '/lines/0/amout', hint: /amount/ }] },
  { name: '__proto__', body: text('"total":1000,"__proto__":{"kind":"return"}'), status: 422, problem: 'unknown-field', errors: [{ pointer: '/__proto__' }] },
  { name: 'a field twice', body: text('"total":1000,"total":2000'), status: 422, problem: 'invalid', errors: [{ pointer: '/total' }] },
  { name: 'wrong type: id', body: total({ id: 5 }), status: 422, problem: 'invalid', errors: [{ pointer: '/id', reason: 'invalid' }] },
  { name: 'wrong type: lines', body: { ...good, lines: {} }, status: 422, problem: 'invalid', errors: [{ pointer: '/lines' }] },
  { name: 'wrong type: amount', body: lines(line({ amount: '500' })), status: 422, problem: 'invalid', errors: [{ pointer: '/lines/0/amount' }] },
  { name: 'unknown kind', body: total({ kind: 'gift' }), status: 422, problem: 'invalid', errors: [{ pointer: '/kind' }] },
  { name: 'no currency', body: total({ currency: undefined }), status: 422, problem: 'missing', errors: [{ pointer: '/currency', reason: 'missing' }] },
  { name: 'neither lines nor total', body: good, status: 422, problem: 'missing', errors: [{ pointer: '/lines', hint: /total/ }] },
  { name: 'card and account', body: total({ account: '1.1' }), status: 422, problem: 'invalid', errors: [{ pointer: '/account' }] },
  { name: 'negative total', body: total({ total: -1 }), status: 422, problem: 'invalid', errors: [{ pointer: '/total' }] },
  { name: 'fractional total', body: total({ total: 10.5 }), status: 422, problem: 'invalid', errors: [{ pointer: '/total' }] },
  { name: 'a total with an exponent', body: text('"total":1e3'), status: 422, problem: 'invalid', errors: [{ pointer: '/total' }] },
  { name: 'negative amount of a product', body: lines(line({ amount: -5 }), line()), status: 422, problem: 'invalid', errors: [{ pointer: '/lines/0/amount' }] },
  { name: 'negative quantity', body: lines(line({ quantity: -1 })), status: 422, problem: 'invalid', errors: [{ pointer: '/lines/0/quantity' }] },
  { name: 'a quantity with four decimals', body: lines(line({ quantity: 0.0001 })), status: 422, problem: 'invalid', errors: [{ pointer: '/lines/0/quantity' }] },
  { name: 'a sum of lines below zero', body: lines(line({ kind: 'discount', amount: -5 })), status: 422, problem: 'invalid', errors: [{ pointer: '/lines' }] },
  { name: '2^53', body: text('"total":9007199254740992'), status: 422, problem: 'invalid', errors: [{ pointer: '/total', detail: /9007199254740992/ }] },
  { name: 'a number that JSON.parse would round', body: text('"total":9007199254740993'), status: 422, problem: 'invalid', errors: [{ pointer: '/total', detail: /9007199254740993/ }] },
  { name: '1e400', body: text('"total":1e400'), status: 422, problem: 'invalid', errors: [{ pointer: '/total' }] },
  { name: 'NaN', body: text('"total":NaN'), status: 400, problem: 'malformed' },
  { name: 'a sum that passes 2^53-1', body: lines(line({ amount: MAX }), line({ amount: 1 })), status: 422, problem: 'overflow', errors: [{ pointer: '/lines', reason: 'overflow' }] },
  { name: 'total is not the sum', body: { ...lines(line()), total: 499 }, status: 422, problem: 'total-mismatch', errors: [{ pointer: '/total', detail: /499.*500/ }] },
  { name: 'a line number twice', body: lines(line({ line: 1 }), line({ line: 1 })), status: 422, problem: 'invalid', errors: [{ pointer: '/lines/1/line' }] },
  { name: '10,000 lines', body: lines(...Array.from({ length: 10_000 }, () => line())), status: 422, problem: 'invalid', errors: [{ pointer: '/lines', detail: /1000/ }] },
  { name: 'control character in an id', body: total({ id: 'a\u0000b' }), status: 422, problem: 'invalid', errors: [{ pointer: '/id', detail: /control/ }] },
  { name: 'line break in a card', body: total({ card: 'a\nb' }), status: 422, problem: 'invalid', errors: [{ pointer: '/card', detail: /control/ }] },
  { name: 'lone surrogate in an id', body: text('"total":1000').replace('"x"', '"\\ud800"'), status: 422, problem: 'invalid', errors: [{ pointer: '/id', detail: /surrogate/ }] },
  { name: 'an id that is too long', body: total({ id: 'i'.repeat(129) }), status: 422, problem: 'invalid', errors: [{ pointer: '/id', detail: /128/ }] },
  { name: 'an empty id', body: total({ id: '' }), status: 422, problem: 'invalid', errors: [{ pointer: '/id' }] },
  { name: 'a date that isn\'t one', body: total({ occurredAt: '2026-02-30T10:00:00Z' }), status: 422, problem: 'invalid', errors: [{ pointer: '/occurredAt' }] },
  { name: 'a date without an offset', body: total({ occurredAt: '2026-01-05T10:00:00' }), status: 422, problem: 'invalid', errors: [{ pointer: '/occurredAt' }] },
  { name: 'a payment card', body: total({ card: '4111111111111111' }), status: 422, problem: 'payment-card', errors: [{ pointer: '/card', hint: /program/ }], kept: true },
  { name: 'a payment card in groups', body: total({ card: '4111 1111-1111 1111' }), status: 422, problem: 'payment-card', errors: [{ pointer: '/card' }], kept: true },
  { name: 'unknown partner', body: total({ partner: 'nobody' }), status: 422, problem: 'unknown-partner', errors: [{ pointer: '/partner', hint: /partners/ }], kept: true },
  { name: 'another program', body: total({ program: 'elsewhere' }), status: 422, problem: 'wrong-program', kept: true },
  { name: 'unknown account', body: total({ card: undefined, account: '1.999999' }), status: 422, problem: 'unknown-account', errors: [{ pointer: '/account' }], kept: true },
  { name: 'from the future', body: total({ occurredAt: '2999-01-01T00:00:00Z' }), status: 422, problem: 'future', errors: [{ pointer: '/occurredAt' }], kept: true },
  { name: 'late', body: total({ partner: 'strict', occurredAt: '2020-01-01T00:00:00Z' }), status: 422, problem: 'late', kept: true },
  { name: 'same id, other content', body: { ...total({}), id: 'bought' }, status: 409, problem: 'conflict', errors: [{ pointer: '/id' }], kept: true },
  { name: 'points that pass 2^53-1', body: total({ card: 'rich', total: MAX }), status: 422, problem: 'overflow', kept: true },
  { name: 'a return without original', body: { ...returned({}), original: undefined }, status: 422, problem: 'missing', errors: [{ pointer: '/original' }] },
  { name: 'a return of a line that was not bought', body: returned({ lines: [{ line: 9, quantity: 1, amount: 1 }] }), status: 422, problem: 'unknown-line', kept: true },
  { name: 'a return of more than was bought', body: returned({ lines: [{ line: 1, quantity: 1, amount: 501 }] }), status: 422, problem: 'return-exceeds', kept: true },
  { name: 'a return of a greater quantity', body: returned({ lines: [{ line: 1, quantity: 2, amount: 1 }] }), status: 422, problem: 'return-exceeds', kept: true },
  { name: 'negative amounts in a return', body: returned({ lines: [{ line: 1, quantity: 1, amount: -5 }] }), status: 422, problem: 'invalid', errors: [{ pointer: '/lines/0/amount' }] },
  { name: 'no key', body: total({}), status: 401, problem: 'unauthorized', asked: { key: null } },
  { name: 'a wrong key', body: total({}), status: 401, problem: 'unauthorized', asked: { key: 'wrong-key-00000000000' } },
  { name: "another partner's key", body: total({}), status: 403, problem: 'other-partner', asked: { key: OTHER_KEY } },
  { name: 'a key that may only read', body: total({}), status: 403, problem: 'forbidden', detail: /post/, asked: { key: READ_KEY } },
  { name: 'wrong content type', body: JSON.stringify(total({})), status: 415, problem: 'unsupported-media-type', asked: { type: 'text/csv' } },
  { name: 'another character set', body: JSON.stringify(total({})), status: 415, problem: 'unsupported-media-type', asked: { type: 'application/json; charset=utf-16' } },
  { name: 'a body too large', body: 'x'.repeat(BODY_BYTES_MAX + 1), status: 413, problem: 'body-too-large', asked: { type: NDJSON } },
  { name: 'a gzip bomb', body: new Uint8Array(gzipSync(Buffer.alloc(400 * 2 ** 20, ' '), { level: 1 })), status: 413, problem: 'body-too-large', asked: { type: NDJSON, headers: { 'content-encoding': 'gzip' } } },
  { name: 'gzip that is none', body: JSON.stringify(total({})), status: 400, problem: 'malformed', asked: { headers: { 'content-encoding': 'gzip' } } },
  { name: 'an unknown encoding', body: JSON.stringify(total({})), status: 415, problem: 'unsupported-media-type', asked: { headers: { 'content-encoding': 'br' } } },
  { name: 'MessagePack that ends early', body: new Uint8Array(pack(total({})).subarray(0, 20)), status: 400, problem: 'malformed', asked: { type: 'application/msgpack' } },
  { name: 'MessagePack with a fraction', body: new Uint8Array(pack(total({ total: 0.5 }))), status: 422, problem: 'invalid', errors: [{ pointer: '/total' }], asked: { type: 'application/msgpack' } },
];

t.test('bad input', { skip: chdbMissing }, async (t) => {
  const engine = await TestEngine.start(t, { flags: ['--body-bytes-max', String(BODY_BYTES_MAX)] });
  const grocer = { name: 'Grocer', timeZone: 'UTC', currency: 'EUR' };
  await engine.put('/v1/partners/grocer', { ...grocer, keys: [{ key: GROCER_KEY, scopes: ['post'] }, { key: READ_KEY, scopes: ['read'] }] });
  await engine.put('/v1/partners/other', { ...grocer, keys: [{ key: OTHER_KEY, scopes: ['post', 'read', 'products'] }] });
  await engine.put('/v1/partners/strict', { ...grocer, latenessDays: 3 });
  const rule = { id: 'base', version: 1, award: { kind: 'perAmount', points: 1, amount: 1 } };
  await engine.put('/v1/rules', { rules: [rule] });
  const bought = { ...good, id: 'bought', lines: [line()] };
  for (const body of [bought, total({ id: 'rich-1', card: 'rich', total: MAX - 5 })]) {
    if ((await engine.call('POST', '/v1/transactions', { body })).status !== 200) throw new Error('the table has nothing to stand on');
  }
  const before = await holdings(engine);
  t.match(before, { transactions: 2, cards: { c1: 500, rich: MAX - 5 } });

  await t.test('single posts', async (t) => {
    for (const { name, body, status, problem, errors = [], detail, asked } of cases) {
      const answer = await engine.call('POST', '/v1/transactions', { body, ...asked });
      expectProblem(t, name, answer, status, problem);
      t.match(answer.body.errors ?? [], errors, `${name}: its place`);
      if (detail !== undefined) t.match(answer.body.detail, detail);
    }
  });

  await t.test('what goes to review is listed, what was refused at the door is not', async (t) => {
    const kept = cases.filter(({ kept }) => kept);
    const { body } = await engine.call('GET', '/v1/rejected?limit=1000');
    const listed = (body.data as { reason: string }[]).map(({ reason }) => reason).sort();
    t.same(listed, kept.map(({ problem }) => problem).sort());
    t.notMatch(JSON.stringify(body), /1111/, 'the number of a payment card is written nowhere');
    const [late] = (await engine.call('GET', '/v1/rejected?reason=late')).body.data as Record<string, unknown>[];
    t.match(late, { partner: 'strict', transaction_id: 'x', pointer: '/occurredAt', kind: 'purchase', reason: 'late', detail: /./ });
    const first = await engine.call('GET', '/v1/rejected?limit=2');
    t.equal(first.body.has_more, true);
    const [, last] = first.body.data as { id: string }[];
    t.ok(last !== undefined, 'two items');
    const own = (await engine.call('GET', '/v1/rejected?limit=1000', { key: OTHER_KEY })).body.data as unknown[];
    t.same(own, [], 'another partner sees none of it');
  });

  await t.test('a batch is answered item by item, and what it rejects is kept', async (t) => {
    const bad = [total({ id: 'b1', total: -1 }), total({ id: 'b2', partner: 'nobody' }), total({ id: 'bought' }), returned({ id: 'b4', card: 'c1', lines: [{ line: 1, quantity: 9, amount: 1 }] })];
    const body = `${ndjson(bad)}{"id":\n${JSON.stringify(total({ id: 'b6', partner: 'other' }))}\n`;
    const answer = await engine.call('POST', '/v1/transactions', { body, type: NDJSON, key: GROCER_KEY });
    t.match(answer, { status: 200, body: { accepted: 0, duplicates: 0, rejected: 6 } });
    t.match(answer.body.items, [
      { index: 0, id: 'b1', status: 'rejected', reason: 'invalid', pointer: '/total' }, { index: 1, id: 'b2', status: 'rejected', reason: 'other-partner' },
      { index: 2, id: 'bought', status: 'rejected', reason: 'conflict' }, { index: 3, id: 'b4', status: 'rejected', reason: 'return-exceeds' },
      { index: 4, status: 'rejected', reason: 'malformed' }, { index: 5, id: 'b6', status: 'rejected', reason: 'other-partner' },
    ]);
    const kept = (await engine.call('GET', '/v1/rejected?partner=grocer&limit=1000')).body.data as { transaction_id: string; reason: string }[];
    for (const [id, reason] of [['b1', 'invalid'], ['b4', 'return-exceeds']]) t.ok(kept.some((item) => item.transaction_id === id && item.reason === reason), id);
    t.notOk(JSON.stringify((await engine.call('GET', '/v1/rejected?limit=1000')).body).includes('"b6"'), "nobody writes into another partner's list");
    expectProblem(t, 'nothing can be read', await engine.call('POST', '/v1/transactions', { body: 'a\nb\n', type: NDJSON }), 400, 'malformed');
    expectProblem(t, 'an array that is cut off', await engine.call('POST', '/v1/transactions', { body: '[{"id":' }), 400, 'malformed');
  });

  await t.test('documents', async (t) => {
    const rules = (...each: object[]): Asked => ({ body: { rules: each } });
    const condition = { ...rule, version: 2, condition: 'transaction.totl >= 1' };
    const refused = await engine.call('PUT', '/v1/rules', rules(rule, condition));
    expectProblem(t, 'a rule that does not compile', refused, 422, 'invalid');
    t.match(refused.body.errors, [{ pointer: '/rules/1/condition', hint: /total/ }]);
    for (const [name, document, pointer] of [
      ['a condition that is none', { ...rule, version: 2, condition: 'transaction.total >=' }, '/rules/0/condition'],
      ['an unknown award', { ...rule, version: 2, award: { kind: 'gift' } }, '/rules/0/award/kind'],
      ['an unknown field', { ...rule, version: 2, awards: {} }, '/rules/0/awards'],
      ['a multiplier of nothing', { id: 'm', version: 1, award: { kind: 'multiplier', factor: 2, of: ['nothing'], combine: 'sum' } }, '/rules/0/award/of/0'],
      ['a factor below 1', { id: 'm', version: 1, award: { kind: 'multiplier', factor: 0.5, of: ['base'], combine: 'sum' } }, '/rules/0/award/factor'],
      ['a weekday that isn\'t one', { ...rule, version: 2, schedule: { weekdays: ['xyz'] } }, '/rules/0/schedule/weekdays/0'],
    ] as const) {
      const answer = await engine.call('PUT', '/v1/rules', rules(document));
      expectProblem(t, name, answer, 422);
      t.equal((answer.body.errors as Problem[])[0]?.pointer, pointer, name);
    }
    expectProblem(t, 'same rule, other content', await engine.call('PUT', '/v1/rules', rules({ ...rule, award: { kind: 'fixed', points: 1 } })), 409, 'conflict');
    expectProblem(t, 'an unknown zone', await engine.call('PUT', '/v1/partners/new', { body: { name: 'New', timeZone: 'Mars/Base', currency: 'EUR' } }), 422);
    expectProblem(t, 'an unknown program', await engine.call('PUT', '/v1/partners/new', { body: { ...grocer, program: 'none' } }), 422);
    expectProblem(t, 'products of nobody', await engine.call('PUT', '/v1/partners/nobody/products', { body: '{"sku":"1"}\n', type: NDJSON }), 404);
    const products = await engine.call('PUT', '/v1/partners/grocer/products', { body: '{"sku":"1"}\n{"name":"2"}\n', type: NDJSON });
    expectProblem(t, 'a product without sku', products, 422);
    expectProblem(t, 'no admin', await engine.call('PUT', '/v1/rules', { ...rules(rule), key: OTHER_KEY }), 403, 'forbidden');
    expectProblem(t, 'no partner new', await engine.call('GET', '/v1/partners/new'), 404, 'not-found');
    t.match(await engine.call('GET', '/v1/rules'), { body: { ruleSet: 1, rules: [{ id: 'base', version: 1 }] } }, 'the rules are what they were');
  });

  await t.test('methods, addresses, parameters', async (t) => {
    for (const [method, path, status, problem] of [
      ['DELETE', '/v1/transactions', 405, 'method-not-allowed'], ['PATCH', '/v1/rules', 405, 'method-not-allowed'], ['GET', '/v1/nothing', 404, 'not-found'], ['GET', '/v1/cards/nobody', 404, 'not-found'],
      ['GET', '/v1/accounts/99.1', 404, 'not-found'], ['GET', '/v1/accounts/nonsense', 404, 'not-found'], ['GET', '/v1/transactions/grocer/nothing', 404, 'not-found'],
      ['GET', '/v1/rejected?limit=x', 400, 'bad-request'], ['GET', '/v1/rejected?limi=1', 400, 'bad-request'], ['GET', '/v1/transactions/grocer/bought?kind=gift', 400, 'bad-request'],
    ] as const) expectProblem(t, `${method} ${path}`, await engine.call(method, path), status, problem);
  });

  await t.test('a request that fails authentication leaves nothing behind, and is not even read', async (t) => {
    const answer = await unfinished(engine, { authorization: 'Bearer wrong-key-00000000000', 'content-type': NDJSON, 'content-length': '1000000' });
    t.equal(answer, 401, 'answered before the body has arrived');
    t.notMatch(JSON.stringify((await engine.call('GET', '/v1/rejected?limit=1000')).body), /unauthorized/);
  });

  await t.test('nothing was half-applied, and the engine goes on', async (t) => {
    t.same(await holdings(engine), before);
    t.match(await engine.ready(), { status: 200, body: { status: 'ready' } });
    t.match(await engine.call('POST', '/v1/transactions', { body: total({ id: 'next' }) }), { status: 200, body: { status: 'processed', points: 1000 } });
    t.match(await engine.call('POST', '/v1/transactions', { body: returned({}) }), { status: 200, body: { points: -500 } }, 'all of what was bought is still there to be returned');
    const verified = await engine.run('verify', '--data', engine.directory);
    if (!t.equal(verified.code, 0, 'verified')) t.comment(verified.stdout, verified.stderr);
    t.match(await engine.stop(), { code: 0 });
  });
});

function expectProblem(t: Tap, name: string, answer: Answer, status: number, problem?: string): void {
  t.match({ status: answer.status, type: answer.type, body: answer.body }, {
    status, type: /^application\/problem\+json/, body: { type: problem === undefined ? /^\/problems\// : `/problems/${problem}`, title: /./, status, detail: /./ },
  }, name);
}

/** Everything that a refused request could have changed. */
async function holdings(engine: TestEngine): Promise<object> {
  const accounts = await Promise.all(['c1', 'rich'].map(async (card) => [card, (await engine.call('GET', `/v1/cards/${card}`)).body] as const));
  const cards = Object.fromEntries(accounts.map(([card, { balances }]) => [card, (balances as { points: { available: number } }).points.available]));
  await engine.settled('SELECT count() FROM pointstream.transactions', 2);
  const [facts] = await engine.query<object>('SELECT count() AS transactions, sum(points) AS points, sum(total) AS total FROM pointstream.transactions');
  const [entries] = await engine.query<object>('SELECT count() AS entries FROM pointstream.entries');
  return { cards, views: accounts.map(([, view]) => view), ...facts, ...entries };
}

/** Sends the head of a request and no body: the status of the answer. */
function unfinished(engine: TestEngine, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest(`${engine.http}/v1/transactions`, { method: 'POST', headers }, (response) => {
      resolve(response.statusCode!);
      sent.destroy();
    });
    sent.once('error', reject);
    sent.flushHeaders();
  });
}

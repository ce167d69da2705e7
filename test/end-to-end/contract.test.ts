/** The contract on a real engine: documents, answers, tables and exit codes as partners' programs and analysts rely on them. One engine for all of it. */
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ClickHouseLogLevel, createClient } from '@clickhouse/client';
import { pack } from 'msgpackr';
import t, { type Test as Tap } from 'tap';
import { chdbMissing } from '../../engine/clickhouse/embedded-fixture.js';
import { ADMIN_KEY, eventually, NDJSON, ndjson, TestEngine, type Answer } from './engine.js';

type Balances = Record<string, { available: number; pending: number; held: number; debt: number; lots?: object[] }>;

const at = (day: number, hour = 10): string => `2026-01-${String(day).padStart(2, '0')}T${String(hour).padStart(2, '0')}:00:00Z`;
const purchase = (id: string, more: object = {}): object => ({ id, kind: 'purchase', partner: 'grocer', card: 'c1', occurredAt: at(5), currency: 'EUR', ...more });
/** A relative directory, and the key that it was started with. */
const admin = ['--data', '.', '--key', ADMIN_KEY];
const bread = { sku: 'bread', quantity: 2, amount: 600 }, cheese = { sku: 'cheese', quantity: 0.25, amount: 399 };

async function ok(t: Tap, engine: TestEngine, body: object, status = 200): Promise<Record<string, unknown>> {
  const answer = await engine.call('POST', '/v1/transactions', { body });
  t.equal(answer.status, status, JSON.stringify(answer.body));
  return answer.body;
}
async function balances(engine: TestEngine, card: string, query = ''): Promise<Balances> {
  return (await engine.call('GET', `/v1/cards/${card}${query}`)).body.balances as Balances;
}

t.test('the contract', { skip: chdbMissing }, async (t) => {
  // A relative directory, as `npm start` gives it.
  const engine = await TestEngine.start(t, { flags: ['--data', '.'] });
  await engine.put('/v1/programs/default', { name: 'Default', timeZone: 'UTC', currencies: [{ id: 'points', scale: 0 }, { id: 'coins', scale: 2 }] });
  await engine.put('/v1/partners/grocer', { name: 'Grocer', timeZone: 'UTC', currency: 'EUR', keys: [{ key: 'grocer-key-0000000000', scopes: ['post', 'read'] }] });
  writeFileSync(join(engine.directory, 'products.ndjson'), `\ufeff${ndjson([{ sku: 'bread', category: 'old' }, { sku: 'bread', category: 'bakery' }, { sku: 'cheese', category: 'dairy', brand: 'alpine', department: 'fresh' }])}`);
  t.match(await engine.run('import', 'products', 'products.ndjson', '--partner', 'grocer', ...admin), { code: 0, stdout: /products +3/ }, 'with a byte order mark');
  writeFileSync(join(engine.directory, 'rules.json'), JSON.stringify([
    { id: 'base', version: 1, award: { kind: 'perAmount', points: 1, amount: 100 }, expiresAfterDays: 4000 },
    { id: 'dairy', version: 1, lines: { categories: ['dairy'] }, award: { kind: 'percent', percent: 10, currency: 'coins' } },
    { id: 'later', version: 1, condition: 'transaction.channel == "app"', award: { kind: 'fixed', points: 7 }, pendingDays: 4000, funding: [{ funder: 'maker', parts: 2 }, { funder: 'program', parts: 1 }] },
  ]));
  t.match(await engine.run('rules', 'publish', 'rules.json', ...admin, '--json'), { code: 0, stdout: /"ruleSet": 1/ });

  await t.test('a purchase is answered with its awards, again as a duplicate, and found', async (t) => {
    const body = purchase('one', { lines: [bread, cheese], total: 999, store: 's1', tenders: [{ kind: 'card', amount: 999 }], coupons: ['k1'] });
    const first = await ok(t, engine, body);
    t.match(first.account, /^\d+\.\d+$/);
    const answer = {
      status: 'processed', partner: 'grocer', id: 'one', kind: 'purchase', account: first.account, points: first.points,
      awards: [
        { rule: 'base', version: 1, currency: 'points', points: 9, lines: [{ line: 1, points: 5 }, { line: 2, points: 4 }] },
        { rule: 'dairy', version: 1, currency: 'coins', points: 39, lines: [{ line: 2, points: 39 }] },
      ],
      balances: { points: { available: 9, pending: 0, held: 0, debt: 0 }, coins: { available: 39, pending: 0, held: 0, debt: 0 } },
    };
    t.same(first, answer);
    t.same(await ok(t, engine, body), { ...answer, status: 'duplicate' });
    t.same((await engine.call('GET', '/v1/transactions/grocer/one?kind=purchase')).body, answer);
    t.match(await engine.call('GET', '/v1/transactions/grocer/one?kind=return'), { status: 404 });
  });

  await t.test('an account: cards, balances, lots; pending points and their funders', async (t) => {
    await ok(t, engine, purchase('app', { channel: 'app', total: 250 }));
    const { status, body } = await engine.call('GET', '/v1/cards/c1');
    t.equal(status, 200);
    t.same(body, {
      account: body.account, program: 'default', cards: ['c1'],
      balances: {
        points: {
          available: 11, pending: 7, held: 0, debt: 0,
          lots: [
            { points: 11, matures: '2026-01-05', expires: '2036-12-18', funder: 'grocer' },
            { points: 5, matures: '2036-12-18', expires: null, funder: 'maker' }, { points: 2, matures: '2036-12-18', expires: null, funder: 'program' },
          ],
        },
        coins: { available: 39, pending: 0, held: 0, debt: 0, lots: [{ points: 39, matures: '2026-01-05', expires: null, funder: 'grocer' }] },
      },
    });
    t.same((await engine.call('GET', `/v1/accounts/${String(body.account)}`)).body, body, 'by account the same');
    t.match(await ok(t, engine, { ...purchase('by-account', { total: 100 }), card: undefined, account: body.account }), { account: body.account, points: 1 });
  });

  await t.test('returns: a part, the rest, more than that, unknown ones wait', async (t) => {
    const back = (id: string, more: object = {}): object => ({ id, kind: 'return', partner: 'grocer', occurredAt: at(6), original: { id: 'one' }, ...more });
    t.match(await ok(t, engine, back('r1', { lines: [{ line: 2, quantity: 0.25, amount: 399 }] })), {
      status: 'processed', kind: 'return', awards: [{ rule: 'base', points: -3, lines: [{ line: 2, points: -3 }] }, { rule: 'dairy', currency: 'coins', points: -39 }],
    });
    t.match(await ok(t, engine, back('r2', { card: 'whoever' })), { awards: [{ rule: 'base', points: -6 }], balances: { points: { available: 3 }, coins: { available: 0 } } });
    t.match(await engine.call('POST', '/v1/transactions', { body: back('r3') }), { status: 422, body: { type: '/problems/return-exceeds' } });
    const early = back('early', { card: 'c2', original: { id: 'comes-later' } });
    t.match(await ok(t, engine, early, 202), { status: 'waiting' });
    t.match(await engine.post([early]), { status: 200, body: { accepted: 0, rejected: 0, items: [{ index: 0, id: 'early', status: 'waiting' }] } });
    const other = back('early', { card: 'c2', original: { id: 'comes-never' } });
    t.match(await engine.call('POST', '/v1/transactions', { body: other }), { status: 409, body: { type: '/problems/conflict' } }, 'the same id with other content, also while it waits');
    t.match(await engine.post([other]), { status: 200, body: { rejected: 1, items: [{ index: 0, id: 'early', status: 'rejected', reason: 'conflict' }] } });
    t.match(await engine.call('GET', '/v1/transactions/grocer/early?kind=return'), { status: 202, body: { status: 'waiting' } }, 'as the POST answered');
    await ok(t, engine, purchase('comes-later', { card: 'c2', lines: [bread] }));
    const done = await eventually(() => engine.call('GET', '/v1/transactions/grocer/early?kind=return'), ({ status }) => status === 200);
    t.match(done, { status: 200, body: { status: 'processed', points: -6 } });
    t.match(await balances(engine, 'c2'), { points: { available: 0 } });
  });

  await t.test('batches in every format, answered once in the log or once committed', async (t) => {
    const items = (prefix: string): object[] => [purchase(`${prefix}1`, { card: 'c3', total: 5_000_000_000 }), purchase('one', { lines: [bread, cheese], total: 999, store: 's1', tenders: [{ kind: 'card', amount: 999 }], coupons: ['k1'] })];
    const answer = { status: 200, body: { accepted: 1, duplicates: 1, rejected: 0, items: [{ index: 1, id: 'one', status: 'duplicate' }] } };
    t.match(await engine.call('POST', '/v1/transactions', { body: items('array') }), answer);
    t.match(await engine.post(items('lines')), answer);
    t.match(await engine.call('POST', '/v1/transactions', { body: new Uint8Array(pack(items('msgpack'))), type: 'application/msgpack' }), answer);
    t.match(await engine.call('POST', '/v1/transactions?wait=append', { body: items('append') }), { status: 200, body: { accepted: 2, duplicates: 0, rejected: 0, items: [] } });
    t.match(await eventually(() => balances(engine, 'c3'), ({ points }) => points!.available === 200_000_000), { points: { available: 200_000_000 } });
    t.match(await ok(t, engine, JSON.parse(JSON.stringify(purchase('alone', { card: 'c4', total: 100 }))) as object), { points: 1 });
  });

  await t.test('what is legal: nobody’s receipts, zeros, deposits and discounts', async (t) => {
    t.match(await ok(t, engine, { ...purchase('anonymous', { lines: [bread] }), card: undefined }), { account: null, points: 0, awards: [] });
    t.match(await ok(t, engine, purchase('zero', { card: 'c5', lines: [{ sku: 'bread', quantity: 0, amount: 0 }] })), { points: 0 });
    const lines = [bread, { quantity: 1, amount: 25, kind: 'deposit' }, { quantity: 1, amount: -125, kind: 'discount' }];
    t.match(await ok(t, engine, purchase('signed', { card: 'c5', lines, total: 500 })), { points: 5 });
  });

  await t.test('entries and rejects come in pages', async (t) => {
    const { body: { account } } = await engine.call('GET', '/v1/cards/c1');
    const pages = async (path: string): Promise<Record<string, unknown>[]> => {
      const all: Record<string, unknown>[] = [];
      for (let after = ''; ;) {
        const { status, body } = await engine.call('GET', `${path}limit=2${after}`);
        if (status !== 200) throw new Error(JSON.stringify(body));
        const data = body.data as Record<string, unknown>[];
        all.push(...data);
        if (body.has_more !== true) return all;
        after = `&starting_after=${encodeURIComponent(String(data.at(-1)!.id))}`;
      }
    };
    const entries = await pages(`/v1/accounts/${String(account)}/entries?`);
    t.equal(new Set(entries.map(({ id }) => id)).size, entries.length, `${entries.length} entries, each once`);
    const sum = (currency: string): number => entries.filter((entry) => entry.currency === currency).reduce((all, { points }) => all + Number(points), 0);
    const { points, coins } = await balances(engine, 'c1');
    t.same([sum('points'), sum('coins')], [points!.available + points!.pending - points!.debt, coins!.available]);
    t.match(entries.find(({ transaction_id: id }) => id === 'r1'), { account, kind: 'reversal', counter_account: 'issuance:grocer', funder: 'grocer', partner: 'grocer', rule: /base|dairy/, rule_version: 1 });
    await engine.post(Array.from({ length: 5 }, (_, i) => purchase(`never${i}`, { total: -1 })));
    const rejected = await pages('/v1/rejected?reason=invalid&partner=grocer&');
    t.same(rejected.map(({ transaction_id: id }) => id).sort(), [0, 1, 2, 3, 4].map((i) => `never${i}`));
    t.match(rejected[0], { partner: 'grocer', kind: 'purchase', reason: 'invalid', pointer: '/total', detail: /./, hint: /./, rejected_at: /^\d{4}-/ });
  });

  await t.test('programs: card ranges, currencies and rules of their own; they do not see each other', async (t) => {
    await engine.put('/v1/programs/club', {
      name: 'Club', timeZone: 'Asia/Tokyo', currencies: [{ id: 'miles', scale: 1 }], unregistered: { earn: false, spend: false },
      cardRanges: [{ prefix: '29', length: 13, checkDigit: 'luhn', product: 'club' }, { prefix: '70', length: 4, checkDigit: 'none', product: 'guest' }, { prefix: '4111', length: 16, checkDigit: 'luhn', product: 'bank' }],
    });
    await engine.put('/v1/partners/flyer', { name: 'Flyer', program: 'club', timeZone: 'Asia/Tokyo', currency: 'JPY', keys: [{ key: 'flyer-key-00000000000', scopes: ['post', 'read'] }] });
    await engine.put('/v1/rules', { rules: [{ id: 'fly', version: 1, program: 'club', award: { kind: 'percent', percent: 1 } }] });
    const flight = (id: string, card: string, more: object = {}): object => ({ id, kind: 'purchase', partner: 'flyer', card, occurredAt: at(5), currency: 'JPY', total: 1000, ...more });
    for (const card of ['2900000000007', '701', '3900000000006', '4111111111111112', '70123']) {
      t.match(await engine.call('POST', '/v1/transactions', { body: flight(`no-${card}`, card) }), { status: 422, body: { type: '/problems/unknown-card', errors: [{ pointer: '/card' }] } }, card);
    }
    for (const card of ['2900000000009', '7012', '4111111111111111']) t.match(await ok(t, engine, flight(`yes-${card}`, card)), { points: 0, awards: [] }, `${card} is not registered`);

    writeFileSync(join(engine.directory, 'accounts.ndjson'), ndjson([
      { card: '2900000000017', program: 'club', balances: { miles: 120 } }, { cards: ['7001', '7004'], program: 'club', balances: { miles: { lots: [{ points: 5, funder: 'flyer', expires: '2090-01-01' }] } } },
    ]));
    t.match(await engine.run('import', 'accounts', 'accounts.ndjson', ...admin, '--json'), { code: 0, stdout: /"accepted": 2/ });
    t.match(await engine.run('import', 'accounts', 'accounts.ndjson', ...admin), { code: 4, stderr: /row 2 \(7001\) conflict: .* already  \[Leave the account out / }, 'nothing is imported twice');
    // 1 % of 1000 yen in tenths of a mile; default's rules don't fire.
    t.match(await ok(t, engine, flight('registered', '7004')), { points: 100, awards: [{ rule: 'fly', currency: 'miles', points: 100 }], balances: { miles: { available: 105 } } });
    t.match(await balances(engine, '7001', '?program=club'), { miles: { available: 105 } });
    t.match(await engine.call('GET', '/v1/cards/7001'), { status: 404 }, 'not in the default program');
    t.match(await ok(t, engine, purchase('same-card', { card: '7001', total: 100 })), { points: 1, balances: { miles: undefined } }, 'there it is another account');
    const { body: { account } } = await engine.call('GET', '/v1/cards/c1');
    const key = 'flyer-key-00000000000';
    for (const path of [`/v1/accounts/${String(account)}`, `/v1/accounts/${String(account)}/entries`, '/v1/cards/c1']) t.match(await engine.call('GET', path, { key }), { status: 404 }, path);
    t.match(await engine.call('GET', '/v1/transactions/grocer/one', { key }), { status: 403 });
    t.match(await engine.call('GET', '/v1/cards/7004', { key }), { status: 200, body: { program: 'club', cards: ['7001', '7004'] } });
    t.match(await engine.call('POST', '/v1/transactions', { body: { ...flight('foreign', '7004'), card: undefined, account } }), { status: 422, body: { type: '/problems/wrong-program' } });
  });

  await t.test('many cards, one account: wherever the cards are at home', async (t) => {
    const cards = Array.from({ length: 8 }, (_, i) => `many-${i}`), importOf = (...rows: object[]): Promise<Answer> => (
      engine.call('POST', '/v1/accounts/import', { body: ndjson(rows), type: NDJSON }));
    t.match(await importOf({ cards, balances: { points: 40 } }, { cards: ['many-8', 'many-9'] }), { status: 200, body: { accepted: 2, rejected: 0, items: [] } });
    const { body: view } = await engine.call('GET', `/v1/cards/${cards[0]!}`), { account } = view as { account: string };
    t.match(view, { cards, balances: { points: { available: 40 } } });
    for (const card of cards) t.same((await engine.call('GET', `/v1/cards/${card}`)).body, view, card);
    t.same((await engine.call('GET', `/v1/accounts/${account}`)).body, view);

    // Answered with all of it, by whichever partition.
    const buy = (card: string, i: number): object => purchase(`many-${i}`, { card, lines: [bread] });
    t.match(await ok(t, engine, buy(cards[5]!, 5)), { status: 'processed', account, points: 6, balances: { points: { available: 46 } } });
    t.match(await ok(t, engine, buy(cards[5]!, 5)), { status: 'duplicate', account, points: 6, balances: { points: { available: 46 } } });
    t.match(await engine.call('POST', '/v1/transactions', { body: purchase('many-5', { card: cards[5]!, lines: [cheese] }) }), { status: 409, body: { type: '/problems/conflict' } });
    const posted = await engine.post([...cards.map(buy), { ...buy(cards[0]!, 0), id: 'many-late', partner: 'nobody' }, { ...buy(cards[6]!, 6), total: 601 }]);
    t.match(posted, { status: 200, body: { accepted: 7, duplicates: 1, rejected: 2, items: [{ index: 5, status: 'duplicate' }, { index: 8, status: 'rejected' }, { index: 9, status: 'rejected' }] } });
    t.match(await balances(engine, cards[7]!), { points: { available: 88 } });
    t.match((await engine.call('GET', '/v1/transactions/grocer/many-3')).body, { account, points: 6 });
    t.match(await engine.call('GET', '/v1/transactions/grocer/many-3/explanation'), { status: 200, body: { account } });

    const back = (i: number, card: string | undefined): object => ({ id: `back-${i}`, kind: 'return', partner: 'grocer', card, occurredAt: at(6), original: { id: `many-${i}` } });
    t.match(await ok(t, engine, back(1, cards[1])), { status: 'processed', account, points: -6, balances: { points: { available: 82 } } });
    t.match(await ok(t, engine, back(2, cards[7])), { account, points: -6 }, 'with another card of the account');
    t.match(await ok(t, engine, back(3, undefined)), { account, points: -6 }, 'without a card');
    t.match(await ok(t, engine, back(1, cards[1])), { status: 'duplicate', account, points: -6, balances: { points: { available: 70 } } });

    // Whole or not at all: a card that is known anywhere refuses the account.
    await ok(t, engine, purchase('taken', { card: 'taken-1', total: 100 }));
    const refused = await importOf({ cards: ['fresh-1', 'fresh-2', 'taken-1', 'fresh-3'], balances: { points: 9 } }, { cards: ['fresh-4', 'many-2'] }, { cards }, { card: 'many-4' });
    t.match(refused.body, { accepted: 0, rejected: 4, items: [0, 1, 2, 3].map((index) => ({ index, status: 'rejected', reason: 'conflict', detail: /belongs to an account/ })) });
    for (const card of ['fresh-1', 'fresh-3', 'fresh-4']) t.match(await engine.call('GET', `/v1/cards/${card}`), { status: 404 }, card);
    t.match(await importOf({ cards: ['fresh-3', 'fresh-2', 'fresh-1', 'fresh-4', 'fresh-4'] }), { body: { accepted: 1, rejected: 0 } }, 'and its other cards are free');
    t.match((await engine.call('GET', '/v1/cards/fresh-4')).body, { cards: ['fresh-3', 'fresh-2', 'fresh-1', 'fresh-4'] });
  });

  await t.test('a CSV file, its rejects and the exit code', async (t) => {
    const rows = ['id,card,occurredAt,currency,sku,quantity,amount', ...[1, 2, 3].flatMap((i) => [`csv${i},c9,${at(i)},EUR,bread,1,300`, `csv${i},c9,${at(i)},EUR,cheese,0.5,${i === 2 ? -1 : 200}`])];
    writeFileSync(join(engine.directory, 'sales.csv'), `${rows.join('\n')}\n`);
    const ended = await engine.run('feed', 'sales.csv', '--partner', 'grocer', '--url', engine.http, '--key', 'grocer-key-0000000000', '--rejects', 'rejects.ndjson', '--json');
    t.equal(ended.code, 4, ended.stderr);
    t.match(JSON.parse(ended.stdout), { accepted: 2, rejected: 1 });
    const rejects = readFileSync(join(engine.directory, 'rejects.ndjson'), 'utf8').trim().split('\n').map((line) => JSON.parse(line) as object);
    t.match(rejects, [{ row: 4, pointer: '/lines/1/amount', reason: 'invalid', detail: /negative/ }]);
    t.match(await balances(engine, 'c9'), { points: { available: 10 } });
  });

  await t.test('tables: columns and types, for curl and for a client', async (t) => {
    for (const [table, columns] of Object.entries(tables)) {
      const found = await engine.query<{ name: string; type: string }>(`DESCRIBE TABLE pointstream.${table}`);
      const named = Object.fromEntries(found.map(({ name, type }) => [name, type]));
      for (const [name, type] of Object.entries(columns)) t.match(named[name] ?? 'missing', type, `${table}.${name}`);
    }
    await engine.settled("SELECT count() FROM pointstream.transactions WHERE id IN ('one', 'r1', 'r2')", 3);
    const { stdout } = await promisify(execFile)('curl', ['-sS', `${engine.clickhouse}/`, '--data-binary', "SELECT id, total, points FROM pointstream.transactions WHERE id IN ('one', 'r1') ORDER BY id FORMAT CSV"]);
    t.equal(stdout, '"one",999,9\n"r1",-399,-3\n', 'returns are negative');
    const client = createClient({ url: engine.clickhouse, log: { level: ClickHouseLogLevel.OFF }, clickhouse_settings: { output_format_json_quote_64bit_integers: 0 } });
    const rows = await (await client.query({
      query: 'SELECT line, sku, category, quantity, amount, points FROM pointstream.lines WHERE transaction_id = {id: String} ORDER BY line', query_params: { id: 'one' }, format: 'JSONEachRow',
    })).json();
    t.same(rows, [{ line: 1, sku: 'bread', category: 'bakery', quantity: 2000, amount: 600, points: 5 }, { line: 2, sku: 'cheese', category: 'dairy', quantity: 250, amount: 399, points: 4 }],
      "of the program's first currency: they add up to the transaction's 9");
    await t.rejects(client.command({ query: 'CREATE TABLE pointstream.mine (a Int8) ENGINE = Memory' }), /readonly|denied|not enough privileges/i);
    await client.close();
    t.same(await engine.query("SELECT sum(points) AS points FROM pointstream.entries WHERE transaction_id IN ('one', 'r1', 'r2') AND currency = 'points'"), [{ points: 0 }]);
    const products = await eventually(() => engine.query('SELECT sku, category FROM pointstream.products ORDER BY sku'), (found) => found.length > 0);
    t.same(products, [{ sku: 'bread', category: 'bakery' }, { sku: 'cheese', category: 'dairy' }], 'of a product that is there twice the last one counts');
    const flyer = "SELECT name, dictGet('pointstream.partners_dictionary', 'name', id) AS again FROM pointstream.partners WHERE id = 'flyer'";
    t.same(await eventually(() => engine.query(flyer), (found) => found.length > 0), [{ name: 'Flyer', again: 'Flyer' }]);
  });

  await t.test('commands: usage, doctor, verify', async (t) => {
    t.match(await engine.run('serv'), { code: 2, stdout: '', stderr: /serve/ });
    t.match(await engine.run('feed', 'sales.csv', '--key', ADMIN_KEY), { code: 2, stderr: /--partner/ });
    t.match(await engine.run('serve', '--data', 'other', '--prot', '1'), { code: 2, stderr: /--port/ });
    t.match(await engine.run('feed', 'nothing.ndjson', '--partner', 'grocer', ...admin), { code: 2, stderr: /nothing\.ndjson/ });
    t.match(await engine.run('--help'), { code: 0, stdout: /Examples:/ });
    const doctor = await engine.run('doctor', '--json');
    t.equal(doctor.code, 0, doctor.stdout);
    t.match(JSON.parse(doctor.stdout), {}, 'as JSON');
    const verified = await engine.run('verify', '--data', '.', '--json');
    t.match({ code: verified.code, report: JSON.parse(verified.stdout) as unknown }, { code: 0, report: { ok: true } }, verified.stdout.slice(0, 2000));
  });
  t.match(await engine.stop(), { code: 0 });
});

const text = /^(LowCardinality\(String\)|String)$/, int = /^Int64$/, time = /^DateTime64\(3, 'UTC'\)$/, any = /^(?!missing)/;
const tables = {
  transactions: {
    partner: text, id: text, kind: any, account: text, card: text, store: text, terminal: text, cashier: text, channel: text, occurred_at: time, processed_at: time, currency: text, total: int, points: int,
    status: any, rule_set: any, source_partition: any, source_offset: int,
  },
  lines: {
    partner: text, transaction_id: text, kind: any, account: text, store: text, occurred_at: time, line: any, sku: text, category: text, department: text, brand: text, quantity: int, amount: int, discount: int, points: int,
  },
  entries: {
    account: text, currency: text, points: int, counter_account: text, kind: any, rule: text, rule_version: any, funder: text, partner: text, transaction_id: text, occurred_at: time, posted_at: time,
  },
};

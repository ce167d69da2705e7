import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import { ADMIN_KEY, call, startFakeGateway, type FakeGateway } from '../../test/gateway/fake-engine.js';
import { pointstream, type Ended } from '../../test/support/command-line.js';
import { EngineError } from '../engine.js';

// A process for each command: slow on a machine that is busy with other tests.
t.setTimeout(590_000);

const purchase = (id: number, more: object = {}): object =>
  ({ id: String(id), kind: 'purchase', card: `c${id % 7}`, occurredAt: '2025-01-01T10:00:00Z', currency: 'EUR', total: 1000, ...more });
const partner = { name: 'P', timeZone: 'UTC', currency: 'EUR' };
const ndjson = (items: object[]): string => items.map((item) => `${JSON.stringify(item)}\n`).join('');

async function prepare(t: Tap): Promise<{ fake: FakeGateway; directory: string; feed(file: string, ...more: string[]): Promise<Ended> }> {
  const directory = await mkdtemp(join(tmpdir(), 'feed-'));
  const fake = await startFakeGateway();
  t.teardown(async () => {
    await fake.gateway.close();
    await rm(directory, { recursive: true });
  });
  await call(fake, 'PUT', '/v1/partners/p', { body: partner });
  return { fake, directory, feed: (file, ...more) => pointstream(directory, 'feed', file, '--partner', 'p', '--url', fake.gateway.url, '--key', ADMIN_KEY, ...more) };
}
type Tap = { teardown(end: () => Promise<void>): void };

t.test('a file goes in order, rejects go to their file by row, the exit code says so', async (t) => {
  const { fake, directory, feed } = await prepare(t);
  const items = Array.from({ length: 400 }, (_, i) => purchase(i, i === 123 ? { total: -1 } : i === 200 ? { partner: 'other' } : {}));
  // A blank line and a broken one in between: rows are lines of the file.
  const lines = ndjson(items).split('\n');
  lines.splice(50, 0, '', '{"id":');
  await writeFile(join(directory, 'sales.ndjson.gz'), gzipSync(lines.join('\n')));
  const ended = await feed('sales.ndjson.gz', '--rejects', 'rejects.ndjson', '--json', '--batch-bytes', '4096');
  t.equal(ended.code, 4, ended.stderr);
  t.match(JSON.parse(ended.stdout), { accepted: 398, duplicates: 0, rejected: 3, reasons: { invalid: 1, malformed: 1, 'other-partner': 1 } });
  const rejects = (await readFile(join(directory, 'rejects.ndjson'), 'utf8')).trim().split('\n').map((line) => JSON.parse(line));
  t.match(rejects, [{ row: 52, reason: 'malformed' }, { row: 126, pointer: '/total', reason: 'invalid' }, { row: 203, pointer: '/partner', reason: 'other-partner' }]);
  const ofCard = (card: number): number[] => fake.engine.order.map(Number).filter((id) => id % 7 === card);
  for (let card = 0; card < 7; card++) t.same(ofCard(card), ofCard(card).sort((a, b) => a - b), `card ${card} in the order of the file`);
  await t.rejects(stat(join(directory, 'sales.ndjson.gz.feed')), 'no state is left behind');
  const again = await feed('sales.ndjson.gz', '--json');
  t.match(JSON.parse(again.stdout), { accepted: 0, duplicates: 398, rejected: 3 });
});

t.test('a partner that is not known is refused before anything is sent', async (t) => {
  const { fake, directory, feed } = await prepare(t), poster = 'a-key-that-only-posts', reader = 'a-key-of-the-other-one';
  await call(fake, 'PUT', '/v1/partners/p', { body: { ...partner, keys: [{ key: poster, scopes: ['post'] }] } });
  await call(fake, 'PUT', '/v1/partners/other', { body: { ...partner, keys: [{ key: reader, scopes: ['post', 'read'] }] } });
  await writeFile(join(directory, 'sales.ndjson'), ndjson([purchase(1), purchase(2)]));
  await writeFile(join(directory, 'rejects.ndjson'), 'of the last time');
  const ended = await feed('sales.ndjson', '--partner', 'no/body', '--rejects', 'rejects.ndjson');
  t.match(ended, { code: 2, stdout: '', stderr: /^error: .* knows no partner "no\/body", and nothing was sent: .*--partner.*\n +curl -X PUT http:.*\/v1\/partners\/no%2Fbody / });
  t.match(await feed('sales.ndjson', '--key', reader), { code: 2, stdout: '', stderr: /^error: 403 / }, "another partner's key");
  t.equal(await readFile(join(directory, 'rejects.ndjson'), 'utf8'), 'of the last time');
  await t.rejects(stat(join(directory, 'sales.ndjson.feed')), 'no state is left behind');
  t.equal(fake.engine.order.length, 0);
  t.match(await feed('sales.ndjson', '--key', poster), { code: 0, stdout: /accepted {4}2/ }, 'a key that may only post need not read');
});

t.test('it waits while the engine is busy, and goes on where it was interrupted', async (t) => {
  const { fake, directory, feed } = await prepare(t);
  await writeFile(join(directory, 'sales.ndjson'), ndjson(Array.from({ length: 400 }, (_, i) => purchase(i))));
  const submit = fake.engine.submit.bind(fake.engine);
  let calls = 0;
  fake.engine.submit = async (...task) => {
    if (++calls === 2) throw new EngineError('busy', 'lag', 1);
    if (calls > 4) throw new EngineError('unavailable', 'the disk is full', 1);
    return submit(...task);
  };
  const interrupted = await feed('sales.ndjson', '--batch-bytes', '8192', '--retry-seconds', '0');
  t.equal(interrupted.code, 3);
  t.match(interrupted.stderr, /429: lag|503: the disk is full/);
  const place = JSON.parse(await readFile(join(directory, 'sales.ndjson.feed'), 'utf8')) as { place: { row: number } };
  t.ok(place.place.row > 0 && place.place.row < 400);
  fake.engine.submit = submit;
  const resumed = await feed('sales.ndjson', '--json');
  t.equal(resumed.code, 0, resumed.stderr);
  t.match(resumed.stderr, new RegExp(`goes on at row ${place.place.row + 1}`));
  t.equal(fake.engine.seen.size, 400);
});

t.test('CSV by a mapping: several rows make one transaction, money moves into minor units', async (t) => {
  const { fake, directory, feed } = await prepare(t);
  await writeFile(join(directory, 'map.yaml'), [
    'columns: { id: Receipt, card: Card, occurredAt: Time, sku: Article, quantity: Qty, amount: Net }', 'constants: { currency: EUR }',
    'delimiter: ";"', 'decimal: ","', 'amounts: major', 'time: { format: "dd.MM.yyyy HH:mm", zone: Europe/Berlin }',
  ].join('\n'));
  await writeFile(join(directory, 'sales.csv'), [
    'Receipt;Card;Time;Article;Qty;Net', 'a;1;01.06.2025 12:00;x;1;10,00', 'a;1;01.06.2025 12:00;y;0,5;2,50', 'b;2;31.02.2025 12:00;x;1;1,00', 'c;2;02.06.2025 12:00;x;1;1,005',
    'd;2;02.06.2025 12:00;x;2;4', '',
  ].join('\r\n'));
  const ended = await feed('sales.csv', '--mapping', 'map.yaml', '--rejects', 'r.ndjson', '--json');
  t.equal(ended.code, 4, ended.stderr);
  t.match(JSON.parse(ended.stdout), { accepted: 2, rejected: 2 });
  t.same([...fake.engine.seen.values()].map(({ total, fact }) => [fact.id, total, new Date(fact.occurredAtMs).toISOString()]).sort(), [
    ['a', 1250, '2025-06-01T10:00:00.000Z'], ['d', 400, '2025-06-02T10:00:00.000Z'],
  ]);
  t.match((await readFile(join(directory, 'r.ndjson'), 'utf8')).trim().split('\n').map((line) => JSON.parse(line)), [{ row: 4, pointer: '/occurredAt' }, { row: 5, pointer: '/lines/0/amount' }]);
  await writeFile(join(directory, 'plain.csv'), 'id,card,occurredAt,currency,total\nz,5,2025-01-01T00:00:00Z,EUR,700\n');
  t.match(await feed('plain.csv'), { code: 0, stdout: /accepted {4}1/ }, 'without a mapping columns are called like fields');
});

t.test('CSV: a column that nobody reads is refused before anything is sent', async (t) => {
  const { fake, directory, feed } = await prepare(t);
  await writeFile(join(directory, 'map.yaml'), 'columns: { id: Receipt, card: Card }\nconstants: { currency: EUR }\n');
  await writeFile(join(directory, 'delimiter.yaml'), 'delimiter: ";"\n');
  const row = '1,5,2025-01-01T00:00:00Z,EUR,700,x';
  const cases: [header: string, more: string[], message: RegExp][] = [
    ['id,crd,occurredAt,currency,total', [], /sales\.csv, line 1: unknown column "crd"; did you mean card\? .*--mapping/],
    ['id,card,occurredAt,currency,total,weather forecast', [], /unknown column "weather forecast"; known: id, kind, /],
    ['id,card,occurredAt,currency,total,card', [], /column "card" is there twice/],
    ['id;crd;occurredAt;currency;total', ['--mapping', 'delimiter.yaml'], /unknown column "crd"/],
    ['Receipt,Crd,occurredAt,currency,total,weather', ['--mapping', 'map.yaml'], /no column "Card", which the mapping names for card; did you mean Crd\?/],
  ];
  for (const [header, more, message] of cases) {
    await writeFile(join(directory, 'sales.csv'), `${header}\n${row}\n`);
    const ended = await feed('sales.csv', ...more);
    t.match(ended, { code: 2, stderr: message, stdout: '' }, header);
    t.notMatch(ended.stderr, /^\s+at /m, 'no stack');
  }
  t.equal(fake.engine.order.length, 0);
  await writeFile(join(directory, 'sales.csv'), `\ufeffReceipt,Card,occurredAt,currency,total,weather\n${row}\n`);
  t.match(await feed('sales.csv', '--mapping', 'map.yaml'), { code: 0, stdout: /accepted {4}1/ }, 'a mapping may leave columns out');
  await writeFile(join(directory, 'sales.csv'), 'id,partner,card,occurredAt,currency,total,\n2,p,5,2025-01-01T00:00:00Z,EUR,700,\n3,other,5,2025-01-01T00:00:00Z,EUR,700,\n');
  t.match(await feed('sales.csv', '--json'), { code: 4, stdout: /"accepted": 1[^]*"other-partner": 1/ }, 'a partner may be named, a column without a name is none');
});

t.test('CSV: a row with more cells than the header has columns is rejected and nothing else; one with fewer lacks the last ones', async (t) => {
  const { fake, directory, feed } = await prepare(t);
  await writeFile(join(directory, 'sales.csv'), [
    'id,card,occurredAt,currency,sku,amount,merchant',
    'a,1,2025-01-01T10:00:00Z,EUR,x,100,Smith',
    'b,1,2025-01-01T10:00:00Z,EUR,x,1,000,Smith',
    'c,1,2025-01-01T10:00:00Z,EUR,x,300,"Smith, Jones"',
    'd,1,2025-01-01T10:00:00Z,EUR,x,400,Smith',
    'd,1,2025-01-01T10:00:00Z,EUR,y,400,Smith,',
    'd,1,2025-01-01T10:00:00Z,EUR,z,400,Smith',
    'e,1,2025-01-01T10:00:00Z,EUR,x,500',
    'f,1,2025-01-01T10:00:00Z',
    'g,1,2025-01-01T10:00:00Z,EUR,x,700,',
    '',
  ].join('\n'));
  const ended = await feed('sales.csv', '--rejects', 'r.ndjson', '--json');
  t.equal(ended.code, 4, ended.stderr);
  t.match(JSON.parse(ended.stdout), { accepted: 4, rejected: 3, reasons: { malformed: 2, missing: 1 } });
  t.same([...fake.engine.seen.values()].map(({ total, fact }) => [fact.id, total]), [['a', 100], ['c', 300], ['e', 500], ['g', 700]], 'cells that are not there are empty ones');
  t.match((await readFile(join(directory, 'r.ndjson'), 'utf8')).trim().split('\n').map((line) => JSON.parse(line)), [
    { row: 3, id: 'b', pointer: '', reason: 'malformed', detail: /^8 cells, and the header has 7 columns; a cell that holds "," stands between double quotes$/ },
    { row: 6, id: 'd', pointer: '', reason: 'malformed', detail: /^8 cells/ },
    { row: 9, id: 'f', pointer: '/currency', reason: 'missing' },
  ], 'the row that is wrong is named; no part of its transaction is taken');
  const restarted = await feed('sales.csv', '--batch-bytes', '1024', '--json');
  t.match(JSON.parse(restarted.stdout), { accepted: 0, duplicates: 4, rejected: 3 });
});

t.test('CSV: rows of one id that contradict each other are refused, and none of their money is lost without a word', async (t) => {
  const { fake, directory, feed } = await prepare(t);
  await writeFile(join(directory, 'sales.csv'), [
    'id,card,occurredAt,currency,total,sku,amount',
    'whole,1,2025-01-01T10:00:00Z,EUR,100,,', // without lines each row is a purchase
    'whole,1,2025-01-01T10:00:00Z,EUR,100,,',
    'whole,1,2025-01-01T10:00:00Z,EUR,777,,',
    'cards,1,2025-01-01T10:00:00Z,EUR,,x,100',
    'cards,2,2025-01-01T10:00:00Z,EUR,,y,777',
    'later,1,2025-01-01T10:00:00Z,EUR,,x,100',
    'later,,,,,y,200', // says nothing else
    'later,1,2025-01-01T10:00:00Z,EUR,,z,300',
    'sum,1,2025-01-01T10:00:00Z,EUR,,x,1',
    'sum,1,2025-01-01T10:00:00Z,EUR,9,y,8',
    '',
  ].join('\n'));
  const ended = await feed('sales.csv', '--rejects', 'r.ndjson', '--json');
  t.equal(ended.code, 4, ended.stderr);
  t.match(JSON.parse(ended.stdout), { accepted: 2, duplicates: 1, rejected: 3, reasons: { conflict: 1, invalid: 2 } });
  t.same([...fake.engine.seen.values()].map(({ total, fact }) => [fact.id, total]), [['whole', 100], ['later', 600]]);
  t.match((await readFile(join(directory, 'r.ndjson'), 'utf8')).trim().split('\n').map((line) => JSON.parse(line)), [
    { row: 4, id: 'whole', reason: 'conflict' },
    { row: 5, id: 'cards', pointer: '/card', detail: 'row 6 says "2", and row 5, the first of the same transaction, "1"' },
    { row: 10, id: 'sum', pointer: '/total', detail: 'row 11 says "9", and row 10, the first of the same transaction, ""' },
  ]);
});

t.test('CSV that is not UTF-8, or empty', async (t) => {
  const { fake, directory, feed } = await prepare(t);
  await writeFile(join(directory, 'sales.csv'), Buffer.from('id,card,occurredAt,currency,total\nL\xe9,1,2025-01-01T10:00:00Z,EUR,100\nL\xe8,1,2025-01-01T10:00:00Z,EUR,200\nL,1,2025-01-01T10:00:00Z,EUR,300\n', 'latin1'));
  const ended = await feed('sales.csv', '--rejects', 'r.ndjson', '--json');
  t.match(JSON.parse(ended.stdout), { accepted: 1, rejected: 2, reasons: { malformed: 2 } }, ended.stderr);
  t.same([...fake.engine.seen.values()].map(({ fact }) => fact.id), ['L']);
  t.match(await readFile(join(directory, 'r.ndjson'), 'utf8'), /"row":2,.*not valid UTF-8; convert the file, for example: iconv/);
  await writeFile(join(directory, 'empty.csv'), '');
  t.match(await feed('empty.csv'), { code: 2, stdout: '', stderr: /empty\.csv: is empty; its first line names the columns/ });
});

t.test('a mapping whose time can mean nothing is refused before anything is sent', async (t) => {
  const { fake, directory, feed } = await prepare(t);
  await writeFile(join(directory, 'sales.csv'), 'id,card,occurredAt,currency,total\na,1,01.02.2025 12:30,EUR,100\n');
  const cases: [time: string, stderr: RegExp][] = [
    ['{ zone: Europe/Berln }', /map\.yaml: time\.zone: "Europe\/Berln" is no time zone/], ['{ format: "DD.MM.YYYY hh:mm" }', /time\.format: Y in "DD\.MM\.YYYY hh:mm" is no token of luxon; an example: dd\.MM\.yyyy/],
    ['{ format: "HH:mm" }', /time\.format: "HH:mm" does not say year, month and day/],
  ];
  for (const [time, stderr] of cases) {
    await writeFile(join(directory, 'map.yaml'), `time: ${time}\n`);
    t.match(await feed('sales.csv', '--mapping', 'map.yaml'), { code: 2, stdout: '', stderr }, time);
  }
  t.equal(fake.engine.order.length, 0);
  await writeFile(join(directory, 'map.yaml'), `time: { format: "dd.MM.yyyy HH:mm", zone: Europe/Berlin }\n`);
  t.match(await feed('sales.csv', '--mapping', 'map.yaml'), { code: 0 });
});

t.test('a .gz that breaks off, is damaged or is none says where, and what was sent before counts', async (t) => {
  const { fake, directory, feed } = await prepare(t);
  const text = ndjson(Array.from({ length: 400 }, (_, i) => purchase(i))), whole = gzipSync(text);
  const damaged = Buffer.from(whole);
  damaged.fill(0xff, 1500, 1600);
  const files: [name: string, bytes: Buffer, message: RegExp][] = [
    ['cut.ndjson.gz', whole.subarray(0, whole.length - 4), /cut\.ndjson\.gz: breaks off in row 401, after \d+ bytes.*not complete/],
    ['short.csv.gz', gzipSync('id,card,occurredAt,currency,total\n').subarray(0, 20), /short\.csv\.gz: breaks off in row 1/],
    ['empty.ndjson.gz', Buffer.alloc(0), /empty\.ndjson\.gz: breaks off in row 1, after 0 bytes/],
    ['none.ndjson.gz', Buffer.from(text), /none\.ndjson\.gz: is not gzip.*rename it/],
    ['damaged.ndjson.gz', damaged, /damaged\.ndjson\.gz: is damaged near row \d+, about/],
    ['checksum.ndjson.gz', Buffer.concat([whole.subarray(0, -8), Buffer.alloc(8, 1)]), /is damaged near row 39\d.*incorrect data check/],
  ];
  for (const [name, bytes, message] of files) {
    await writeFile(join(directory, name), bytes);
    const ended = await feed(name);
    t.match(ended, { code: 2, stderr: message, stdout: '' }, name);
    t.notMatch(ended.stderr, /^\s+at |a bug/m, 'no stack');
  }
  const interrupted = await feed('cut.ndjson.gz', '--batch-bytes', '4096');
  t.match(interrupted, { code: 2, stderr: /answered up to row \d+: \d+ accepted/ });
  const { place } = JSON.parse(await readFile(join(directory, 'cut.ndjson.gz.feed'), 'utf8')) as { place: { row: number } };
  t.ok(place.row > 0 && fake.engine.seen.size === place.row, 'the place is kept');
  await writeFile(join(directory, 'cut.ndjson.gz'), whole);
  t.match(await feed('cut.ndjson.gz', '--json'), { code: 0, stdout: new RegExp(`"accepted": ${400 - place.row},[^]*"duplicates": ${place.row}`) }, 'the whole file then goes through');
});

t.test('usage, unreachable engines and wrong keys have their exit codes and no stack', async (t) => {
  const { fake, directory, feed } = await prepare(t);
  await writeFile(join(directory, 'sales.ndjson'), ndjson([purchase(1)]));
  const cases: [Promise<Ended>, number, RegExp][] = [
    [feed('missing.ndjson'), 2, /no such file/],
    [feed('sales.ndjson', '--batch-bytes', 'many'), 2, /--batch-bytes/],
    [feed('sales.ndjson', '--key', 'wrong'), 2, /401/],
    [feed('sales.ndjson', '--formt', 'csv'), 2, /Did you mean --format/],
    [pointstream(directory, 'feed', 'sales.ndjson', '--partner', 'p', '--url', 'http://127.0.0.1:9', '--key', 'k'), 3, /nobody answers/],
    [pointstream(directory, 'feed', 'sales.ndjson', '--partner', 'p', '--data', directory), 3, /no engine runs/],
    [pointstream(directory, 'sevre'), 2, /Did you mean serve/],
    [pointstream(directory, 'serve', '--port', 'x'), 2, /--port: "x" is not an integer/],
    [pointstream(directory), 2, /Usage/],
  ];
  for (const [promise, code, message] of cases) {
    const ended = await promise;
    t.match(ended, { code, stderr: message });
    t.notMatch(ended.stderr, /^\s+at /m, 'no stack');
    t.equal(ended.stdout, '', 'stdout is for data');
  }
  t.equal(fake.engine.order.length, 0);
  t.match(await pointstream(directory, '--help'), { code: 0, stdout: /^Examples:[^]*Usage:/ });
  t.match(await pointstream(directory, 'feed', '--help'), { code: 0, stdout: /^Examples:[^]*Usage:/ });
  t.match(await pointstream(directory, '--version'), { code: 0, stdout: /^\d+\.\d+\.\d+\n/ });
});

t.test('rules are checked offline and published, products and accounts imported', async (t) => {
  const { fake, directory } = await prepare(t);
  const door = ['--url', fake.gateway.url, '--key', ADMIN_KEY];
  await writeFile(join(directory, 'good.yaml'), 'rules:\n  - { id: base, version: 1, scope: { partners: [grocer] }, award: { kind: perAmount, points: 1, amount: 100 } }\n');
  await writeFile(join(directory, 'bad.json'), JSON.stringify([{ id: 'x', version: 1, condition: 'transaction.totl > 5', award: { kind: 'fixed', points: 1 } }]));
  t.match(await pointstream(directory, 'rules', 'check', 'good.yaml'), { code: 0, stdout: /1 rules, nothing wrong/, stderr: /grocer/ });
  t.match(await pointstream(directory, 'rules', 'check', 'bad.json'), { code: 1, stdout: /\/rules\/0\/condition/ });
  t.match(await pointstream(directory, 'rules', 'publish', 'good.yaml', ...door), { code: 0, stdout: /rule set 1 is live/ });
  await writeFile(join(directory, 'products.ndjson'), '{"sku":"1"}\n');
  t.match(await pointstream(directory, 'import', 'products', 'products.ndjson', '--partner', 'nobody', ...door), { code: 2, stderr: /404/ });
  t.match(await pointstream(directory, 'import', 'products', 'products.ndjson', '--partner', 'p', ...door), { code: 0, stdout: /products {2}1/ });
  for (const [name, text] of [['empty.ndjson', ''], ['blank.ndjson', '\n \n']] as const) {
    await writeFile(join(directory, name), text);
    const refused = await pointstream(directory, 'import', 'products', name, '--partner', 'p', ...door);
    t.match(refused, { code: 2, stderr: /has no product, and all products of p would be removed, so nothing was sent: name the right file/, stdout: '' }, name);
  }
  await writeFile(join(directory, 'accounts.ndjson'), '{"card":"1","balances":{"points":5}}\n{"card":"2","balances":{"points":-5}}\n');
  t.match(await pointstream(directory, 'import', 'accounts', 'accounts.ndjson', '--json', ...door), { code: 4, stdout: /"accepted": 1/, stderr: /^row 2 \(2\) invalid \/balances\/points: /m });
});

import { Packr } from 'msgpackr';
import { Piscina } from 'piscina';
import t from 'tap';
import { EnvelopeReader } from '../envelope.js';
import { partitionOf } from '../hash.js';
import { Transaction } from '../transaction.js';
import { ITEM_BYTES_MAX } from './json-tree.js';
import { ENVELOPE_BYTES_MAX } from './by-partition.js';
import { parseItems, type ParseResult, type ParseTask } from './worker.js';

const PARTITIONS = 8;
const packr = new Packr({ useRecords: false });
const purchase = {
  id: 'r-1', kind: 'purchase', partner: 'grocer', card: '900', occurredAt: '2025-03-01T12:00:00Z', currency: 'EUR', lines: [{ sku: 'a', quantity: 1, amount: 500 }],
};
const returned = { id: 'b-1', kind: 'return', partner: 'grocer', occurredAt: '2025-03-02T12:00:00Z', original: { id: 'r-1' } };

const parse = (body: string | Uint8Array, options: Partial<ParseTask> = {}): ParseResult => parseItems({
  format: 'json', bytes: new Uint8Array(Buffer.from(body)), firstIndex: 0, gateway: 'g', request: 1, detailed: false, partitions: PARTITIONS, ...options,
});
const brief = (result: ParseResult): string[] => result.rejected.map(({ index, reason, pointer }) => `${index} ${reason} ${pointer}`);
const problemsOf = (document: object): string[] => parse(JSON.stringify(document)).rejected.flatMap(({ errors }) => errors.map(({ reason, pointer }) => `${pointer} ${reason}`));

/** What came through: index and partner:id of each transaction, by partition. */
function accepted({ envelopes }: ParseResult): { partition: number; index: number; name: string }[] {
  const reader = new EnvelopeReader(), transaction = new Transaction(), seen = [];
  for (const { partition, bytes, count } of envelopes) {
    reader.open(bytes);
    let read = 0;
    for (; reader.next(transaction); read++) seen.push({ partition, index: transaction.index, name: `${transaction.string(1)}:${transaction.string(0)}` });
    if (read !== count) throw new Error(`${count} announced, ${read} read`);
  }
  return seen.sort((a, b) => a.index - b.index);
}

t.test('each thing that can be wrong has its place and reason', async t => {
  const line = purchase.lines[0]!;
  const cases: [string, object, string[]][] = [
    ['unknown field', { ...purchase, stor: '1' }, ['/stor unknown-field']],
    ['missing fields', { kind: 'purchase' }, ['/id missing', '/partner missing', '/occurredAt missing']],
    ['wrong type', { ...purchase, id: 7 }, ['/id invalid']],
    ['null is not absent', { ...purchase, store: null }, ['/store invalid']],
    ['negative total', { ...purchase, lines: undefined, total: -1 }, ['/total invalid']],
    ['fraction in money', { ...purchase, lines: [{ ...line, amount: 1.5 }] }, ['/lines/0/amount invalid']],
    ['four decimals', { ...purchase, lines: [{ ...line, quantity: 1.2345 }] }, ['/lines/0/quantity invalid']],
    ['negative product line', { ...purchase, lines: [line, { ...line, amount: -5 }] }, ['/lines/1/amount invalid']],
    ['negative sum', { ...purchase, lines: [{ quantity: 1, amount: -5, kind: 'discount' }] }, ['/lines invalid']],
    ['sum that overflows', { ...purchase, lines: [{ ...line, amount: 2 ** 53 - 1 }, line] }, ['/lines overflow']],
    ['total that differs', { ...purchase, total: 501 }, ['/total total-mismatch']],
    ['neither lines nor total', { ...purchase, lines: undefined }, ['/lines missing']],
    ['no lines', { ...purchase, lines: [] }, ['/lines invalid']],
    ['no sku', { ...purchase, lines: [{ quantity: 1, amount: 1 }] }, ['/lines/0/sku missing']],
    ['a line number twice', { ...purchase, lines: [line, { ...line, line: 1 }] }, ['/lines/1/line invalid']],
    ['too many lines', { ...purchase, lines: Array.from({ length: 10_000 }, () => line) }, ['/lines invalid']],
    ['not a date', { ...purchase, occurredAt: '2017-02-30T00:00:00Z' }, ['/occurredAt invalid']],
    ['no offset', { ...purchase, occurredAt: '2017-02-20T00:00:00' }, ['/occurredAt invalid']],
    ['control character', { ...purchase, id: 'a\u0000' }, ['/id invalid']],
    ['lone surrogate', { ...purchase, id: 'a\ud800' }, ['/id invalid']],
    ['long id', { ...purchase, id: 'x'.repeat(129) }, ['/id invalid']],
    ['card and account', { ...purchase, account: '1.2' }, ['/account invalid']],
    ['currency', { ...purchase, currency: 'euro' }, ['/currency invalid']],
    ['no currency', { ...purchase, currency: undefined }, ['/currency missing']],
    ['original in a purchase', { ...purchase, original: { id: 'x' } }, ['/original invalid']],
    ['return without original', { ...returned, original: undefined }, ['/original missing']],
    ['return of line without number', { ...returned, lines: [{ quantity: 1, amount: 5 }] }, ['/lines/0/line missing']],
    ['negative return', { ...returned, lines: [{ line: 1, quantity: 1, amount: -5 }] }, ['/lines/0/amount invalid']],
    ['return of nothing', { ...returned, lines: [{ line: 1, quantity: 0, amount: 0 }] }, ['/lines/0/quantity invalid']],
    ['tender', { ...purchase, tenders: [{ kind: 'cash', amount: 1, note: 'x' }] }, ['/tenders/0/note unknown-field']],
  ];
  for (const [name, document, expected] of cases) t.strictSame(problemsOf(document), expected, name);
  t.strictSame(problemsOf(purchase), []);
  t.strictSame(problemsOf(returned), []);
});

t.test('integers are checked on their source text', async t => {
  const withAmount = (amount: string): string => JSON.stringify(purchase).replace('500', amount);
  for (const amount of ['9007199254740993', '9007199254740992', '1.0', '1e3', '123456789012345678901234567890']) {
    t.strictSame(brief(parse(withAmount(amount))), ['0 invalid /lines/0/amount'], amount);
  }
  for (const amount of ['9007199254740991', '0', '-0', '100000000000000']) t.strictSame(brief(parse(withAmount(amount))), [], amount);
  t.match(parse(withAmount('9007199254740993')).rejected[0]?.detail, '9007199254740993', 'the detail shows the number as written');
  t.match(parse(withAmount('00')).unreadable?.detail, /JSON number/);
});

t.test('fields given twice are refused', async t => {
  t.strictSame(brief(parse(JSON.stringify(purchase).replace('"card"', '"id":"other","card"'))), ['0 invalid /id']);
});

t.test('one bad item does not touch the others', async t => {
  const good = JSON.stringify(purchase), other = JSON.stringify({ ...purchase, id: 'r-2' });
  const array = parse(`[${good}, {"id":1,}, 5, ${other}, {"id":"x","kind":"purchase"}]`, { firstIndex: 10 });
  t.strictSame(accepted(array).map(({ index, name }) => `${index} ${name}`), ['10 grocer:r-1', '13 grocer:r-2']);
  t.strictSame(brief(array), ['11 malformed ', '12 invalid ', '14 missing /partner']);
  t.match(array.rejected[2], { id: 'x', kind: 'purchase', partner: '', input: '{"id":"x","kind":"purchase"}' });
  t.equal(array.count, 5);

  const lines = parse(`\ufeff${good}\r\n\n   \n{oops\n${other}\n{"a":1} x\n${good.slice(0, 40)}`, { format: 'ndjson' });
  t.strictSame(accepted(lines).map(({ index }) => index), [0, 2], 'blank lines are no items');
  t.strictSame(brief(lines), ['1 malformed ', '3 malformed ', '4 malformed ']);

  const packed = parse(packr.pack([purchase, { ...purchase, id: 5 }, null, { ...purchase, id: 'r-3' }]), { format: 'msgpack' });
  t.strictSame(accepted(packed).map(({ index }) => index), [0, 3]);
  t.strictSame(brief(packed), ['1 invalid /id', '2 invalid ']);
  t.match(packed.rejected[0]?.input, '"partner":"grocer"');
});

t.test('an array that breaks off', async t => {
  const good = JSON.stringify(purchase);
  const cut = parse(`[${good},${good.slice(0, 50)}`);
  t.strictSame([cut.count, ...brief(cut)], [2, '1 malformed ']);
  const open = parse(`[${good}`), behind = parse(`[${good}] x`), twice = parse(`[${good} ${good}]`);
  for (const result of [open, behind, twice]) t.strictSame([accepted(result).length, result.count, ...brief(result)], [1, 2, '1 malformed ']);
  t.strictSame([open, behind].map(({ rejected: [item] }) => item!.input), ['', '] x']);
  const packed = packr.pack([purchase, purchase, purchase]);
  const longer = parse(Buffer.concat([packed, Buffer.of(1)]), { format: 'msgpack' });
  t.strictSame([accepted(longer).length, ...brief(longer)], [3, '3 malformed ']);
  t.strictSame(brief(parse(packed.subarray(0, packed.length - 3), { format: 'msgpack' })), ['2 malformed ']);
});

t.test('one object', async t => {
  t.match(parse(JSON.stringify(purchase)), { single: true, count: 1, rejected: [] });
  t.match(parse(packr.pack(purchase), { format: 'msgpack' }), { single: true, count: 1, rejected: [] });
  t.equal(parse('[]').count, 0);
  for (const body of ['', '  ', '5', 'null', '"x"', '{"id":', '{"id":1} {}', '{"id":1,}', 'x', '[] x', '\u0000']) t.ok(parse(body).unreadable, JSON.stringify(body));
  t.strictSame(parse('   {"id":1,}').unreadable, { detail: 'expected a field name in quotes, found byte 0x7d', position: 11 });
  for (const bytes of [Uint8Array.of(), Uint8Array.of(0xc0), Uint8Array.of(0x81), Uint8Array.of(0xdd, 0xff), Uint8Array.of(0x90, 0)]) {
    t.ok(parse(bytes, { format: 'msgpack' }).unreadable, Buffer.from(bytes).toString('hex'));
  }
});

t.test('depth and size are bounded', async t => {
  t.ok(parse('['.repeat(1_000_000)).rejected[0]?.reason);
  t.strictSame(brief(parse(`[${'{"a":'.repeat(1000)}1${'}'.repeat(1000)}, ${JSON.stringify(purchase)}]`)), ['0 invalid ']);
  t.strictSame(brief(parse(Buffer.alloc(1_000_000, 0x91), { format: 'msgpack' })), ['0 invalid ']);
  const long = parse(`[${JSON.stringify({ ...purchase, merchant: 'x'.repeat(ITEM_BYTES_MAX) })},${JSON.stringify(purchase)}]`);
  t.strictSame([brief(long), accepted(long).length], [['0 invalid '], 1]);
  t.ok(long.rejected[0]!.input.length <= 16 << 10);
  t.strictSame(brief(parse(Uint8Array.of(0xdd, 0xff, 0xff, 0xff, 0xff, 0x80), { format: 'msgpack' })), ['0 missing /id', '1 malformed ']);
});

t.test('partitions', async t => {
  const partition = (text: string): number => partitionOf(Buffer.from(text), 0, Buffer.byteLength(text), PARTITIONS);
  const of = (document: object): number | undefined => accepted(parse(JSON.stringify(document)))[0]?.partition;
  const { card: _, ...anonymous } = purchase;
  t.equal(of(purchase), partition('900'), 'by card');
  t.equal(of({ ...purchase, card: 'kärtchen\n'.trim() }), partition('kärtchen'));
  t.equal(of({ ...anonymous, account: '5.480093' }), 5, 'the account says it');
  for (const account of ['8.1', '99999999999.1', '.1', 'x.1', '5']) t.equal(of({ ...anonymous, account }), partition('grocer:r-1'), `no account is ${account}`);
  t.equal(of(anonymous), partition('grocer:r-1'), 'anonymous: by partner and id');
  t.equal(of(returned), partition('grocer:r-1'), 'a return meets its purchase');
});

t.test('keys of a partner, and items without partner', async t => {
  const { partner: _, ...nameless } = purchase;
  const other = parse(JSON.stringify([purchase, { ...purchase, partner: 'baker' }]), { keyPartner: 'grocer' });
  t.strictSame(brief(other), ['1 other-partner /partner']);
  t.match(other.rejected[0], { id: 'r-1', partner: 'baker', kind: 'purchase' });
  const rows = [nameless, { ...nameless, store: 'Köln' }, { ...nameless, total: 500.5 }].map(row => JSON.stringify(row).replace('ö', '\\u00f6'));
  const named = parse(rows.join('\n'), { format: 'ndjson', partner: 'bäcker' });
  t.strictSame(accepted(named).map(({ name }) => name), ['bäcker:r-1', 'bäcker:r-1']);
  t.strictSame(brief(named), ['2 invalid /total']);
  t.equal(named.rejected[0]?.partner, 'bäcker');
  t.strictSame(accepted(parse(packr.pack([nameless]), { format: 'msgpack', partner: 'grocer' })).map(({ name }) => name), ['grocer:r-1']);
});

t.test('envelopes are bounded and keep the order', async t => {
  const rows = Array.from({ length: 5000 }, (_, i) => JSON.stringify({ ...purchase, id: `r-${i}` }));
  const result = parse(rows.join('\n'), { format: 'ndjson' });
  t.ok(result.envelopes.length > 1);
  for (const { bytes } of result.envelopes) t.ok(bytes.length < ENVELOPE_BYTES_MAX + 1000);
  t.strictSame(accepted(result).map(({ index }) => index), rows.map((_, i) => i));
});

t.test('in a pool: buffers are transferred both ways', async t => {
  const pool = new Piscina<ParseTask, ParseResult>({ filename: new URL('./worker.js', import.meta.url).href, minThreads: 1, maxThreads: 1 });
  t.teardown(() => pool.destroy());
  const bytes = new Uint8Array(Buffer.from(JSON.stringify([purchase, 5])));
  const result = await pool.run({ format: 'json', bytes, firstIndex: 0, gateway: 'g', request: 1, detailed: false, partitions: PARTITIONS }, { transferList: [bytes.buffer] });
  t.equal(bytes.length, 0);
  t.strictSame(accepted(result).map(({ name }) => name), ['grocer:r-1']);
  t.strictSame(brief(result), ['1 invalid ']);
});

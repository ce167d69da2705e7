/**
 * A list that is read in parts, however it is cut and however few rejected items a task may have, says about each item what it says as a whole: which are taken, in which partition,
 * what is wrong with the others and where.
 */
import { deepStrictEqual } from 'node:assert/strict';
import fc from 'fast-check';
import { Packr } from 'msgpackr';
import t from 'tap';
import { EnvelopeReader } from '../envelope.js';
import { Transaction } from '../transaction.js';
import { damaged, damage, oddDocuments, snapshot, transactionDocuments, writeJson } from './arbitrary.js';
import { parseItems, type ParseResult, type ParseTask } from './worker.js';

const seed = 20_261_126, times = process.env.NIGHTLY ? 3 : 1;
t.comment(`seed ${seed}`);
const packr = new Packr({ useRecords: false });
/** Smaller parts only of smaller bodies: each part with its rest is looked at again. */
const PARTS_MAX = 60;
type Format = ParseTask['format'];

function parse(format: Format, bytes: Uint8Array, firstIndex: number, options: Pick<ParseTask, 'part' | 'rejectedMax'> = {}): ParseResult {
  return parseItems({ format, bytes, firstIndex, gateway: 'g', request: 1, detailed: false, partitions: 3, partner: 'p', ...options });
}
/** Everything that is said, with the transactions in the order of their indexes. */
interface Said { count: number; rejected: unknown[]; taken: object[]; unreadable: unknown }
function add(said: Said, { envelopes, count, rejected, unreadable }: ParseResult): void {
  const reader = new EnvelopeReader(), transaction = new Transaction();
  for (const { partition, bytes } of envelopes) {
    reader.open(bytes);
    while (reader.next(transaction)) said.taken.push({ partition, index: transaction.index, ...snapshot(transaction) });
  }
  said.count += count;
  // Of an item behind which nothing is read any more what follows is shown, as far as it is there.
  for (const item of rejected) said.rejected.push(item.detail.includes('what follows is not read') ? { ...item, input: '' } : item);
  said.unreadable ??= unreadable;
  said.taken.sort((a, b) => (a as { index: number }).index - (b as { index: number }).index);
}
const nothing = (): Said => ({ count: 0, rejected: [], taken: [], unreadable: undefined });
function whole(format: Format, bytes: Uint8Array): Said {
  const said = nothing();
  add(said, parse(format, bytes.slice(), 0));
  return said;
}
/** One part, in as many tasks as it takes; returns what the last one leaves for the next part. */
function addInTasks(said: Said, format: Format, bytes: Uint8Array, part: NonNullable<ParseTask['part']>, rejectedMax: number): ParseResult {
  const result = parse(format, bytes, said.count, { part, rejectedMax });
  add(said, result);
  if (result.rejected.length > rejectedMax) throw new Error(`${result.rejected.length} rejected items in one task`);
  if (result.unread === undefined) return result;
  return addInTasks(said, format, result.unread, { ...part, ...(result.itemsLeft !== undefined && { itemsLeft: result.itemsLeft }) }, rejectedMax);
}
/** `cuts`: sizes of the parts. */
function inParts(format: Format, bytes: Uint8Array, cuts: number[], rejectedMax = Infinity): { said: Said; parts: number; restMax: number } {
  const said = nothing();
  let rest = new Uint8Array(0), itemsLeft: number | undefined, parts = 0, restMax = 0;
  for (let at = 0, isLast = false; !isLast && itemsLeft !== 0 && said.unreadable === undefined; parts++) {
    const size = Math.max(cuts[parts % cuts.length]!, Math.ceil(bytes.length / PARTS_MAX));
    isLast = at + size >= bytes.length;
    const part = new Uint8Array(Buffer.concat([rest, bytes.subarray(at, at + size)]));
    const result = addInTasks(said, format, part, { isLast, ...(itemsLeft === undefined ? {} : { itemsLeft }) }, rejectedMax);
    rest = new Uint8Array(result.rest ?? []);
    itemsLeft = result.itemsLeft;
    restMax = Math.max(restMax, rest.length);
    at += size;
  }
  return { said, parts, restMax };
}

const cuts = fc.oneof(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 }), fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 1, maxLength: 5 }));
const documents = fc.array(fc.oneof({ weight: 4, arbitrary: transactionDocuments as fc.Arbitrary<unknown> }, oddDocuments, fc.constantFrom<unknown>(1, null, 'a', [], {})), { maxLength: 6 });
const choices = fc.noBias(fc.array(fc.nat(1 << 20), { minLength: 50, maxLength: 200 }));
const ends = fc.constantFrom('', ' ', '\n\n', ' ]', ',', 'x');
const isArray = (format: Format, [first = 0]: Uint8Array): boolean => (format === 'json' ? first === 0x5b : (first & 0xf0) === 0x90 || first === 0xdc || first === 0xdd);

t.test('JSON, valid and odd, in odd ways of writing', async t => {
  let taken = 0, rejected = 0, parts = 0;
  fc.assert(fc.property(documents, choices, ends, cuts, (list, numbers, end, sizes) => {
    let i = 0;
    const bytes = new Uint8Array(Buffer.from(`${writeJson(list, below => numbers[i++ % numbers.length]! % below)}${end}`));
    const expected = whole('json', bytes), found = inParts('json', bytes, sizes);
    deepStrictEqual(found.said, expected);
    taken += expected.taken.length;
    rejected += expected.rejected.length;
    parts += found.parts;
  }), { seed, numRuns: 700, endOnFailure: true });
  t.comment(`${taken} taken, ${rejected} rejected, ${parts} parts`);
  t.ok(taken > 500 && rejected > 300 && parts > 5000);
});

t.test('MessagePack', async t => {
  let taken = 0;
  fc.assert(fc.property(documents, cuts, (list, sizes) => {
    const bytes = new Uint8Array(packr.pack(list)), expected = whole('msgpack', bytes);
    deepStrictEqual(inParts('msgpack', bytes, sizes).said, expected);
    taken += expected.taken.length;
  }), { seed, numRuns: 500, endOnFailure: true });
  t.ok(taken > 300);
});

t.test('damaged arrays', async t => {
  let broken = 0;
  fc.assert(fc.property(documents, damage, cuts, fc.constantFrom<Format>('json', 'msgpack'), (list, changes, sizes, format) => {
    const bytes = damaged(format === 'json' ? Buffer.from(JSON.stringify(list)) : packr.pack(list), changes);
    if (!isArray(format, bytes)) return; // the gateway hands over whole what is no array
    const expected = whole(format, bytes);
    deepStrictEqual(inParts(format, bytes, sizes).said, expected);
    if (expected.rejected.length > 0) broken++;
  }), { seed, numRuns: 900 * times, endOnFailure: true });
  t.ok(broken > 200 * times, `${broken} with something wrong`);
});

t.test('a task ends after some rejected items and gives back the others', async t => {
  const encode: Record<Format, (list: unknown[]) => Uint8Array> = {
    json: list => Buffer.from(JSON.stringify(list)), msgpack: list => packr.pack(list), ndjson: list => Buffer.from(list.map(item => JSON.stringify(item)).join('\n')),
  };
  let rejected = 0;
  fc.assert(fc.property(documents, damage, cuts, fc.constantFrom<Format>('json', 'msgpack', 'ndjson'), fc.boolean(), fc.integer({ min: 1, max: 3 }), (list, changes, sizes, format, isDamaged, most) => {
    const bytes = isDamaged ? damaged(encode[format](list), changes) : new Uint8Array(encode[format](list));
    if (format !== 'ndjson' && !isArray(format, bytes)) return;
    const expected = whole(format, bytes);
    deepStrictEqual(inParts(format, bytes, format === 'ndjson' ? [bytes.length] : sizes, most).said, expected);
    rejected += expected.rejected.length;
  }), { seed, numRuns: 900 * times, endOnFailure: true });
  t.ok(rejected > 700 * times, `${rejected} rejected`);
  for (const [format, body] of [['json', `[${','.repeat(5000)}`], ['ndjson', '1\n'.repeat(5001)]] as const) {
    const bytes = new Uint8Array(Buffer.from(body)), { said } = inParts(format, bytes, [bytes.length], 700);
    deepStrictEqual(said, whole(format, bytes));
    t.equal(said.rejected.length, 5001, format);
  }
});

t.test('what is kept between parts is one item', async t => {
  const item = { id: 'x', kind: 'purchase', partner: 'p', card: '1', occurredAt: '2025-03-01T12:00:00Z', currency: 'EUR', total: 5 };
  const bytes = new Uint8Array(Buffer.from(JSON.stringify(Array.from({ length: 3000 }, (_, i) => ({ ...item, id: String(i) })))));
  const { said, restMax } = inParts('json', bytes, [1000]);
  t.equal(said.taken.length, 3000);
  t.ok(restMax < 2 * JSON.stringify(item).length, `${restMax} bytes`);
});

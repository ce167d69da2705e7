import { Packr } from 'msgpackr';
import t from 'tap';
import { EnvelopeReader, EnvelopeWriter, contentHash, transactionHash } from './envelope.js';
import { fillTransaction } from './parse/fill.js';
import { snapshot } from './parse/arbitrary.js';
import { hash128 } from './hash.js';
import { Transaction } from './transaction.js';
import type { TransactionDocument } from '../schemas/transaction.js';

const packr = new Packr({ useRecords: false, int64AsType: 'number' });
const purchase: TransactionDocument = {
  id: 'r-1', kind: 'purchase', partner: 'grocer', card: '900', occurredAt: '2025-03-01T12:00:00Z', currency: 'EUR', lines: [{ sku: 'a', quantity: 1, amount: 500 }],
};
const filled = (document: TransactionDocument): Transaction => {
  const transaction = new Transaction();
  fillTransaction(document, transaction);
  return transaction;
};
const contentOf = (document: TransactionDocument): string => {
  const out = new Uint32Array(2);
  contentHash(filled(document), out);
  return out.join();
};

t.test('the bytes of an envelope', async t => {
  const writer = new EnvelopeWriter();
  writer.begin('g', 7, true);
  const transaction = filled(purchase);
  transaction.index = 3;
  writer.add(transaction);
  const envelope = writer.finish();
  t.equal(writer.count, 1);
  t.strictSame([...envelope.subarray(0, 2)], [0xc1, 1]);
  const decoded: unknown[] = [];
  packr.unpackMultiple(envelope.subarray(2), (value: unknown) => void decoded.push(value));
  t.strictSame(decoded, [
    ['g', 7, true, 1],
    [3, 0, Date.parse('2025-03-01T12:00:00Z'), null, 'r-1', 'grocer', null, null, null, null, null, '900', null, 'EUR', null, null, null, [['a', 1000, 500]]],
  ]);
});

t.test('integers of all sizes, signs and places', async t => {
  const writer = new EnvelopeWriter(), reader = new EnvelopeReader(), read = new Transaction();
  const values = [0, 1, 127, 128, 255, 256, 65_535, 65_536, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1, -1, -32, -33, -128, -129, -(2 ** 31), -(2 ** 31) - 1, -(2 ** 32), -(2 ** 53) + 1];
  for (const amount of values) {
    const transaction = filled({ ...purchase, lines: [{ quantity: 0, amount, discount: Math.abs(amount), kind: 'discount', line: 70_000, category: 'ü' }] });
    transaction.index = Math.abs(amount);
    writer.begin('', Math.abs(amount), false);
    writer.add(transaction);
    reader.open(writer.finish());
    t.equal(reader.header.request, Math.abs(amount));
    t.ok(reader.next(read));
    t.strictSame([read.index, snapshot(read)], [transaction.index, snapshot(transaction)]);
  }
});

t.test('the forms of a record', async t => {
  const reader = new EnvelopeReader(), read = new Transaction(), bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
  const all = (bytes: Uint8Array): string[] => {
    const seen: string[] = [reader.open(bytes)];
    while (reader.next(read)) seen.push(reader.problem ? `${reader.problem.index} ${reader.problem.reason} ${reader.problem.pointer} ${read.string(0)}` : `${read.index} ${read.string(0)}`);
    return seen;
  };
  const json = JSON.stringify(purchase);
  t.strictSame(all(bytesOf(json)), ['json', '0 r-1']);
  t.strictSame(all(bytesOf(` [${json},{"id":"x","kind":"return","partner":"p"},${json}]`)), ['json', '0 r-1', '1 missing /occurredAt x', '2 r-1']);
  t.strictSame(all(new Uint8Array(packr.pack(purchase))), ['msgpack', '0 r-1']);
  t.strictSame(all(new Uint8Array(packr.pack([purchase, { ...purchase, id: 1 }, purchase]))), ['msgpack', '0 r-1', '1 invalid /id ', '2 r-1']);
  t.strictSame(all(Uint8Array.from([0xc1, 2, ...packr.pack({ type: 'tick' })])), ['command']);
  for (const bytes of [bytesOf(''), bytesOf('hello'), Uint8Array.of(0xc1), Uint8Array.of(0xc1, 3), Uint8Array.of(0xc1, 1, 0x94, 0xa1), Uint8Array.of(0xc0)]) {
    t.match(all(bytes), ['unreadable', '0 malformed  ']);
  }
  const writer = new EnvelopeWriter();
  writer.begin('g', 1, false);
  writer.add(filled(purchase));
  writer.add(filled(purchase));
  t.match(all(writer.finish().slice(0, -3)), ['transactions', '0 r-1', '1 malformed  ']);
});

t.test('occurredAt in MessagePack', async t => {
  const reader = new EnvelopeReader(), read = new Transaction(), ms = Date.parse('2025-03-01T12:00:00.250Z');
  for (const occurredAt of ['2025-03-01T12:00:00.250Z', ms, new Date(ms), BigInt(ms)]) {
    reader.open(new Uint8Array(packr.pack({ ...purchase, occurredAt })));
    t.ok(reader.next(read) && reader.problem === undefined);
    t.equal(read.occurredAtMs, ms);
  }
  for (const occurredAt of [ms + 0.5, -1, new Date(0), 1e18]) {
    reader.open(new Uint8Array(packr.pack({ ...purchase, occurredAt })));
    t.ok(reader.next(read));
    t.match(reader.problem, { reason: 'invalid', pointer: '/occurredAt' });
  }
});

t.test('the content hash tells contents apart, and nothing else', async t => {
  const line = purchase.lines![0]!;
  const same: TransactionDocument[] = [
    purchase, { ...purchase, total: 500 }, { ...purchase, lines: [{ ...line, line: 1, kind: 'product', discount: 0 }] }, { ...purchase, occurredAt: '2025-03-01T13:00:00+01:00' },
    { ...purchase, tenders: [], coupons: [] },
  ];
  t.equal(new Set(same.map(contentOf)).size, 1);
  const others: TransactionDocument[] = [
    purchase, { ...purchase, id: 'r-2' }, { ...purchase, kind: 'return' }, { ...purchase, card: '901' }, { ...purchase, store: '900' }, { ...purchase, occurredAt: '2025-03-01T12:00:00.001Z' },
    { ...purchase, lines: [{ ...line, amount: 501 }] }, { ...purchase, lines: [{ ...line, amount: 500 + 2 ** 32 }] }, { ...purchase, lines: [{ ...line, quantity: 2 }] },
    { ...purchase, lines: [{ ...line, discount: 1 }] }, { ...purchase, lines: [{ ...line, line: 2 }] }, { ...purchase, lines: [{ ...line, kind: 'deposit' }] },
    { ...purchase, lines: [{ ...line, category: 'a' }] }, { ...purchase, lines: [line, { ...line, amount: 0 }] }, { ...purchase, coupons: ['a'] },
    { ...purchase, tenders: [{ kind: 'cash', amount: 500 }] }, { ...purchase, tenders: [{ kind: 'cash', amount: 500, redemption: 'x' }] },
  ];
  t.equal(new Set(others.map(contentOf)).size, others.length);
  t.equal(contentOf(purchase), '1121442088,4289392937', 'stored for good: this must never change');
});

t.test('the identity is a hash of partner, id and kind', async t => {
  const out = new Uint32Array(4), expected = new Uint32Array(4), text = Buffer.from('grocer\nr-1\npurchase');
  transactionHash(filled(purchase), out);
  hash128(text, 0, text.length, expected, 0);
  t.strictSame([...out], [...expected]);
});

t.test('what begins like one of our own and is none is one item that is refused', async t => {
  const reader = new EnvelopeReader(), transaction = new Transaction();
  for (const bytes of [[0xc1], [0xc1, 9], [0xc1, 1, 5], [0xc1, 2], [0xc1, 2, 5, 5], [0xc1, 2, 0x81, 0xa4], [0xc1, 2, ...packr.pack({ type: 'give-points' })]]) {
    t.equal(reader.open(Uint8Array.from(bytes)), 'unreadable');
    t.ok(reader.next(transaction));
    t.match(reader.problem, { index: 0, reason: 'malformed' });
    t.notOk(reader.next(transaction));
  }
  t.equal(reader.open(Uint8Array.from([0xc1, 2, ...packr.pack({ type: 'tick' })])), 'command');
});

/** The content of a transaction, hashed by this implementation and by that of the engine: what is stored for good is the same. */
import t from 'tap';
import { EnvelopeReader, contentHash as hashOfEngine } from '../../workers/envelope.js';
import { Transaction } from '../../workers/transaction.js';
import { contentHash } from './content-hash.js';
import { fromDocument, type TransactionDocument } from './transaction.js';

const purchase = { id: '1', kind: 'purchase', partner: 'grocer', occurredAt: '2025-03-01T12:00:00.123Z', currency: 'EUR' } as const;
const line = { sku: '4711', quantity: 1, amount: 100 }, LARGE = 2 ** 52 + 1;
const documents: Record<string, TransactionDocument> = {
  'a total': { ...purchase, total: 0 },
  'a large total': { ...purchase, total: 2 ** 53 - 1 },
  'texts of each length': { ...purchase, card: '2', store: '33', cashier: '4444', terminal: '55555', channel: 'café', merchant: '北京 🍵', mcc: '5411', program: 'default', total: 1 },
  'an account': { ...purchase, account: '12.480093', total: 1 },
  lines: { ...purchase, lines: [line, { ...line, discount: 3, category: 'milk', quantity: 0.125 }, { ...line, line: 999_999 }] },
  'large numbers in lines': { ...purchase, lines: [{ ...line, amount: LARGE }, { ...line, discount: 2 ** 32 }, { ...line, quantity: 5_000_000 }] },
  'negative lines': { ...purchase, lines: [line, { sku: 'd', quantity: 1, amount: -25, kind: 'deposit' }, { quantity: 1, amount: -1, kind: 'discount' }] },
  'tenders and coupons': { ...purchase, total: 5, tenders: [{ kind: 'cash', amount: 3 }, { kind: 'points', amount: 2, redemption: 'r "1"' }], coupons: ['a', 'ü'] },
  'empty lists': { ...purchase, total: 5, tenders: [], coupons: [] },
  'a whole return': { id: 'r', kind: 'return', partner: 'grocer', occurredAt: '1970-01-02T00:00:00Z', original: { id: '1' } },
  'a return of lines': { id: 'r', kind: 'return', partner: 'grocer', occurredAt: '2100-01-02T00:00:00+02:00', original: { id: '1' }, lines: [{ line: 2, quantity: 1, amount: 5 }] },
};
const reader = new EnvelopeReader(), transaction = new Transaction(), hash = new Uint32Array(2), seen = new Set<string>();
for (const [name, document] of Object.entries(documents)) {
  reader.open(new Uint8Array(Buffer.from(JSON.stringify(document))));
  t.ok(reader.next(transaction) && reader.problem === undefined, name);
  hashOfEngine(transaction, hash);
  t.same(contentHash(fromDocument(document)), [...hash], name);
  seen.add(hash.join());
}
t.equal(seen.size, Object.keys(documents).length, 'and each has its own');

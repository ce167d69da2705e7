/**
 * For tests: random transactions as documents, valid and broken, the ways to write them down, and a transaction as a plain object to compare.
 * Never imported by the engine.
 */
import fc from 'fast-check';
import type { LineDocument, TransactionDocument } from '../../schemas/transaction.js';
import { Text, type Transaction } from '../transaction.js';

const identifier = fc.oneof(
  fc.string({ minLength: 1, maxLength: 12, unit: fc.constantFrom(...'abcXYZ019-_.:/ ') }),
  fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' }).filter(text => !/[\p{Cc}\p{Cs}]/u.test(text) && Buffer.byteLength(text) <= 128),
  fc.constantFrom('"', '\\', 'ü', 'я', '€', '😀', 'a'.repeat(128), '\u00a0', '\ufeff'),
);
const occurredAt = fc.tuple(fc.integer({ min: 1e9, max: 4e12 }), fc.constantFrom('Z', '+00:00', '+02:00', '-11:30'))
  .map(([ms, zone]) => new Date(ms).toISOString().replace('Z', zone));
const money = fc.oneof(fc.integer({ min: 0, max: 99_999 }), fc.integer({ min: 0, max: 9e12 }));
const quantity = fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 5_000_000 }).map(thousandths => thousandths / 1000));
const sometimes = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined });
const code = (characters: string, length: number): fc.Arbitrary<string> =>
  fc.string({ minLength: length, maxLength: length, unit: fc.constantFrom(...characters) });

/** Leaves out what is undefined, so that the document has the fields that JSON would have. */
function present<T extends object>(document: T): T {
  return Object.fromEntries(Object.entries(document).filter(([, value]) => value !== undefined)) as T;
}

const purchaseLine = fc.record({
  sku: identifier, quantity, amount: money, discount: sometimes(money), category: sometimes(identifier), kind: sometimes(fc.constant('product' as const)),
}).map(present) as fc.Arbitrary<LineDocument>;
const depositLine: fc.Arbitrary<LineDocument> = fc.record({
  quantity, amount: fc.integer({ min: -500, max: 500 }), kind: fc.constantFrom('deposit', 'discount'),
});
const returnLine = fc.record({ quantity, amount: fc.integer({ min: 1, max: 99_999 }) }) as fc.Arbitrary<LineDocument>;
const tender = fc.record({ kind: identifier.filter(kind => Buffer.byteLength(kind) <= 64), amount: money, redemption: sometimes(identifier) }).map(present);

const shared = {
  id: identifier, partner: identifier, occurredAt, program: sometimes(identifier), store: sometimes(identifier), terminal: sometimes(identifier),
  cashier: sometimes(identifier), channel: sometimes(identifier), holder: fc.oneof(identifier.map(card => ({ card })), fc.constant({ account: '3.1234' }), fc.constant({})),
  mcc: sometimes(code('0123456789', 4)), merchant: sometimes(identifier),
  tenders: sometimes(fc.array(tender, { maxLength: 3 })),
  coupons: sometimes(fc.array(identifier, { maxLength: 3 })),
};
type Shared = { holder: { card?: string; account?: string } } & Record<string, unknown>;
const finished = ({ holder, ...document }: Shared): TransactionDocument => present({ ...document, ...holder }) as unknown as TransactionDocument;

const total = (lines: readonly LineDocument[]): number => lines.reduce((sum, { amount }) => sum + amount, 0);

const purchaseLines = fc.array(fc.oneof({ weight: 9, arbitrary: purchaseLine }, depositLine), { maxLength: 12 });
const purchase = fc.record({ ...shared, currency: code('ABCXYZ', 3), lines: purchaseLines, money, style: fc.nat(3) })
  .map(({ lines, money, style, ...rest }) => {
    if (lines.length === 0 || total(lines) < 0) return finished({ ...rest, kind: 'purchase', total: money });
    const numbered = lines.map((line, i) => (style === 1 ? { line: i + 1, ...line } : style === 2 ? { ...line, line: 900 - 7 * i } : line));
    return finished({ ...rest, kind: 'purchase', lines: numbered, ...style === 3 && { total: total(lines) } });
  });
const returned = fc.record({
  ...shared, original: identifier, currency: sometimes(code('ABCXYZ', 3)), lines: fc.array(returnLine, { maxLength: 4 }), total: sometimes(fc.integer({ min: 1, max: 999 })),
}).map(({ lines, original, total, ...rest }) => finished({
    ...rest, kind: 'return', original: { id: original },
    ...lines.length === 0 ? { total } : { lines: lines.map((line, i) => ({ ...line, line: 3 * i + 1 })) },
  }));

/** Valid transactions. */
export const transactionDocuments = fc.oneof({ weight: 4, arbitrary: purchase }, returned);

const oddValues = fc.constantFrom<unknown>(
  null, true, '', 'x', 0, -0, 1, -1, 1.5, 0.001, 0.0001, 1e21, 2 ** 53, 2 ** 53 - 1, 999_999_999_999_999, [], {}, [[]], [{}],
  { id: 'x' }, { id: 'x', x: 1 }, 'return', 'purchase', 'deposit', '2017-02-30T00:00:00Z', '2017-02-20T00:00:00', 'a\u0000', '\u0085', '\ud800',
  'x'.repeat(129), 'EUR', '1234', ['a', ''], [{ kind: 'cash', amount: 5 }],
);
const places = [
  'id', 'kind', 'partner', 'store', 'card', 'account', 'currency', 'mcc', 'merchant', 'original', 'occurredAt', 'total', 'lines', 'tenders', 'coupons', 'unknown', '__proto__',
];
const linePlaces = ['line', 'sku', 'quantity', 'amount', 'discount', 'category', 'kind', 'unknown'];

/** Transactions with one or two fields removed or set to something odd; some of them happen to be valid. */
export const oddDocuments = fc.tuple(
  transactionDocuments, fc.array(fc.tuple(fc.boolean(), fc.nat(), fc.option(oddValues, { nil: undefined })), { minLength: 1, maxLength: 2 }),
).map(([document, changes]) => {
  const odd = structuredClone(document) as unknown as Record<string, unknown>;
  for (const [inLine, at, value] of changes) {
    const lines = odd.lines as Record<string, unknown>[] | undefined;
    const target = inLine && Array.isArray(lines) && lines[at % lines.length] ? lines[at % lines.length]! : odd;
    const names = target === odd ? places : linePlaces, name = names[at % names.length]!;
    if (value === undefined) delete target[name];
    else Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });
  }
  return odd;
});

/**
 * JSON text of a value in other ways of writing: white space, escapes, order of fields, forms of numbers, fields given twice. `choose(n)` gives a
 * number below n.
 */
export function writeJson(value: unknown, choose: (below: number) => number): string {
  const gap = (): string => ['', '', '', ' ', '\n', '\t \r'][choose(6)]!;
  const text = (characters: string, plainOf: number): string => {
    const json = JSON.stringify(characters);
    if (choose(plainOf) > 0) return json;
    const unit = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
    return json.replace(/[^"\\]/gu, character => {
      if (choose(3) > 0) return character;
      const escaped = character.replace(/[^]/g, unit);
      return choose(2) > 0 ? escaped : escaped.replace(/[a-f]/g, letter => letter.toUpperCase());
    });
  };
  if (typeof value === 'string') return text(value, 4);
  if (typeof value === 'number' && choose(500) === 0) {
    return [`${value}.0`, `${value}e0`, `${value}.500`, `0${value}`, `-${value}`, `${value}0000000000000001`][choose(6)]!;
  }
  if (Array.isArray(value)) return `[${gap()}${value.map(item => writeJson(item, choose)).join(`${gap()},${gap()}`)}${gap()}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value);
  if (choose(3) === 0) entries.reverse();
  if (choose(200) === 0 && entries.length > 0) entries.push(entries[choose(entries.length)]!);
  return `{${gap()}${entries.map(([name, field]) => `${text(name, 300)}${gap()}:${gap()}${writeJson(field, choose)}`).join(`${gap()},${gap()}`)}${gap()}}`;
}

/** What happens to bytes on the way: changed, lost, added, cut off. */
export const damage = fc.array(fc.tuple(fc.nat(), fc.nat(3), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 });
export function damaged(content: Uint8Array, changes: [number, number, number][]): Uint8Array {
  let bytes = [...content];
  for (const [place, how, byte] of changes) {
    const at = place % Math.max(1, bytes.length);
    if (how === 0) bytes[at] = byte;
    else if (how === 1) bytes.splice(at, 1);
    else if (how === 2) bytes.splice(at, 0, byte);
    else bytes = bytes.slice(0, at);
  }
  return Uint8Array.from(bytes);
}

/** All that a transaction says, as a plain object. */
export function snapshot(t: Transaction): object {
  const cut = (start: number, length: number): string => (length === 0 ? '' : Buffer.from(t.bytes.subarray(start, start + length)).toString('utf8'));
  return {
    kind: t.kind, occurredAtMs: t.occurredAtMs, total: t.total, tenders: t.tenders, coupons: t.coupons,
    ...Object.fromEntries(Object.entries(Text).map(([name, field]) => [name, t.string(field)])),
    lines: Array.from({ length: t.lineCount }, (_, i) => ({
      line: t.lineNumber[i], kind: t.lineKind[i], sku: cut(t.skuStart[i]!, t.skuLength[i]!), category: cut(t.categoryStart[i]!, t.categoryLength[i]!),
      quantity: t.quantity[i], amount: t.amount[i], discount: t.discount[i],
    })),
  };
}

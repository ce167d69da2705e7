/** Random conditions hold for the compiled implementation when they do for the naive one: also where integers pass 2^53-1 on the way. */
import fc from 'fast-check';
import t from 'tap';
import { NaiveReference } from '../../loadtest/naive/reference.js';
import { evaluate, Receipt } from '../../loadtest/naive/rules.js';
import { fromDocument, type TransactionDocument } from '../../loadtest/naive/transaction.js';
import { Names } from '../../workers/reference/names.js';
import { compileCondition, ConditionError, type ConditionSubject } from '../../workers/rules/condition.js';
import { Shop, type TestPurchase, type TestRule } from './shop-fixture.js';

const seed = Number(process.env['POINTSTREAM_SEED'] ?? 20_260_302), runs = Number(process.env['POINTSTREAM_RUNS'] ?? 60);
t.setTimeout(590_000);
t.comment(`seed ${seed}`);

const MAX = Number.MAX_SAFE_INTEGER, CONDITIONS = 40;
const constants = ['0', '1', '2', '3', '-1', '-7', '1000', '94906266', '4503599627370496', '9007199254740990', '9007199254740991'];

interface Expressions { int: string; bool: string }
type Arbitraries = { [Type in keyof Expressions]: fc.Arbitrary<string> };
/** Parts without parts, and what else the place allows. */
interface Leaves { integers: string[]; flags: string[]; more?: Arbitraries }

function expressions({ integers, flags, more }: Leaves): Arbitraries {
  return fc.letrec<Expressions>((part) => {
    const pair = (type: keyof Expressions, ...operators: string[]): fc.Arbitrary<string> =>
      fc.tuple(part(type), fc.constantFrom(...operators), part(type)).map(([left, operator, right]) => `(${left} ${operator} ${right})`);
    const choice = (type: keyof Expressions): fc.Arbitrary<string> => fc.tuple(part('bool'), part(type), part(type)).map(([test, yes, no]) => `(${test} ? ${yes} : ${no})`);
    const divided = fc.tuple(part('int'), fc.constantFrom('/', '%'), fc.constantFrom('2', '-7', '1000', '9007199254740991')).map((parts) => `(${parts.join(' ')})`);
    const within = fc.tuple(part('int'), fc.uniqueArray(fc.constantFrom(...constants), { minLength: 1, maxLength: 10 })).map(([int, list]) => `(${int} in [${list.join()}])`);
    return {
      int: fc.oneof({ maxDepth: 4 }, fc.constantFrom(...integers, ...constants), pair('int', '+', '-', '*', '*'), divided, part('int').map((int) => `-${int}`), choice('int'), ...(more ? [more.int] : [])),
      bool: fc.oneof({ maxDepth: 4 }, fc.constantFrom(...flags), pair('int', '<', '<=', '>', '>=', '==', '!='), pair('bool', '&&', '||', '==', '!='), part('bool').map((bool) => `!${bool}`),
        choice('bool'), within, ...(more ? [more.bool] : [])),
    };
  });
}
const aboutLine = (name: string): Arbitraries => expressions({
  integers: ['amount', 'amount', 'quantity', 'discount', 'line'].map((field) => `${name}.${field}`),
  flags: [`${name}.category == "food"`, `${name}.sku.startsWith("a")`, `${name}.kind in ["discount", "deposit"]`, `${name}.brand.contains("")`],
});
const ofLine = aboutLine('l'), filters = fc.array(ofLine.bool.map((bool) => `.filter(l, ${bool})`), { maxLength: 2 }).map((all) => `lines${all.join('')}`);
const quantifier = fc.tuple(filters, fc.constantFrom('exists', 'all', 'exists_one'), ofLine.bool).map(([lines, name, bool]) => `${lines}.${name}(l, ${bool})`);
const mapped = fc.tuple(filters, fc.option(ofLine.bool), ofLine.int).map(([lines, bool, int]) => `${lines}.map(l, ${bool === null ? '' : `${bool}, `}${int})`);
const counted = fc.oneof(filters.map((lines) => `${lines}.size()`), mapped.map((numbers) => `${numbers}.size()`), mapped.map((numbers) => `sum(${numbers})`));
const aboutTransaction = expressions({
  integers: ['total', 'total', 'lines', 'categories', 'hour'].map((field) => `transaction.${field}`),
  flags: ['transaction.weekday == "mon"', 'transaction.store in ["s1", "s2"]', 'transaction.card.endsWith("c")', 'transaction.channel == ""'], more: { int: counted, bool: quantifier },
});

/** The receipt's own total does not overflow: such a one is refused before. */
const small = fc.constantFrom(-3, -1, 0, 0, 1, 2, 3, 1000), large = fc.constantFrom(2 ** 52, 94_906_266, MAX - 1001, MAX - 6000, 5);
const line = (amount: number): NonNullable<TransactionDocument['lines']>[number] => (
  { sku: amount % 2 === 0 ? 'a' : 'b', quantity: amount % 3 === 0 ? 1 : 9_007_199_254_740, amount, kind: amount < 0 ? 'discount' : 'product', ...(amount === 1 ? { category: 'food' } : {}) }
);
const purchase: fc.Arbitrary<TestPurchase> = fc.oneof<fc.MaybeWeightedArbitrary<TestPurchase>[]>(
  { weight: 5, arbitrary: fc.tuple(large, fc.array(small, { maxLength: 4 }), fc.nat()).map(([first, rest, at]) => ({ lines: [...rest.slice(0, at % 5), first, ...rest.slice(at % 5)].map(line) })) },
  { weight: 1, arbitrary: fc.constantFrom(1, 2, 94_906_267, MAX).map((total) => ({ total })) },
).filter(({ lines = [] }: TestPurchase) => {
  const sum = lines.reduce((total, { amount }) => total + amount, 0);
  return sum >= 0 && sum <= MAX;
});

function isTaken(condition: string, subject: ConditionSubject): boolean {
  try {
    return compileCondition(condition, subject, new Names()) !== undefined;
  } catch (error) {
    if (!(error instanceof ConditionError)) throw error;
    return false;
  }
}

const ruleFor: Record<ConditionSubject, (condition: string) => Partial<TestRule>> = {
  transaction: (condition) => ({ condition }), line: (condition) => ({ lines: { condition }, basis: 'line' }),
};
function compare(document: TestPurchase, conditions: string[], subject: ConditionSubject): { taken: number; held: number } {
  const taken = conditions.filter((condition) => isTaken(condition, subject));
  const shop = new Shop(taken.map((condition, i) => ({ id: `c${i}`, award: { kind: 'fixed', points: 1 }, ...ruleFor[subject](condition) })));
  const reference = new NaiveReference(shop.reference.set, new Map());
  const receipt = Receipt.of(reference, fromDocument({ id: '1', kind: 'purchase', partner: 'shop', card: 'c', occurredAt: '2026-03-02T10:30:00Z', currency: 'EUR', ...document } as TransactionDocument));
  const naive = new Map(evaluate(reference, receipt, { counter: () => 0 }).awards.map(({ version, points }) => [version.id, points])), compiled = shop.points(document);
  for (const [i, condition] of taken.entries()) {
    const expected = naive.get(`c${i}`) ?? 0, found = compiled[`c${i}`] ?? 0;
    if (expected !== found) throw new Error(`${condition}\ngives ${found} compiled, ${expected} naive`);
  }
  return { taken: taken.length, held: naive.size };
}

for (const [subject, { bool }] of [['transaction', aboutTransaction], ['line', aboutLine('line')]] as const) {
  t.test(`conditions of a ${subject}`, (t) => {
    let taken = 0, held = 0;
    fc.assert(fc.property(purchase, fc.array(bool, { minLength: CONDITIONS, maxLength: CONDITIONS }), (document, conditions) => {
      const compared = compare(document, conditions, subject);
      taken += compared.taken;
      held += compared.held;
    }), { seed, numRuns: runs, endOnFailure: true }); // shrinking takes minutes, and the message names the condition
    t.comment(`${taken} conditions, of which ${held} held`);
    t.ok(taken > runs * CONDITIONS / 4 && held > taken / 5 && held < taken * 4 / 5, 'enough of them, of both kinds');
    t.end();
  });
}

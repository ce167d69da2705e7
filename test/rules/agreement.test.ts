/** The compiled rules and the naive ones agree: awards, shares, counters; and the recorded rule on what returns leave. */
import fc from 'fast-check';
import t from 'tap';
import { evaluate as evaluateNaive, baseAmount, Receipt, requalify as requalifyNaive, type Counters, type NaiveAward } from '../../loadtest/naive/rules.js';
import { NaiveReference } from '../../loadtest/naive/reference.js';
import { fromDocument, type TransactionDocument } from '../../loadtest/naive/transaction.js';
import { CellKind, cellKey } from '../../workers/ledger/cells.js';
import { recordedBase, requalify } from '../../workers/rules/requalify.js';
import { purchase, ruleSet, world } from './arbitrary-fixture.js';
import { Shop, type Given, type TestPurchase } from './shop-fixture.js';

const seed = Number(process.env['POINTSTREAM_SEED'] ?? 20_260_302), runs = Number(process.env['POINTSTREAM_RUNS'] ?? 400);
t.comment(`seed ${seed}`);

function naiveReference(shop: Shop): NaiveReference {
  const { set } = shop.reference;
  return new NaiveReference(set, new Map(Object.entries(world.products ?? {}).map(([id, list]) =>
    [set.partners.findIndex((partner) => partner.id === id), new Map(list.map((product) => [product.sku, product]))])));
}
const naivePurchase = (document: TestPurchase): ReturnType<typeof fromDocument> =>
  fromDocument({ id: '1', kind: 'purchase', partner: 'shop', card: 'c', occurredAt: '2026-03-02T10:30:00Z', currency: 'EUR', ...document } as TransactionDocument);
const givenBy = ({ version, currency, points, input, milestones, period, shares }: NaiveAward): Given =>
  ({ rule: version.id, version: version.document.version, currency, points, input, milestones, period, shares });

t.test('awards, shares and counters of a row of purchases', (t) => {
  fc.assert(fc.property(ruleSet, fc.array(purchase, { minLength: 1, maxLength: 6 }), (rules, purchases) => {
    const shop = new Shop(rules, world), reference = naiveReference(shop);
    const counters: Counters = { counter: (kind, rule, period) => shop.get(cellKey(CellKind[kind], 0, rule), period) };
    for (const document of purchases) {
      const expected = evaluateNaive(reference, Receipt.of(reference, naivePurchase(document)), counters);
      const given = shop.buy(document);
      same(given, expected.awards.map(givenBy));
      const byText = (a: object, b: object): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
      same(shop.counted().sort(byText), expected.changes.map(({ kind, rule, period, change }) =>
        ({ kind: CellKind[kind], rule: shop.reference.set.ruleIds[rule]!.id, period, change })).sort(byText));
    }
  }), { seed, numRuns: runs });
  t.end();
});

t.test('recorded rules on what returns leave', (t) => {
  fc.assert(fc.property(ruleSet, purchase, fc.array(fc.nat({ max: 4 }), { minLength: 7, maxLength: 7 }), (rules, document, quarters) => {
    const shop = new Shop(rules, world), reference = naiveReference(shop), transaction = naivePurchase(document), original = Receipt.of(reference, transaction);
    const { awards } = evaluateNaive(reference, original, { counter: () => 0 });
    const kept = (line: (typeof original.lines)[number], i: number): typeof line =>
      ({ ...line, quantity: Math.floor(line.quantity * quarters[i]! / 4), amount: Math.trunc(line.amount * quarters[i]! / 4) });
    const left = original.counted.map(kept), lines = original.lines.length === 0 ? [] : left.filter(({ quantity, amount }) => quantity !== 0 || amount !== 0);
    const remaining = new Receipt(transaction, original.zones, left.reduce((sum, { amount }) => sum + amount, 0), lines, original.lines.length === 0 ? [{ ...left[0]!, quantity: 1000 }] : lines);
    const purchase = shop.recorded(document);
    for (const [number, award] of awards.entries()) {
      if (award.version.document.award.kind === 'multiplier') continue;
      same(recordedBase(shop.reference, purchase, number), baseAmount(award.version, original));
      const rest = purchase.remaining(shop.reference, Float64Array.from(left, ({ amount }) => amount), Float64Array.from(left, ({ quantity }) => quantity));
      same(requalify(shop.reference, purchase, number, rest), requalifyNaive(reference, award, original, remaining));
    }
  }), { seed, numRuns: Math.ceil(runs / 2) });
  t.end();
});

function same(found: unknown, wanted: unknown): void {
  const [a, b] = [found, wanted].map((value) => JSON.stringify(value, sortedKeys));
  if (a !== b) throw new Error(`\ncompiled ${a}\nnaive    ${b}`);
}
function sortedKeys(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/**
 * Golden cases of docs/calculation.md, steps 2 to 10, calculated by hand.
 */
import t from 'tap';
import { referenceOf, type FixtureOptions, type TestRule } from './fixture.js';
import { evaluate, Receipt, type CounterChange, type Counters } from './rules.js';
import { fromDocument, type TransactionDocument } from './transaction.js';

const none: Counters = { counter: () => 0 };
const base: TransactionDocument = { id: '1', kind: 'purchase', partner: 'shop', card: 'c', occurredAt: '2026-03-02T10:30:00Z', currency: 'EUR' }; // a Monday
/** 10.00 bread, 5.00 milk, 2.00 deposit-free beer, and 1.00 off. */
const lines: TransactionDocument['lines'] = [
  { sku: 'bread', quantity: 1, amount: 1000, category: 'food' },
  { sku: 'milk', quantity: 2.5, amount: 500, category: 'dairy' },
  { sku: 'beer', quantity: 6, amount: 200, category: 'alcohol' },
  { sku: 'coupon', quantity: 1, amount: -100, kind: 'discount' },
];

function decide(rules: TestRule[], document: Partial<TransactionDocument> = { lines }, counters: Counters = none, options: FixtureOptions = {}):
{ points: Record<string, number>; shares: Record<string, number[]>; changes: CounterChange[] } {
  const reference = referenceOf(rules, options);
  const { awards, changes } = evaluate(reference, Receipt.of(reference, fromDocument({ ...base, ...document })), counters);
  return {
    points: Object.fromEntries(awards.map((award) => [award.version.id, award.points])),
    shares: Object.fromEntries(awards.map((award) => [award.version.id, award.shares.map(({ points }) => points)])),
    changes,
  };
}
const pointsOf = (rules: TestRule[], document?: Partial<TransactionDocument>, counters?: Counters, options?: FixtureOptions): Record<string, number> => decide(rules, document, counters, options).points;
const counted = (values: Record<string, number>): Counters => ({ counter: (kind, rule, period) => values[`${kind}/${rule}/${period}`] ?? 0 });

void t.test('percent', (t) => {
  t.same(pointsOf([{ id: 'p', award: { kind: 'percent', percent: 5 } }], { total: 1000 }), {}, '5 percent of 1000 cents is half a point');
  t.same(pointsOf([{ id: 'p', award: { kind: 'percent', percent: 5 } }], { total: 1000 }, none, { program: { currencies: [{ id: 'points', scale: 2 }] } }), { p: 50 });
  t.same(pointsOf([{ id: 'p', award: { kind: 'percent', percent: 12.5 } }]), { p: 2 }, '16.00 × 12.5 % = 2');
  t.same(pointsOf([{ id: 'p', rounding: 'half-even', award: { kind: 'percent', percent: 5 } }], { total: 5000 }), { p: 2 }, '2.5 to even');
  t.same(pointsOf([{ id: 'p', rounding: 'half-up', award: { kind: 'percent', percent: 5 } }], { total: 5000 }), { p: 3 });
  t.same(pointsOf([{ id: 'p', rounding: 'ceiling', award: { kind: 'percent', percent: 1 } }], { total: 1 }), { p: 1 });
  t.same(pointsOf([{ id: 'p', award: { kind: 'percent', percent: 1 } }], { total: 5000, currency: 'JPY' }), { p: 50 }, 'yen have no minor unit');
  t.same(pointsOf([{ id: 'p', award: { kind: 'percent', percent: 10 } }], { total: 50_000, currency: 'KWD' }), { p: 5 }, 'dinars have three decimals');
  t.end();
});

void t.test('perAmount, fixed, perUnit', (t) => {
  t.same(pointsOf([{ id: 'a', award: { kind: 'perAmount', points: 3, amount: 500 } }]), { a: 9 }, 'three full 5.00 in 16.00');
  t.same(pointsOf([{ id: 'f', award: { kind: 'fixed', points: 25 } }]), { f: 25 });
  t.same(pointsOf([{ id: 'u', award: { kind: 'perUnit', points: 10 } }]), { u: 95 }, '1 + 2.5 + 6 units; the discount earns nothing');
  t.same(pointsOf([{ id: 'u', award: { kind: 'perUnit', points: 1 } }], { lines: [{ sku: 'x', quantity: 1.999, amount: 10 }] }), { u: 1 });
  t.end();
});

void t.test('basis line rounds each line by itself', (t) => {
  const award = { kind: 'perAmount', points: 1, amount: 300 } as const;
  t.same(pointsOf([{ id: 'a', basis: 'line', award }]), { a: 4 }, '1000/300 = 3, 500/300 = 1, 200/300 = 0');
  t.same(pointsOf([{ id: 'a', award }]), { a: 5 }, '1600/300');
  t.same(decide([{ id: 'f', basis: 'line', award: { kind: 'fixed', points: 7 } }]).shares, { f: [7, 7, 7] });
  t.same(pointsOf([{ id: 'p', basis: 'line', rounding: 'half-up', award: { kind: 'percent', percent: 15 } }]), { p: 3 }, '1.5 → 2, 0.75 → 1, 0.3 → 0');
  t.end();
});

void t.test('everyNth pays at each nth purchase, and never twice', (t) => {
  const rule: TestRule = { id: 'n', award: { kind: 'everyNth', n: 3, points: 100 } };
  t.same(decide([rule], undefined, counted({ 'ruleCount/0/0': 1 })), { points: { n: 0 }, shares: { n: [0, 0, 0] }, changes: [{ kind: 'ruleCount', rule: 0, period: 0, change: 1 }] });
  t.same(pointsOf([rule], undefined, counted({ 'ruleCount/0/0': 2 })), { n: 100 });
  t.same(pointsOf([rule], undefined, counted({ 'ruleCount/0/0': 2, 'rulePaid/0/0': 1 })), { n: 0 }, 'the counter had fallen');
  t.same(pointsOf([rule], undefined, counted({ 'ruleCount/0/0': 5, 'rulePaid/0/0': 0 })), { n: 100 }, 'two milestones, paid once');
  t.same(decide([rule], undefined, counted({ 'ruleCount/0/0': 5 })).changes, [{ kind: 'ruleCount', rule: 0, period: 0, change: 1 }, { kind: 'rulePaid', rule: 0, period: 0, change: 2 }]);
  t.end();
});

void t.test('firstPurchase', (t) => {
  const rule: TestRule = { id: 'first', award: { kind: 'firstPurchase', points: 200 } };
  t.same(pointsOf([rule]), { first: 200 });
  t.same(pointsOf([rule], undefined, counted({ 'ruleCount/0/0': 1 })), { first: 0 });
  t.same(pointsOf([rule], undefined, counted({ 'rulePaid/0/0': 1 })), { first: 0 }, 'the purchase was returned, the award kept');
  t.end();
});

void t.test('spendThreshold', (t) => {
  const once: TestRule = { id: 's', award: { kind: 'spendThreshold', amount: 5000, points: 50 } };
  const repeated: TestRule = { id: 's', award: { kind: 'spendThreshold', amount: 5000, points: 50, repeat: true } };
  t.same(pointsOf([once], { total: 4999 }), { s: 0 });
  t.same(pointsOf([once], { total: 5000 }), { s: 50 });
  t.same(pointsOf([once], { total: 15_000 }), { s: 50 });
  t.same(pointsOf([repeated], { total: 15_000 }), { s: 150 });
  t.same(pointsOf([repeated], { total: 4000 }, counted({ 'ruleSpend/0/0': 7000, 'rulePaid/0/0': 1 })), { s: 50 });
  t.same(pointsOf([once], { total: 1 }, counted({ 'ruleSpend/0/0': 9000, 'rulePaid/0/0': 1 })), { s: 0 });
  const monthly: TestRule = { id: 's', award: { kind: 'spendThreshold', amount: 5000, points: 50, period: 'month' } };
  const march = 3 * 2 ** 24 + 2026 * 12 + 2;
  t.same(decide([monthly], { total: 5000 }).changes, [{ kind: 'ruleSpend', rule: 0, period: march, change: 5000 }, { kind: 'rulePaid', rule: 0, period: march, change: 1 }]);
  t.throws(() => pointsOf([once], { total: 2 }, counted({ 'ruleSpend/0/0': Number.MAX_SAFE_INTEGER })), { message: /2\^53-1/ });
  t.end();
});

void t.test('multipliers: sum ×2 and ×3 make ×4, multiply ×6, best ×3', (t) => {
  const basis: TestRule = { id: 'base', award: { kind: 'fixed', points: 10 } };
  const times = (id: string, factor: number, combine: 'sum' | 'multiply' | 'best'): TestRule => ({ id, award: { kind: 'multiplier', factor, of: ['base'], combine } });
  t.same(pointsOf([basis, times('m2', 2, 'sum'), times('m3', 3, 'sum')]), { base: 10, m2: 10, m3: 20 });
  t.same(pointsOf([basis, times('m2', 2, 'multiply'), times('m3', 3, 'multiply')]), { base: 10, m2: 10, m3: 40 });
  t.same(pointsOf([basis, times('m2', 2, 'best'), times('m3', 3, 'best')]), { base: 10, m3: 20 }, 'the one that is not best reports nothing');
  t.same(pointsOf([basis, times('a', 2, 'best'), times('b', 1.5, 'multiply'), times('c', 2, 'sum')]), { base: 10, c: 10, b: 10, a: 30 }, '×2, ×3, ×6: sum, multiply, best');
  t.same(pointsOf([{ ...basis, award: { kind: 'percent', percent: 5 } }, times('m', 3, 'sum')], { total: 1000 }), { m: 1 }, 'round(0.5) = 0, round(1.5) = 1: rounded once');
  t.same(decide([basis, times('m', 2, 'sum')]).shares, { base: [6, 3, 1], m: [6, 3, 1] }, '10 × 1000/1700 = 5.88, 2.94, 1.18');
  t.same(pointsOf([basis, times('m', 2, 'sum'), { id: 'mm', award: { kind: 'multiplier', factor: 2, of: ['m'], combine: 'sum' } }]), { base: 10, m: 10 }, 'no multiplier of multipliers');
  t.same(pointsOf([{ ...basis, basis: 'line', award: { kind: 'percent', percent: 5 } }, times('m', 3, 'sum')]), { m: 1 }, 'lines 0.5, 0.25, 0.1 times 3: 1, 0, 0');
  t.end();
});

void t.test('caps and stacking', (t) => {
  const fixed = (id: string, points: number, mode: 'best' | 'first' | 'sum', more: Partial<TestRule> = {}): TestRule => ({ id, award: { kind: 'fixed', points }, stacking: { group: 'g', mode }, ...more });
  t.same(pointsOf([{ id: 'f', award: { kind: 'fixed', points: 25 }, caps: { perTransaction: 20 } }]), { f: 20 });
  t.same(pointsOf([fixed('a', 10, 'best'), fixed('b', 30, 'best'), fixed('c', 30, 'best')]), { b: 30 }, 'ties: first in rule order');
  t.same(pointsOf([fixed('a', 10, 'first'), fixed('b', 30, 'best')]), { a: 10 }, "the mode is the first rule's");
  t.same(pointsOf([fixed('a', 10, 'first'), fixed('b', 30, 'best', { priority: 1 })]), { b: 30 }, 'higher priority comes first');
  t.same(pointsOf([fixed('a', 10, 'first', { phase: 2 }), fixed('b', 30, 'first', { phase: 1 })]), { b: 30 }, 'lower phase comes first');
  t.same(pointsOf([fixed('a', 10, 'sum'), fixed('b', 30, 'sum')]), { a: 10, b: 30 });
  t.same(pointsOf([fixed('a', 50, 'best', { caps: { perTransaction: 5 } }), fixed('b', 30, 'best')]), { b: 30 }, 'capped before they compete');
  t.same(pointsOf([{ id: 'a', award: { kind: 'fixed', points: 10 }, stacking: { group: 'g', mode: 'sum', cap: 25 } }, fixed('b', 30, 'sum')]), { a: 10, b: 15 }, 'the cap of the group');
  const nth: TestRule = { id: 'n', award: { kind: 'everyNth', n: 1, points: 1 }, stacking: { group: 'g', mode: 'best' } };
  const lost = decide([nth, fixed('b', 30, 'best')]);
  t.same(lost.points, { n: 0, b: 30 });
  t.same(lost.changes, [{ kind: 'ruleCount', rule: 0, period: 0, change: 1 }], 'a loser counts, but paid does not move');
  t.end();
});

void t.test('cap per account and day', (t) => {
  const rule: TestRule = { id: 'f', award: { kind: 'fixed', points: 25 }, caps: { perAccountPerDay: 30 } };
  const day = 20514; // 2026-03-02
  t.same(decide([rule]).changes, [{ kind: 'ruleDay', rule: 0, period: day, change: 25 }]);
  t.same(pointsOf([rule], undefined, counted({ [`ruleDay/0/${day}`]: 25 })), { f: 5 });
  t.same(pointsOf([rule], undefined, counted({ [`ruleDay/0/${day}`]: 30 })), {});
  t.same(decide([rule], undefined, counted({ [`ruleDay/0/${day - 1}`]: 30 }), { program: { timeZone: 'Pacific/Kiritimati' } }).changes[0]!.period, day + 1, 'by the day of the program');
  t.end();
});

void t.test('matched lines', (t) => {
  const fixed = (match: TestRule['lines']): TestRule => ({ id: 'u', lines: match, award: { kind: 'perUnit', points: 10 } });
  const products = { shop: [{ sku: 'milk', category: 'drinks', brand: 'Alp', department: 'cold' }] };
  t.same(pointsOf([fixed({ skus: ['bread', 'beer'] })]), { u: 70 });
  t.same(pointsOf([fixed({ categories: ['dairy'], skus: ['bread'] })]), { u: 35 }, 'any of them');
  t.same(pointsOf([fixed({ brands: ['Alp'] })], { lines }, none, { products }), { u: 25 });
  t.same(pointsOf([fixed({ categories: ['drinks'] })], { lines }, none, { products }), {}, "the line's own category counts");
  t.same(pointsOf([fixed({ departments: ['cold'], exclude: { skus: ['milk'] } })], { lines }, none, { products }), {});
  t.same(pointsOf([fixed({ exclude: { categories: ['alcohol'] } })]), { u: 35 }, 'only exclude: all the others');
  t.same(pointsOf([fixed({ condition: 'line.quantity >= 2000' })]), { u: 85 });
  t.same(pointsOf([fixed({ skus: ['coupon'] })]), {}, 'no earning line');
  t.same(pointsOf([{ id: 'f', award: { kind: 'fixed', points: 1 } }], { lines: [{ sku: 'a', quantity: 1, amount: 100 }, { sku: 'd', quantity: 1, amount: -100, kind: 'discount' }] }), {}, 'base amount 0');
  t.same(decide([{ id: 'f', award: { kind: 'fixed', points: 3 } }], { total: 100 }).shares, { f: [3] }, 'a total alone is one line');
  t.end();
});

void t.test('schedule, scope, versions, conditions', (t) => {
  const fires = (rule: Partial<TestRule>, document: Partial<TransactionDocument> = { lines }, options: FixtureOptions = {}): boolean =>
    pointsOf([{ id: 'f', award: { kind: 'fixed', points: 1 }, ...rule }], document, none, options).f === 1;
  t.ok(fires({ schedule: { weekdays: ['mon'], from: '10:30', to: '10:31' } }));
  t.notOk(fires({ schedule: { from: '10:00', to: '10:30' } }), 'half-open');
  t.notOk(fires({ schedule: { weekdays: ['tue'] } }));
  const night = { weekdays: ['sun'], from: '22:00', to: '02:00' };
  t.ok(fires({ schedule: night }, { total: 1, occurredAt: '2026-03-02T01:59:59.999Z' }), 'a night belongs to the day on which it began');
  t.notOk(fires({ schedule: night }, { total: 1, occurredAt: '2026-03-01T01:00:00Z' }));
  t.ok(fires({ schedule: night }, { total: 1, occurredAt: '2026-03-01T22:00:00Z' }));
  t.ok(fires({ schedule: { from: '05:30', to: '05:31' } }, { lines, store: 's' }, { partners: { shop: { stores: [{ id: 's', timeZone: 'America/New_York' }] } } }), "the store's zone");
  t.ok(fires({ schedule: { from: '11:30', to: '11:31', zone: 'Europe/Berlin' } }));
  t.ok(fires({ schedule: { from: '19:30', to: '19:31', zone: 'program' } }, { lines }, { program: { timeZone: 'Asia/Tokyo' } }));
  t.notOk(fires({ scope: { partners: ['other'] } }));
  t.notOk(fires({ scope: { channels: ['web'] } }));
  t.ok(fires({ scope: { stores: ['s'], channels: ['web'] } }, { lines, store: 's', channel: 'web' }));
  t.ok(fires({ condition: 'transaction.total >= 1600 && transaction.hour == 10 && transaction.weekday == "mon" && transaction.categories == 3' }));
  t.ok(fires({ condition: 'lines.exists(l, l.category == "dairy" && l.quantity == 2500) && sum(lines.map(l, l.amount)) == 1600' }));
  t.notOk(fires({ condition: '1 / (transaction.total - 1600) > 0' }), 'what fails does not hold');
  const overflows = (of: string): string => `${of} * 9007199254740991 > 0`;
  for (const [condition, expected] of [
    [`${overflows('transaction.total')} || transaction.total > 0`, false], [`transaction.total > 0 || ${overflows('transaction.total')}`, true], [`!(${overflows('transaction.total')} && false)`, false],
    [`(transaction.total > 0 ? 1 : transaction.total * 9007199254740991) == 1`, true], [`lines.exists(l, ${overflows('l.amount')} || l.amount > 0)`, false],
    [`lines.exists(l, l.line == 1 || ${overflows('l.amount')})`, true], [`!lines.all(l, l.line > 1 && ${overflows('l.amount')})`, true], [`!lines.all(l, l.line == 1 || ${overflows('l.amount')})`, false],
    [`!lines.exists_one(l, l.line < 3 || ${overflows('l.amount')})`, true], [`lines.filter(l, l.line == 1 || ${overflows('l.amount')}).exists(l, true)`, true],
    [`lines.filter(l, l.line == 1 || ${overflows('l.amount')}).size() > 0`, false], [`lines.map(l, l.amount * 9007199254740991).size() == 4`, false],
    [`(1 / (transaction.total - 1600) > 0) || transaction.total > 0`, false],
  ] as const) t.equal(fires({ condition }), expected, condition);
  const versions: TestRule[] = [
    { id: 'v', version: 1, award: { kind: 'fixed', points: 1 } },
    { id: 'v', version: 2, validFrom: '2026-03-02T10:30:00Z', validTo: '2026-03-03T00:00:00Z', award: { kind: 'fixed', points: 2 } },
    { id: 'v', version: 3, validFrom: '2026-03-03T00:00:00Z', award: { kind: 'fixed', points: 3 } },
  ];
  t.same(pointsOf(versions), { v: 2 });
  t.same(pointsOf(versions, { total: 1, occurredAt: '2026-03-02T10:29:59.999Z' }), { v: 1 });
  t.same(pointsOf(versions, { total: 1, occurredAt: '2026-03-03T00:00:00Z' }), { v: 3 });
  t.same(pointsOf([...versions.slice(0, 1), { ...versions[1]!, scope: { partners: ['other'] } }]), {}, 'the highest valid version decides, also when it does not fire');
  t.end();
});

void t.test('shares', (t) => {
  t.same(decide([{ id: 'f', award: { kind: 'fixed', points: 10 } }]).shares, { f: [6, 3, 1] });
  t.same(decide([{ id: 'f', basis: 'line', award: { kind: 'perUnit', points: 10 } }]).shares, { f: [10, 25, 60] });
  t.same(decide([{ id: 'f', basis: 'line', award: { kind: 'perUnit', points: 10 }, caps: { perTransaction: 19 } }]).shares, { f: [2, 5, 12] }, '19 over 10, 25, 60');
  t.same(decide([{ id: 'f', award: { kind: 'fixed', points: 1 } }], { lines: [{ sku: 'a', quantity: 1, amount: 50 }, { sku: 'b', quantity: 1, amount: 50 }] }).shares, { f: [1, 0] }, 'ties: line order');
  t.end();
});

void t.test('currencies', (t) => {
  const program = { currencies: [{ id: 'points', scale: 0 }, { id: 'stars', scale: 1 }] };
  const reference = referenceOf([{ id: 's', award: { kind: 'percent', percent: 10, currency: 'stars' } }, { id: 'm', award: { kind: 'multiplier', factor: 2, of: ['s'], combine: 'sum' } }], { program });
  const { awards } = evaluate(reference, Receipt.of(reference, fromDocument({ ...base, total: 1000 })), none);
  t.same(awards.map(({ currency, points }) => [currency, points]), [[1, 10]], 'a multiplier in another currency does not multiply');
  t.end();
});

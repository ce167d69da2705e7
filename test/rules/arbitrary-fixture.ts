/**
 * Random rules and purchases for property tests: valid by construction, and small enough that rules meet each other (few partners, skus, categories, groups).
 */
import fc from 'fast-check';
import type { Award, LineMatch } from '../../schemas/reference.js';
import type { ShopOptions, TestPurchase, TestRule } from './shop-fixture.js';

export const world: ShopOptions = {
  program: { timeZone: 'America/New_York', currencies: [{ id: 'points', scale: 0 }, { id: 'cents', scale: 2 }] },
  partners: {
    shop: { timeZone: 'Europe/Berlin', stores: [{ id: 's1', timeZone: 'Asia/Tokyo' }, { id: 's2' }] },
    fuel: { timeZone: 'Australia/Lord_Howe', currency: 'KWD' },
  },
  products: {
    shop: [
      { sku: 'a', category: 'food', department: 'fresh', brand: 'own' }, { sku: 'b', category: 'drink', brand: 'acme' }, { sku: 'c', category: 'food', brand: 'acme' },
      { sku: 'd', department: 'fresh' }, { sku: 'é', category: 'drink', department: 'bar', brand: 'own' },
    ],
  },
};
const skus = ['a', 'b', 'c', 'd', 'é', 'unknown'], categories = ['food', 'drink', 'toys'], brands = ['own', 'acme'], departments = ['fresh', 'bar'];
const maybe = <T>(of: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(of, { nil: undefined, freq: 2 });
const some = (texts: string[]): fc.Arbitrary<string[]> => fc.uniqueArray(fc.constantFrom(...texts), { minLength: 1, maxLength: 2 });
const decimals = (max: number): fc.Arbitrary<number> => fc.integer({ min: 1, max: max * 1000 }).map((thousandths) => thousandths / 1000);

/** A record without its undefined fields, as documents are. */
const present = <T extends object>(value: T): T => Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T;

const conditions = [
  'transaction.total >= 1000', 'transaction.lines > 1 && transaction.channel != "web"', 'transaction.categories >= 2', 'transaction.hour >= 9 && transaction.hour < 17',
  'transaction.weekday in ["sat", "sun"] || transaction.store == "s1"', 'lines.exists(l, l.category == "food" && l.amount > 100)', '!lines.all(l, l.quantity >= 1000)',
  'sum(lines.filter(l, l.brand == "acme").map(l, l.amount)) * 2 > transaction.total', 'lines.filter(l, l.sku.startsWith("a")).size() == 1', 'lines.exists_one(l, l.department == "")',
  'transaction.currency == "KWD" ? transaction.total % 7 < 3 : transaction.total / 3 > 200', 'transaction.card.endsWith("c") && transaction.partner.contains("u")',
  'lines.map(l, l.kind == "product", l.discount).size() > 1', '-transaction.total < -500', 'lines.exists(l, l.kind == "discount")', 'sum(lines.map(l, l.discount)) > 80',
];
const lineConditions = ['line.quantity >= 2000', 'line.amount > 300 || line.category == "drink"', 'line.kind != "deposit" && line.line < 3', 'line.sku.contains("a")', 'line.discount > 40', 'line.kind == "product"'];

const lineKinds = ['skus', 'categories', 'brands', 'departments'] as const;
const lineMatch = (): fc.Arbitrary<LineMatch> =>
  fc.record({ skus: maybe(some(skus)), categories: maybe(some(categories)), brands: maybe(some(brands)), departments: maybe(some(departments)) }).map(present);
const lines = fc.record({ match: lineMatch(), exclude: maybe(lineMatch()), condition: maybe(fc.constantFrom(...lineConditions)) })
  .map(({ match, exclude, condition }) => present({ ...match, exclude, condition }))
  // Everything excluded is refused at publishing.
  .map((of) => (lineKinds.every((kind) => of[kind]?.every((text) => of.exclude?.[kind]?.includes(text)) ?? true) ? { ...of, exclude: undefined } : of))
  .map(present);

const points = fc.integer({ min: 1, max: 500 }), currency = maybe(fc.constantFrom('points', 'cents'));
const simpleAward = fc.oneof(
  fc.record({ kind: fc.constant('percent' as const), percent: decimals(300), currency }),
  fc.record({ kind: fc.constant('perAmount' as const), points, amount: fc.integer({ min: 1, max: 500 }), currency }),
  fc.record({ kind: fc.constant('fixed' as const), points, currency }),
  fc.record({ kind: fc.constant('perUnit' as const), points, currency }),
);
const countingAward = fc.oneof(
  fc.record({ kind: fc.constant('everyNth' as const), n: fc.integer({ min: 1, max: 4 }), points, currency }),
  fc.record({ kind: fc.constant('firstPurchase' as const), points, currency }),
  fc.record({
    kind: fc.constant('spendThreshold' as const), amount: fc.integer({ min: 100, max: 4000 }), points, currency, repeat: maybe(fc.boolean()),
    period: maybe(fc.constantFrom('day' as const, 'week' as const, 'month' as const, 'year' as const, 'ever' as const)),
  }),
);

const clock = fc.integer({ min: 0, max: 1439 }).map((minute) => `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`);
const schedule = fc.record({
  weekdays: maybe(some(['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'])), from: maybe(clock), to: maybe(clock), zone: maybe(fc.constantFrom('store', 'program', 'Asia/Kathmandu')),
}).filter(({ from, to }) => (from ?? '00:00') !== (to ?? '24:00')).map(present);

const frame = fc.record({
  phase: maybe(fc.integer({ min: -1, max: 1 })), priority: maybe(fc.integer({ min: -1, max: 1 })), schedule: maybe(schedule), condition: maybe(fc.constantFrom(...conditions)),
  scope: maybe(fc.record({ partners: maybe(some(['shop', 'fuel'])), stores: maybe(some(['s1', 's2', 's3'])), channels: maybe(some(['pos', 'web'])) }).map(present)),
  rounding: maybe(fc.constantFrom('floor' as const, 'half-up' as const, 'half-even' as const, 'ceiling' as const)),
  caps: maybe(fc.record({ perTransaction: maybe(points), perAccountPerDay: maybe(points) }).map(present)),
  stacking: maybe(fc.record({ group: fc.constantFrom('g', 'h'), mode: fc.constantFrom('best' as const, 'first' as const, 'sum' as const), cap: maybe(points) }).map(present)),
});

const baseRule = fc.oneof(
  { weight: 2, arbitrary: fc.record({ award: simpleAward, basis: maybe(fc.constantFrom('receipt' as const, 'line' as const)), lines: maybe(lines) }) },
  { weight: 1, arbitrary: fc.record({ award: countingAward, basis: fc.constant(undefined), lines: maybe(lines) }) },
);
const multiplierRule = fc.record({
  factor: decimals(3).map((above) => Math.round(1000 + above * 1000) / 1000), lines: maybe(lines),
  combine: fc.constantFrom('sum' as const, 'multiply' as const, 'best' as const),
});

/** Up to eight rules and four multipliers of some of them, in any order. */
export const ruleSet: fc.Arbitrary<TestRule[]> = fc.record({
  bases: fc.array(fc.tuple(baseRule, frame), { minLength: 1, maxLength: 8 }), multipliers: fc.array(fc.tuple(multiplierRule, frame, fc.nat()), { maxLength: 4 }),
}).map(({ bases, multipliers }) => [
  ...bases.map(([rule, more], i): TestRule => present({ id: `r${i}`, version: 1, ...more, ...rule, award: present(rule.award) as Award })),
  ...multipliers.map(([{ factor, combine, lines: of }, more, pick], i): TestRule => {
    const first = pick % bases.length, second = (pick >> 8) % bases.length, [{ award }] = bases[first]!;
    const given = { kind: 'multiplier', factor, combine, of: [...new Set([`r${first}`, `r${second}`])], currency: award.currency };
    return present({ id: `m${i}`, version: 1, ...more, lines: of, award: present(given) as Award });
  }),
]);

const line = fc.record({
  sku: fc.constantFrom(...skus), quantity: fc.constantFrom(0, 0.5, 1, 1, 2, 2.125, 3), amount: fc.oneof(fc.integer({ min: 0, max: 3000 }), fc.constantFrom(0, 100)),
  discount: maybe(fc.oneof(fc.integer({ min: 1, max: 99 }), fc.integer({ min: 1, max: 5000 }))), category: maybe(fc.constantFrom(...categories, 'other')),
}).map(present);
/** Lines that are no products: discounts, also free ones and those that were discounted themselves, and deposits, paid or given back. */
const extra = fc.record({
  kind: fc.constantFrom('discount' as const, 'discount' as const, 'deposit' as const), sku: maybe(fc.constantFrom(...skus)), quantity: fc.constantFrom(0, 0.5, 1),
  amount: fc.integer({ min: -200, max: 40 }), discount: maybe(fc.integer({ min: 1, max: 99 })),
}).map(present);
/** Of nothing but discounts: it can be returned, too. */
const free = fc.record({ sku: fc.constantFrom(...skus), quantity: fc.constant(0), amount: fc.constant(0), discount: fc.nat(99) });

/** Some days around a change of daylight saving time in New York and Berlin. */
const occurredAt = fc.integer({ min: Date.UTC(2026, 2, 5), max: Date.UTC(2026, 3, 2) }).map((ms) => new Date(ms).toISOString());
export const purchase: fc.Arbitrary<TestPurchase> = fc.record({
  partner: fc.constantFrom('shop', 'shop', 'shop', 'fuel'), store: maybe(fc.constantFrom('s1', 's2', 's3')), channel: maybe(fc.constantFrom('pos', 'web')),
  currency: fc.constantFrom('EUR', 'EUR', 'JPY', 'KWD'), occurredAt, only: fc.nat(19), free: fc.array(free, { minLength: 1, maxLength: 3 }), total: fc.integer({ min: 0, max: 5000 }),
  lines: fc.array(fc.oneof({ weight: 5, arbitrary: line }, { weight: 1, arbitrary: extra }), { minLength: 1, maxLength: 7 }),
}).map(({ only, free, total, lines: given, ...rest }) => present(only < 2 ? { ...rest, total } : { ...rest, lines: only === 2 ? free : given }) as TestPurchase)
  .filter(({ lines: given }) => given === undefined || given.reduce((sum, { amount }) => sum + amount, 0) >= 0);

/** The index: a purchase looks only at rules that it can set off; versions and schedules; the order of publishing does not matter. */
import t from 'tap';
import { Reference } from '../reference.js';
import { Shop, type TestRule } from '../../test/rules/shop-fixture.js';

const fixed = (id: string, more: Partial<TestRule> = {}): TestRule => ({ id, award: { kind: 'fixed', points: 1 }, ...more });
const lines = [{ sku: 'a', quantity: 1, amount: 100 }, { sku: 'zz', quantity: 1, amount: 100, category: 'food' }];

t.test('candidates', async (t) => {
  const partners = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [i === 0 ? 'shop' : `p${i}`, {}]));
  const shop = new Shop([
    fixed('all'), ...Array.from({ length: 39 }, (_, i) => fixed(`own${i}`, { scope: { partners: [`p${i + 1}`] } })),
    ...Array.from({ length: 50 }, (_, i) => fixed(`sku${i}`, { lines: { skus: [`x${i}`] } })),
    ...Array.from({ length: 50 }, (_, i) => fixed(`store${i}`, { scope: { stores: [`s${i}`] } })),
    fixed('a', { lines: { skus: ['a'] } }), fixed('food', { lines: { categories: ['food'] } }),
  ], { partners });
  t.same(shop.points({ lines, store: 's7' }), { a: 1, all: 1, food: 1, store7: 1 });
  t.equal(shop.awards.candidates, 4, 'of 141 rules');
});
t.test('products and lines of their own category', async (t) => {
  const rules = [
    fixed('food', { lines: { categories: ['food'] } }), fixed('acme', { lines: { brands: ['acme'], exclude: { skus: ['b'] } } }), fixed('rest', { lines: { exclude: { departments: ['bar'] } } }),
  ];
  const shop = new Shop(rules, {
    products: { shop: [{ sku: 'a', category: 'food', brand: 'acme' }, { sku: 'b', category: 'food', brand: 'acme', department: 'bar' }] },
  });
  const line = (sku: string, category?: string): object => ({ sku, quantity: 1, amount: 100, ...category === undefined ? {} : { category } });
  const fired = (...given: object[]): string[] => Object.keys(shop.points({ lines: given as typeof lines }));
  t.same(fired(line('a')), ['acme', 'food', 'rest']);
  t.same(fired(line('a', 'toys')), ['acme', 'rest'], "the line's own category counts");
  t.same(fired(line('b')), ['food']);
  t.same(fired(line('new', 'food')), ['food', 'rest'], 'an unknown product');
  t.same(fired(line('new')), ['rest']);
  t.same(fired(line('b', 'x'.repeat(100))), []);
});
t.test('partners that share their products, one of them with rules of its own; two sets in turn', async (t) => {
  const products = [{ sku: 'a', category: 'food' }, { sku: 'b', category: 'toys' }, { sku: 'a longer one', category: 'food' }];
  const own = { version: 1, ...fixed('own', { scope: { partners: ['other'] }, lines: { skus: ['b'] } }) };
  const shop = new Shop([fixed('food', { lines: { categories: ['food'] } }), own], {
    partners: { shop: {}, other: {} }, products: { shop: products, other: products },
  });
  const shared = new Reference(shop.store.set, new Map(), shop.reference);
  shop.store.putRules({ rules: [{ id: 'food', version: 2, award: { kind: 'fixed', points: 2 }, lines: { categories: ['food'], exclude: { skus: ['a longer one'] } } }, own] });
  const later = new Reference(shop.store.set, new Map(), shared);
  t.equal(shared.productTable(0), shared.productTable(1));
  t.equal(shared.productTable(0), later.productTable(0));
  const line = (sku: string): typeof lines => [{ sku, quantity: 1, amount: 100 }];
  for (const reference of [shared, later, shared, later, later]) {
    Object.assign(shop, { reference });
    const food = reference === shared ? 1 : 2;
    t.same(shop.points({ lines: line('a') }), { food });
    t.same(shop.points({ lines: line('b') }), {});
    t.same(shop.points({ lines: line('a longer one') }), food === 1 ? { food } : {});
    t.same(shop.points({ partner: 'other', lines: line('a') }), { food });
    t.same(shop.points({ partner: 'other', lines: line('b') }), { own: 1 });
    t.same(shop.points({ partner: 'other', lines: line('a longer onf') }), {});
  }
});
t.test('of each rule the highest version that is valid at occurredAt', async (t) => {
  const shop = new Shop([
    { id: 'p', version: 1, award: { kind: 'fixed', points: 1 } },
    { id: 'p', version: 2, award: { kind: 'fixed', points: 2 }, validFrom: '2026-03-01', validTo: '2026-04-01' },
    { id: 'p', version: 3, award: { kind: 'fixed', points: 3 }, validFrom: '2026-03-31T12:00:00+02:00' },
  ], { program: { timeZone: 'America/New_York' } });
  const given = ['2026-03-01T04:59:59Z', '2026-03-01T05:00:00Z', '2026-03-31T09:59:59Z', '2026-03-31T10:00:00Z'].map((occurredAt) => shop.points({ total: 1, occurredAt })['p']);
  t.same(given, [1, 2, 2, 3], "a date is in the program's zone");
});
t.test('schedules', async (t) => {
  const shop = new Shop([
    fixed('night', { schedule: { weekdays: ['sat'], from: '22:00', to: '02:00' } }), fixed('utc', { schedule: { from: '14:00', to: '16:00', zone: 'UTC' } }),
    fixed('sunday', { schedule: { weekdays: ['sun'] } }),
  ], { partners: { shop: { timeZone: 'Europe/Berlin' } } });
  const at = (occurredAt: string): string[] => Object.keys(shop.points({ total: 1, occurredAt }));
  t.same(at('2026-03-28T20:59:59Z'), [], 'Saturday 21:59:59');
  t.same(at('2026-03-28T21:00:00Z'), ['night']);
  t.same(at('2026-03-29T00:59:59Z'), ['night', 'sunday'], 'Sunday 1:59:59, still the night of Saturday');
  t.same(at('2026-03-29T01:00:00Z'), ['sunday'], 'the clocks go from 2 to 3');
  t.same(at('2026-03-30T14:00:00Z'), ['utc']);
  t.same(at('2026-03-30T16:00:00Z'), []);
});
t.test('the order of publishing does not matter', async (t) => {
  const rules: TestRule[] = [
    fixed('b', { stacking: { group: 'g', mode: 'first' } }), fixed('a', { stacking: { group: 'g', mode: 'best' } }),
    { id: 'm', award: { kind: 'multiplier', factor: 2, of: ['a', 'c'], combine: 'best' } },
    fixed('c', { priority: 5 }), fixed('\u{1f600}'), fixed('\uffee'),
  ];
  const expected = new Shop(rules).buy({ lines });
  t.same(new Shop([...rules].reverse()).buy({ lines }), expected);
  t.same(expected.map(({ rule }) => rule), ['c', 'a', 'm', '\uffee', '\u{1f600}'], 'ids go by their bytes');
});

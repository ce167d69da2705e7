/**
 * The job that stream processors are compared by (twenty rules on a basket, a cap over all of them), as published rules: the points of each purchase equal a plain
 * calculation of the job.
 */
import t from 'tap';
import { Random } from '../../loadtest/random.js';
import { Shop, type TestRule } from './shop-fixture.js';

const CAP = 5000, all = { group: 'all', mode: 'sum', cap: CAP } as const;
const partnerIds = Array.from({ length: 21 }, (_, i) => `p${i}`);
const rules: TestRule[] = ([
  { id: 'base', award: { kind: 'perAmount', points: 1, amount: 100 } },
  ...Array.from({ length: 10 }, (_, i): TestRule => ({
    id: `category-${3 * (i + 1)}`, lines: { categories: [`c${3 * (i + 1)}`] }, basis: 'line', award: { kind: 'percent', percent: 100 * (i + 1) },
  })),
  { id: 'happy-hours', schedule: { from: '14:00', to: '16:00', zone: 'UTC' }, award: { kind: 'multiplier', factor: 2, of: ['base'], combine: 'multiply' } },
  { id: 'large', condition: 'transaction.total >= 300000', award: { kind: 'fixed', points: 500 } },
  { id: 'third', award: { kind: 'everyNth', n: 3, points: 100 } },
  { id: 'first', award: { kind: 'firstPurchase', points: 200 } },
  { id: 'three-pieces', lines: { condition: 'line.quantity >= 3000' }, basis: 'line', award: { kind: 'fixed', points: 50 } },
  { id: 'partners', scope: { partners: partnerIds.filter((_, i) => i % 7 === 0) }, award: { kind: 'multiplier', factor: 3, of: ['base'], combine: 'multiply' } },
  { id: 'variety', condition: 'transaction.categories >= 5', award: { kind: 'fixed', points: 75 } },
  { id: 'spend', award: { kind: 'spendThreshold', amount: 1_000_000, points: 1000, repeat: true } },
] satisfies TestRule[]).map((rule) => ({ ...rule, stacking: all }));

t.equal(rules.length, 19, 'the twentieth is the cap');
const shop = new Shop(rules, { partners: Object.fromEntries(partnerIds.map((id) => [id, {}])) }), random = new Random(42).at(0);
const state = { count: 0, spend: 0 };
for (let n = 0; n < 600; n++) {
  const partner = random.below(21), ms = Date.UTC(2026, 0, 1) + random.below(86_400_000);
  const items = Array.from({ length: 1 + random.below(9) }, () => ({ sku: random.below(80_000), quantity: 1 + random.below(4), amount: 1 + random.below(60_000) }));
  const given = shop.points({
    partner: `p${partner}`, occurredAt: new Date(ms).toISOString(),
    lines: items.map(({ sku, quantity, amount }) => ({ sku: `${sku}`, quantity, amount, category: `c${sku % 100}` })),
  });
  const points = Object.values(given).reduce((sum, part) => sum + part, 0), expected = plainly(partner, ms, items);
  if (points !== expected) t.equal(points, expected, `purchase ${n} of seed 42: ${JSON.stringify(given)}`);
}
t.equal(state.count, 600);

function plainly(partner: number, ms: number, items: { sku: number; quantity: number; amount: number }[]): number {
  const total = items.reduce((sum, { amount }) => sum + amount, 0), hour = new Date(ms).getUTCHours();
  let points = Math.floor(total / 100) * (hour >= 14 && hour < 16 ? 2 : 1) * (partner % 7 === 0 ? 3 : 1);
  for (const { sku, quantity, amount } of items) {
    for (let k = 1; k <= 10; k++) if (sku % 100 === 3 * k) points += Math.floor((amount * k) / 100);
    if (quantity >= 3) points += 50;
  }
  if (total >= 300_000) points += 500;
  if (++state.count % 3 === 0) points += 100;
  if (state.count === 1) points += 200;
  if (new Set(items.map(({ sku }) => sku % 100)).size >= 5) points += 75;
  const before = Math.floor(state.spend / 1_000_000);
  state.spend += total;
  return Math.min(CAP, points + 1000 * (Math.floor(state.spend / 1_000_000) - before));
}

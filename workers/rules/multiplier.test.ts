/** multiplier: what is above the rule's own award is the multiplier's; sum, multiply, best. */
import t from 'tap';
import { Shop, type TestRule } from '../../test/rules/shop-fixture.js';
import { factorSteps, Combine } from './multiplier.js';

const base: TestRule = { id: 'base', award: { kind: 'perAmount', points: 1, amount: 100 } };
const times = (id: string, factor: number, combine: 'sum' | 'multiply' | 'best', more: Partial<TestRule> = {}): TestRule =>
  ({ id, award: { kind: 'multiplier', factor, of: ['base'], combine }, ...more });
const total = 1000;

t.same(new Shop([base, times('x', 2, 'sum'), times('y', 3, 'sum')]).points({ total }), { base: 10, x: 10, y: 20 }, '×4 by sum');
t.same(new Shop([base, times('x', 2, 'multiply'), times('y', 3, 'multiply')]).points({ total }), { base: 10, x: 10, y: 40 }, '×6 by multiply');
t.same(new Shop([base, times('x', 2, 'best'), times('y', 3, 'best'), times('z', 3, 'best')]).points({ total }), { base: 10, y: 20 }, '×3 by best, the first of equals');
t.same(new Shop([base, times('a', 2, 'best'), times('b', 2, 'multiply'), times('c', 1.5, 'sum')]).points({ total }), { base: 10, c: 5, b: 15, a: 30 }, 'sum, then multiply, then best');
t.same(new Shop([{ ...base, award: { kind: 'percent', percent: 15 } }, times('x', 1.5, 'sum')]).points({ total }), { base: 1, x: 1 }, '1.5 × 1.5 = 2.25, rounded once');
t.same(new Shop([base, times('x', 2, 'sum', { caps: { perTransaction: 4 } })]).points({ total }), { base: 10, x: 4 }, 'its own cap');
t.same(new Shop([{ ...base, caps: { perTransaction: 4 } }, times('x', 2, 'sum')]).points({ total }), { base: 4, x: 10 }, 'of the award before its cap');
const stacking = { group: 'g', mode: 'best' } as const;
t.same(new Shop([{ ...base, stacking }, { id: 'rival', award: { kind: 'fixed', points: 11 }, stacking }, times('x', 2, 'sum')]).points({ total }),
  { rival: 11, x: 10 }, 'stays when its rule loses');
const both: TestRule = { id: 'x', award: { kind: 'multiplier', factor: 2, of: ['base', 'other'], combine: 'sum' } };
t.same(new Shop([base, both, { id: 'other', award: { kind: 'fixed', points: 5 }, lines: { skus: ['b'] } }])
  .shares({ lines: [{ sku: 'a', quantity: 1, amount: 300 }, { sku: 'b', quantity: 1, amount: 700 }] }),
{ base: [3, 7], other: [5], x: [5, 10] }, 'the sum of both, over all their lines (4.5 and 10.5: ties to the first)');

t.test('many factors stay exact', async (t) => {
  const steps = factorSteps(Array.from({ length: 8 }, () => ({ factor: { numerator: 999_999_999, denominator: 1_000_000 }, combine: Combine.multiply })));
  t.equal(BigInt(steps.at(-1)!.factor.numerator), 999_999_999n ** 8n);
});

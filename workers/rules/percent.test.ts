/** percent: one major unit of money is one point; exact fractions; each line by itself with basis line. */
import t from 'tap';
import { Shop } from '../../test/rules/shop-fixture.js';

const lines = [{ sku: 'a', quantity: 1, amount: 333 }, { sku: 'b', quantity: 1, amount: 333 }, { sku: 'c', quantity: 1, amount: 334 }];
const cents = { program: { currencies: [{ id: 'points', scale: 2 }] } };

t.same(new Shop([{ id: 'p', award: { kind: 'percent', percent: 5 } }]).points({ total: 1000 }), {}, 'half a point rounds down to none');
t.same(new Shop([{ id: 'p', award: { kind: 'percent', percent: 5 } }], cents).points({ total: 1000 }), { p: 50 }, 'points with two decimals');
t.same(new Shop([{ id: 'p', award: { kind: 'percent', percent: 5 } }]).points({ total: 1000, currency: 'JPY' }), { p: 50 }, 'yen have no decimals');
t.same(new Shop([{ id: 'p', award: { kind: 'percent', percent: 5 } }]).points({ total: 100_000, currency: 'KWD' }), { p: 5 }, 'dinars have three');
t.same(new Shop([{ id: 'p', award: { kind: 'percent', percent: 0.000_001 }, rounding: 'ceiling' }]).points({ total: 1 }), { p: 1 });

for (const [rounding, points] of [['floor', 2], ['half-up', 3], ['half-even', 2], ['ceiling', 3]] as const) {
  t.same(new Shop([{ id: 'p', award: { kind: 'percent', percent: 2.5 }, rounding }]).points({ total: 10_000 }), { p: points }, `2.5 by ${rounding}`);
}
t.same(new Shop([{ id: 'p', award: { kind: 'percent', percent: 100 }, rounding: 'half-up' }]).shares({ lines }),
  { p: [3, 3, 4] }, 'by receipt: 10 points, the rest to the largest remainder');
t.same(new Shop([{ id: 'p', award: { kind: 'percent', percent: 100 }, basis: 'line', rounding: 'half-up' }]).points({ lines }), { p: 9 }, 'by line: 3 + 3 + 3');
t.throws(() => new Shop([{ id: 'p', award: { kind: 'percent', percent: 1_000_000 } }]).points({ total: Number.MAX_SAFE_INTEGER, currency: 'JPY' }), { message: 'overflow' });

import t from 'tap';
import { decimal, fraction, largestRemainder, round } from './fraction.js';

void t.test('rounding modes at and around the half', (t) => {
  const quarters = [0, 1, 2, 3, 4, 5, 6, 7].map((n) => fraction(BigInt(n), 4n)); // 0 ¼ ½ ¾ 1 1¼ 1½ 1¾
  const of = (mode: 'floor' | 'ceiling' | 'half-up' | 'half-even'): number[] => quarters.map((value) => Number(round(value, mode)));
  t.same(of('floor'), [0, 0, 0, 0, 1, 1, 1, 1]);
  t.same(of('ceiling'), [0, 1, 1, 1, 1, 2, 2, 2]);
  t.same(of('half-up'), [0, 0, 1, 1, 1, 1, 2, 2]);
  t.same(of('half-even'), [0, 0, 0, 1, 1, 1, 2, 2]);
  t.end();
});

void t.test('decimals are what their digits say', (t) => {
  t.same(decimal(2.5), { numerator: 25n, denominator: 10n });
  t.same(decimal(3), { numerator: 3n, denominator: 1n });
  t.same(decimal(0.000001), { numerator: 1n, denominator: 1_000_000n });
  t.same(decimal(0.1), { numerator: 1n, denominator: 10n });
  t.end();
});

void t.test('largest remainder', (t) => {
  t.same(largestRemainder(10, [1, 1, 1]), [4, 3, 3], 'ties go to the earlier');
  t.same(largestRemainder(7, [500, 300, 200]), [4, 2, 1], '3.5, 2.1, 1.4: one left, to the first');
  t.same(largestRemainder(5, [0, 0]), [5, 0], 'without weights all to the first');
  t.same(largestRemainder(0, [3, 2]), [0, 0]);
  t.end();
});

/** Products of fractions equal big-integer arithmetic, whatever their size. */
import fc from 'fast-check';
import t from 'tap';
import { decimal, greater, plusAbove, reduced, Round, roundProduct, times } from './fraction.js';

const seed = 42;
t.comment(`seed ${seed}`);
const size = fc.oneof(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }));
const fraction = fc.tuple(size, size).map(([numerator, denominator]) => ({ numerator, denominator }));

function expected(x: number, n: bigint, d: bigint, rounding: number): number {
  const floor = (BigInt(x) * n) / d, rest = (BigInt(x) * n) % d, twice = rest * 2n;
  const evenUp = twice > d || (twice === d && floor % 2n === 1n);
  const up = rounding === Round.ceiling ? rest > 0n : rounding === Round['half-up'] ? twice >= d : rounding === Round['half-even'] && evenUp;
  const rounded = up ? floor + 1n : floor;
  return rounded > BigInt(Number.MAX_SAFE_INTEGER) ? Infinity : Number(rounded);
}

t.test('rounded once', async () => {
  fc.assert(fc.property(fc.oneof(fc.constant(0), size), fraction, fraction, fc.nat({ max: 3 }), (x, a, b, rounding) =>
    roundProduct(x, a, b, rounding) === expected(x, BigInt(a.numerator) * BigInt(b.numerator), BigInt(a.denominator) * BigInt(b.denominator), rounding)), { seed, numRuns: 5000 });
});
t.test('halves', async (t) => {
  const half = { numerator: 1, denominator: 2 }, one = { numerator: 1, denominator: 1 };
  t.same([1, 3, 5].map((x) => roundProduct(x, half, one, Round['half-even'])), [0, 2, 2]);
  t.same([1, 3, 5].map((x) => roundProduct(x, half, one, Round['half-up'])), [1, 2, 3]);
});
t.test('decimals are exact', async (t) => {
  t.same(decimal(2.5), { numerator: 5, denominator: 2 });
  t.same(decimal(0.000_001), { numerator: 1, denominator: 1_000_000 });
  t.same(decimal(999_999.999_999), { numerator: 999_999_999_999, denominator: 1_000_000 });
  t.same(times(decimal(1.5), decimal(1.5)), decimal(2.25));
  t.same(plusAbove(decimal(2), decimal(3)), decimal(4));
  t.ok(greater(decimal(1.000_001), decimal(1)));
  t.type(reduced(2n ** 60n, 1n).numerator, 'bigint');
});

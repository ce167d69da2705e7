/** Shares add up, lie within one of the exact proportion, and go by largest remainder. */
import fc from 'fast-check';
import t from 'tap';
import { shareOut } from './shares.js';

const seed = 42;
t.comment(`seed ${seed}`);

function split(whole: number, weights: number[]): number[] {
  const into = new Float64Array(weights.length);
  shareOut(whole, Float64Array.from(weights), weights.length, into);
  return [...into];
}
/** By definition, with big integers. */
function expected(whole: number, weights: number[]): number[] {
  const total = weights.reduce((sum, weight) => sum + BigInt(weight), 0n);
  if (total === 0n) return weights.map((_, i) => (i === 0 ? whole : 0));
  const shares = weights.map((weight) => Number((BigInt(whole) * BigInt(weight)) / total)), rests = weights.map((weight) => (BigInt(whole) * BigInt(weight)) % total);
  const order = weights.map((_, i) => i).sort((a, b) => (rests[a]! === rests[b]! ? a - b : rests[a]! > rests[b]! ? -1 : 1));
  const left = whole - shares.reduce((sum, share) => sum + share, 0);
  for (const i of order.slice(0, left)) shares[i]!++;
  return shares;
}

t.same(split(10, [1, 1, 1]), [4, 3, 3], 'ties to the first');
t.same(split(1, [0, 5, 5]), [0, 1, 0]);
t.same(split(7, [0, 0]), [7, 0], 'no weight: all to the first');
t.same(split(0, [3, 4]), [0, 0]);
t.test('any whole over any weights', async () => {
  const weight = fc.oneof(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 0, max: 2 ** 40 }));
  fc.assert(fc.property(fc.oneof(fc.nat({ max: 1000 }), fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })), fc.array(weight, { minLength: 1, maxLength: 60 }), (whole, weights) =>
    JSON.stringify(split(whole, weights)) === JSON.stringify(expected(whole, weights))), { seed, numRuns: 2000 });
});

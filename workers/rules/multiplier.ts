/** multiplier: multiplies what other rules award (evaluate.ts does it, over all multipliers of a rule at once); by itself it earns nothing. */
import { decimal, greater, ONE, plusAbove, times, type Fraction } from './fraction.js';
import { termsOf, type AwardKind, type AwardOf } from './award-kind.js';

export const multiplier: AwardKind<AwardOf<'multiplier'>> = {
  name: 'multiplier',
  terms: () => termsOf({ numerator: 0, denominator: 1 }),
};

export const Combine = { sum: 0, multiply: 1, best: 2 } as const;
export interface Factor { readonly factor: Fraction; readonly combine: number }
export const factorOf = ({ factor, combine }: AwardOf<'multiplier'>): Factor => ({ factor: decimal(factor), combine: Combine[combine] });

/**
 * Calls `step` with the number of each multiplier (in rule order) that has a say, in the order of their report (sum, multiply, the first best), with the whole factor up to and including it.
 */
export function eachFactor(multipliers: readonly Factor[], step: (index: number, factor: Fraction) => void): void {
  let whole = ONE, best = -1;
  multipliers.forEach(({ factor, combine }, i) => {
    if (combine === Combine.sum) step(i, (whole = plusAbove(whole, factor)));
    else if (combine === Combine.best && (best < 0 || greater(factor, multipliers[best]!.factor))) best = i;
  });
  multipliers.forEach(({ factor, combine }, i) => {
    if (combine === Combine.multiply) step(i, (whole = times(whole, factor)));
  });
  if (best >= 0) step(best, times(whole, multipliers[best]!.factor));
}

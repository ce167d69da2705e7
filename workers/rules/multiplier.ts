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

/** `multiplier`: place in the list of multipliers. `factor`: the whole factor up to and including it. */
export interface FactorStep { readonly multiplier: number; readonly factor: Fraction }
interface Multiplies { readonly rule: { readonly factor: Factor | undefined } }

/** Up to so many multipliers are remembered by one number of their ranks: three times 15 bits are exact, and a plan has fewer candidates than RANKS (schemas/rule.ts RULES_MAX). */
const KEYED_MAX = 3, RANKS = 1 << 15;
const STEPS_MAX = 4096;

/** The steps of multipliers that fired together, remembered by their ranks in one plan: the same few fire again and again. */
export class Factors {
  private readonly known = new Map<number, readonly FactorStep[]>();

  /** `ranks`: the multipliers that fired, as places among the candidates, in rule order. */
  steps(candidates: readonly Multiplies[], ranks: Int32Array, count: number): readonly FactorStep[] {
    const factors = (): Factor[] => Array.from(ranks.subarray(0, count), (rank) => candidates[rank]!.rule.factor!);
    if (count > KEYED_MAX) return factorSteps(factors());
    let key = 0;
    for (let i = 0; i < count; i++) key = key * RANKS + ranks[i]! + 1;
    let steps = this.known.get(key);
    if (steps === undefined) {
      if (this.known.size === STEPS_MAX) this.known.clear();
      this.known.set(key, (steps = factorSteps(factors())));
    }
    return steps;
  }
}

/** The multipliers that have a say, in the order of their report: sum, multiply, the first best. */
export function factorSteps(multipliers: readonly Factor[]): readonly FactorStep[] {
  const steps: FactorStep[] = [];
  let whole = ONE, best = -1;
  multipliers.forEach(({ factor, combine }, i) => {
    if (combine === Combine.sum) steps.push({ multiplier: i, factor: (whole = plusAbove(whole, factor)) });
    else if (combine === Combine.best && (best < 0 || greater(factor, multipliers[best]!.factor))) best = i;
  });
  multipliers.forEach(({ factor, combine }, i) => {
    if (combine === Combine.multiply) steps.push({ multiplier: i, factor: (whole = times(whole, factor)) });
  });
  if (best >= 0) steps.push({ multiplier: best, factor: times(whole, multipliers[best]!.factor) });
  return steps;
}

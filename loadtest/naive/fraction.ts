/**
 * Exact fractions of big integers: what the naive implementation calculates with. Written for clarity; nothing here is ever rounded silently.
 */
import type { RuleDocument } from '../../schemas/reference.js';

export type RoundingMode = NonNullable<RuleDocument['rounding']>;

/** numerator / denominator, denominator > 0; not reduced. */
export interface Fraction { numerator: bigint; denominator: bigint }

export const fraction = (numerator: bigint, denominator = 1n): Fraction => ({ numerator, denominator });
export const ONE = fraction(1n);

/** A decimal of a rule document (percent: 2.5) as the exact fraction that its digits say. Remembered: rules state few. */
export function decimal(value: number): Fraction {
  const kept = decimals.get(value);
  if (kept) return kept;
  const [whole = '0', digits = ''] = plainDigits(value).split('.');
  const exact = fraction(BigInt(whole + digits), 10n ** BigInt(digits.length));
  if (decimals.size < DECIMALS_MAX) decimals.set(value, exact);
  return exact;
}
const DECIMALS_MAX = 100_000;
const decimals = new Map<number, Fraction>();

export const add = (a: Fraction, b: Fraction): Fraction => fraction(a.numerator * b.denominator + b.numerator * a.denominator, a.denominator * b.denominator);
export const multiply = (a: Fraction, b: Fraction): Fraction => fraction(a.numerator * b.numerator, a.denominator * b.denominator);
export const greater = (a: Fraction, b: Fraction): boolean => a.numerator * b.denominator > b.numerator * a.denominator;

/** Rounds a fraction that is not negative. */
export function round(value: Fraction, mode: RoundingMode): bigint {
  const whole = value.numerator / value.denominator, rest = value.numerator % value.denominator;
  if (rest === 0n) return whole;
  switch (mode) {
    case 'floor': return whole;
    case 'ceiling': return whole + 1n;
    case 'half-up': return 2n * rest >= value.denominator ? whole + 1n : whole;
    case 'half-even': {
      if (2n * rest === value.denominator) return whole % 2n === 0n ? whole : whole + 1n;
      return 2n * rest > value.denominator ? whole + 1n : whole;
    }
  }
}

/** floor(x × part / whole) and what is left of that division, exactly; integers that are not negative. */
export function divide(x: number, part: number, whole: number): { floor: number; rest: number } {
  const product = x * part;
  if (product <= Number.MAX_SAFE_INTEGER) return { floor: Math.floor(product / whole), rest: product % whole };
  const exact = BigInt(x) * BigInt(part);
  return { floor: Number(exact / BigInt(whole)), rest: Number(exact % BigInt(whole)) };
}

/**
 * Largest remainder: splits x over weights. Each gets the floor of its quota; what is left goes, one each, to the largest remainders, the earlier
 * first among equals. All of it goes to the first when there is no weight.
 */
export function largestRemainder(x: number, weights: number[]): number[] {
  if (weights.length === 1) return [x];
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (x === 0 || total === 0) return weights.map((_, i) => (i === 0 ? x : 0));
  const quotas = weights.map((weight) => divide(x, weight, total));
  const shares = quotas.map(({ floor }) => floor);
  const left = x - shares.reduce((sum, share) => sum + share, 0);
  if (left === 0) return shares;
  const byRest = weights.map((_, i) => i).sort((a, b) => quotas[b]!.rest - quotas[a]!.rest || a - b);
  for (const i of byRest.slice(0, left)) shares[i]!++;
  return shares;
}

/** 1e-7 and the like written out: at most 6 decimals are legal, so 10 are plenty. */
function plainDigits(value: number): string {
  const text = String(value);
  return text.includes('e') ? value.toFixed(10).replace(/\.?0+$/, '') : text;
}

/**
 * Exact fractions of big integers: what the naive implementation calculates with. Written for clarity; nothing here is ever rounded silently.
 */
import type { RuleDocument } from '../../schemas/reference.js';

export type RoundingMode = NonNullable<RuleDocument['rounding']>;

/** numerator / denominator, denominator > 0; not reduced. */
export interface Fraction { numerator: bigint; denominator: bigint }

export const fraction = (numerator: bigint, denominator = 1n): Fraction => ({ numerator, denominator });
export const ONE = fraction(1n);

/** A decimal of a rule document (percent: 2.5) as the exact fraction that its digits say. */
export function decimal(value: number): Fraction {
  if (Number.isSafeInteger(value)) return fraction(BigInt(value));
  const [whole = '0', digits = ''] = plainDigits(value).split('.');
  return fraction(BigInt(whole + digits), 10n ** BigInt(digits.length));
}

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

/**
 * Largest remainder: splits a whole over weights. Each gets the floor of its quota; what is left goes, one each, to the largest remainders, the earlier first among equals.
 * All of it goes to the first when there is no weight.
 */
export function largestRemainder(whole: bigint, weights: bigint[]): bigint[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0n);
  if (total === 0n) return weights.map((_, i) => (i === 0 ? whole : 0n));
  const shares = weights.map((weight) => (whole * weight) / total);
  const remainders = weights.map((weight) => (whole * weight) % total);
  const left = Number(whole - shares.reduce((sum, share) => sum + share, 0n));
  if (left === 0) return shares;
  const byRemainder = weights.map((_, i) => i).sort((a, b) => (remainders[a]! === remainders[b]! ? a - b : remainders[a]! > remainders[b]! ? -1 : 1));
  for (const i of byRemainder.slice(0, left)) shares[i]! += 1n;
  return shares;
}

/** 1e-7 and the like written out: at most 6 decimals are legal, so 10 are plenty. */
function plainDigits(value: number): string {
  const text = String(value);
  return text.includes('e') ? value.toFixed(10).replace(/\.?0+$/, '') : text;
}

/**
 * Exact arithmetic of awards: x × numerator / denominator × factor, rounded once. Numbers as long as every product stays within 2^53-1, big integers beyond.
 */
export type Rounding = 'floor' | 'half-up' | 'half-even' | 'ceiling';
export const Round = { floor: 0, 'half-up': 1, 'half-even': 2, ceiling: 3 } as const satisfies Record<Rounding, number>;

/** A positive fraction of integers; big when a part passes 2^53-1. */
export interface Fraction { numerator: number | bigint; denominator: number | bigint }
export const ONE: Fraction = { numerator: 1, denominator: 1 };

const MAX = Number.MAX_SAFE_INTEGER;

/** A decimal as it is written, at most six places: 2.5 is 5/2. */
export function decimal(value: number): Fraction {
  const millionths = Math.round(value * 1e6);
  return reduced(BigInt(millionths), 1_000_000n);
}

export function reduced(numerator: bigint, denominator: bigint): Fraction {
  const divisor = greatestCommonDivisor(numerator, denominator);
  return { numerator: small(numerator / divisor), denominator: small(denominator / divisor) };
}
export function times(a: Fraction, b: Fraction): Fraction {
  return reduced(BigInt(a.numerator) * BigInt(b.numerator), BigInt(a.denominator) * BigInt(b.denominator));
}
/** a + b - 1, for factors: b adds what it is above 1. */
export function plusAbove(a: Fraction, b: Fraction): Fraction {
  if (b.numerator === 1 && b.denominator === 1) return a;
  const above = BigInt(b.numerator) - BigInt(b.denominator);
  return reduced(BigInt(a.numerator) * BigInt(b.denominator) + above * BigInt(a.denominator), BigInt(a.denominator) * BigInt(b.denominator));
}
export const greater = (a: Fraction, b: Fraction): boolean => BigInt(a.numerator) * BigInt(b.denominator) > BigInt(b.numerator) * BigInt(a.denominator);

/** round(x × a × b); Infinity when it passes 2^53-1. x is an integer of at most 2^53-1, not negative. */
export function roundProduct(x: number, a: Fraction, b: Fraction, rounding: number): number {
  // A product that rounds to at most 2^53-1 was exact: the first inexact one is 2^53.
  const numerator = typeof a.numerator === 'number' && typeof b.numerator === 'number' ? x * a.numerator * b.numerator : Infinity;
  const denominator = typeof a.denominator === 'number' && typeof b.denominator === 'number' ? a.denominator * b.denominator : Infinity;
  if (numerator > MAX || denominator > MAX) {
    return roundBig(BigInt(x) * BigInt(a.numerator) * BigInt(b.numerator), BigInt(a.denominator) * BigInt(b.denominator), rounding);
  }
  if (denominator === 1) return numerator;
  const floor = Math.floor(numerator / denominator); // exact: the quotient of integers up to 2^53-1 never rounds up to the next integer
  const rest = numerator - floor * denominator;
  return rest > 0 && roundsUp(rounding, rest * 2 - denominator, floor % 2 === 1) ? floor + 1 : floor;
}

/** floor(x × part / whole), exactly. Integers of at most 2^53-1, not negative, and part at most whole, which is not 0. */
export function portion(x: number, part: number, whole: number): number {
  return x * part <= MAX ? Math.floor((x * part) / whole) : Number((BigInt(x) * BigInt(part)) / BigInt(whole));
}
/** ceil(x × part / whole), exactly; 0 of nothing. */
export function portionUp(x: number, part: number, whole: number): number {
  if (whole === 0) return 0;
  return x * part + whole <= MAX ? Math.floor((x * part + whole - 1) / whole) : Number((BigInt(x) * BigInt(part) + BigInt(whole) - 1n) / BigInt(whole));
}

function roundBig(numerator: bigint, denominator: bigint, rounding: number): number {
  const floor = numerator / denominator, rest = numerator % denominator, over = rest * 2n - denominator;
  const rounded = rest > 0n && roundsUp(rounding, over > 0n ? 1 : over < 0n ? -1 : 0, floor % 2n === 1n) ? floor + 1n : floor;
  return rounded > BigInt(MAX) ? Infinity : Number(rounded);
}

/** For a rest above 0. `overHalf`: sign tells whether the rest is more than a half. */
function roundsUp(rounding: number, overHalf: number, odd: boolean): boolean {
  switch (rounding) {
    case Round.floor: return false;
    case Round['half-up']: return overHalf >= 0;
    case Round['half-even']: return overHalf > 0 || (overHalf === 0 && odd);
    default: return true;
  }
}

const small = (value: bigint): number | bigint => (value <= BigInt(MAX) ? Number(value) : value);
function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  while (b > 0n) [a, b] = [b, a % b];
  return a;
}

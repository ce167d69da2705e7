/**
 * Sharing an integer out in proportion to weights by largest remainder (docs/calculation.md, step 10): the shares always add up.
 */
import { LINES_MAX } from '../transaction.js';

const MAX = Number.MAX_SAFE_INTEGER;
/** Up to so many weights the rest is given by looking for the largest remainder again and again, above by sorting. */
const SCAN_MAX = 32;
/** A constant of the module: optimized code knows its address. */
const remainders = new Float64Array(LINES_MAX);

/** Writes into[0 … count - 1], which sum to `whole`. */
export function shareOut(whole: number, weights: Float64Array, count: number, into: Float64Array): void {
  shareOutFrom(whole, weights, count, sum(weights, count), into, 0);
}
/**
 * Writes into[start … start + count - 1], which sum to `whole`. Weights are at most LINES_MAX integers ≥ 0 whose sum, `total`, is at most 2^53-1; when it is 0 all goes to the
 * first. Ties go to the earlier. `into` may not be `weights`.
 */
export function shareOutFrom(whole: number, weights: Float64Array, count: number, total: number, into: Float64Array, start: number): void {
  if (!(whole > 0) || total === 0) {
    for (let i = 0; i < count; i++) into[start + i] = 0;
    if (count > 0) into[start] = whole;
    return;
  }
  if (count === 1) {
    into[start] = whole;
    return;
  }
  let given = 0;
  if (whole * total <= MAX) {
    for (let i = 0; i < count; i++) {
      const product = whole * weights[i]!, share = Math.floor(product / total);
      into[start + i] = share;
      remainders[i] = product - share * total;
      given += share;
    }
  } else {
    for (let i = 0; i < count; i++) {
      const product = BigInt(whole) * BigInt(weights[i]!);
      const share = Number(product / BigInt(total));
      into[start + i] = share;
      remainders[i] = Number(product % BigInt(total));
      given += share;
    }
  }
  const left = (whole - given) | 0; // less than one for each weight
  if (left > 0) giveRest(left, count, into, start);
}

export function sum(weights: Float64Array, count: number): number {
  let total = 0;
  for (let i = 0; i < count; i++) total += weights[i]!;
  return total;
}

function giveRest(left: number, count: number, into: Float64Array, start: number): void {
  if (count > SCAN_MAX) {
    const order = Array.from({ length: count }, (_, i) => i).sort((a, b) => remainders[b]! - remainders[a]! || a - b);
    for (let i = 0; i < left; i++) into[start + order[i]!]!++;
    return;
  }
  const rests = remainders; // named here for the sake of the loop: workspace.ts
  for (; left > 0; left--) {
    let largest = 0, most = rests[0]!;
    for (let i = 1; i < count; i++) {
      const remainder = rests[i]!;
      if (remainder <= most) continue;
      largest = i;
      most = remainder;
    }
    into[start + largest]!++;
    rests[largest] = -1;
  }
}

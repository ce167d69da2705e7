/**
 * Sharing an integer out in proportion to weights by largest remainder (docs/calculation.md, step 10): the shares always add up.
 */
const MAX = Number.MAX_SAFE_INTEGER;
/** Up to so many weights the rest is given by looking for the largest remainder again and again, above by sorting. */
const SCAN_MAX = 32;

/**
 * Writes into[start … start + count - 1], which sum to `whole`. Weights are integers ≥ 0 whose sum is at most 2^53-1; when it is 0 all goes to the first.
 * Ties go to the earlier. `into` may not be `weights`.
 */
export function shareOut(whole: number, weights: Float64Array, count: number, into: Float64Array, start = 0): void {
  let total = 0;
  if (whole > 0) for (let i = 0; i < count; i++) total += weights[i]!;
  if (total === 0) {
    into.fill(0, start, start + count);
    if (count > 0) into[start] = whole;
    return;
  }
  if (remainders.length < count) remainders = new Float64Array(count * 2);
  let left = whole;
  if (whole * total <= MAX) {
    for (let i = 0; i < count; i++) {
      const product = whole * weights[i]!, share = Math.floor(product / total);
      into[start + i] = share;
      remainders[i] = product - share * total;
      left -= share;
    }
  } else {
    for (let i = 0; i < count; i++) {
      const product = BigInt(whole) * BigInt(weights[i]!);
      const share = Number(product / BigInt(total));
      into[start + i] = share;
      remainders[i] = Number(product % BigInt(total));
      left -= share;
    }
  }
  if (left > 0) giveRest(left, count, into, start);
}

let remainders = new Float64Array(SCAN_MAX);

function giveRest(left: number, count: number, into: Float64Array, start: number): void {
  if (count > SCAN_MAX) {
    const order = Array.from({ length: count }, (_, i) => i).sort((a, b) => remainders[b]! - remainders[a]! || a - b);
    for (let i = 0; i < left; i++) into[start + order[i]!]!++;
    return;
  }
  for (; left > 0; left--) {
    let largest = 0;
    for (let i = 1; i < count; i++) if (remainders[i]! > remainders[largest]!) largest = i;
    into[start + largest]!++;
    remainders[largest] = -1;
  }
}

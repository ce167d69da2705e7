/** Figures of the load tests' reports: worked out, rounded for JSON, shown to people. One way, so that those of two reports can be compared. */

/** The smallest of the values that at least this share of them does not exceed (nearest rank); 0 when there are none. */
export function quantile(values: Iterable<number>, share: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
}

/** For JSON: three decimals. */
export const rounded = (value: number): number => Math.round(value * 1000) / 1000;

/** What the verifier said; null: it was not asked. */
export type Verified = boolean | null;

/** For people: one decimal at the most, thousands apart. */
export const shown = (value: number): string => value.toLocaleString('en', { maximumFractionDigits: 1 });

export const verdict = (verified: Verified): string => (verified === null ? 'left out' : verified ? 'everything agrees' : 'DIFFERENCES');

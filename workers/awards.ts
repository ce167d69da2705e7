/**
 * What the rules decided for one transaction: parallel arrays, refilled for each transaction. Those of the transaction at hand are one for the thread (`awards`).
 * In rule order; of kinds with counters also awards of 0 points (docs/calculation.md, step 11). The one line of a transaction that only states its total has index 0.
 *
 *   award i:  rule[i] (place in ReferenceSet.rules: one id and version), currency[i], points[i], input[i]
 *   shares:   shareLine[j], sharePoints[j]  for j in shareStart[i] … shareStart[i] + shareCount[i] - 1   (line = index into the transaction's lines)
 *   counters: additions to cells of the account (ledger/cells.ts), to be made together with the postings
 */
/** As many as a program may have live rules (schemas/rule.ts RULES_MAX). */
export const AWARDS_MAX = 1 << 14;

export class AwardSet {
  count = 0;
  readonly rule = new Int32Array(AWARDS_MAX);
  /** Currency ordinal (place in ReferenceSet.currencies). */
  readonly currency = new Int32Array(AWARDS_MAX);
  readonly points = new Float64Array(AWARDS_MAX);
  /** The counter value the award was decided on (everyNth, firstPurchase: count before; spendThreshold: spend before), else 0. */
  readonly input = new Float64Array(AWARDS_MAX);
  /** How many milestones the award paid (everyNth, firstPurchase: 1; spendThreshold: as many), else 0. */
  readonly milestones = new Int32Array(AWARDS_MAX);
  /** Period code of the counters (ledger/cells.ts periodCode), 0 when none. */
  readonly period = new Float64Array(AWARDS_MAX);
  readonly shareStart = new Int32Array(AWARDS_MAX);
  readonly shareCount = new Int32Array(AWARDS_MAX);
  shareTotal = 0;
  shareLine = new Int32Array(1 << 14);
  sharePoints = new Float64Array(1 << 14);
  counterTotal = 0;
  readonly counterKey1 = new Float64Array(AWARDS_MAX * 4);
  readonly counterKey2 = new Float64Array(AWARDS_MAX * 4);
  readonly counterDelta = new Float64Array(AWARDS_MAX * 4);
  /** How many rules were looked at as candidates (after the index), for rulesEvaluatedPerTransaction. */
  candidates = 0;
  /** Set when a calculation would pass 2^53-1: the transaction is refused with `overflow`. */
  overflow = false;

  clear(): void {
    this.count = 0;
    this.shareTotal = 0;
    this.counterTotal = 0;
    this.candidates = 0;
    this.overflow = false;
  }
  addShare(line: number, points: number): void {
    const i = this.shareTotal++;
    if (i === this.shareLine.length) this.growShares();
    this.shareLine[i] = line;
    this.sharePoints[i] = points;
  }
  /** Makes room for `count` shares more, to be written by the caller from `shareTotal` on. */
  reserveShares(count: number): void {
    while (this.shareTotal + count > this.shareLine.length) this.growShares();
  }
  private growShares(): void {
    const line = new Int32Array(this.shareLine.length * 2), points = new Float64Array(this.shareLine.length * 2);
    line.set(this.shareLine);
    points.set(this.sharePoints);
    this.shareLine = line;
    this.sharePoints = points;
  }
}

/** What is decided of the transaction at hand. A constant of the thread, as workers/rules/workspace.ts is, so that optimized code knows where the arrays lie. */
export const awards = new AwardSet();
const { counterKey1, counterKey2, counterDelta } = awards;

/** Notes what the transaction at hand adds to a counter. */
export function addCounter(key1: number, key2: number, delta: number): void {
  const i = awards.counterTotal++;
  counterKey1[i] = key1;
  counterKey2[i] = key2;
  counterDelta[i] = delta;
}

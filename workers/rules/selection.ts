/**
 * Which lines of the current transaction one `lines` of a plan matches (docs/calculation.md, step 3), and those lines: their base amount and the earning ones among them.
 *
 * There are as many selections as partners have plans with `lines`, but a transaction falls into few of them: what is filled for each transaction is lent to the selections that
 * lines fell into, so that it stays in the processor's cache.
 */
import type { Candidate } from './plan.js';
import type { Frame } from './frame.js';
import type { LineMatcher } from './line-match.js';

export class MatchedLines {
  /** Sum of the amounts, negative ones included; the rules take it as at least 0. */
  base = 0;
  /** Earning lines: their indexes and amounts, in line order. */
  count = 0;
  lines: Int32Array;
  amounts: Float64Array;
  /** Sums of the amounts and of the quantities of the earning lines. */
  earned = 0;
  quantity = 0;
  /** Where an award of nothing on these lines has its shares; -1: there is none yet. */
  sharesOfNothing = -1;

  constructor(room = 8) {
    this.lines = new Int32Array(room);
    this.amounts = new Float64Array(room);
  }

  clear(): void {
    this.base = this.count = this.earned = this.quantity = 0;
    this.sharesOfNothing = -1;
  }
  add(line: number, amount: number, quantity: number): void {
    this.base += amount;
    if (amount <= 0 || quantity <= 0) return;
    if (this.count === this.lines.length) this.grow();
    this.lines[this.count] = line;
    this.amounts[this.count++] = amount;
    this.earned += amount;
    this.quantity += quantity;
  }
  /** Whether a rule can fire on them. */
  get earns(): boolean {
    return this.count > 0 && this.base > 0;
  }
  private grow(): void {
    const lines = new Int32Array(this.lines.length * 2), amounts = new Float64Array(this.lines.length * 2);
    lines.set(this.lines);
    amounts.set(this.amounts);
    this.lines = lines;
    this.amounts = amounts;
  }
}

const none = new MatchedLines();

export class Selection {
  /** Rules that are looked at when a line is matched. */
  readonly candidates: Candidate[] = [];
  /** Holds lines only while it is the transaction's. */
  stamp = 0;
  matched = none;

  /** Without a matcher: every line. */
  constructor(readonly matcher: LineMatcher | undefined) {}

  begin(stamp: number, matched: MatchedLines): void {
    this.stamp = stamp;
    this.matched = matched;
    matched.clear();
  }
  /** The condition of the `lines`, for a line whose names fit. */
  takes(frame: Frame, line: number): boolean {
    const condition = this.matcher!.condition;
    if (condition === undefined) return true;
    if (line >= frame.linesGiven) return false; // the line of a transaction that only states its total
    const holds = condition.run(frame, frame.t, condition.constants, line);
    if (frame.overflow) frame.overflows++;
    return holds;
  }
}

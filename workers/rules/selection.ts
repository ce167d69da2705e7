/**
 * The lines of the current transaction that one `lines` of a plan matches (docs/calculation.md, step 3): their base amount and the earning lines among them.
 * Refilled for each transaction: it holds lines only while its stamp is the transaction's.
 */
import type { Candidate } from './plan.js';
import type { Frame } from './frame.js';
import type { LineMatcher } from './line-match.js';

export class Selection {
  /** Rules that are looked at when a line is matched. */
  readonly candidates: Candidate[] = [];
  stamp = 0;
  /** Sum of the amounts, negative ones included; the rules take it as at least 0. */
  base = 0;
  /** Earning lines: their indexes and amounts, in line order. */
  count = 0;
  lines = new Int32Array(8);
  amounts = new Float64Array(8);
  /** Sum of the quantities of the earning lines. */
  quantity = 0;

  /** Without a matcher: every line. */
  constructor(readonly matcher: LineMatcher | undefined) {}

  begin(stamp: number): void {
    this.stamp = stamp;
    this.base = this.count = this.quantity = 0;
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
  add(line: number, amount: number, quantity: number): void {
    this.base += amount;
    if (amount <= 0 || quantity <= 0) return;
    if (this.count === this.lines.length) this.grow();
    this.lines[this.count] = line;
    this.amounts[this.count++] = amount;
    this.quantity += quantity;
  }
  /** Whether a rule can fire on it. */
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

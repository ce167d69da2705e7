/**
 * Room for one evaluation, reused for each transaction: the rules that fired, in rule order once sorted, and the selections that lines fell into.
 *
 * One for the thread, and a constant: optimized code knows the addresses of arrays that constants of its own module name, and saves the six instructions and more that
 * finding one in an object takes each time. Evaluation therefore names those that it works with. A loop's first look at one is met before it is known that the name is a
 * constant: short loops give it a local name before they begin.
 */
import { AWARDS_MAX } from '../awards.js';
import { LINES_MAX } from '../transaction.js';
import type { Count } from './award-kind.js';
import { MatchedLines, type Selection } from './selection.js';

class Workspace {
  stamp = 0;
  firedCount = 0;
  /** The rules that fired, as their places in the plan. What is known of them has the same index. */
  readonly ranks = new Int32Array(AWARDS_MAX);
  readonly units = new Float64Array(AWARDS_MAX);
  /** What the rule is worth so far. */
  readonly points = new Float64Array(AWARDS_MAX);
  /** 1: lost in its stacking group, its `paid` does not move. */
  readonly lost = new Uint8Array(AWARDS_MAX);
  /** Of kinds with counters. */
  readonly counts: Count[] = [];
  /** Of `basis: line`: the award of each earning line before caps. */
  readonly linePoints: Float64Array[] = [];
  /** Those of them that are multipliers, in rule order, as indexes. */
  multiplierCount = 0;
  readonly multipliers = new Int32Array(AWARDS_MAX);
  /** Those that have a cap per transaction, and those that are in a stacking group, the same way. */
  cappedCount = 0;
  readonly capped = new Int32Array(AWARDS_MAX);
  groupedCount = 0;
  readonly grouped = new Int32Array(AWARDS_MAX);

  touchedCount = 0;
  readonly touched: Selection[] = [];
  readonly all = new MatchedLines(LINES_MAX);
  /** What selections are lent, in the order in which lines fell into them. */
  private readonly lent: MatchedLines[] = [];
  /** For unions of lines: the stamp of the award that a line was last seen in. */
  readonly lineSeen = new Float64Array(LINES_MAX);
  readonly weights = new Float64Array(LINES_MAX);
  lineStamp = 0;

  begin(): void {
    this.stamp++;
    this.firedCount = this.multiplierCount = this.cappedCount = this.groupedCount = this.touchedCount = 0;
  }
  /** The first line of the transaction that falls into a selection. */
  touch(selection: Selection): void {
    const number = this.touchedCount++;
    if (number === this.lent.length) this.lent.push(new MatchedLines());
    this.touched[number] = selection;
    selection.begin(this.stamp, this.lent[number]!);
  }
  /** Another rule has fired: room for what is not in a typed array. */
  makeRoom(): void {
    while (this.counts.length < this.firedCount) {
      this.counts.push({ input: 0, milestones: 0, period: 0, addition: 0, cell: 0 });
      this.linePoints.push(new Float64Array(8));
    }
  }
  /** Where the awards of so many lines go. */
  linePointsOf(fired: number, count: number): Float64Array {
    if (this.linePoints[fired]!.length < count) this.linePoints[fired] = new Float64Array(count * 2);
    return this.linePoints[fired]!;
  }
}

export const workspace = new Workspace();

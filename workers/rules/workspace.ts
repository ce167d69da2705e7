/**
 * Room for one evaluation, reused for each transaction: the rules that fired, in rule order once sorted, and the selections that lines fell into.
 */
import { LINES_MAX } from '../transaction.js';
import type { Count } from './award-kind.js';
import type { CompiledRule } from './compile.js';
import type { Candidate } from './plan.js';
import { MatchedLines, type Selection } from './selection.js';

/** A rule that fired and what it is worth so far. */
export class Fired {
  candidate!: Candidate;
  rule!: CompiledRule;
  matched!: MatchedLines;
  units = 0;
  points = 0;
  /** Lost in its stacking group: its `paid` does not move. */
  lost = false;
  readonly count: Count = { input: 0, milestones: 0, period: 0, addition: 0, cell: 0 };
  /** Of `basis: line`: the award of each earning line before caps. */
  linePoints = new Float64Array(8);

  begin(candidate: Candidate): void {
    this.candidate = candidate;
    this.rule = candidate.rule;
    this.matched = candidate.selection.matched;
    this.units = this.points = 0;
    this.lost = false;
    this.count.input = this.count.milestones = this.count.period = 0;
    if (this.rule.perLine && this.linePoints.length < this.matched.count) this.linePoints = new Float64Array(this.matched.count * 2);
  }
}

export class Workspace {
  stamp = 0;
  firedCount = 0;
  readonly fired: Fired[] = [];
  /** The multipliers among them, in rule order once sorted. */
  readonly firedMultipliers: Fired[] = [];
  multiplierCount = 0;
  grouped = false;
  touchedCount = 0;
  readonly touched: Selection[] = [];
  readonly all = new MatchedLines();
  /** What selections are lent, in the order in which lines fell into them. */
  private readonly lent: MatchedLines[] = [];
  readonly weights = new Float64Array(LINES_MAX);
  /** Those of them that multiply one rule. */
  readonly multipliers: Fired[] = [];
  /** For unions of lines: the stamp of the award that a line was last seen in. */
  readonly lineSeen = new Float64Array(LINES_MAX);
  lineStamp = 0;

  begin(): void {
    this.stamp++;
    this.firedCount = this.multiplierCount = this.touchedCount = 0;
    this.grouped = false;
  }
  /** The first line of the transaction that falls into a selection. */
  touch(selection: Selection): void {
    const number = this.touchedCount++;
    if (number === this.lent.length) this.lent.push(new MatchedLines());
    this.touched[number] = selection;
    selection.begin(this.stamp, this.lent[number]!);
  }
  fire(candidate: Candidate): Fired {
    if (this.firedCount === this.fired.length) this.fired.push(new Fired());
    const fired = this.fired[this.firedCount++]!;
    fired.begin(candidate);
    if (candidate.rule.group !== 0) this.grouped = true;
    return fired;
  }
  /** Into rule order. Insertion: there are few, and mostly in order already. */
  sort(): void {
    const { fired } = this;
    for (let i = 1; i < this.firedCount; i++) {
      const moved = fired[i]!, { rank } = moved.candidate;
      let j = i - 1;
      for (; j >= 0 && fired[j]!.candidate.rank > rank; j--) fired[j + 1] = fired[j]!;
      fired[j + 1] = moved;
    }
    for (let i = 0; i < this.firedCount; i++) if (fired[i]!.rule.factor !== undefined) this.firedMultipliers[this.multiplierCount++] = fired[i]!;
  }
}

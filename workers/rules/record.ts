/**
 * Steps 9 to 11 of docs/calculation.md: what each rule that fired gives after the cap of a day, what it counts, and which lines its points come from. Its points are
 * decided by then; they are in the workspace.
 */
import { addCounter, awards } from '../awards.js';
import { CellKind, cellKey, type AccountCells } from '../ledger/cells.js';
import type { Transaction } from '../transaction.js';
import type { CompiledRule } from './compile.js';
import type { Candidate } from './plan.js';
import type { MatchedLines } from './selection.js';
import { shareOutFrom, sum } from './shares.js';
import { workspace } from './workspace.js';

const { ranks, points, lost, counts, linePoints, lineSeen, weights } = workspace;
const { rule: awardRule, currency: awardCurrency, points: awardPoints, input: awardInput, milestones: awardMilestones, period: awardPeriod, shareStart, shareCount } = awards;

/** Fills `awards` from what the workspace holds. */
export function recordFired(candidates: readonly Candidate[], t: Transaction, day: number, cells: AccountCells | null): void {
  for (let place = 0, { firedCount } = workspace; place < firedCount; place++) {
    const { rule, selection: { matched } } = candidates[ranks[place]!]!;
    let given = points[place]!;
    if (rule.capPerDay !== Infinity && given > 0) {
      const key = cellKey(CellKind.ruleDay, 0, rule.rule), before = cells === null ? 0 : cells.get(key, day);
      given = Math.min(given, Math.max(0, rule.capPerDay - before));
      if (given > 0) addCounter(key, day, given);
    }
    const isCounted = rule.countUnits !== undefined;
    if (given === 0 && !isCounted) continue;
    const i = awards.count++;
    awardRule[i] = rule.index;
    awardCurrency[i] = rule.currency;
    awardPoints[i] = given;
    if (isCounted) recordCount(place, i, rule);
    else awardInput[i] = awardMilestones[i] = awardPeriod[i] = 0;
    if (given === 0) {
      shareNothing(matched, i);
      continue;
    }
    const start = (shareStart[i] = awards.shareTotal);
    if (rule.factor !== undefined) shareOverMultiplied(rule, given, candidates, t);
    else if (rule.perLine) shareOver(matched, given, linePoints[place]!, sum(linePoints[place]!, matched.count));
    else shareOver(matched, given, matched.amounts, matched.earned);
    shareCount[i] = awards.shareTotal - start;
  }
}

function recordCount(place: number, i: number, { rule }: CompiledRule): void {
  const { cell, period, addition, input, milestones } = counts[place]!, paid = lost[place] === 1 ? 0 : milestones;
  awardInput[i] = input;
  awardMilestones[i] = paid;
  awardPeriod[i] = period;
  addCounter(cellKey(cell, 0, rule), period, addition);
  if (paid > 0) addCounter(cellKey(CellKind.rulePaid, 0, rule), period, paid);
}

/** All shares are 0: awards of nothing on the same lines have them in common. */
function shareNothing(matched: MatchedLines, i: number): void {
  if (matched.sharesOfNothing < 0) {
    matched.sharesOfNothing = awards.shareTotal;
    shareOver(matched, 0, matched.amounts, 0);
  }
  shareStart[i] = matched.sharesOfNothing;
  shareCount[i] = matched.count;
}

function shareOver({ lines, count }: MatchedLines, given: number, weights: Float64Array, total: number): void {
  awards.reserveShares(count);
  const { shareLine, sharePoints, shareTotal } = awards;
  shareOutFrom(given, weights, count, total, sharePoints, shareTotal);
  for (let i = 0; i < count; i++) shareLine[shareTotal + i] = lines[i]!;
  awards.shareTotal = shareTotal + count;
}

/** Over the union of the earning lines of the rules that it multiplies and that fired, by amount. */
function shareOverMultiplied(rule: CompiledRule, given: number, candidates: readonly Candidate[], t: Transaction): void {
  const { firedCount } = workspace, stamp = ++workspace.lineStamp;
  let only: MatchedLines | undefined, several = false, last = -1;
  for (let j = 0; j < firedCount; j++) {
    const { rule: base, selection: { matched } } = candidates[ranks[j]!]!;
    if (matched === only || !rule.multiplies(base.rule)) continue;
    several ||= only !== undefined;
    only = matched;
    for (let i = 0; i < matched.count; i++) {
      const line = matched.lines[i]!;
      lineSeen[line] = stamp;
      if (line > last) last = line;
    }
  }
  if (only !== undefined && !several) {
    shareOver(only, given, only.amounts, only.earned);
    return;
  }
  awards.reserveShares(last + 1);
  const { shareLine, sharePoints, shareTotal } = awards;
  let count = 0;
  for (let line = 0; line <= last; line++) {
    if (lineSeen[line] !== stamp) continue;
    shareLine[shareTotal + count] = line;
    weights[count++] = t.amount[line]!;
  }
  shareOutFrom(given, weights, count, sum(weights, count), sharePoints, shareTotal);
  awards.shareTotal += count;
}

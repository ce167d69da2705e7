/**
 * Steps 2 to 11 of docs/calculation.md for one purchase: which rules fire, what each gives, on which lines, and what it counts.
 *
 * Promises: the same set, transaction and cells give the same awards, whatever order the rules were published in; nothing is changed but `out` (counters
 * are additions in it); it never throws because of a transaction. When a result passes 2^53-1, `out.overflow` is set and the rest of `out` means nothing.
 * The cost grows with the rules that the transaction can set off, not with those that exist. Needs t.partnerOrdinal, t.programOrdinal and resolved lines.
 */
import type { AwardSet } from '../awards.js';
import { CellKind, cellKey, type AccountCells } from '../ledger/cells.js';
import type { Reference } from '../reference.js';
import { Text, type Transaction } from '../transaction.js';
import type { CompiledRule, CompiledRules } from './compile.js';
import { ONE, roundProduct, type Fraction } from './fraction.js';
import type { Frame } from './frame.js';
import type { Candidate, PartnerPlan } from './plan.js';
import { isOpen } from './schedule.js';
import type { MatchedLines } from './selection.js';
import { shareOut } from './shares.js';
import { compete } from './stacking.js';
import type { Fired, Workspace } from './workspace.js';

/** `cells` null: an account without any. */
export function evaluate(rules: CompiledRules, t: Transaction, cells: AccountCells | null, reference: Reference, out: AwardSet): void {
  out.clear();
  const { frame, workspace } = rules, plan = rules.plan(t.partnerOrdinal);
  if (plan.candidates.length === 0) return;
  frame.begin(t);
  workspace.begin();
  matchLines(plan, frame, workspace);
  fireCandidates(plan, frame, workspace, out);
  if (workspace.firedCount === 0) return;
  workspace.sort();

  const day = reference.programDay(t.programOrdinal, t.occurredAtMs), exponent = reference.moneyExponent(t);
  for (let i = 0; i < workspace.firedCount; i++) award(workspace.fired[i]!, t, exponent, day, cells, out);
  if (workspace.multiplierCount > 0) multiply(plan, workspace, t, exponent, out);
  if (out.overflow) return;
  for (let i = 0; i < workspace.firedCount; i++) {
    const fired = workspace.fired[i]!;
    if (fired.points > fired.rule.capPerTransaction) fired.points = fired.rule.capPerTransaction;
  }
  if (workspace.grouped) compete(workspace.fired, workspace.firedCount);
  for (let i = 0; i < workspace.firedCount; i++) record(workspace.fired[i]!, workspace, t, day, cells, out);
}

// ── steps 2 and 3: candidates and matched lines ──

export function matchLines(plan: PartnerPlan, frame: Frame, workspace: Workspace): void {
  const { t: { amount, quantity }, lineCount } = frame, { stamp, all } = workspace, selective = plan.selections.length > 0;
  plan.all.begin(stamp, all);
  if (selective) plan.touchClasses(frame.t.lineProduct, lineCount);
  for (let i = 0; i < lineCount; i++) {
    all.add(i, amount[i]!, quantity[i]!);
    if (!selective) continue;
    const selections = plan.selectionsOf(frame, i);
    for (let j = 0; j < selections.length; j++) {
      const selection = selections[j]!;
      if (!selection.takes(frame, i)) continue;
      if (selection.stamp !== stamp) workspace.touch(selection);
      selection.matched.add(i, amount[i]!, quantity[i]!);
    }
  }
}

function fireCandidates(plan: PartnerPlan, frame: Frame, workspace: Workspace, out: AwardSet): void {
  fireFrom(plan.always, frame, workspace, out);
  for (let i = 0; i < workspace.touchedCount; i++) fireFrom(workspace.touched[i]!.candidates, frame, workspace, out);
  if (plan.byStore.size === 0) return;
  const there = plan.byStore.get(frame.textName(Text.store));
  if (there !== undefined) fireFrom(there, frame, workspace, out);
}

function fireFrom(candidates: readonly Candidate[], frame: Frame, workspace: Workspace, out: AwardSet): void {
  out.candidates += candidates.length;
  for (let i = 0; i < candidates.length; i++) {
    const candidate = candidates[i]!;
    if (whyNot(candidate, frame, workspace.stamp) === WhyNot.fires) workspace.fire(candidate);
  }
}

/** Why a candidate does not fire, in the order in which it is checked. */
export const WhyNot = {
  fires: 0, notValid: 1, otherVersion: 2, otherStore: 3, otherChannel: 4, schedule: 5, noLine: 6, nothingEarned: 7, condition: 8, conditionOverflow: 9,
} as const;

export function whyNot({ rule, selection, zone, higher }: Candidate, frame: Frame, stamp: number): number {
  const { occurredAtMs } = frame.t;
  if (occurredAtMs < rule.fromMs || occurredAtMs >= rule.toMs) return WhyNot.notValid;
  for (let i = 0; i < higher.length; i++) if (occurredAtMs >= higher[i]!.fromMs && occurredAtMs < higher[i]!.toMs) return WhyNot.otherVersion;
  if (rule.stores !== undefined && !rule.stores.has(frame.textName(Text.store))) return WhyNot.otherStore;
  if (rule.channels !== undefined && !rule.channels.has(frame.textName(Text.channel))) return WhyNot.otherChannel;
  if (rule.week !== undefined) {
    const minute = zone < 0 ? frame.minuteOfWeek() : frame.reference.localMinuteOfWeek(zone, occurredAtMs);
    if (!isOpen(rule.week, minute)) return WhyNot.schedule;
  }
  if (selection.stamp !== stamp) return WhyNot.noLine;
  if (!selection.matched.earns) return WhyNot.nothingEarned;
  if (rule.condition === undefined || rule.condition.run(frame, frame.t, rule.condition.constants, 0)) return WhyNot.fires;
  if (!frame.overflow) return WhyNot.condition;
  frame.overflows++;
  return WhyNot.conditionOverflow;
}

// ── steps 4 to 6: the exact award, multipliers, and rounding once ──

function award(fired: Fired, t: Transaction, exponent: number, day: number, cells: AccountCells | null, out: AwardSet): void {
  const { rule, matched } = fired;
  if (rule.factor !== undefined) return;
  if (rule.countUnits !== undefined) fired.units = rule.countUnits(matched.base, rule.rule, day, rule.terms, cells, fired.count);
  else if (!rule.perLine) fired.units = rule.units!(matched.base, matched.quantity, rule.terms);
  fired.points = pointsOf(rule, matched, fired.units, t, exponent, ONE, fired.linePoints);
  if (fired.points > Number.MAX_SAFE_INTEGER) out.overflow = true;
}

/**
 * The award times a factor, rounded; Infinity past 2^53-1. `linePoints`, when given, takes the awards of the lines of `basis: line`: the weights of
 * the shares.
 */
export function pointsOf(
  rule: CompiledRule, matched: MatchedLines, units: number, t: Transaction, exponent: number, factor: Fraction = ONE, linePoints?: Float64Array,
): number {
  const { terms, rounding } = rule, rate = terms.rates[exponent]!;
  if (!rule.perLine) return units === Infinity ? Infinity : roundProduct(units, rate, factor, rounding);
  let sum = 0;
  for (let i = 0; i < matched.count; i++) {
    const points = roundProduct(rule.units!(matched.amounts[i]!, t.quantity[matched.lines[i]!]!, terms), rate, factor, rounding);
    if (linePoints !== undefined) linePoints[i] = points;
    sum += points;
  }
  return sum > Number.MAX_SAFE_INTEGER ? Infinity : sum;
}

function multiply(plan: PartnerPlan, workspace: Workspace, t: Transaction, exponent: number, out: AwardSet): void {
  const { fired, firedCount, firedMultipliers, multiplierCount, multipliers } = workspace;
  for (let i = 0; i < firedCount; i++) {
    const base = fired[i]!, { rule, matched, units } = base;
    if (rule.factor !== undefined || base.points === Infinity) continue;
    let count = 0;
    for (let j = 0; j < multiplierCount; j++) {
      const other = firedMultipliers[j]!;
      if (other.rule.multiplies(rule.rule) && other.rule.currency === rule.currency) multipliers[count++] = other;
    }
    if (count === 0) continue;
    const steps = plan.factors.steps(multipliers, count);
    let reported = base.points;
    for (let j = 0; j < steps.length; j++) {
      const { multiplier, factor } = steps[j]!, upTo = pointsOf(rule, matched, units, t, exponent, factor), other = multipliers[multiplier]!;
      other.points += upTo - reported;
      reported = upTo;
      if (!(other.points <= Number.MAX_SAFE_INTEGER)) out.overflow = true;
    }
  }
}

// ── steps 9 to 11: the cap of a day, counters, shares ──

function record(fired: Fired, workspace: Workspace, t: Transaction, day: number, cells: AccountCells | null, out: AwardSet): void {
  const { rule, count } = fired;
  if (rule.capPerDay !== Infinity) {
    const key = cellKey(CellKind.ruleDay, 0, rule.rule), given = cells === null ? 0 : cells.get(key, day);
    fired.points = Math.min(fired.points, Math.max(0, rule.capPerDay - given));
    if (fired.points > 0) out.addCounter(key, day, fired.points);
  }
  const milestones = fired.lost ? 0 : count.milestones;
  if (rule.countUnits !== undefined) {
    out.addCounter(cellKey(count.cell, 0, rule.rule), count.period, count.addition);
    if (milestones > 0) out.addCounter(cellKey(CellKind.rulePaid, 0, rule.rule), count.period, milestones);
  } else if (fired.points === 0) {
    return;
  }
  const i = out.count++;
  out.rule[i] = rule.index;
  out.currency[i] = rule.currency;
  out.points[i] = fired.points;
  out.input[i] = count.input;
  out.milestones[i] = milestones;
  out.period[i] = count.period;
  out.shareStart[i] = out.shareTotal;
  if (rule.factor === undefined) shareOverMatched(fired, out);
  else shareOverMultiplied(fired, workspace, t, out);
  out.shareCount[i] = out.shareTotal - out.shareStart[i]!;
}

function shareOverMatched({ rule, points, matched: { lines, amounts, count }, linePoints }: Fired, out: AwardSet): void {
  out.reserveShares(count);
  const { shareLine, sharePoints, shareTotal } = out;
  shareOut(points, rule.perLine ? linePoints : amounts, count, sharePoints, shareTotal);
  for (let i = 0; i < count; i++) shareLine[shareTotal + i] = lines[i]!;
  out.shareTotal += count;
}

/** Over the union of the earning lines of the rules that it multiplies and that fired, by amount. */
function shareOverMultiplied({ rule, points }: Fired, workspace: Workspace, t: Transaction, out: AwardSet): void {
  const { fired, firedCount, lineSeen, weights } = workspace, stamp = ++workspace.lineStamp;
  let last = -1;
  for (let j = 0; j < firedCount; j++) {
    const { rule: base, matched } = fired[j]!;
    if (!rule.multiplies(base.rule)) continue;
    for (let i = 0; i < matched.count; i++) {
      const line = matched.lines[i]!;
      lineSeen[line] = stamp;
      if (line > last) last = line;
    }
  }
  out.reserveShares(last + 1);
  const { shareLine, sharePoints, shareTotal } = out;
  let count = 0;
  for (let line = 0; line <= last; line++) {
    if (lineSeen[line] !== stamp) continue;
    shareLine[shareTotal + count] = line;
    weights[count++] = t.amount[line]!;
  }
  shareOut(points, weights, count, sharePoints, shareTotal);
  out.shareTotal += count;
}

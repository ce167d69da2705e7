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
import { workspace } from './workspace.js';

const { ranks, units, points, lost, counts, linePoints, multipliers, grouped, all, lineSeen, weights } = workspace;
const { lines: allLines, amounts: allAmounts } = all;
/** Those multipliers that multiply one rule, by their places in the plan. */
const applied = new Int32Array(multipliers.length), appliedRanks = new Int32Array(multipliers.length);

/** `cells` null: an account without any. */
export function evaluate(rules: CompiledRules, t: Transaction, cells: AccountCells | null, reference: Reference, out: AwardSet): void {
  out.clear();
  const { frame } = rules, plan = rules.plan(t.partnerOrdinal), { candidates } = plan;
  if (candidates.length === 0) return;
  frame.begin(t);
  workspace.begin();
  matchLines(plan, frame);
  fireCandidates(plan, frame, out);
  const { firedCount } = workspace;
  if (firedCount === 0) return;
  sortFired(candidates, firedCount);

  const day = reference.programDay(t.programOrdinal, t.occurredAtMs), exponent = reference.moneyExponent(t);
  for (let i = 0; i < firedCount; i++) award(i, candidates[ranks[i]!]!, t, exponent, day, cells, out);
  if (workspace.multiplierCount > 0) multiply(plan, t, exponent, out);
  if (out.overflow) return;
  for (let i = 0; i < firedCount; i++) {
    const { capPerTransaction } = candidates[ranks[i]!]!.rule;
    if (points[i]! > capPerTransaction) points[i] = capPerTransaction;
  }
  if (workspace.groupedCount > 0) compete(candidates);
  for (let i = 0; i < firedCount; i++) record(i, candidates, t, day, cells, out);
}

// ── steps 2 and 3: candidates and matched lines ──

function matchLines(plan: PartnerPlan, frame: Frame): void {
  const { t, lineCount } = frame, { amount, quantity } = t, { stamp } = workspace;
  let base = 0, count = 0, earned = 0, pieces = 0;
  for (let i = 0; i < lineCount; i++) {
    const minor = amount[i]!, thousandths = quantity[i]!;
    base += minor;
    if (minor <= 0 || thousandths <= 0) continue;
    allLines[count] = i;
    allAmounts[count++] = minor;
    earned += minor;
    pieces += thousandths;
  }
  plan.all.begin(stamp, all);
  all.base = base;
  all.count = count;
  all.earned = earned;
  all.quantity = pieces;
  if (plan.selections.length === 0) return;
  plan.touchClasses(t.lineProduct, lineCount);
  for (let i = 0; i < lineCount; i++) {
    const selections = plan.selectionsOf(frame, i);
    for (let j = 0; j < selections.length; j++) {
      const selection = selections[j]!;
      if (!selection.takes(frame, i)) continue;
      if (selection.stamp !== stamp) workspace.touch(selection);
      selection.matched.add(i, amount[i]!, quantity[i]!);
    }
  }
}

function fireCandidates(plan: PartnerPlan, frame: Frame, out: AwardSet): void {
  fireFrom(plan.always, frame, out);
  for (let i = 0; i < workspace.touchedCount; i++) fireFrom(workspace.touched[i]!.candidates, frame, out);
  if (plan.byStore.size > 0) {
    const there = plan.byStore.get(frame.textName(Text.store));
    if (there !== undefined) fireFrom(there, frame, out);
  }
  workspace.makeRoom();
}

function fireFrom(candidates: readonly Candidate[], frame: Frame, out: AwardSet): void {
  const { stamp } = workspace;
  let count = workspace.firedCount;
  for (let i = 0; i < candidates.length; i++) {
    const candidate = candidates[i]!;
    if (whyNot(candidate, frame, stamp) === fires) ranks[count++] = candidate.rank;
  }
  workspace.firedCount = count;
  out.candidates += candidates.length;
}

/** Why a candidate does not fire, in the order in which it is checked. */
export const WhyNot = {
  fires: 0, notValid: 1, otherVersion: 2, otherStore: 3, otherChannel: 4, schedule: 5, noLine: 6, nothingEarned: 7, condition: 8, conditionOverflow: 9,
} as const;
const { fires } = WhyNot;

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
  if (rule.condition === undefined || rule.condition.run(frame, frame.t, rule.condition.constants, 0)) return fires;
  if (!frame.overflow) return WhyNot.condition;
  frame.overflows++;
  return WhyNot.conditionOverflow;
}

/** Into rule order. Insertion: there are few, and mostly in order already. */
function sortFired(candidates: readonly Candidate[], count: number): void {
  for (let i = 1; i < count; i++) {
    const rank = ranks[i]!;
    let j = i - 1;
    for (; j >= 0 && ranks[j]! > rank; j--) ranks[j + 1] = ranks[j]!;
    ranks[j + 1] = rank;
  }
  for (let i = 0; i < count; i++) {
    const { factor, group } = candidates[ranks[i]!]!.rule;
    if (factor !== undefined) multipliers[workspace.multiplierCount++] = i;
    if (group !== 0) grouped[workspace.groupedCount++] = i;
  }
}

// ── steps 4 to 6: the exact award, multipliers, and rounding once ──

function award(i: number, { rule, selection: { matched } }: Candidate, t: Transaction, exponent: number, day: number, cells: AccountCells | null, out: AwardSet): void {
  units[i] = points[i] = lost[i] = 0;
  if (rule.factor !== undefined) return;
  if (rule.countUnits !== undefined) {
    const count = counts[i]!;
    count.input = count.milestones = count.period = 0;
    units[i] = rule.countUnits(matched.base, rule.rule, day, rule.terms, cells, count);
  } else if (!rule.perLine) {
    units[i] = rule.units!(matched.base, matched.quantity, rule.terms);
  }
  points[i] = pointsOf(rule, matched, units[i]!, t, exponent, ONE, rule.perLine ? workspace.linePointsOf(i, matched.count) : undefined);
  if (points[i]! > Number.MAX_SAFE_INTEGER) out.overflow = true;
}

/**
 * The award times a factor, rounded; Infinity past 2^53-1. `linePoints`, when given, takes the awards of the lines of `basis: line`: the weights of
 * the shares.
 */
export function pointsOf(
  rule: CompiledRule, matched: MatchedLines, units: number, t: Transaction, exponent: number, factor: Fraction = ONE, linePoints?: Float64Array,
): number {
  const { terms, rounding } = rule, rate = terms.rates[exponent]!;
  if (!rule.perLine) return units === 0 || units === Infinity ? units : roundProduct(units, rate, factor, rounding);
  let sum = 0;
  for (let i = 0; i < matched.count; i++) {
    const points = roundProduct(rule.units!(matched.amounts[i]!, t.quantity[matched.lines[i]!]!, terms), rate, factor, rounding);
    if (linePoints !== undefined) linePoints[i] = points;
    sum += points;
  }
  return sum > Number.MAX_SAFE_INTEGER ? Infinity : sum;
}

function multiply({ candidates, factors }: PartnerPlan, t: Transaction, exponent: number, out: AwardSet): void {
  const { firedCount, multiplierCount } = workspace;
  for (let i = 0; i < firedCount; i++) {
    const { rule, selection: { matched } } = candidates[ranks[i]!]!;
    if (rule.factor !== undefined || points[i] === Infinity) continue;
    let count = 0;
    for (let j = 0; j < multiplierCount; j++) {
      const rank = ranks[multipliers[j]!]!, other = candidates[rank]!.rule;
      if (!other.multiplies(rule.rule) || other.currency !== rule.currency) continue;
      appliedRanks[count] = rank;
      applied[count++] = multipliers[j]!;
    }
    if (count === 0) continue;
    const steps = factors.steps(candidates, appliedRanks, count);
    let reported = points[i]!;
    for (let j = 0; j < steps.length; j++) {
      const { multiplier, factor } = steps[j]!, upTo = pointsOf(rule, matched, units[i]!, t, exponent, factor), other = applied[multiplier]!;
      points[other]! += upTo - reported;
      reported = upTo;
      if (!(points[other]! <= Number.MAX_SAFE_INTEGER)) out.overflow = true;
    }
  }
}

// ── steps 9 to 11: the cap of a day, counters, shares ──

function record(place: number, candidates: readonly Candidate[], t: Transaction, day: number, cells: AccountCells | null, out: AwardSet): void {
  const { rule, selection: { matched } } = candidates[ranks[place]!]!;
  let given = points[place]!;
  if (rule.capPerDay !== Infinity && given > 0) {
    const key = cellKey(CellKind.ruleDay, 0, rule.rule), before = cells === null ? 0 : cells.get(key, day);
    given = Math.min(given, Math.max(0, rule.capPerDay - before));
    if (given > 0) out.addCounter(key, day, given);
  }
  const isCounted = rule.countUnits !== undefined;
  if (given === 0 && !isCounted) return;
  const i = out.count++;
  out.rule[i] = rule.index;
  out.currency[i] = rule.currency;
  out.points[i] = given;
  if (isCounted) recordCount(place, i, rule, out);
  else out.input[i] = out.milestones[i] = out.period[i] = 0;
  if (given === 0) {
    shareNothing(matched, i, out);
    return;
  }
  const start = (out.shareStart[i] = out.shareTotal);
  if (rule.factor !== undefined) shareOverMultiplied(rule, given, candidates, t, out);
  else if (rule.perLine) shareOver(matched, given, linePoints[place]!, undefined, out);
  else shareOver(matched, given, matched.amounts, matched.earned, out);
  out.shareCount[i] = out.shareTotal - start;
}

function recordCount(place: number, i: number, { rule }: CompiledRule, out: AwardSet): void {
  const { cell, period, addition, input, milestones } = counts[place]!, paid = lost[place] === 1 ? 0 : milestones;
  out.input[i] = input;
  out.milestones[i] = paid;
  out.period[i] = period;
  out.addCounter(cellKey(cell, 0, rule), period, addition);
  if (paid > 0) out.addCounter(cellKey(CellKind.rulePaid, 0, rule), period, paid);
}

/** All shares are 0: awards of nothing on the same lines have them in common. */
function shareNothing(matched: MatchedLines, i: number, out: AwardSet): void {
  if (matched.sharesOfNothing < 0) {
    matched.sharesOfNothing = out.shareTotal;
    shareOver(matched, 0, matched.amounts, 0, out);
  }
  out.shareStart[i] = matched.sharesOfNothing;
  out.shareCount[i] = matched.count;
}

function shareOver({ lines, count }: MatchedLines, given: number, weights: Float64Array, total: number | undefined, out: AwardSet): void {
  out.reserveShares(count);
  const { shareLine, sharePoints, shareTotal } = out;
  shareOut(given, weights, count, sharePoints, shareTotal, total);
  for (let i = 0; i < count; i++) shareLine[shareTotal + i] = lines[i]!;
  out.shareTotal = shareTotal + count;
}

/** Over the union of the earning lines of the rules that it multiplies and that fired, by amount. */
function shareOverMultiplied(rule: CompiledRule, given: number, candidates: readonly Candidate[], t: Transaction, out: AwardSet): void {
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
    shareOver(only, given, only.amounts, only.earned, out);
    return;
  }
  out.reserveShares(last + 1);
  const { shareLine, sharePoints, shareTotal } = out;
  let count = 0;
  for (let line = 0; line <= last; line++) {
    if (lineSeen[line] !== stamp) continue;
    shareLine[shareTotal + count] = line;
    weights[count++] = t.amount[line]!;
  }
  shareOut(given, weights, count, sharePoints, shareTotal);
  out.shareTotal += count;
}

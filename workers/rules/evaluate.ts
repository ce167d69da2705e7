/**
 * Steps 2 to 11 of docs/calculation.md for one purchase: which rules fire, what each gives, on which lines, and what it counts (9 to 11: record.ts).
 *
 * Promises: the same set, transaction and cells give the same awards, whatever order the rules were published in; nothing is changed but `awards` (counters
 * are additions in it); it never throws because of a transaction. When a result passes 2^53-1, `awards.overflow` is set and the rest of it means nothing.
 * The cost grows with the rules that the transaction can set off, not with those that exist. Needs t.partnerOrdinal, t.programOrdinal and resolved lines.
 */
import { awards } from '../awards.js';
import type { AccountCells } from '../ledger/cells.js';
import type { Reference } from '../reference.js';
import { Text, type Transaction } from '../transaction.js';
import type { CompiledRule, CompiledRules } from './compile.js';
import { ONE, roundProduct, type Fraction } from './fraction.js';
import type { Frame } from './frame.js';
import type { Candidate, PartnerPlan } from './plan.js';
import { recordFired } from './record.js';
import { isOpen } from './schedule.js';
import type { MatchedLines } from './selection.js';
import { compete } from './stacking.js';
import { workspace } from './workspace.js';

const { ranks, units, points, lost, counts, multipliers, capped, grouped, all } = workspace;
const { lines: allLines, amounts: allAmounts } = all;
/** Those multipliers that multiply one rule, by their places in the plan. */
const applied = new Int32Array(multipliers.length), appliedRanks = new Int32Array(multipliers.length);

/** Fills `awards`. `cells` null: an account without any. */
export function evaluate(rules: CompiledRules, t: Transaction, cells: AccountCells | null, reference: Reference): void {
  awards.clear();
  const { frame } = rules, plan = rules.plan(t.partnerOrdinal), { candidates } = plan;
  if (candidates.length === 0) return;
  frame.begin(t);
  workspace.begin();
  matchLines(plan, frame);
  fireCandidates(plan, frame);
  const { firedCount } = workspace;
  if (firedCount === 0) return;
  sortFired(firedCount);

  const day = reference.programDay(t.programOrdinal, t.occurredAtMs), exponent = reference.moneyExponent(t);
  awardFired(candidates, t, exponent, day, cells);
  if (workspace.multiplierCount > 0) multiply(plan, t, exponent);
  if (awards.overflow) return;
  for (let i = 0; i < workspace.cappedCount; i++) {
    const place = capped[i]!, { capPerTransaction } = candidates[ranks[place]!]!.rule;
    if (points[place]! > capPerTransaction) points[place] = capPerTransaction;
  }
  if (workspace.groupedCount > 0) compete(candidates);
  recordFired(candidates, t, day, cells);
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

function fireCandidates(plan: PartnerPlan, frame: Frame): void {
  fireFrom(plan.always, frame);
  for (let i = 0; i < workspace.touchedCount; i++) fireFrom(workspace.touched[i]!.candidates, frame);
  if (plan.byStore.size > 0) {
    const there = plan.byStore.get(frame.textName(Text.store));
    if (there !== undefined) fireFrom(there, frame);
  }
  workspace.makeRoom();
}

function fireFrom(candidates: readonly Candidate[], frame: Frame): void {
  const { stamp } = workspace;
  let count = workspace.firedCount;
  for (let i = 0; i < candidates.length; i++) {
    const candidate = candidates[i]!;
    if (whyNot(candidate, frame, stamp) === fires) ranks[count++] = candidate.rank;
  }
  workspace.firedCount = count;
  awards.candidates += candidates.length;
}

/** Why a candidate does not fire, in the order in which it is checked. */
export const WhyNot = {
  fires: 0, notValid: 1, otherVersion: 2, otherStore: 3, otherChannel: 4, schedule: 5, noLine: 6, nothingEarned: 7, condition: 8, conditionOverflow: 9,
} as const;
const { fires } = WhyNot;

export function whyNot(candidate: Candidate, frame: Frame, stamp: number): number {
  if (candidate.restricted) {
    const restriction = whyNotThere(candidate, frame);
    if (restriction !== fires) return restriction;
  }
  const { rule: { condition }, selection } = candidate;
  if (selection.stamp !== stamp) return WhyNot.noLine;
  if (!selection.matched.earns) return WhyNot.nothingEarned;
  if (condition === undefined || condition.run(frame, frame.t, condition.constants, 0)) return fires;
  if (!frame.overflow) return WhyNot.condition;
  frame.overflows++;
  return WhyNot.conditionOverflow;
}
/** The same as to when and where the purchase was made. */
function whyNotThere({ rule, zone, higher }: Candidate, frame: Frame): number {
  const { occurredAtMs } = frame.t;
  if (occurredAtMs < rule.fromMs || occurredAtMs >= rule.toMs) return WhyNot.notValid;
  for (let i = 0; i < higher.length; i++) if (occurredAtMs >= higher[i]!.fromMs && occurredAtMs < higher[i]!.toMs) return WhyNot.otherVersion;
  if (rule.stores !== undefined && !rule.stores.has(frame.textName(Text.store))) return WhyNot.otherStore;
  if (rule.channels !== undefined && !rule.channels.has(frame.textName(Text.channel))) return WhyNot.otherChannel;
  if (rule.week !== undefined) {
    const minute = zone < 0 ? frame.minuteOfWeek() : frame.reference.localMinuteOfWeek(zone, occurredAtMs);
    if (!isOpen(rule.week, minute)) return WhyNot.schedule;
  }
  return fires;
}

/** Into rule order. Insertion: there are few, and mostly in order already. */
function sortFired(count: number): void {
  const fired = ranks;
  for (let i = 1; i < count; i++) {
    const rank = fired[i]!;
    let j = i - 1;
    for (; j >= 0 && fired[j]! > rank; j--) fired[j + 1] = fired[j]!;
    fired[j + 1] = rank;
  }
}

// ── steps 4 to 6: the exact award, multipliers, and rounding once ──

function awardFired(candidates: readonly Candidate[], t: Transaction, exponent: number, day: number, cells: AccountCells | null): void {
  for (let i = 0, { firedCount } = workspace; i < firedCount; i++) {
    const { rule, selection: { matched } } = candidates[ranks[i]!]!;
    units[i] = points[i] = lost[i] = 0;
    if (rule.limited) {
      if (rule.capPerTransaction !== Infinity) capped[workspace.cappedCount++] = i;
      if (rule.group !== 0) grouped[workspace.groupedCount++] = i;
    }
    if (rule.factor !== undefined) {
      multipliers[workspace.multiplierCount++] = i;
      continue;
    }
    if (rule.countUnits !== undefined) {
      const count = counts[i]!;
      count.input = count.milestones = count.period = 0;
      units[i] = rule.countUnits(matched.base, rule.rule, day, rule.terms, cells, count);
    } else if (!rule.perLine) {
      units[i] = rule.units!(matched.base, matched.quantity, rule.terms);
    }
    points[i] = pointsOf(rule, matched, units[i]!, t, exponent, ONE, rule.perLine ? workspace.linePointsOf(i, matched.count) : undefined);
    if (points[i]! > Number.MAX_SAFE_INTEGER) awards.overflow = true;
  }
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

function multiply({ candidates, factors }: PartnerPlan, t: Transaction, exponent: number): void {
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
      if (!(points[other]! <= Number.MAX_SAFE_INTEGER)) awards.overflow = true;
    }
  }
}

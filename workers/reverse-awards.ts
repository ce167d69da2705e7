/**
 * Reversing what a purchase gave (docs/calculation.md, Returns): how much of each award, its counters and caps, and the lots it is taken from. What was recorded in the
 * purchase's fact is reversed, whatever the rules are today; never more than was given.
 */
import { AWARDS_MAX } from './awards.js';
import type { Context } from './context.js';
import { CellKind, cellKey, Period } from './ledger/cells.js';
import { takeBack } from './ledger/ledger.js';
import type { RecordedPurchase } from './recorded-purchase.js';
import type { Reference } from './reference.js';
import type { ReturnedLines } from './returned-lines.js';
import type { CompiledRule, CompiledRules } from './rules/compile.js';
import { portion, portionUp } from './rules/fraction.js';
import { recordedBase, requalify } from './rules/requalify.js';
import { shareOut } from './rules/shares.js';
import { LINES_MAX, type Transaction } from './transaction.js';

/** By award of the purchase: its points that are reversed once this return is counted. */
const reversedSoFar = new Float64Array(AWARDS_MAX);
const amountLeft = new Float64Array(LINES_MAX), quantityLeft = new Float64Array(LINES_MAX);
const weights = new Float64Array(LINES_MAX), shares = new Float64Array(LINES_MAX), sharedLines = new Int32Array(LINES_MAX);

/** Notes what this return takes and reverses what was given for it; with `record` each reversal stands, negative, among the awards of the return's own fact. The account is c.ordinal. */
export function reverseReturned(c: Context, ordinal: number, key: number, purchase: RecordedPurchase, returned: ReturnedLines, record: boolean): void {
  returned.note(c, key);
  findReversals(c, purchase, returned);
  reverseAwards(c, ordinal, key, purchase, returned, record);
  c.applyCells(ordinal);
}

/** As if all that remains were returned with `proportional`, without a return: what the purchase gave goes, its counters fall. The account is c.ordinal. */
export function reverseWhole(c: Context, ordinal: number, key: number, purchase: RecordedPurchase, returned: ReturnedLines): void {
  returned.begin(c, key, purchase);
  returned.takeAll();
  returned.note(c, key);
  for (let award = 0; award < purchase.awards.count; award++) reversedSoFar[award] = purchase.awards.points[award]!;
  reverseAwards(c, ordinal, key, purchase, returned, false);
  c.applyCells(ordinal);
}

/** Reverses each award of the purchase up to `reversedSoFar`; cumulative, so that parts add up to the whole. `record`: as an award of the fact that comes of it. */
function reverseAwards(c: Context, ordinal: number, key: number, purchase: RecordedPurchase, returned: ReturnedLines, record: boolean): void {
  const { count } = purchase.awards, becameWhole = returned.isWhole(true) && !returned.isWhole(false);
  for (let award = 0; award < count; award++) {
    const cell = cellKey(CellKind.reversed, 0, award), before = c.get(cell, key), now = Math.max(0, reversedSoFar[award]! - before);
    moveCounters(c, purchase, award, returned, becameWhole, before, before + now);
    if (now === 0) continue;
    c.add(cell, key, now);
    takeParts(c, ordinal, purchase, award, before, before + now, record ? recordAward(c, purchase, award, now, returned) : -1);
  }
  c.awards.counterTotal = 0;
}

/** Fills `reversedSoFar` by the rule's onReturn; multipliers after what they multiplied. */
function findReversals({ reference }: Context, purchase: RecordedPurchase, returned: ReturnedLines): void {
  const { awards } = purchase, { rules } = reference;
  let remaining: Transaction | undefined;
  reversedSoFar.fill(0, 0, awards.count);
  for (let pass = 0; pass < 2; pass++) {
    for (let award = 0; award < awards.count; award++) {
      const rule = rules.rule(awards.rule[award]!), { onReturn, factor } = rule, points = awards.points[award]!;
      if ((factor !== undefined) !== (pass === 1) || onReturn === 'keep') continue;
      if (onReturn === 'proportional') reversedSoFar[award] = proportional(purchase, award, returned);
      else if (factor !== undefined) reversedSoFar[award] = reversedOfMultiplier(purchase, award, returned, rule, rules);
      else reversedSoFar[award] = points - Math.min(points, requalify(reference, purchase, award, remaining ??= remainingOf(reference, purchase, returned)));
    }
  }
}
function proportional(purchase: RecordedPurchase, award: number, returned: ReturnedLines): number {
  const bought = sumOver(purchase, award, returned, returned.amount);
  return bought === 0 ? 0 : portion(purchase.awards.points[award]!, returnedOf(purchase, award, returned, true), bought);
}
/** By what is left of the awards that it multiplied. */
function reversedOfMultiplier(purchase: RecordedPurchase, award: number, returned: ReturnedLines, multiplier: CompiledRule, rules: CompiledRules): number {
  const { awards } = purchase, given = awards.points[award]!;
  let points = 0, left = 0;
  for (let base = 0; base < awards.count; base++) {
    if (!multiplier.multiplies(rules.rule(awards.rule[base]!).rule)) continue;
    points += awards.points[base]!;
    left += awards.points[base]! - reversedSoFar[base]!;
  }
  return points === 0 ? proportional(purchase, award, returned) : given - portion(given, left, points);
}
function remainingOf(reference: Reference, purchase: RecordedPurchase, returned: ReturnedLines): Transaction {
  for (let i = 0; i < returned.count; i++) {
    amountLeft[i] = returned.amount[i]! - returned.amountBefore[i]! - returned.amountNow[i]!;
    quantityLeft[i] = returned.quantity[i]! - returned.quantityBefore[i]! - returned.quantityNow[i]!;
  }
  return purchase.remaining(reference, amountLeft, quantityLeft);
}

/** A sum over the earning lines of an award: those of its shares, all when it has none. */
function sumOver({ awards }: RecordedPurchase, award: number, returned: ReturnedLines, values: Float64Array): number {
  const start = awards.shareStart[award]!, count = awards.shareCount[award]!, { amount } = returned;
  let sum = 0;
  for (let i = 0; i < (count === 0 ? returned.count : count); i++) {
    const line = count === 0 ? i : awards.shareLine[start + i]!;
    if (amount[line]! > 0) sum += values[line]!;
  }
  return sum;
}
/** What was returned of the earning lines of an award, with this return or before it. */
function returnedOf(purchase: RecordedPurchase, award: number, returned: ReturnedLines, withNow: boolean): number {
  return sumOver(purchase, award, returned, returned.amountBefore) + (withNow ? sumOver(purchase, award, returned, returned.amountNow) : 0);
}

/** Counters go back by what is returned, `paid` by the milestones of an award that is reversed whole, caps of a day to the day that used them. */
function moveCounters(c: Context, purchase: RecordedPurchase, award: number, returned: ReturnedLines, becameWhole: boolean, before: number, after: number): void {
  const { awards } = purchase, { rule, kind: { name: kind }, capPerDay } = c.reference.rules.rule(awards.rule[award]!), period = awards.period[award]!;
  if (kind === 'spendThreshold') {
    const base = recordedBase(c.reference, purchase, award), bought = sumOver(purchase, award, returned, returned.amount);
    const fellBefore = (withNow: boolean): number => portion(base, returnedOf(purchase, award, returned, withNow), bought);
    if (bought > 0) c.add(cellKey(CellKind.ruleSpend, 0, rule), period, fellBefore(false) - fellBefore(true));
  }
  if ((kind === 'everyNth' || kind === 'firstPurchase') && becameWhole) c.add(cellKey(CellKind.ruleCount, 0, rule), 0, -1);
  const milestones = awards.milestones[award]!, points = awards.points[award]!;
  if (milestones > 0 && points > 0 && after === points && before < after) {
    c.add(cellKey(CellKind.rulePaid, 0, rule), kind === 'spendThreshold' ? period : Period.ever, -milestones);
  }
  if (capPerDay < Infinity) {
    const { transaction: { programOrdinal, occurredAtMs }, referenceVersion } = purchase;
    c.add(cellKey(CellKind.ruleDay, 0, rule), c.reference.programDayThen(programOrdinal, occurredAtMs, referenceVersion), before - after);
  }
}

/** The reversal among the awards of the return's own fact, negative; returns its number there. */
function recordAward(c: Context, purchase: RecordedPurchase, award: number, points: number, returned: ReturnedLines): number {
  const { awards } = c, number = awards.count++;
  awards.rule[number] = purchase.awards.rule[award]!;
  awards.currency[number] = purchase.awards.currency[award]!;
  awards.points[number] = -points;
  awards.input[number] = awards.milestones[number] = awards.period[number] = 0;
  awards.shareStart[number] = awards.shareTotal;
  const count = returnedLinesOf(purchase, award, returned) || returnedLines(returned);
  for (let i = 0; i < count; i++) weights[i] = Math.max(0, returned.amountNow[sharedLines[i]!]!);
  shareOut(points, weights, count, shares);
  for (let i = 0; i < count; i++) {
    const line = returned.placeInReturn[sharedLines[i]!]!;
    if (line >= 0) awards.addShare(line, -shares[i]!);
  }
  awards.shareCount[number] = awards.shareTotal - awards.shareStart[number]!;
  return number;
}
/** Puts the lines that this return takes something of into `sharedLines`, in the order of the purchase: those among the award's shares, or all. Returns how many. */
function returnedLinesOf({ awards }: RecordedPurchase, award: number, returned: ReturnedLines): number {
  const start = awards.shareStart[award]!;
  let count = 0;
  for (let i = 0; i < awards.shareCount[award]!; i++) {
    const line = awards.shareLine[start + i]!;
    if (returned.takes(line)) sharedLines[count++] = line;
  }
  return count;
}
function returnedLines(returned: ReturnedLines): number {
  let count = 0;
  for (let i = 0; i < returned.count; i++) if (returned.takes(i)) sharedLines[count++] = i;
  return count;
}

/** Takes the points of a reversal back by funder and lot: what the purchase posted for the award, cumulatively, less what was reversed before. */
function takeParts(c: Context, ordinal: number, { accruals }: RecordedPurchase, award: number, before: number, after: number, record: number): void {
  let weight = 0, leftBefore = before, leftAfter = after;
  for (let i = 0; i < accruals.count; i++) if (accruals.award[i] === award) weight += accruals.points[i]!;
  for (let i = 0; i < accruals.count; i++) {
    if (accruals.award[i] !== award) continue;
    const given = accruals.points[i]!, partBefore = portionUp(leftBefore, given, weight), partAfter = portionUp(leftAfter, given, weight);
    if (partAfter > partBefore) takeBack(c, ordinal, accruals.currency[i]!, accruals.funder[i]!, partAfter - partBefore, record, accruals.expires[i]!, accruals.matures[i]!);
    leftBefore -= partBefore;
    leftAfter -= partAfter;
    weight -= given;
  }
}

/**
 * Reversing what a purchase gave (docs/calculation.md, Returns): how much of each award, its counters and caps, and the lots it is taken from. What was recorded in the
 * purchase's fact is reversed, whatever the rules are today; never more than was given.
 */
import type { FactRecord } from '../schemas/fact.js';
import type { Context } from './context.js';
import { split } from './decide.js';
import { CellKind, cellKey, Period } from './ledger/cells.js';
import { takeBack } from './ledger/ledger.js';
import { boughtLines, noteReturned, purchaseKey, remainderOf, type ReturnedLine } from './returned-lines.js';
import type { Remaining } from './rules/recorded.js';
import { recordedBase, requalify } from './rules/requalify.js';

type Award = FactRecord['awards'][number];
type Posting = FactRecord['postings'][number];

/** Reverses what this return takes back; each reversal stands, negative, among the awards of the return's own fact. */
export function reverseReturned(c: Context, ordinal: number, key: number, fact: FactRecord, returned: ReturnedLine[]): void {
  reverseAwards(c, ordinal, key, fact, returned, reversals(c, fact, returned), (award, points) => recordAward(c, award, points, returned));
}

/** As if all that remains were returned with `proportional`, without a return: what the purchase gave goes, its counters fall. The account is c.ordinal. */
export function reverseWhole(c: Context, ordinal: number, idHash: Uint32Array, fact: FactRecord): void {
  const key = purchaseKey(idHash), returned = boughtLines(c, key, fact);
  for (const line of returned) line.now = remainderOf(line);
  noteReturned(c, key, returned);
  reverseAwards(c, ordinal, key, fact, returned, fact.awards.map(({ points }) => points), () => -1);
  c.applyCells(ordinal);
}

/**
 * Reverses each award of the purchase up to `reversedSoFar`; cumulative, so that parts add up to the whole. `record`: the number that a reversal gets among the awards
 * of the fact.
 */
function reverseAwards(
  c: Context, ordinal: number, key: number, fact: FactRecord, returned: ReturnedLine[], reversedSoFar: number[], record: (award: Award, points: number) => number,
): void {
  const { awards, reference } = c;
  const whole = returned.every(({ amount, before, now }) => amount <= 0 || before.amount + now.amount === amount);
  const wasWhole = returned.every(({ amount, before }) => amount <= 0 || before.amount === amount);
  const byLine = new Map(returned.map((entry) => [entry.line, entry]));
  fact.awards.forEach((award, number) => {
    const rule = reference.set.rules[award.ruleIndex]!;
    const before = c.get(cellKey(CellKind.reversed, 0, number), key);
    const now = Math.max(0, reversedSoFar[number]! - before);
    moveCounters(c, fact, award, rule.rule, byLine, whole && !wasWhole, before, before + now);
    if (now === 0) return;
    c.add(cellKey(CellKind.reversed, 0, number), key, now);
    const place = record(award, now);
    for (const { points, funder, currency, expires, matures } of reversalParts(fact, number, before, before + now)) {
      if (points > 0) takeBack(c, ordinal, reference.currencyOrdinal(currency, c.transaction.programOrdinal), reference.funderOrdinal(funder), points, place, expires, matures);
    }
  });
  awards.counterTotal = 0;
}

/** Points of each award that are reversed once this return is counted, by the rule's onReturn. */
function reversals(c: Context, fact: FactRecord, returned: ReturnedLine[]): number[] {
  const { reference } = c;
  const byLine = new Map(returned.map((entry) => [entry.line, entry]));
  const remaining: Remaining[] = returned.map(({ line, amount, quantity, before, now }) => (
    { line, amount: amount - before.amount - now.amount, quantity: quantity - before.quantity - now.quantity }
  ));
  const result = fact.awards.map(() => 0);
  const proportional = (number: number): number => {
    const award = fact.awards[number]!;
    const { bought, returned } = boughtAndReturned(award, byLine, false);
    return bought === 0 ? 0 : portion(award.points, returned, bought);
  };
  const documents = fact.awards.map((award) => reference.set.rules[award.ruleIndex]!.document);
  for (const multipliers of [false, true]) {
    fact.awards.forEach((award, number) => {
      const { onReturn = 'proportional', award: given } = documents[number]!;
      if ((given.kind === 'multiplier') !== multipliers || onReturn === 'keep') return;
      if (onReturn === 'proportional') result[number] = proportional(number);
      else if (given.kind === 'multiplier') {
        const bases = fact.awards.flatMap((base, i) => (given.of.includes(base.rule) ? [i] : []));
        const points = bases.reduce((sum, i) => sum + fact.awards[i]!.points, 0);
        const left = bases.reduce((sum, i) => sum + fact.awards[i]!.points - result[i]!, 0);
        result[number] = points === 0 ? proportional(number) : award.points - portion(award.points, left, points);
      } else result[number] = award.points - Math.min(award.points, requalify(reference, award, fact, remaining));
    });
  }
  return result;
}

/** Sums over the earning lines of an award, before this return or with it. */
function boughtAndReturned(award: Award, byLine: Map<number, ReturnedLine>, beforeOnly: boolean): { bought: number; returned: number } {
  let bought = 0, returned = 0;
  const shares = award.shares.length > 0 ? award.shares : [...byLine.keys()].map((line) => ({ line }));
  for (const { line } of shares) {
    const entry = byLine.get(line);
    if (!entry || entry.amount <= 0) continue;
    bought += entry.amount;
    returned += entry.before.amount + (beforeOnly ? 0 : entry.now.amount);
  }
  return { bought, returned };
}

/** Counters go back by what is returned, `paid` by the milestones of an award that is reversed whole, caps of a day to the day that used them. */
function moveCounters(
  c: Context, fact: FactRecord, award: Award, rule: number, byLine: Map<number, ReturnedLine>, becameWhole: boolean, before: number, after: number,
): void {
  const { award: given, caps } = c.reference.set.rules[award.ruleIndex]!.document;
  if (given.kind === 'spendThreshold') {
    const base = recordedBase(c.reference, award, fact);
    const earlier = boughtAndReturned(award, byLine, true), now = boughtAndReturned(award, byLine, false);
    if (now.bought > 0) {
      c.add(cellKey(CellKind.ruleSpend, 0, rule), award.period, portion(base, earlier.returned, now.bought) - portion(base, now.returned, now.bought));
    }
  }
  if ((given.kind === 'everyNth' || given.kind === 'firstPurchase') && becameWhole) c.add(cellKey(CellKind.ruleCount, 0, rule), 0, -1);
  if (award.milestones > 0 && award.points > 0 && after === award.points && before < after) {
    c.add(cellKey(CellKind.rulePaid, 0, rule), given.kind === 'spendThreshold' ? award.period : Period.ever, -award.milestones);
  }
  if (caps?.perAccountPerDay !== undefined) {
    c.add(cellKey(CellKind.ruleDay, 0, rule), c.reference.programDay(c.transaction.programOrdinal, fact.occurredAtMs), before - after);
  }
}

/** The reversal among the awards of the return's own fact, negative; returns its number there. */
function recordAward(c: Context, award: Award, points: number, returned: ReturnedLine[]): number {
  const { awards, transaction: t } = c;
  const number = awards.count++;
  awards.rule[number] = award.ruleIndex;
  awards.currency[number] = c.reference.currencyOrdinal(award.currency, t.programOrdinal);
  awards.points[number] = -points;
  awards.input[number] = 0;
  awards.milestones[number] = 0;
  awards.period[number] = 0;
  awards.shareStart[number] = awards.shareTotal;
  const taken = returned.filter(({ now }) => now.amount > 0);
  const among = taken.filter(({ line }) => award.shares.some((share) => share.line === line));
  const lines = among.length > 0 ? among : taken;
  const weights = lines.map(({ now }) => now.amount);
  const shares = split(points, weights);
  lines.forEach(({ line }, i) => {
    const index = t.lineNumber.subarray(0, t.lineCount).indexOf(line);
    if (index >= 0) awards.addShare(index, -shares[i]!);
  });
  awards.shareCount[number] = awards.shareTotal - awards.shareStart[number];
  return number;
}

/** The parts of a reversal by funder and lot: what the purchase posted for the award, cumulatively, less what was reversed before. */
function reversalParts(fact: FactRecord, number: number, before: number, after: number): Posting[] {
  const postings = fact.postings.filter(({ award, kind }) => award === number && kind === 'accrual');
  const parts = (total: number): number[] => {
    let left = total, weight = postings.reduce((sum, { points }) => sum + points, 0);
    return postings.map(({ points }) => {
      const part = weight === 0 ? 0 : Number((BigInt(left) * BigInt(points) + BigInt(weight) - 1n) / BigInt(weight));
      left -= part;
      weight -= points;
      return part;
    });
  };
  const earlier = parts(before), now = parts(after);
  return postings.map((posting, i) => ({ ...posting, points: now[i]! - earlier[i]! }));
}

/** floor(x × part / whole), exactly. */
function portion(x: number, part: number, whole: number): number {
  return x * part <= Number.MAX_SAFE_INTEGER ? Math.floor((x * part) / whole) : Number((BigInt(x) * BigInt(part)) / BigInt(whole));
}

/**
 * Returns, by docs/calculation.md: what a return takes back of each award of its purchase, and which counters fall. The purchase keeps what has been
 * returned and reversed; everything else is calculated from what was recorded.
 */
import { localDay } from './calendar.js';
import { divide, largestRemainder } from './fraction.js';
import type { Account, Ledger, Lot } from './ledger.js';
import type { EnrichedLine, NaiveReference } from './reference.js';
import { baseAmount, Receipt, requalify, safe, type CounterKind, type NaiveAward } from './rules.js';
import { keyOf, type NaiveTransaction } from './transaction.js';

/** An award as it was posted: its parts by funder, and how much of it returns have taken back. */
export interface RecordedAward extends NaiveAward { parts: Lot[]; reversed: number }

export interface Purchase {
  transaction: NaiveTransaction;
  receipt: Receipt;
  account: string;
  awards: RecordedAward[];
  /** By line number, cumulative. */
  returned: Map<number, { amount: number; quantity: number }>;
}

type ReturnReason = 'unknown-line' | 'return-exceeds' | 'total-mismatch';
export interface ReturnedLine { line: number; quantity: number; amount: number }

/** Lines that can come back; of a purchase whose lines are nothing but discounts one more, so that it is known once they are back. */
function returnable({ receipt: { counted } }: Purchase): ReturnedLine[] {
  const isEmpty = counted.every(({ amount, quantity }) => amount === 0 && quantity === 0);
  return isEmpty && counted.some(({ discount }) => discount !== 0) ? [...counted, { line: 0, amount: 0, quantity: 1 }] : counted;
}

/** What comes back, in the order of the purchase's lines, or why it can't. */
export function returnedLines(purchase: Purchase, request: NaiveTransaction): ReturnedLine[] | ReturnReason {
  const { counted, lines } = purchase.receipt;
  const asked = new Map<number, ReturnedLine>();
  if (request.lines.length > 0) {
    for (const { line, quantity, amount } of request.lines) {
      const bought = lines.find((other) => other.line === line);
      if (!bought) return 'unknown-line';
      const before = asked.get(line) ?? { line, quantity: 0, amount: 0 }, left = remainder(purchase, bought);
      if (before.amount + amount > Math.max(0, left.amount) || before.quantity + quantity > left.quantity) return 'return-exceeds';
      asked.set(line, { line, quantity: before.quantity + quantity, amount: before.amount + amount });
    }
  } else if (lines.length === 0 && request.total) {
    const left = remainder(purchase, counted[0]!);
    if (request.total > left.amount) return 'return-exceeds';
    asked.set(1, { line: 1, amount: request.total, quantity: request.total === left.amount ? left.quantity : 0 });
  } else {
    for (const line of returnable(purchase)) asked.set(line.line, { line: line.line, ...remainder(purchase, line) });
    const left = [...asked.values()].reduce((sum, { amount }) => sum + amount, 0);
    if (request.total) {
      if (request.total > left) return 'return-exceeds';
      if (request.total < left) return 'total-mismatch';
    }
  }
  const returned = returnable(purchase).flatMap(({ line }) => asked.get(line) ?? []).filter(({ amount, quantity }) => amount !== 0 || quantity !== 0);
  return returned.length === 0 ? 'return-exceeds' : returned;
}

/** Of lines that come back without a return what is left of them here, in the order of the purchase. */
export function linesLeft(purchase: Purchase, lines: ReturnedLine[]): ReturnedLine[] {
  return returnable(purchase).flatMap((bought) => {
    const asked = lines.find(({ line }) => line === bought.line), left = remainder(purchase, bought);
    if (!asked) return [];
    const now = { line: bought.line, amount: atMost(asked.amount, left.amount), quantity: atMost(asked.quantity, left.quantity) };
    return now.amount === 0 && now.quantity === 0 ? [] : [now];
  });
}
/** Toward zero, and not past it: amounts of lines may be negative. */
const atMost = (part: number, left: number): number => (left < 0 ? Math.max(left, Math.min(part, 0)) : Math.min(left, Math.max(part, 0)));

/**
 * Takes back what the return asks for, from the account's balances and counters and among what the purchase keeps; answers the awards (negative).
 * `policy` is in place of the rules' own onReturn.
 */
export function takeBack(reference: NaiveReference, purchase: Purchase, lines: ReturnedLine[], account: Account, ledger: Ledger, policy?: 'proportional'): NaiveAward[] {
  const key = keyOf(purchase.transaction);
  const fallenBefore = purchase.awards.map((award) => spendFallen(purchase, award));
  const wholeBefore = isWhole(purchase);
  for (const { line, amount, quantity } of lines) {
    const soFar = purchase.returned.get(line) ?? { amount: 0, quantity: 0 };
    purchase.returned.set(line, { amount: soFar.amount + amount, quantity: soFar.quantity + quantity });
    account.note('returnedAmount', 0, line, key, amount);
    account.note('returnedQuantity', 0, line, key, quantity);
  }
  const wholeNow = isWhole(purchase);
  const reversed = reversedSoFar(reference, purchase, policy);

  const awards: NaiveAward[] = [];
  const count = (kind: CounterKind, rule: number, period: number, change: number): void => account.count({ kind, rule, period, change });
  purchase.awards.forEach((award, i) => {
    const { document, rule } = award.version;
    const fallen = spendFallen(purchase, award) - fallenBefore[i]!;
    if (fallen > 0) count('ruleSpend', rule, award.period, -fallen);
    if ((document.award.kind === 'everyNth' || document.award.kind === 'firstPurchase') && wholeNow && !wholeBefore) count('ruleCount', rule, 0, -1);

    const soFar = Math.max(award.reversed, reversed[i]!), now = soFar - award.reversed;
    if (now === 0) return;
    if (soFar === award.points && award.milestones > 0) count('rulePaid', rule, award.period, -award.milestones);
    const { receipt: { zones }, transaction: { occurredAtMs } } = purchase;
    if (document.caps?.perAccountPerDay !== undefined) count('ruleDay', rule, localDay(zones.program, occurredAtMs), -now);
    const before = fundersParts(award, award.reversed), after = fundersParts(award, soFar);
    award.parts.forEach((part, k) => ledger.takeBack(part, after[k]! - before[k]!, awards.length));
    award.reversed = soFar;
    account.note('reversed', 0, i, key, now);
    awards.push({ ...award, points: -now, input: 0, milestones: 0, period: 0, shares: sharesOf(award, lines, now) });
  });
  return awards;
}

/** Points of each award that are reversed once the purchase's returned lines are taken into account. */
function reversedSoFar(reference: NaiveReference, purchase: Purchase, policy?: 'proportional'): number[] {
  const remaining = remainingReceipt(purchase);
  const result: number[] = [];
  const multipliersLast = purchase.awards.map((_, i) => i).sort((a, b) => Number(isMultiplier(purchase.awards[a]!)) - Number(isMultiplier(purchase.awards[b]!)));
  for (const i of multipliersLast) {
    const award = purchase.awards[i]!;
    const { award: kind, ...document } = award.version.document;
    const onReturn = policy ?? document.onReturn;
    if (onReturn === 'keep') result[i] = 0;
    else if (onReturn !== 'requalify') result[i] = proportional(purchase, award);
    else if (kind.kind !== 'multiplier') result[i] = award.points - Math.min(award.points, requalify(reference, award, purchase.receipt, remaining));
    else {
      const bases = purchase.awards.map((_, k) => k).filter((k) => kind.of.includes(purchase.awards[k]!.version.id));
      const given = sum(bases.map((k) => purchase.awards[k]!.points)), taken = sum(bases.map((k) => result[k]!));
      result[i] = given === 0 ? proportional(purchase, award) : award.points - portion(award.points, given - taken, given);
    }
  }
  return result;
}

function proportional(purchase: Purchase, award: RecordedAward): number {
  const { bought, returned } = earningAmounts(purchase, award);
  return portion(award.points, returned, bought);
}

/** By how much the spend that a threshold counted has fallen, over all returns so far. */
function spendFallen(purchase: Purchase, award: RecordedAward): number {
  if (award.version.document.award.kind !== 'spendThreshold') return 0;
  const { bought, returned } = earningAmounts(purchase, award);
  return portion(baseAmount(award.version, purchase.receipt), returned, bought);
}

/** The amounts of the award's earning lines (those of its shares): bought and returned so far. */
function earningAmounts(purchase: Purchase, award: RecordedAward): { bought: number; returned: number } {
  const lines = new Set(award.shares.map(({ line }) => line));
  const earning = purchase.receipt.counted.filter(({ line }) => lines.has(line));
  return { bought: sum(earning.map(({ amount }) => amount)), returned: sum(earning.map(({ line }) => purchase.returned.get(line)?.amount ?? 0)) };
}

/** Cumulative parts of the funders when `reversed` points of the award are taken back: each takes its ceiling of what those before it left. */
function fundersParts({ parts }: RecordedAward, reversed: number): number[] {
  let left = BigInt(reversed), weight = parts.reduce((total, { points }) => total + BigInt(points), 0n);
  return parts.map(({ points }) => {
    const part = (left * BigInt(points) + weight - 1n) / weight;
    left -= part;
    weight -= BigInt(points);
    return safe(part);
  });
}

/** The reversal lies on the lines of this return that earned the award, by returned amount; on all lines of this return when none did. */
function sharesOf(award: RecordedAward, lines: ReturnedLine[], now: number): { line: number; points: number }[] {
  const earning = lines.filter(({ line }) => award.shares.some((share) => share.line === line));
  const bearing = earning.length > 0 ? earning : lines;
  const shares = largestRemainder(now, bearing.map(({ amount }) => Math.max(0, amount)));
  return bearing.map(({ line }, i) => ({ line, points: -shares[i]! }));
}

function remainingReceipt(purchase: Purchase): Receipt {
  const left = (lines: EnrichedLine[]): EnrichedLine[] =>
    lines.map((line) => ({ ...line, ...remainder(purchase, line) })).filter(({ amount, quantity }) => amount !== 0 || quantity !== 0);
  const { transaction, zones, total, lines, counted } = purchase.receipt;
  return new Receipt(transaction, zones, total - sum([...purchase.returned.values()].map(({ amount }) => amount)), left(lines), left(counted));
}

function remainder(purchase: Purchase, { line, amount, quantity }: ReturnedLine): { amount: number; quantity: number } {
  const returned = purchase.returned.get(line);
  return { amount: amount - (returned?.amount ?? 0), quantity: quantity - (returned?.quantity ?? 0) };
}

const isWhole = (purchase: Purchase): boolean => purchase.receipt.counted.every(({ line, amount }) => amount <= 0 || purchase.returned.get(line)?.amount === amount);
const isMultiplier = (award: RecordedAward): boolean => award.version.document.award.kind === 'multiplier';
const portion = (points: number, part: number, whole: number): number => divide(points, part, whole).floor;
const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0);

/** The fact of a return shows the purchase's lines that came back, enriched as they were then; amounts and quantities are positive here. */
export function returnReceipt(purchase: Purchase, request: NaiveTransaction, returned: ReturnedLine[]): Receipt {
  const { zones, counted, lines: boughtLines } = purchase.receipt, back = new Map(returned.map((line) => [line.line, line]));
  const nothingRemains = counted.every((line) => {
    const left = remainder(purchase, line), now = back.get(line.line) ?? { amount: 0, quantity: 0 };
    return left.amount === now.amount && left.quantity === now.quantity;
  });
  const lines = boughtLines.flatMap((bought) => {
    const now = back.get(bought.line);
    if (now) return [{ ...bought, amount: now.amount, quantity: now.quantity, discount: discountOf(purchase, bought, now) }];
    // A line of nothing but a discount can't be returned in parts: it comes when the others are all back.
    return nothingRemains && bought.amount === 0 && bought.quantity === 0 && bought.discount !== 0 ? [bought] : [];
  });
  return new Receipt(request, zones, sum(returned.map(({ amount }) => amount)), lines, lines);
}

/** The part of a line's discount that comes back with this return, before it is counted: cumulative, by amount, of a line without one by quantity. */
function discountOf({ returned }: Purchase, bought: EnrichedLine, now: ReturnedLine): number {
  const measure = bought.amount === 0 ? 'quantity' : 'amount', whole = Math.abs(bought[measure]);
  const before = Math.abs(returned.get(bought.line)?.[measure] ?? 0), after = before + Math.abs(now[measure]);
  return portion(bought.discount, after, whole) - portion(bought.discount, before, whole);
}

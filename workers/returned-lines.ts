/**
 * What a return takes of its purchase, line by line, on top of what was returned before: never more than was bought. The account keeps it in cells under the purchase's key;
 * here nothing is changed but those notes.
 */
import type { FactRecord } from '../schemas/fact.js';
import type { Context } from './context.js';
import type { Outcome } from './decide.js';
import { CellKind, cellKey } from './ledger/cells.js';

/** Returned so far and now, of one line of the purchase. */
export interface ReturnedLine {
  line: number; amount: number; quantity: number;
  before: { amount: number; quantity: number };
  now: { amount: number; quantity: number };
}

/** Under which the account keeps what has been returned of a purchase. */
export const purchaseKey = (idHash: Uint32Array): number => (idHash[0]! % 2 ** 21) * 2 ** 32 + idHash[1]!;
export const remainderOf = ({ amount, quantity, before }: ReturnedLine): { amount: number; quantity: number } => (
  { amount: amount - before.amount, quantity: quantity - before.quantity }
);

/** Lines of the purchase with what was returned of them before. One that only states its total counts as one line. */
export function boughtLines(c: Context, key: number, fact: FactRecord): ReturnedLine[] {
  const lines = fact.lines.length > 0 ? fact.lines : [{ line: 1, amount: fact.total, quantity: 1000 }];
  return lines.map(({ line, amount, quantity }) => {
    const before = { amount: c.get(cellKey(CellKind.returnedAmount, 0, line), key), quantity: c.get(cellKey(CellKind.returnedQuantity, 0, line), key) };
    return { line, amount, quantity, before, now: { amount: 0, quantity: 0 } };
  });
}
export function noteReturned(c: Context, key: number, returned: ReturnedLine[]): void {
  for (const { line, now } of returned) {
    c.add(cellKey(CellKind.returnedAmount, 0, line), key, now.amount);
    c.add(cellKey(CellKind.returnedQuantity, 0, line), key, now.quantity);
  }
}

/** Lines of the purchase with what this return takes, or a refusal. */
export function returnedLines(c: Context, key: number, fact: FactRecord): ReturnedLine[] | Outcome {
  const { transaction: t } = c;
  const all = new Map(boughtLines(c, key, fact).map((entry) => [entry.line, entry]));
  if (t.lineCount > 0) {
    for (let i = 0; i < t.lineCount; i++) {
      const entry = all.get(t.lineNumber[i]!);
      if (!entry || fact.lines.length === 0) {
        return { status: 'rejected', reason: 'unknown-line', pointer: `/lines/${i}/line`, detail: `the purchase has no line ${t.lineNumber[i]!}` };
      }
      entry.now.amount += t.amount[i]!;
      entry.now.quantity += t.quantity[i]!;
      if (entry.before.amount + entry.now.amount > Math.max(entry.amount, 0) || entry.before.quantity + entry.now.quantity > entry.quantity) {
        return {
          status: 'rejected', reason: 'return-exceeds', pointer: `/lines/${i}`,
          detail: `line ${entry.line}: bought ${entry.amount} for quantity ${entry.quantity / 1000}, returned before ${entry.before.amount} for ${entry.before.quantity / 1000}`,
        };
      }
    }
  } else if (fact.lines.length === 0 && t.total > 0) {
    const entry = all.get(1)!;
    entry.now.amount = t.total;
    if (entry.before.amount + t.total > entry.amount) {
      return { status: 'rejected', reason: 'return-exceeds', pointer: '/total', detail: `bought for ${entry.amount}, returned before ${entry.before.amount}` };
    }
    if (entry.before.amount + t.total === entry.amount) entry.now.quantity = entry.quantity - entry.before.quantity;
  } else {
    for (const entry of all.values()) entry.now = remainderOf(entry);
  }
  const taken = [...all.values()].filter(({ now }) => now.amount !== 0 || now.quantity !== 0);
  return taken.length > 0 ? [...all.values()] : { status: 'rejected', reason: 'return-exceeds', detail: 'everything of this purchase has been returned' };
}

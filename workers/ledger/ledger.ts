/**
 * The movements of points on one account (docs/calculation.md, Funding and lots; Returns 4): each notes cell additions and postings in the context and applies them at
 * once, so that the next movement sees them. Callers have checked everything: from here on it must succeed.
 */
import type { Context } from '../context.js';
import { CellKind, cellA, cellB, cellKey, lotExpires, lotKey, lotMatures, NEVER } from './cells.js';
import { Balance, Counter, post, PostingKind } from './postings.js';

const { available, pending } = CellKind, { accrual, import: imported } = PostingKind, { issuance } = Counter;
const availableBalance = Balance.available, pendingBalance = Balance.pending;

/** Brings points to the account; what is available pays debt first. `today` decides whether the lot is mature. The caller applies the cells at the end. */
export function credit(
  c: Context, ordinal: number, currency: number, funder: number, points: number, award: number, expires: number, matures: number, today: number, kind: number = accrual,
): void {
  bring(c, currency, funder, points, award, expires, matures, today, kind);
  if (matures > today || !owes(c, ordinal, currency)) return;
  c.applyCells(ordinal);
  payDebt(c, ordinal, currency, funder, points, award, expires, matures);
}

/** The same for an account that owes nothing of the currency. */
export function bring(
  c: Context, currency: number, funder: number, points: number, award: number, expires: number, matures: number, today: number, kind: number = accrual,
): void {
  const mature = matures <= today;
  c.add(cellKey(mature ? available : pending, currency, funder), lotKey(expires, matures), points);
  const balance = mature ? availableBalance : pendingBalance, counter = kind === imported ? Counter.import : issuance;
  post(kind, balance, counter, currency, funder, points, award, expires, matures);
}

export function owes({ state }: Context, ordinal: number, currency: number): boolean {
  return state.accounts.get(ordinal, cellKey(CellKind.debt, currency, 0), 0) !== 0;
}

/** Pays debt out of points that just became available in one lot. */
function payDebt(c: Context, ordinal: number, currency: number, funder: number, points: number, award: number, expires: number, matures: number): void {
  const debt = c.state.accounts.get(ordinal, cellKey(CellKind.debt, currency, 0), 0);
  const paid = Math.min(debt, points);
  if (paid <= 0) return;
  c.add(cellKey(CellKind.available, currency, funder), lotKey(expires, matures), -paid);
  c.add(cellKey(CellKind.debt, currency, 0), 0, -paid);
  post(PostingKind.debt, Balance.available, Counter.own, currency, funder, -paid, award, expires, matures);
  post(PostingKind.debt, Balance.debt, Counter.own, currency, funder, paid, award, expires, matures);
  c.applyCells(ordinal);
}

/** Settles what is due by `day`: pending lots mature, then available lots expire. Returns whether anything moved. */
export function settle(c: Context, ordinal: number, day: number): boolean {
  if (!c.state.accounts.hasDue(ordinal, day)) return false;
  for (const lot of lotsOf(c, ordinal, CellKind.pending).filter((lot) => lot.matures <= day).sort(byFunder)) {
    c.add(cellKey(CellKind.pending, lot.currency, lot.funder), lot.key2, -lot.points);
    c.add(cellKey(CellKind.available, lot.currency, lot.funder), lot.key2, lot.points);
    post(PostingKind.maturity, Balance.pending, Counter.own, lot.currency, lot.funder, -lot.points, -1, lot.expires, lot.matures);
    post(PostingKind.maturity, Balance.available, Counter.own, lot.currency, lot.funder, lot.points, -1, lot.expires, lot.matures);
    c.applyCells(ordinal);
    payDebt(c, ordinal, lot.currency, lot.funder, lot.points, -1, lot.expires, lot.matures);
  }
  for (const lot of lotsOf(c, ordinal, CellKind.available).filter((lot) => lot.expires <= day).sort(byFunder)) {
    c.add(cellKey(CellKind.available, lot.currency, lot.funder), lot.key2, -lot.points);
    post(PostingKind.expiry, Balance.available, Counter.breakage, lot.currency, lot.funder, -lot.points, -1, lot.expires, lot.matures);
    c.applyCells(ordinal);
  }
  return true;
}

/** Takes points of an award back: from its own lot, then other available lots in spending order, then as debt. */
export function takeBack(c: Context, ordinal: number, currency: number, funder: number, points: number, award: number, expires: number, matures: number): void {
  let left = points;
  for (const [kind, balance] of [[CellKind.pending, Balance.pending], [CellKind.available, Balance.available]] as const) {
    const taken = Math.min(left, c.state.accounts.get(ordinal, cellKey(kind, currency, funder), lotKey(expires, matures)));
    if (taken <= 0) continue;
    c.add(cellKey(kind, currency, funder), lotKey(expires, matures), -taken);
    post(PostingKind.reversal, balance, Counter.issuance, currency, funder, -taken, award, expires, matures);
    c.applyCells(ordinal);
    left -= taken;
  }
  if (left > 0) {
    for (const lot of lotsOf(c, ordinal, CellKind.available).filter((lot) => lot.currency === currency).sort(bySpending)) {
      const taken = Math.min(left, lot.points);
      if (taken <= 0) break;
      c.add(cellKey(CellKind.available, currency, lot.funder), lot.key2, -taken);
      post(PostingKind.reversal, Balance.available, Counter.issuance, currency, funder, -taken, award, lot.expires, lot.matures);
      left -= taken;
    }
    c.applyCells(ordinal);
  }
  if (left > 0) {
    c.add(cellKey(CellKind.debt, currency, 0), 0, left);
    post(PostingKind.reversal, Balance.debt, Counter.issuance, currency, funder, -left, award, NEVER, 0);
    c.applyCells(ordinal);
  }
}

export interface Lot { currency: number; funder: number; expires: number; matures: number; key2: number; points: number }

export function lotsOf(c: Context, ordinal: number, kind: number): Lot[] {
  const count = c.state.accounts.collect(ordinal, kind, c.cells);
  const lots: Lot[] = [];
  for (let i = 0; i < count; i++) {
    const key1 = c.cells[i * 3]!, key2 = c.cells[i * 3 + 1]!;
    lots.push({ currency: cellA(key1), funder: cellB(key1), expires: lotExpires(key2), matures: lotMatures(key2), key2, points: c.cells[i * 3 + 2]! });
  }
  return lots;
}
const bySpending = (a: Lot, b: Lot): number => a.expires - b.expires || a.matures - b.matures || a.funder - b.funder;
const byFunder = (a: Lot, b: Lot): number => a.currency - b.currency || a.funder - b.funder || a.matures - b.matures || a.expires - b.expires;

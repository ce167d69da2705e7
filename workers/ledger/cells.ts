/**
 * The state of an account is a set of integer cells; effects are additions to cells, and nothing else changes a balance or a counter.
 * A cell whose value becomes 0 does not exist any more.
 *
 *   key1 = kind × 2^40 + a × 2^20 + b      a: currency ordinal, b: funder or rule ordinal (each below 2^20)
 *   key2 = what else tells cells apart     (lots: expires × 2^20 + matures; counters: a period; returns: a transaction)
 *
 *   kind            a         b              key2                    value
 *   available       currency  funder         expires, matures        points of a lot that can be spent
 *   pending         currency  funder         expires, matures        points of a lot that has not matured
 *   debt            currency  0              0                       points owed (positive)
 *   held            currency  funder         expires, matures        points of a lot reserved by a redemption
 *   ruleCount       0         rule           0                       fired purchases (everyNth, firstPurchase)
 *   rulePaid        0         rule           period                  milestones paid
 *   ruleSpend       0         rule           period                  spend counted (spendThreshold)
 *   ruleDay         0         rule           day                     points given on that day (caps.perAccountPerDay)
 *   returnedAmount  0         line number    transaction             minor units returned so far
 *   returnedQuantity 0        line number    transaction             thousandths returned so far; of line 0: 1 once a purchase of nothing but discounts came back
 *   reversed        0         award number   transaction             points of that award reversed so far
 *
 * rule = ordinal of the rule's id (all versions share it); days are counted from 1970-01-01.
 */
export const CellKind = {
  available: 1, pending: 2, debt: 3, held: 4, ruleCount: 5, rulePaid: 6, ruleSpend: 7, ruleDay: 8, returnedAmount: 9, returnedQuantity: 10, reversed: 11,
} as const;

const SHIFT_A = 2 ** 20;
const SHIFT_KIND = 2 ** 40;
/** Day number of lots that never expire. */
export const NEVER = 2 ** 20 - 1;

export const cellKey = (kind: number, a: number, b: number): number => kind * SHIFT_KIND + a * SHIFT_A + b;
export const cellKind = (key1: number): number => Math.floor(key1 / SHIFT_KIND);
export const cellA = (key1: number): number => Math.floor(key1 / SHIFT_A) % SHIFT_A;
export const cellB = (key1: number): number => key1 % SHIFT_A;

export const lotKey = (expires: number, matures: number): number => expires * SHIFT_A + matures;
export const lotExpires = (key2: number): number => Math.floor(key2 / SHIFT_A);
export const lotMatures = (key2: number): number => key2 % SHIFT_A;

export const Period = { ever: 0, day: 1, week: 2, month: 3, year: 4 } as const;
export const periodCode = (period: number, number: number): number => period * 2 ** 24 + number;

/** Read access to the cells of one account; rules see the account through this. 0 when the cell does not exist. */
export interface AccountCells {
  get(key1: number, key2: number): number;
}

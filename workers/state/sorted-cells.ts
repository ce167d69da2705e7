/**
 * The cells of one account as they lie in the slab of its store, and additions to several of them in one pass: sorted like the cells, each is looked for behind the one before it, and
 * what lies behind new cells moves once for all of them.
 *
 *   account at o:  [o] cells used  [o+1] cells that fit  [o+2] program  [o+3] flags  [o+4] ordinal  [o+5] day of the first lot that is due, -1: not known
 *                  then cells of 3 (key1, key2, value), sorted, so that an account with thousands of lots costs little more than one with ten
 *                  then the texts of its cards (card-texts.ts), which look like cells of the greatest kind
 *
 * A pass is begun (`takePass`), changes the cells that are there (`addToFound`) and then puts in those that are new (`insertNew`); in between the account may move.
 */
import { CellKind, cellKey, lotExpires, lotMatures, NEVER } from '../ledger/cells.js';

/** Doubles before the cells of an account. (Who uses them much gives such constants a name of the own module: optimized code does not know the value of an exported one.) */
export const HEADER = 6;
export const UNKNOWN_DAY = -1;
const FIRST_CELL = HEADER, NO_DAY = UNKNOWN_DAY;
const AVAILABLE = cellKey(CellKind.available, 0, 0), PENDING = cellKey(CellKind.pending, 0, 0), AFTER_PENDING = cellKey(CellKind.pending + 1, 0, 0);
const DEBT = cellKey(CellKind.debt, 0, 0), HELD = cellKey(CellKind.held, 0, 0), AFTER_BALANCES = cellKey(CellKind.held + 1, 0, 0);
const PASS_MAX = 64;
/** Cells behind new ones that are moved one by one; more by one call, which is dear for few. */
const MOVED_ONE_BY_ONE_MAX = 24;

/** The pass that is under way, sorted; after `addToFound` its new cells. */
export const pass = { key1: new Float64Array(PASS_MAX), key2: new Float64Array(PASS_MAX) };
const { key1: passKey1, key2: passKey2 } = pass;
const passAddition = new Float64Array(PASS_MAX);
/** Where new cells belong, from their account's place. */
const newAt = new Int32Array(PASS_MAX);
let passCount = 0;
/** The largest balance (points available, pending, owed or held) that the pass made. */
let passLargest = 0;
export const largestOfPass = (): number => passLargest;

/** Where a cell is, or would be inserted, of the `count` cells at `first`. */
export function findCell(slab: Float64Array, first: number, count: number, key1: number, key2: number): number {
  let low = 0, high = count;
  while (low < high) {
    const middle = (low + high) >>> 1, at = first + middle * 3, found = slab[at]!;
    if (found < key1 || (found === key1 && slab[at + 1]! < key2)) low = middle + 1;
    else high = middle;
  }
  return first + low * 3;
}

/** Begins a pass with the additions from `from` on, up to `end`; returns where the next one begins. A cell is in a pass once. */
export function takePass(from: number, end: number, key1: Float64Array, key2: Float64Array, additions: Float64Array): number {
  let next = Math.min(end, from + PASS_MAX), taken = 0;
  // From behind: what a purchase adds comes almost in the reverse of this order, counters before lots.
  for (let i = next - 1; i >= from; i--) {
    const first = key1[i]!, second = key2[i]!, addition = additions[i]!;
    if (addition === 0) continue;
    let place = taken;
    while (place > 0 && (passKey1[place - 1]! > first || (passKey1[place - 1]! === first && passKey2[place - 1]! > second))) place--;
    if (place > 0 && passKey1[place - 1]! === first && passKey2[place - 1]! === second) {
      // The cell comes again later: the pass ends here, before all that was taken so far.
      taken = 0;
      next = i + 1;
      place = 0;
    }
    for (let j = taken; j > place; j--) {
      passKey1[j] = passKey1[j - 1]!;
      passKey2[j] = passKey2[j - 1]!;
      passAddition[j] = passAddition[j - 1]!;
    }
    passKey1[place] = first;
    passKey2[place] = second;
    passAddition[place] = addition;
    taken++;
  }
  passCount = taken;
  return next;
}

/** Makes the additions of the pass to cells that exist; one that becomes 0 is removed. Returns how many are new. */
export function addToFound(slab: Float64Array, o: number): number {
  let count = slab[o]! | 0, added = 0, from = o + FIRST_CELL;
  passLargest = 0;
  for (let i = 0; i < passCount; i++) {
    const key1 = passKey1[i]!, key2 = passKey2[i]!, end = o + FIRST_CELL + count * 3, at = findCell(slab, from, ((end - from) / 3) | 0, key1, key2);
    from = at;
    if (at === end || slab[at] !== key1 || slab[at + 1] !== key2) {
      newAt[added] = at - o;
      passKey1[added] = key1;
      passKey2[added] = key2;
      if (key1 < AFTER_BALANCES && passAddition[i]! > passLargest) passLargest = passAddition[i]!;
      passAddition[added++] = passAddition[i]!;
      continue;
    }
    const value = slab[at + 2]! + passAddition[i]!;
    if (key1 < AFTER_BALANCES && value > passLargest) passLargest = value;
    if (value !== 0) {
      slab[at + 2] = value;
      continue;
    }
    slab.copyWithin(at, at + 3, end);
    slab[o] = --count;
    if (key1 < AFTER_PENDING && dueDay(key1, key2) <= slab[o + 5]!) slab[o + 5] = NO_DAY;
  }
  return added;
}

/** Puts the `added` new cells of the pass where they belong. The caller has made room. */
export function insertNew(slab: Float64Array, o: number, added: number): void {
  const count = slab[o]!;
  let end = o + FIRST_CELL + count * 3;
  for (let i = added - 1; i >= 0; i--) {
    const at = o + newAt[i]!, shift = 3 * i + 3, key1 = passKey1[i]!, key2 = passKey2[i]!;
    if (end - at > MOVED_ONE_BY_ONE_MAX * 3) slab.copyWithin(at + shift, at, end);
    else for (let j = end - 1; j >= at; j--) slab[j + shift] = slab[j]!;
    end = at;
    const cell = at + shift - 3;
    slab[cell] = key1;
    slab[cell + 1] = key2;
    slab[cell + 2] = passAddition[i]!;
    if (key1 < AFTER_PENDING && slab[o + 5] !== NO_DAY) slab[o + 5] = Math.min(slab[o + 5]!, dueDay(key1, key2));
  }
  slab[o] = count + added;
}

/** Points of the account that are available, pending or held, and its largest balance. */
export function balancesAt(slab: Float64Array, o: number): { points: number; largest: number } {
  let points = 0, largest = 0;
  for (let at = o + FIRST_CELL, end = at + slab[o]! * 3; at < end && slab[at]! < AFTER_BALANCES; at += 3) {
    const value = slab[at + 2]!;
    largest = Math.max(largest, value);
    if (slab[at]! < DEBT || slab[at]! >= HELD) points += value;
  }
  return { points, largest };
}

/** The first day on which a lot of the account matures or expires; NEVER when none does. */
export function firstDueDay(slab: Float64Array, o: number): number {
  if (slab[o + 5] !== NO_DAY) return slab[o + 5]!;
  let first = NEVER;
  const count = slab[o]!;
  for (let at = findCell(slab, o + FIRST_CELL, count, AVAILABLE, 0), end = o + FIRST_CELL + count * 3; at < end && slab[at]! < AFTER_PENDING; at += 3) {
    first = Math.min(first, dueDay(slab[at]!, slab[at + 1]!));
  }
  slab[o + 5] = first;
  return first;
}
/** When a lot matures (pending) or expires (available); NEVER for other cells. */
function dueDay(key1: number, key2: number): number {
  return key1 < PENDING ? lotExpires(key2) : key1 < AFTER_PENDING ? lotMatures(key2) : NEVER;
}

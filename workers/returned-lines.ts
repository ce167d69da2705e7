/**
 * What a return takes of its purchase, line by line, on top of what was returned before: never more than was bought. The account keeps it in cells under the purchase's key;
 * here nothing is changed but those notes. One instance, refilled for each return.
 *
 *   line i of the purchase:  amount[i], quantity[i] bought;  amountBefore[i] …, amountNow[i] … returned before, and now
 */
import type { ReturnedElsewhere } from '../schemas/commands.js';
import type { Context } from './context.js';
import type { Outcome } from './decide.js';
import { CellKind, cellKey } from './ledger/cells.js';
import type { RecordedPurchase } from './recorded-purchase.js';
import { portion } from './rules/fraction.js';
import { LINES_MAX, type Transaction } from './transaction.js';

/** Under which the account keeps what has been returned of a purchase. */
export const purchaseKey = (idHash: Uint32Array): number => (idHash[0]! % 2 ** 21) * 2 ** 32 + idHash[1]!;
/** Quantity of the one line of a purchase that only states its total. */
const ONE = 1000;
/** Lines of purchases count from 1. This one stands, with a quantity of 1, behind those of a purchase of nothing but discounts, of which else nobody would know whether it came back. */
const DISCOUNTS_LINE = 0;

/** So much of a part as is left; of a negative amount, too. */
const within = (part: number, left: number): number => (left < 0 ? Math.min(0, Math.max(part, left)) : Math.max(0, Math.min(part, left)));

export class ReturnedLines {
  count = 0;
  readonly number = new Int32Array(LINES_MAX + 1);
  readonly amount = new Float64Array(LINES_MAX + 1);
  readonly quantity = new Float64Array(LINES_MAX + 1);
  readonly amountBefore = new Float64Array(LINES_MAX + 1);
  readonly quantityBefore = new Float64Array(LINES_MAX + 1);
  readonly amountNow = new Float64Array(LINES_MAX + 1);
  readonly quantityNow = new Float64Array(LINES_MAX + 1);
  /** Index of the line in the return's own fact; -1: it is not there. */
  readonly placeInReturn = new Int32Array(LINES_MAX + 1);

  /** The lines of the purchase with what was returned of them before. One that only states its total counts as one line. */
  begin(c: Context, key: number, { transaction: t }: RecordedPurchase): void {
    this.count = Math.max(1, t.lineCount);
    for (let i = 0; i < this.count; i++) {
      this.number[i] = t.lineCount === 0 ? 1 : t.lineNumber[i]!;
      this.amount[i] = t.lineCount === 0 ? t.total : t.amount[i]!;
      this.quantity[i] = t.lineCount === 0 ? ONE : t.quantity[i]!;
    }
    if (this.isNothingButDiscounts(t)) {
      this.number[this.count] = DISCOUNTS_LINE;
      this.amount[this.count] = 0;
      this.quantity[this.count++] = 1;
    }
    for (let i = 0; i < this.count; i++) {
      this.amountBefore[i] = c.get(cellKey(CellKind.returnedAmount, 0, this.number[i]!), key);
      this.quantityBefore[i] = c.get(cellKey(CellKind.returnedQuantity, 0, this.number[i]!), key);
      this.amountNow[i] = this.quantityNow[i] = 0;
    }
  }
  private isNothingButDiscounts({ lineCount, discount }: Transaction): boolean {
    let hasDiscount = false;
    for (let i = 0; i < lineCount; i++) {
      if (!this.isEmpty(i)) return false;
      hasDiscount ||= discount[i] !== 0;
    }
    return hasDiscount;
  }
  /** Takes what the return asks for; a refusal when that is more than is left. */
  take(t: Transaction, purchase: RecordedPurchase): Outcome | undefined {
    const withLines = purchase.transaction.lineCount > 0;
    if (t.lineCount > 0) {
      for (let i = 0; i < t.lineCount; i++) {
        const line = withLines ? purchase.lineIndex(t.lineNumber[i]!) : -1;
        if (line < 0) return { status: 'rejected', reason: 'unknown-line', pointer: `/lines/${i}/line`, detail: `the purchase has no line ${t.lineNumber[i]!}` };
        this.amountNow[line]! += t.amount[i]!;
        this.quantityNow[line]! += t.quantity[i]!;
        if (this.exceeds(line)) {
          const bought = `bought ${this.amount[line]!} for quantity ${this.quantity[line]! / 1000}`, before = `returned before ${this.amountBefore[line]!} for ${this.quantityBefore[line]! / 1000}`;
          return { status: 'rejected', reason: 'return-exceeds', pointer: `/lines/${i}`, detail: `line ${this.number[line]!}: ${bought}, ${before}` };
        }
      }
    } else if (!withLines && t.total > 0) {
      this.amountNow[0] = t.total;
      const left = this.amount[0]! - this.amountBefore[0]! - t.total;
      if (left < 0) return { status: 'rejected', reason: 'return-exceeds', pointer: '/total', detail: `bought for ${this.amount[0]!}, returned before ${this.amountBefore[0]!}` };
      if (left === 0) this.quantityNow[0] = this.quantity[0]! - this.quantityBefore[0]!;
    } else {
      this.takeAll();
      const left = this.sumNow();
      if (t.total > 0 && t.total > left) return { status: 'rejected', reason: 'return-exceeds', pointer: '/total', detail: `of the purchase ${left} are left` };
      if (t.total > 0 && t.total < left) {
        return { status: 'rejected', reason: 'total-mismatch', pointer: '/total', detail: `of the purchase ${left} are left; a part of it is returned by its lines` };
      }
    }
    for (let i = 0; i < this.count; i++) if (this.takes(i)) return undefined;
    return { status: 'rejected', reason: 'return-exceeds', detail: 'everything of this purchase has been returned' };
  }
  /** Whether something of a line comes back with this return, be it nothing but its quantity. */
  takes(line: number): boolean {
    return this.amountNow[line] !== 0 || this.quantityNow[line] !== 0;
  }
  /** All that remains. */
  takeAll(): void {
    for (let i = 0; i < this.count; i++) {
      this.amountNow[i] = this.amount[i]! - this.amountBefore[i]!;
      this.quantityNow[i] = this.quantity[i]! - this.quantityBefore[i]!;
    }
  }
  /** Takes of these lines what is left of them; false when that is nothing. */
  takeLeft(lines: ReturnedElsewhere['lines']): boolean {
    let takes = false;
    for (const { line: number, amount, quantity } of lines) {
      const line = this.number.subarray(0, this.count).indexOf(number);
      if (line < 0) continue;
      this.amountNow[line] = within(amount, this.amount[line]! - this.amountBefore[line]!);
      this.quantityNow[line] = within(quantity, this.quantity[line]! - this.quantityBefore[line]!);
      takes ||= this.amountNow[line] !== 0 || this.quantityNow[line] !== 0;
    }
    return takes;
  }
  /** Lines of which something was returned before. */
  before(): ReturnedElsewhere['lines'] {
    const lines = Array.from({ length: this.count }, (_, i) => ({ line: this.number[i]!, quantity: this.quantityBefore[i]!, amount: this.amountBefore[i]! }));
    return lines.filter(({ quantity, amount }) => quantity !== 0 || amount !== 0);
  }
  private sumNow(): number {
    let sum = 0;
    for (let i = 0; i < this.count; i++) sum += this.amountNow[i]!;
    return sum;
  }
  note(c: Context, key: number): void {
    for (let i = 0; i < this.count; i++) {
      c.add(cellKey(CellKind.returnedAmount, 0, this.number[i]!), key, this.amountNow[i]!);
      c.add(cellKey(CellKind.returnedQuantity, 0, this.number[i]!), key, this.quantityNow[i]!);
    }
  }
  /** The part of a line's discount that this return takes, cumulatively: by amount, of a line without one by quantity, of a line with neither all of it with the last of the others. */
  discountNow(line: number, discount: number): number {
    if (discount === 0) return 0;
    if (this.isEmpty(line)) return this.takesTheRest() ? discount : 0;
    const byAmount = this.amount[line] !== 0, whole = Math.abs(byAmount ? this.amount[line]! : this.quantity[line]!);
    const before = Math.abs(byAmount ? this.amountBefore[line]! : this.quantityBefore[line]!), now = Math.abs(byAmount ? this.amountNow[line]! : this.quantityNow[line]!);
    return portion(discount, before + now, whole) - portion(discount, before, whole);
  }
  /** Whether every line with a positive amount has been returned: by now, or before this return. */
  isWhole(byNow: boolean): boolean {
    for (let i = 0; i < this.count; i++) {
      if (this.amount[i]! > 0 && this.amountBefore[i]! + (byNow ? this.amountNow[i]! : 0) !== this.amount[i]!) return false;
    }
    return true;
  }
  private isEmpty(line: number): boolean {
    return this.amount[line] === 0 && this.quantity[line] === 0;
  }
  /** Whether nothing of the purchase is left after this return. Asked of a return that was taken, so only one can. */
  private takesTheRest(): boolean {
    for (let i = 0; i < this.count; i++) {
      if (this.amountBefore[i]! + this.amountNow[i]! !== this.amount[i]! || this.quantityBefore[i]! + this.quantityNow[i]! !== this.quantity[i]!) return false;
    }
    return true;
  }
  private exceeds(line: number): boolean {
    return this.amountBefore[line]! + this.amountNow[line]! > Math.max(this.amount[line]!, 0) || this.quantityBefore[line]! + this.quantityNow[line]! > this.quantity[line]!;
  }
}

/**
 * Lots, debt and postings of docs/calculation.md ("Funding and lots", "Ledger accounts"), on plain objects.
 *
 * Promises: an account's available, pending and debt always equal the sum of its postings; every change of a balance goes through `post`.
 */
import { safe, type CounterChange, type CounterKind, type Counters } from './rules.js';

/** Day number of lots that never expire. */
export const NEVER = 2 ** 20 - 1;

export interface Lot { currency: number; funder: number; matures: number; expires: number; points: number }
type LotName = Omit<Lot, 'points'>;

export interface Posting extends LotName {
  balance: 'available' | 'pending' | 'debt';
  counter: 'own' | 'issuance' | 'breakage' | 'import';
  kind: 'accrual' | 'reversal' | 'maturity' | 'expiry' | 'debt' | 'import';
  points: number;
  /** Place of the award that it belongs to in the fact's awards, -1: none. */
  award: number;
  /** Whose lot it changes, where that is not the funder's own: a reversal may take another funder's points. */
  lotFunder?: number;
}

/**
 * A change of one integer of the state, named as workers/ledger/cells.ts names cells. `key2` of what belongs to a transaction is its name, which has
 * no number here.
 */
export interface CellChange {
  account: number;
  kind: 'available' | 'pending' | 'debt' | CounterKind | 'returnedAmount' | 'returnedQuantity' | 'reversed';
  a: number;
  b: number;
  key2: number | string;
  change: number;
}

export class Account implements Counters {
  blocked = false;
  registered = false;
  /** Not an account but a link: its cards' account lives in that partition. */
  linkedTo: number | undefined;
  readonly cards: string[] = [];
  available: Lot[] = [];
  pending: Lot[] = [];
  /** Points owed, by currency. */
  readonly debts = new Map<number, number>();
  /** By the number of kind, rule and period; what is 0 is not there. */
  readonly counters = new Map<number, { kind: CounterKind; rule: number; period: number; value: number }>();

  readonly id: string;

  /** Every change goes into `journal` too. */
  constructor(partition: number, readonly ordinal: number, readonly program: number, private readonly journal: CellChange[]) {
    this.id = `${partition}.${ordinal}`;
  }
  counter(kind: CounterKind, rule: number, period: number): number {
    return this.counters.get(counterNumber(kind, rule, period))?.value ?? 0;
  }
  count({ kind, rule, period, change }: CounterChange): void {
    const key = counterNumber(kind, rule, period), value = this.counter(kind, rule, period) + change;
    if (value === 0) this.counters.delete(key);
    else this.counters.set(key, { kind, rule, period, value });
    this.note(kind, 0, rule, period, change);
  }
  /** Notes a change of what is kept elsewhere than here (what has been returned of a purchase). */
  note(kind: CellChange['kind'], a: number, b: number, key2: number | string, change: number): void {
    if (change !== 0) this.journal.push({ account: this.ordinal, kind, a, b, key2, change });
  }
  debt(currency: number): number {
    return this.debts.get(currency) ?? 0;
  }
  sum(balance: 'available' | 'pending', currency: number): number {
    return this[balance].reduce((sum, lot) => (lot.currency === currency ? sum + lot.points : sum), 0);
  }

  /** All points of all lots, of whatever currency. */
  points(): number {
    return [...this.available, ...this.pending].reduce((sum, lot) => sum + lot.points, 0);
  }

  /** Makes one posting real. A posting on the debt is positive when it pays. */
  post(posting: Posting): void {
    const { balance, currency, points } = posting;
    if (balance === 'debt') {
      const owed = added(this.debt(currency), -points);
      if (owed === 0) this.debts.delete(currency);
      else this.debts.set(currency, owed);
      this.note('debt', currency, 0, 0, -points);
      return;
    }
    const lots = this[balance];
    const changed: Lot = { currency, funder: posting.lotFunder ?? posting.funder, matures: posting.matures, expires: posting.expires, points };
    const lot = lots.find((other) => sameLot(other, changed));
    if (lot) lot.points = added(lot.points, points);
    else lots.push(changed);
    if (lot?.points === 0) this[balance] = lots.filter((other) => other !== lot);
    this.note(balance, currency, changed.funder, changed.expires * 2 ** 20 + changed.matures, points);
  }
}

/** The sum, exactly, or Overflow. */
const added = (a: number, b: number): number => (Number.isSafeInteger(a + b) ? a + b : safe(BigInt(a) + BigInt(b)));

/** Rules are below 2^20, periods and days below 2^27. */
const counterNumber = (kind: CounterKind, rule: number, period: number): number => (counterKinds.indexOf(kind) * 2 ** 20 + rule) * 2 ** 27 + period;
const counterKinds: readonly CounterKind[] = ['ruleCount', 'rulePaid', 'ruleSpend', 'ruleDay'];

const sameLot = (a: LotName, b: LotName): boolean => a.currency === b.currency && a.funder === b.funder && a.matures === b.matures && a.expires === b.expires;

/** What a command does to one account: postings are applied as they are made, and kept in their order. */
export class Ledger {
  readonly postings: Posting[] = [];

  constructor(private readonly account: Account) {}

  /** Points of an award, or of a lot that matures, come in; available ones pay debt first. */
  bringIn(kind: Posting['kind'], counter: Posting['counter'], balance: 'available' | 'pending', { currency, funder, matures, expires, points }: Lot, award: number): void {
    this.post({ currency, funder, matures, expires, award, kind, balance, counter, points });
    const paid = balance === 'available' ? Math.min(this.account.debt(currency), points) : 0;
    if (paid === 0) return;
    this.post({ currency, funder, matures, expires, award, kind: 'debt', balance: 'available', counter: 'own', points: -paid });
    this.post({ currency, funder, matures, expires, award, kind: 'debt', balance: 'debt', counter: 'own', points: paid });
  }

  /** Moves what is mature at a day to available, then lets expire what is over. */
  settle(day: number): void {
    for (const lot of copies(this.account.pending.filter(({ matures }) => matures <= day)).sort(settlingOrder)) {
      this.post({ ...lot, kind: 'maturity', balance: 'pending', counter: 'own', points: -lot.points, award: -1 });
      this.bringIn('maturity', 'own', 'available', lot, -1);
    }
    for (const lot of copies(this.account.available.filter(({ expires }) => expires <= day)).sort(settlingOrder)) {
      this.post({ ...lot, kind: 'expiry', balance: 'available', counter: 'breakage', points: -lot.points, award: -1 });
    }
  }

  /** Takes back points of one funder's part of an award: its own lot, then other available lots in spending order, then debt. */
  takeBack(part: Lot, points: number, award: number): void {
    let left = points;
    const take = (balance: 'available' | 'pending', lot: Lot): void => {
      const taken = Math.min(left, lot.points);
      if (taken === 0) return;
      left -= taken;
      this.post({ ...lot, funder: part.funder, lotFunder: lot.funder, kind: 'reversal', balance, counter: 'issuance', points: -taken, award });
    };
    for (const balance of ['pending', 'available'] as const) {
      for (const lot of this.account[balance].filter((other) => sameLot(other, part))) take(balance, lot);
    }
    for (const lot of this.account.available.filter(({ currency }) => currency === part.currency).sort(spendingOrder)) take('available', lot);
    if (left > 0) this.post({ ...part, matures: 0, expires: NEVER, kind: 'reversal', balance: 'debt', counter: 'issuance', points: -left, award });
  }

  private post(posting: Posting): void {
    this.account.post(posting);
    this.postings.push(posting);
  }
}

const settlingOrder = (a: Lot, b: Lot): number => a.currency - b.currency || a.funder - b.funder || a.matures - b.matures || a.expires - b.expires;
const spendingOrder = (a: Lot, b: Lot): number => a.expires - b.expires || a.matures - b.matures || a.funder - b.funder;

/** Postings change the lots of the account while they are gone over. */
const copies = (lots: Lot[]): Lot[] => lots.map((lot) => ({ ...lot }));

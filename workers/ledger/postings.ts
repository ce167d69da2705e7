/**
 * The postings of one command: parallel arrays, refilled for each command. Those of the command at hand are one for the thread
 * (`postings`). A posting adds `points` to a balance of the account and takes them from the
 * counter account (docs/calculation.md, Ledger accounts).
 */
/**
 * More than one command can make: three for each part that its funders pay (schemas/rule.ts FUNDED_PARTS_MAX), one of them and the payment of a debt, and five for each lot that is due
 * (LOTS_MAX of context.ts), which matures, pays and expires. Pages that are never touched cost nothing.
 */
const POSTINGS_MAX = 1 << 19;

/** Which balance of the member's account a posting changes. */
export const Balance = { available: 0, pending: 1, held: 2, debt: 3 } as const;
export const balanceNames = ['available', 'pending', 'held', 'debt'] as const;
/** The other side. `own`: another balance of the same account. `issuance` is by funder, `redemption` by partner. */
export const Counter = { own: 0, issuance: 1, redemption: 2, breakage: 3, conversion: 4, suspense: 5, import: 6 } as const;
export const counterNames = ['own', 'issuance', 'redemption', 'breakage', 'conversion', 'suspense', 'import'] as const;
export const PostingKind = { accrual: 0, reversal: 1, maturity: 2, expiry: 3, debt: 4, import: 5, adjustment: 6 } as const;
export const postingKindNames = ['accrual', 'reversal', 'maturity', 'expiry', 'debt', 'import', 'adjustment'] as const;

export class Postings {
  count = 0;
  readonly balance = new Uint8Array(POSTINGS_MAX);
  readonly counter = new Uint8Array(POSTINGS_MAX);
  readonly kind = new Uint8Array(POSTINGS_MAX);
  readonly currency = new Int32Array(POSTINGS_MAX);
  readonly funder = new Int32Array(POSTINGS_MAX);
  readonly points = new Float64Array(POSTINGS_MAX);
  /** Number of the award in the fact's awards that it belongs to, -1: none. */
  readonly award = new Int32Array(POSTINGS_MAX);
  readonly expires = new Int32Array(POSTINGS_MAX);
  readonly matures = new Int32Array(POSTINGS_MAX);

  clear(): void {
    this.count = 0;
  }
  add(kind: number, balance: number, counter: number, currency: number, funder: number, points: number, award: number, expires: number, matures: number): void {
    const i = this.count++;
    if (i === POSTINGS_MAX) throw new Error(`more than ${POSTINGS_MAX} postings`);
    this.kind[i] = kind;
    this.balance[i] = balance;
    this.counter[i] = counter;
    this.currency[i] = currency;
    this.funder[i] = funder;
    this.points[i] = points;
    this.award[i] = award;
    this.expires[i] = expires;
    this.matures[i] = matures;
  }
}

/** Those of the command at hand. A constant of the thread, as workers/rules/workspace.ts is, so that optimized code knows where the arrays lie. */
export const postings = new Postings();
const { kind: kinds, balance: balances, counter: counters, currency: currencies, funder: funders, points: sums, award: awards, expires: expiryDays, matures: maturityDays } = postings;

/** Adds to the postings of the command at hand: `add` again, in the arrays as constants, since through an object optimized code loads and checks each of the nine at each posting. */
export function post(kind: number, balance: number, counter: number, currency: number, funder: number, points: number, award: number, expires: number, matures: number): void {
  const i = postings.count++;
  if (i === POSTINGS_MAX) throw new Error(`one command makes more than ${POSTINGS_MAX} postings`);
  kinds[i] = kind;
  balances[i] = balance;
  counters[i] = counter;
  currencies[i] = currency;
  funders[i] = funder;
  sums[i] = points;
  awards[i] = award;
  expiryDays[i] = expires;
  maturityDays[i] = matures;
}

/**
 * The naive second implementation of the engine: one partition, or several, on plain objects, straight from docs/calculation.md. `pointstream verify`
 * and the tests compare the real engine with it. Written for clarity only; it shares no code with workers/, and what both get wrong in the same way
 * is wrong in the text.
 */
import { localDay } from './calendar.js';
import { largestRemainder } from './fraction.js';
import { isPaymentCardOf, takesCard, whyNotTaken, type Homes } from './cards.js';
import { MemoryHistory, type History } from './history.js';
import type { NaiveFact } from './fact.js';
import { Account, Ledger, NEVER, type CellChange } from './ledger.js';
import type { NaiveReference } from './reference.js';
import { linesLeft, returnedLines, returnReceipt, takeBack, type Purchase, type RecordedAward, type ReturnedLine } from './returns.js';
import { evaluate, Overflow, Receipt, type CounterChange, type NaiveAward } from './rules.js';
import { keyOf, type NaiveTransaction } from './transaction.js';
import { WaitingReturns } from './waiting.js';
import { reconciliationOf, type ImportedAccount, type Reconciled, type ReturnedElsewhere } from '../../schemas/commands.js';
import type { Reason } from '../../schemas/reasons.js';

const DAY_MS = 86_400_000, FUTURE_MS = 600_000, WAIT_SECONDS = 86_400;

export interface Outcome {
  /** `elsewhere`: it belongs to another partition. */
  status: 'processed' | 'duplicate' | 'waiting' | 'rejected' | 'elsewhere';
  reason?: Reason;
  account?: string;
  awards?: NaiveAward[];
}

/** Ordinal of a partition's own account: it keeps what has been returned of anonymous receipts. */
const OWN_ACCOUNT = 0;

export class NaivePartition {
  readonly accounts: Account[] = [];
  /** What happened since somebody emptied them: facts, changes of cells, in order. */
  readonly facts: NaiveFact[] = [];
  readonly changes: CellChange[] = [];
  private readonly cards = new Map<string, Account>();
  readonly waiting = new WaitingReturns();
  private reference: NaiveReference | undefined;

  /** `homes`: what partitions there are; without it everything is at home here. */
  constructor(readonly partition: number, private readonly history: History = new MemoryHistory(), private readonly homes?: Homes) {}

  activate(reference: NaiveReference): void {
    this.reference = reference;
    if (this.accounts.length === OWN_ACCOUNT) this.accounts.push(new Account(this.partition, OWN_ACCOUNT, 0, this.changes));
  }

  /** Decides one transaction. `nowMs`: append time of its record, the partition's clock. `linked`: the home of its card says that its account lives here. */
  post(transaction: NaiveTransaction, nowMs: number, linked = false): Outcome {
    if (!this.reference) return refuse('unknown-partner');
    try {
      return transaction.kind === 'purchase' ? this.purchase(transaction, nowMs, linked) : this.takeReturn(transaction, nowMs);
    } catch (error) {
      if (error instanceof Overflow) return { status: 'rejected', reason: 'overflow' };
      throw error;
    }
  }

  private purchase(transaction: NaiveTransaction, nowMs: number, linked: boolean): Outcome {
    const reference = this.reference!;
    const partner = reference.partner(transaction.partner);
    if (!partner) return refuse('unknown-partner');
    if (transaction.program !== '' && transaction.program !== reference.set.programs[partner.program]!.id) return refuse('wrong-program');

    let account: Account | undefined;
    if (transaction.card !== '') {
      account = this.cards.get(`${partner.program}/${transaction.card}`);
      if (account?.linkedTo !== undefined) return { status: 'elsewhere' };
      if (!account && !linked && !this.isHomeOf(transaction.card)) return { status: 'elsewhere' };
      if (!account && !takesCard(reference.program(partner.program), transaction.card)) return refuse(whyNotTaken(transaction.card));
    } else if (transaction.account !== '') {
      if (this.livesElsewhere(transaction.account)) return { status: 'elsewhere' };
      account = this.accountOf(transaction.account);
      if (!account) return refuse('unknown-account');
      if (account.program !== partner.program) return refuse('wrong-program');
    }
    if (account?.blocked) return refuse('blocked');
    const again = this.seen(transaction);
    if (again) return again;
    const untimely = outOfTime(transaction, nowMs, partner.document.latenessDays);
    if (untimely) return refuse(untimely);

    const receipt = Receipt.of(reference, transaction);
    const identified = transaction.card !== '' || account !== undefined;
    const counters = account ?? { counter: (): number => 0 };
    const earns = identified && (account?.registered || (reference.program(partner.program).unregistered?.earn ?? true));
    const { awards, changes } = earns ? evaluate(reference, receipt, counters) : { awards: [], changes: [] };
    if (awards.reduce((sum, { points }) => sum + points, account?.points() ?? 0) > Number.MAX_SAFE_INTEGER) return refuse('overflow');

    if (!identified) {
      this.history.remember(transaction, { transaction, receipt, account: '', awards: [], returned: new Map() });
      this.facts.push({ kind: 'purchase', account: '', processedAtMs: nowMs, transaction, receipt, awards: [], postings: [] });
      return { status: 'processed', awards: [] };
    }
    account ??= this.open(partner.program, [transaction.card]);
    const today = localDay(reference.program(partner.program).timeZone, nowMs);
    this.settle(account, today, nowMs);
    const ledger = new Ledger(account);
    const recorded = this.accrue(account, ledger, transaction, awards, changes, today);
    if (awards.length > 0) ledger.settle(today);
    this.history.remember(transaction, { transaction, receipt, account: account.id, awards: recorded, returned: new Map() });
    this.facts.push({ kind: 'purchase', account: account.id, processedAtMs: nowMs, transaction, receipt, awards, postings: ledger.postings });
    return { status: 'processed', account: account.id, awards };
  }

  /** Posts the awards, each split over its funders. */
  private accrue(account: Account, ledger: Ledger, transaction: NaiveTransaction, awards: NaiveAward[], changes: CounterChange[], today: number): RecordedAward[] {
    const reference = this.reference!;
    const { timeZone, expiryFrom } = reference.program(account.program);
    const awardDay = expiryFrom === 'received' ? today : localDay(timeZone, transaction.occurredAtMs);
    for (const change of changes) account.count(change);
    return awards.map((award, place) => {
      const { funding, pendingDays, expiresAfterDays } = award.version.document;
      const funders = funding ?? [{ funder: transaction.partner, parts: 1 }], shares = largestRemainder(award.points, funders.map((part) => part.parts));
      const matures = awardDay + (pendingDays ?? 0), expires = expiresAfterDays === undefined ? NEVER : awardDay + expiresAfterDays;
      const parts = funders.map(({ funder }, i) => ({ currency: award.currency, funder: reference.funder(funder), matures, expires, points: shares[i]! }))
        .filter(({ points }) => points > 0);
      for (const part of parts) ledger.bringIn('accrual', 'issuance', matures <= today ? 'available' : 'pending', part, place);
      return { ...award, parts, reversed: 0 };
    });
  }

  private takeReturn(transaction: NaiveTransaction, nowMs: number): Outcome {
    const reference = this.reference!;
    const partner = reference.partner(transaction.partner);
    if (!partner) return refuse('unknown-partner');
    if (transaction.program !== '' && transaction.program !== reference.set.programs[partner.program]!.id) return refuse('wrong-program');
    const again = this.seen(transaction);
    if (again) return again;
    const waits = this.waiting.get(keyOf(transaction));
    if (waits && JSON.stringify(waits.transaction) !== JSON.stringify(transaction)) return refuse('conflict');
    if (isPaymentCardOf(reference.program(partner.program), transaction.card)) return refuse('payment-card');
    const untimely = outOfTime(transaction, nowMs, partner.document.latenessDays);
    if (untimely) return refuse(untimely);

    const purchase = this.purchaseOf(transaction.partner, transaction.originalId);
    if (!purchase) {
      // The purchases of a linked card are where its account is.
      if (this.cards.get(`${partner.program}/${transaction.card}`)?.linkedTo !== undefined) return { status: 'elsewhere' };
      const { waitSeconds } = reference.program(partner.program).unknownReturns ?? { waitSeconds: WAIT_SECONDS };
      if (!waits) this.waiting.begin(keyOf(transaction), { transaction, untilMs: nowMs + waitSeconds * 1000 });
      return { status: 'waiting' };
    }
    const returnWindowDays = partner.document.returnWindowDays ?? reference.set.historyDays;
    if (returnWindowDays !== undefined && transaction.occurredAtMs - purchase.transaction.occurredAtMs > returnWindowDays * DAY_MS) return refuse('return-window');
    if (transaction.currency !== '' && transaction.currency !== purchase.transaction.currency) return refuse('wrong-currency');
    const lines = returnedLines(purchase, transaction);
    if (typeof lines === 'string') return refuse(lines);
    const account = this.accountOf(purchase.account);
    this.settleByNow(account, nowMs);
    const receipt = returnReceipt(purchase, transaction, lines);
    const keeper = account ?? this.accounts[OWN_ACCOUNT]!, ledger = new Ledger(keeper);
    const awards = takeBack(reference, purchase, lines, keeper, ledger);
    this.history.remember(purchase.transaction, purchase);
    this.history.rememberReturn(transaction, purchase.account);
    const { store, currency } = purchase.transaction;
    const recorded = { ...transaction, store: transaction.store || store, currency: transaction.currency || currency };
    this.facts.push({ kind: 'return', account: purchase.account, processedAtMs: nowMs, transaction: recorded, receipt, awards, postings: ledger.postings });
    return { status: 'processed', account: purchase.account, awards };
  }

  /** A waiting return leaves: its purchase was found elsewhere, where it is posted again. */
  stopWaiting(partner: string, id: string): NaiveTransaction | undefined {
    return this.waiting.end(keyOf({ partner, id, kind: 'return' }))?.transaction;
  }

  /** Settles what is due by now on all accounts, or on those that are given, and ends returns that waited too long. */
  tick(nowMs: number, accounts: Iterable<Account> = this.accounts): void {
    for (const account of accounts) this.settleByNow(account, nowMs);
    for (const [key, { transaction, untilMs }] of this.waiting.list()) {
      if (untilMs > nowMs) continue;
      this.waiting.end(key);
      const { program } = this.reference!.partner(transaction.partner)!;
      if (this.history.has(key) || this.reference!.program(program).unknownReturns?.then !== 'ignore') continue;
      this.history.remember(transaction);
      this.facts.push({ kind: 'return', ignored: true, account: '', processedAtMs: nowMs, transaction, receipt: null, awards: [], postings: [] });
    }
  }

  /** The transaction was posted before under another home: what a purchase gave here is taken back whole, once; a return of another purchase stays. */
  reconcile({ partner, id, kind }: Reconciled, nowMs: number): void {
    const key = keyOf({ partner, id, kind }), reconciled = keyOf({ partner, id, kind: reconciliationOf[kind] });
    if (this.history.has(reconciled)) return;
    const purchase = kind === 'purchase' ? this.history.purchase(key) : undefined, account = this.accountOf(purchase?.account ?? this.history.returnAccount(key) ?? '');
    if (!purchase && !account) return;
    this.settleByNow(account, nowMs);
    const all = purchase && returnedLines(purchase, { ...purchase.transaction, lines: [], total: null });
    // Also when everything has been returned before: a rule may have kept its points.
    this.correct({ partner, id }, account, nowMs, purchase, typeof all === 'string' ? [] : all, 'proportional');
    this.history.mark(reconciled);
  }

  /** What had been returned of a posting that was taken back is returned of the purchase here, as far as that has it left. */
  returnElsewhere({ partner, id, lines }: ReturnedElsewhere, nowMs: number): void {
    const purchase = this.purchaseOf(partner, id);
    if (!purchase) return;
    const account = this.accountOf(purchase.account), left = linesLeft(purchase, lines);
    this.settleByNow(account, nowMs);
    if (left.length > 0) this.correct({ partner, id }, account, nowMs, purchase, left);
  }

  /** A fact of what comes back without a return. */
  private correct(of: { partner: string; id: string }, account: Account | undefined, nowMs: number, purchase?: Purchase, lines: ReturnedLine[] = [], policy?: 'proportional'): void {
    const keeper = account ?? this.accounts[OWN_ACCOUNT]!, ledger = new Ledger(keeper);
    if (purchase) {
      takeBack(this.reference!, purchase, lines, keeper, ledger, policy);
      this.history.remember(purchase.transaction, purchase);
    }
    const postings = ledger.postings.map((posting) => ({ ...posting, award: -1 }));
    this.facts.push({ kind: 'reconciliation', of, account: account?.id ?? '', processedAtMs: nowMs, transaction: null, receipt: null, awards: [], postings });
  }

  /** One step of an import with cards of several homes: 0 checks where the account will live, the last opens it there; in between each home checks its cards, then links them. */
  importLinked(imported: ImportedAccount, step: number, nowMs: number): Outcome {
    const homes = [...new Set(imported.cards.map((card) => this.homes!.ofCard(card)))], middle = homes.length - 1;
    if (step === 2 * middle) return this.importAccount(imported, nowMs, true);
    const program = this.reference!.set.programs.findIndex(({ id }) => id === imported.program);
    if (program < 0) return refuse('wrong-program');
    const own = imported.cards.filter((card) => this.isHomeOf(card)), known = own.filter((card) => this.cards.has(`${program}/${card}`));
    if (known.some((card) => this.cards.get(`${program}/${card}`)!.linkedTo !== homes[0])) return refuse('conflict');
    const fresh = own.filter((card) => !known.includes(card));
    if (step >= middle && fresh.length > 0) this.open(program, fresh).linkedTo = homes[0];
    return { status: 'elsewhere' };
  }

  /** `isLinked`: the homes of its further cards have linked them. */
  importAccount(imported: ImportedAccount, nowMs: number, isLinked = false): Outcome {
    const reference = this.reference!;
    const program = reference.set.programs.findIndex(({ id }) => id === imported.program);
    if (program < 0) return refuse('wrong-program');
    for (const card of imported.cards) if (!takesCard(reference.program(program), card)) return refuse(whyNotTaken(card));
    const lots = imported.lots.map((lot) => ({
      points: lot.points, matures: lot.matures, expires: lot.expires < 0 ? NEVER : lot.expires, currency: reference.currency(program, lot.currency),
      funder: reference.funder(lot.funder),
    }));
    if (lots.some(({ currency, funder }) => currency < 0 || funder < 0)) return refuse('invalid');
    if (imported.cards.some((card) => this.cards.has(`${program}/${card}`))) return refuse('conflict');
    // Other homes have to link their cards first.
    if (!isLinked && imported.cards.some((card) => !this.isHomeOf(card))) return { status: 'elsewhere' };
    const account = this.open(program, imported.cards);
    account.registered = imported.registered;
    const ledger = new Ledger(account), today = localDay(reference.program(program).timeZone, nowMs);
    for (const lot of lots) if (lot.points > 0) ledger.bringIn('import', 'import', lot.matures <= today ? 'available' : 'pending', lot, -1);
    ledger.settle(today);
    this.facts.push({ kind: 'import', account: account.id, processedAtMs: nowMs, transaction: null, receipt: null, awards: [], postings: ledger.postings });
    return { status: 'processed', account: account.id };
  }

  /** What is due is settled before the command, as a fact of its own. */
  settle(account: Account, today: number, nowMs: number): void {
    const ledger = new Ledger(account);
    ledger.settle(today);
    if (ledger.postings.length === 0) return;
    this.facts.push({ kind: 'settlement', account: account.id, processedAtMs: nowMs, transaction: null, receipt: null, awards: [], postings: ledger.postings });
  }

  private settleByNow(account: Account | undefined, nowMs: number): void {
    if (account) this.settle(account, localDay(this.reference!.program(account.program).timeZone, nowMs), nowMs);
  }
  private open(program: number, cards: string[]): Account {
    const account = new Account(this.partition, this.accounts.length, program, this.changes);
    this.accounts.push(account);
    for (const card of cards) {
      account.cards.push(card);
      this.cards.set(`${program}/${card}`, account);
    }
    return account;
  }
  /** A posting that was taken back is not the purchase: another one counts, elsewhere. */
  private purchaseOf(partner: string, id: string): Purchase | undefined {
    return this.history.has(keyOf({ partner, id, kind: reconciliationOf.purchase })) ? undefined : this.history.purchase(keyOf({ partner, id, kind: 'purchase' }));
  }
  private seen(transaction: NaiveTransaction): Outcome | undefined {
    const known = this.history.find(transaction);
    return known && (known === 'same' ? { status: 'duplicate' } : refuse('conflict'));
  }
  /** A member's account of this partition. */
  private accountOf(id: string): Account | undefined {
    const account = this.accounts[Number(id.split('.')[1])];
    return account?.id === id && account.ordinal !== OWN_ACCOUNT && account.linkedTo === undefined ? account : undefined;
  }
  private isHomeOf(card: string): boolean {
    return !this.homes || this.homes.ofCard(card) === this.partition;
  }
  private livesElsewhere(account: string): boolean {
    const partition = Number(/^(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,9})$/.exec(account)?.[1] ?? this.partition);
    return this.homes !== undefined && partition !== this.partition && partition < this.homes.partitions;
  }
}

const refuse = (reason: Reason): Outcome => ({ status: 'rejected', reason });

function outOfTime(transaction: NaiveTransaction, nowMs: number, latenessDays: number | undefined): Reason | undefined {
  if (transaction.occurredAtMs > nowMs + FUTURE_MS) return 'future';
  return latenessDays !== undefined && transaction.occurredAtMs < nowMs - latenessDays * DAY_MS ? 'late' : undefined;
}

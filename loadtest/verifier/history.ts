/**
 * What a partition remembers, for the verifier: of each transaction where its fact lies in the log and a hash of its content; the purchase of a
 * return is read from its fact, which was compared when its batch was. About a hundred bytes a transaction.
 */
import type { FactRecord } from '../../schemas/fact.js';
import type { History } from '../naive/history.js';
import type { NaiveReference } from '../naive/reference.js';
import type { Purchase, RecordedAward } from '../naive/returns.js';
import { Receipt, type Zones } from '../naive/rules.js';
import { keyOf, type NaiveTransaction } from '../naive/transaction.js';

const lineKinds = ['product', 'deposit', 'discount'] as const;

export class LogHistory implements History {
  private readonly places = new Map<string, number>();
  private hashes = new Float64Array(1024);
  private batches = new Int32Array(1024);
  private rows = new Int32Array(1024);
  /** Purchases of which something was returned. */
  private readonly returned = new Map<string, Purchase>();
  /** Purchases and returns of earlier batches that the batch at hand needs, read before it is evaluated. */
  private readonly read = new Map<string, FactRecord>();
  /** Zones in which the purchases of the batch at hand, and those that it needs, were made: facts don't say. */
  private readonly zones = new Map<string, Zones>();

  /** `place`: batch and row that the next fact gets. */
  constructor(
    private readonly place: () => { batch: number; row: number }, private readonly reference: () => NaiveReference,
    private readonly own: (row: number) => FactRecord | undefined,
  ) {}

  /** Where the fact of a purchase or return lies that is needed and not at hand. */
  needs(key: string): { batch: number; row: number } | undefined {
    const at = this.places.get(key);
    if (at === undefined || this.returned.has(key) || this.batches[at]! < 0 || this.batches[at] === this.place().batch) return undefined;
    return { batch: this.batches[at]!, row: this.rows[at]! };
  }
  /** `then`: the reference data with which it was decided. */
  bring(key: string, fact: FactRecord, then: NaiveReference): void {
    this.read.set(key, fact);
    this.zones.set(key, then.zonesOf(fact));
  }
  endBatch(): void {
    this.read.clear();
    this.zones.clear();
  }

  find(transaction: NaiveTransaction): 'same' | 'other' | undefined {
    const at = this.places.get(keyOf(transaction));
    return at === undefined ? undefined : this.hashes[at] === contentHash(transaction) ? 'same' : 'other';
  }
  has(key: string): boolean {
    return this.places.has(key);
  }
  mark(key: string): void {
    this.add(key, 0, -1, -1);
  }
  purchase(key: string): Purchase | undefined {
    const known = this.returned.get(key);
    if (known) return known;
    const fact = this.factOf(key);
    return fact && purchaseOf(this.reference(), fact, this.zones.get(key)!);
  }
  returnAccount(key: string): string | undefined {
    return this.factOf(key)?.account;
  }
  rememberReturn(transaction: NaiveTransaction): void {
    this.remember(transaction);
  }
  remember(transaction: NaiveTransaction, purchase?: Purchase): void {
    const key = keyOf(transaction);
    if (this.places.has(key)) {
      if (purchase) this.returned.set(key, purchase);
      return;
    }
    if (purchase) this.zones.set(key, purchase.receipt.zones);
    const { batch, row } = this.place();
    this.add(key, contentHash(transaction), batch, row);
  }

  private factOf(key: string): FactRecord | undefined {
    const at = this.places.get(key);
    if (at === undefined) return undefined;
    return this.batches[at] === this.place().batch ? this.own(this.rows[at]!) : this.read.get(key);
  }
  private add(key: string, hash: number, batch: number, row: number): void {
    const at = this.places.size;
    if (at === this.hashes.length) {
      const [hashes, batches, rows] = [new Float64Array(at * 2), new Int32Array(at * 2), new Int32Array(at * 2)];
      hashes.set(this.hashes);
      batches.set(this.batches);
      rows.set(this.rows);
      [this.hashes, this.batches, this.rows] = [hashes, batches, rows];
    }
    this.places.set(key, at);
    this.hashes[at] = hash;
    this.batches[at] = batch;
    this.rows[at] = row;
  }
}

/** 52 bits over all that was posted. */
function contentHash(transaction: NaiveTransaction): number {
  const { id, kind, partner, program, store, terminal, cashier, channel, card, account, currency, mcc, merchant, originalId } = transaction;
  const { occurredAtMs, total, lines, tenders, coupons } = transaction, hash = new ContentHash();
  for (const text of [id, kind, partner, program, store, terminal, cashier, channel, card, account, currency, mcc, merchant, originalId]) hash.text(text);
  hash.number(occurredAtMs);
  hash.number(total ?? -1);
  for (const line of lines) {
    hash.number(line.line);
    hash.number(line.quantity);
    hash.number(line.amount);
    hash.number(line.discount);
    hash.text(line.kind);
    hash.text(line.sku);
    hash.text(line.category);
  }
  if (tenders.length > 0 || coupons.length > 0) hash.text(JSON.stringify([tenders, coupons]));
  return hash.value;
}

/** Two lanes of FNV-1a over code units and numbers. */
class ContentHash {
  private low = 0x811c9dc5;
  private high = 0xcbf29ce4;

  text(text: string): void {
    for (let i = 0; i < text.length; i++) this.add(text.charCodeAt(i));
    this.add(0x10000 + text.length);
  }
  number(value: number): void {
    this.add(value | 0);
    this.add(Math.floor(value / 2 ** 32) | 0);
  }
  get value(): number {
    return (this.high >>> 12) * 2 ** 32 + (this.low >>> 0);
  }
  private add(value: number): void {
    this.low = Math.imul(this.low ^ value, 0x01000193);
    this.high = Math.imul(this.high ^ value ^ (this.low >>> 13), 0x01000193);
  }
}

/** The purchase as its fact recorded it, before any return. */
function purchaseOf(reference: NaiveReference, fact: FactRecord, zones: Zones): Purchase {
  const { set } = reference;
  const currencyOf = (id: string): number => set.currencies.findIndex((currency) => currency.id === id && set.programs[currency.program]!.id === fact.program);
  const lines = fact.lines.map((line) => ({ ...line, kind: lineKinds[line.kind]! }));
  const { id, partner, program, store, terminal, cashier, channel, card, account, occurredAtMs, currency, total, mcc, merchant, originalId } = fact;
  const transaction: NaiveTransaction = {
    id, kind: 'purchase', partner, program, store, terminal, cashier, channel, card, account, occurredAtMs, currency, total, lines, tenders: [],
    coupons: [], mcc, merchant, originalId,
  };
  return {
    transaction, receipt: new Receipt(transaction, zones, total, lines), account, returned: new Map(),
    awards: fact.awards.map((award, place): RecordedAward => ({
      version: reference.version(award.ruleIndex), currency: currencyOf(award.currency), points: award.points, input: award.input,
      milestones: award.milestones, period: award.period,
      shares: award.shares, reversed: 0,
      parts: fact.postings.filter((posting) => posting.award === place && posting.kind === 'accrual').map((posting) => ({
        currency: currencyOf(posting.currency), funder: reference.funder(posting.funder), matures: posting.matures, expires: posting.expires,
        points: posting.points,
      })),
    })),
  };
}

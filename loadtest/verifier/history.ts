/**
 * What a partition remembers, for the verifier: of each transaction where its fact lies in the log and a hash of its content; the purchase of a
 * return is read from its fact, which was compared when its batch was. About a hundred bytes a transaction.
 */
import type { FactRecord } from '../../schemas/fact.js';
import type { History } from '../naive/history.js';
import type { NaiveReference } from '../naive/reference.js';
import type { Purchase, RecordedAward } from '../naive/returns.js';
import { Receipt, type Zones } from '../naive/rules.js';
import { contentHash, type Content } from '../naive/content-hash.js';
import { keyOf, type NaiveTransaction } from '../naive/transaction.js';

const lineKinds = ['product', 'deposit', 'discount'] as const;

export class LogHistory implements History {
  private readonly places = new Map<string, number>();
  private contents = new Uint32Array(2 * 1024);
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
    const content = this.content(keyOf(transaction));
    return content && (String(content) === String(contentHash(transaction)) ? 'same' : 'other');
  }
  content(key: string): Content | undefined {
    const at = this.places.get(key);
    return at === undefined ? undefined : [this.contents[2 * at]!, this.contents[2 * at + 1]!];
  }
  has(key: string): boolean {
    return this.places.has(key);
  }
  mark(key: string): void {
    this.add(key, [0, 0], -1, -1);
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
  private add(key: string, content: Content, batch: number, row: number): void {
    const at = this.places.size;
    if (at === this.batches.length) {
      const [contents, batches, rows] = [new Uint32Array(at * 4), new Int32Array(at * 2), new Int32Array(at * 2)];
      contents.set(this.contents);
      batches.set(this.batches);
      rows.set(this.rows);
      [this.contents, this.batches, this.rows] = [contents, batches, rows];
    }
    this.places.set(key, at);
    this.contents.set(content, 2 * at);
    this.batches[at] = batch;
    this.rows[at] = row;
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

/**
 * Rules on a bench: documents published as they are in production, one account whose counters live in a Map, purchases as documents. Shared by the tests of rules.
 */
import { ReferenceStore } from '../../engine/reference.js';
import type { PartnerDocument, ProductDocument, ProgramDocument, RuleDocument } from '../../schemas/reference.js';
import type { TransactionDocument } from '../../schemas/transaction.js';
import { awards } from '../../workers/awards.js';
import { FactBlock } from '../../workers/facts/fact-block.js';
import { FactHeader, FactKind } from '../../workers/facts/fact-header.js';
import { cellB, cellKey, cellKind, CellKind } from '../../workers/ledger/cells.js';
import { Postings } from '../../workers/ledger/postings.js';
import { fillTransaction } from '../../workers/parse/fill.js';
import { RecordedPurchase } from '../../workers/recorded-purchase.js';
import { Reference } from '../../workers/reference.js';
import { evaluate } from '../../workers/rules/evaluate.js';
import { Transaction } from '../../workers/transaction.js';

export interface ShopOptions {
  program?: Partial<ProgramDocument>;
  partners?: Record<string, Partial<PartnerDocument>>;
  products?: Record<string, ProductDocument[]>;
}
export type TestRule = Partial<RuleDocument> & Pick<RuleDocument, 'id' | 'award'>;
export type TestPurchase = Partial<Omit<TransactionDocument, 'lines'>> & { lines?: TransactionDocument['lines'] };

export interface Given { rule: string; version: number; currency: number; points: number; input: number; milestones: number; period: number; shares: { line: number; points: number }[] }

const someMonday = '2026-03-02T10:30:00Z';

export class Shop {
  readonly store = new ReferenceStore();
  readonly reference: Reference;
  readonly awards = awards;
  readonly t = new Transaction();
  /** Cells of the one account. */
  readonly cells = new Map<string, number>();

  constructor(rules: readonly TestRule[], { program, partners = { shop: {} }, products = {} }: ShopOptions = {}) {
    const contents = new Map<number, Uint8Array>();
    if (program) this.store.putProgram('default', { name: 'Default', timeZone: 'UTC', currencies: [{ id: 'points', scale: 0 }], ...program });
    for (const [id, partner] of Object.entries(partners)) this.store.putPartner(id, { name: id, timeZone: 'UTC', currency: 'EUR', ...partner });
    for (const [id, list] of Object.entries(products)) {
      const { products: added } = this.store.putProducts(id, Buffer.from(list.map((product) => JSON.stringify(product)).join('\n')));
      for (const [partner, bytes] of added) contents.set(partner, bytes);
    }
    this.store.putRules({ rules: rules.map((rule) => ({ version: 1, ...rule })) });
    this.reference = new Reference(this.store.set, contents);
  }

  /** The purchase as decide hands it to the rules. */
  transaction(purchase: TestPurchase): Transaction {
    const { t, reference } = this;
    fillTransaction({ id: '1', kind: 'purchase', partner: 'shop', card: 'c', occurredAt: someMonday, currency: 'EUR', ...purchase } as TransactionDocument, t);
    t.partnerOrdinal = reference.partnerOrdinal(t.bytes, t.text[2]!, t.text[3]!);
    t.programOrdinal = reference.partnerProgram[t.partnerOrdinal]!;
    reference.resolveLines(t);
    return t;
  }
  /** Decides; the account keeps what is counted. */
  buy(purchase: TestPurchase): Given[] {
    const { awards, reference } = this;
    evaluate(reference.rules, this.transaction(purchase), this, reference);
    if (awards.overflow) throw new RangeError('overflow');
    const given = this.given();
    for (let i = 0; i < awards.counterTotal; i++) {
      const key = `${awards.counterKey1[i]} ${awards.counterKey2[i]}`;
      this.cells.set(key, (this.cells.get(key) ?? 0) + awards.counterDelta[i]!);
    }
    return given;
  }
  /** The purchase as its fact records it, decided for an account without counters. */
  recorded(purchase: TestPurchase): RecordedPurchase {
    const { t, awards, reference } = this, block = new FactBlock(), header = new FactHeader(), recorded = new RecordedPurchase();
    evaluate(reference.rules, this.transaction(purchase), null, reference);
    header.ledgerRow(FactKind.purchase, { partition: 0, batch: 0 }, 1, t.occurredAtMs, 0, 0, 0, reference.set.version);
    block.add(t, header, awards, new Postings(), reference);
    recorded.read(block.written(), 0, reference);
    return recorded;
  }
  /** Points by rule. */
  points(purchase: TestPurchase): Record<string, number> {
    return Object.fromEntries(this.buy(purchase).map(({ rule, points }) => [rule, points]));
  }
  /** Points by line, of each rule. */
  shares(purchase: TestPurchase): Record<string, number[]> {
    return Object.fromEntries(this.buy(purchase).map(({ rule, shares }) => [rule, shares.map(({ points }) => points)]));
  }
  get(key1: number, key2: number): number {
    return this.cells.get(`${key1} ${key2}`) ?? 0;
  }
  setCounter(kind: keyof typeof CellKind, rule: string, period: number, value: number): void {
    const ordinal = this.reference.ruleOrdinal(0, rule);
    this.cells.set(`${cellKey(CellKind[kind], 0, ordinal)} ${period}`, value);
  }
  /** What was counted last: kind of cell, rule, period, by how much. */
  counted(): { kind: number; rule: string; period: number; change: number }[] {
    const { awards, reference } = this;
    return Array.from({ length: awards.counterTotal }, (_, i) => ({
      kind: cellKind(awards.counterKey1[i]!), rule: reference.set.ruleIds[cellB(awards.counterKey1[i]!)]!.id, period: awards.counterKey2[i]!, change: awards.counterDelta[i]!,
    }));
  }
  private given(): Given[] {
    const { awards, reference: { set }, t } = this;
    return Array.from({ length: awards.count }, (_, i) => {
      const start = awards.shareStart[i]!, { document } = set.rules[awards.rule[i]!]!;
      return {
        rule: document.id, version: document.version, currency: awards.currency[i]!, points: awards.points[i]!,
        input: awards.input[i]!, milestones: awards.milestones[i]!, period: awards.period[i]!,
        shares: Array.from({ length: awards.shareCount[i]! }, (_, j) => ({ line: t.lineNumber[awards.shareLine[start + j]!]!, points: awards.sharePoints[start + j]! })),
      };
    });
  }
}

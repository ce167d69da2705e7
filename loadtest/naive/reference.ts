/**
 * Reference data as the naive implementation reads it: the published documents, looked up by name. Remembers per partner which rules can concern it, nothing else.
 */
import type { PartnerDocument, ProductDocument, ProgramDocument, ReferenceSet, RuleDocument } from '../../schemas/reference.js';
import type { NaiveLine, NaiveTransaction } from './transaction.js';

/** One published version of a rule. `index`: place in ReferenceSet.rules; `rule`: ordinal of its id. */
export interface RuleVersion { index: number; rule: number; id: string; document: RuleDocument; fromMs: number; toMs: number }

/** A line with what the product adds. */
export interface EnrichedLine extends NaiveLine { department: string; brand: string }

export class NaiveReference {
  private readonly partnerOrdinals = new Map<string, number>();
  private readonly stores: Map<string, string | undefined>[] = [];
  private readonly firstCurrency: number[] = [];
  private readonly byPartner = new Map<number, RuleVersion[][]>();

  constructor(readonly set: ReferenceSet, private readonly products: Map<number, Map<string, ProductDocument>>) {
    set.partners.forEach((partner, ordinal) => {
      this.partnerOrdinals.set(partner.id, ordinal);
      this.stores.push(new Map((partner.document.stores ?? []).map((store) => [store.id, store.timeZone])));
    });
    set.programs.forEach((_, program) => this.firstCurrency.push(set.currencies.findIndex((currency) => currency.program === program)));
  }

  partner(id: string): { ordinal: number; program: number; document: PartnerDocument } | undefined {
    const ordinal = this.partnerOrdinals.get(id);
    return ordinal === undefined ? undefined : { ordinal, program: this.set.partners[ordinal]!.program, document: this.set.partners[ordinal]!.document };
  }
  program(ordinal: number): ProgramDocument {
    return this.set.programs[ordinal]!.document;
  }
  /** The zone of the store, else of the partner. */
  storeZone(transaction: NaiveTransaction): string {
    const partner = this.partner(transaction.partner)!;
    return this.stores[partner.ordinal]!.get(transaction.store) ?? partner.document.timeZone;
  }
  /** Ordinal of the currency that an award names, else the first of its program. */
  currency(program: number, id: string | undefined): number {
    return id === undefined ? this.firstCurrency[program]! : this.set.currencies.findIndex((currency) => currency.program === program && currency.id === id);
  }
  moneyOf(transaction: NaiveTransaction): string {
    return transaction.currency || this.partner(transaction.partner)!.document.currency;
  }
  funder(id: string): number {
    return this.set.funders.indexOf(id);
  }
  enrich(transaction: NaiveTransaction): EnrichedLine[] {
    const products = this.products.get(this.partner(transaction.partner)!.ordinal);
    return transaction.lines.map((line) => {
      const product = products?.get(line.sku);
      return { ...line, category: line.category || (product?.category ?? ''), department: product?.department ?? '', brand: product?.brand ?? '' };
    });
  }

  /** Of each live rule id that can concern the partner: its versions, the highest first. */
  rulesOf(partner: number): RuleVersion[][] {
    let groups = this.byPartner.get(partner);
    if (!groups) this.byPartner.set(partner, (groups = this.groupRules(partner)));
    return groups;
  }

  private groupRules(partner: number): RuleVersion[][] {
    const { set } = this;
    const { id, program } = set.partners[partner]!;
    const byRule = new Map<number, RuleVersion[]>();
    for (const index of set.live) {
      const { rule, program: ruleProgram, document, fromMs, toMs } = set.rules[index]!;
      if (ruleProgram !== program) continue;
      const versions = byRule.get(rule) ?? [];
      versions.push({ index, rule, id: document.id, document, fromMs, toMs });
      byRule.set(rule, versions);
    }
    return [...byRule.values()]
      .filter((versions) => versions.some(({ document }) => !document.scope?.partners || document.scope.partners.includes(id)))
      .map((versions) => versions.sort((a, b) => b.document.version - a.document.version));
  }
}

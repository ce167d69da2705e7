/**
 * Reference data as the naive implementation reads it: the published documents, looked up by name. Remembers per partner which rules can concern it,
 * nothing else.
 */
import type { PartnerDocument, ProductDocument, ProgramDocument, ReferenceSet, RuleDocument } from '../../schemas/reference.js';
import type { Zones } from './matching.js';
import type { NaiveLine, NaiveTransaction } from './transaction.js';

/** One published version of a rule. `index`: place in ReferenceSet.rules; `rule`: ordinal of its id. */
export interface RuleVersion { index: number; rule: number; id: string; idBytes: Buffer; document: RuleDocument; fromMs: number; toMs: number }

/** A line with what the product adds. */
export interface EnrichedLine extends NaiveLine { department: string; brand: string }

export interface Partner { ordinal: number; program: number; document: PartnerDocument }

export class NaiveReference {
  private readonly partners = new Map<string, Partner>();
  private readonly stores: Map<string, string | undefined>[] = [];
  private readonly firstCurrency: number[] = [];
  private readonly funders = new Map<string, number>();
  private readonly versions: RuleVersion[] = [];
  private readonly byPartner = new Map<number, RuleVersion[][]>();

  constructor(readonly set: ReferenceSet, private readonly products: Map<number, Map<string, ProductDocument>>) {
    set.partners.forEach((partner, ordinal) => {
      this.partners.set(partner.id, { ordinal, program: partner.program, document: partner.document });
      this.stores.push(new Map((partner.document.stores ?? []).map((store) => [store.id, store.timeZone])));
    });
    set.funders.forEach((funder, ordinal) => this.funders.set(funder, ordinal));
    set.programs.forEach((_, program) => this.firstCurrency.push(set.currencies.findIndex((currency) => currency.program === program)));
  }

  partner(id: string): Partner | undefined {
    return this.partners.get(id);
  }
  program(ordinal: number): ProgramDocument {
    return this.set.programs[ordinal]!.document;
  }
  /** The zone of the store, else of the partner; and that of the program. */
  zonesOf({ partner: id, store }: Pick<NaiveTransaction, 'partner' | 'store'>): Zones {
    const { ordinal, program, document: { timeZone } } = this.partner(id)!;
    return { store: this.stores[ordinal]!.get(store) ?? timeZone, program: this.program(program).timeZone };
  }
  /** Ordinal of the currency that an award names, else the first of its program. */
  currency(program: number, id: string | undefined): number {
    return id === undefined ? this.firstCurrency[program]! : this.set.currencies.findIndex((currency) => currency.program === program && currency.id === id);
  }
  moneyOf(transaction: NaiveTransaction): string {
    return transaction.currency || this.partner(transaction.partner)!.document.currency;
  }
  funder(id: string): number {
    return this.funders.get(id) ?? -1;
  }
  enrich(transaction: NaiveTransaction): EnrichedLine[] {
    const products = this.products.get(this.partner(transaction.partner)!.ordinal);
    return transaction.lines.map(({ line, kind, sku, quantity, amount, discount, category }) => {
      const product = products?.get(sku);
      return { line, kind, sku, quantity, amount, discount, category: category || (product?.category ?? ''), department: product?.department ?? '', brand: product?.brand ?? '' };
    });
  }

  /** Any version that was ever published, by its place. */
  version(index: number): RuleVersion {
    const { rule, document, fromMs, toMs } = this.set.rules[index]!;
    return (this.versions[index] ??= { index, rule, id: document.id, idBytes: Buffer.from(document.id), document, fromMs, toMs });
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
      const { rule, program: ruleProgram } = set.rules[index]!;
      if (ruleProgram !== program) continue;
      const versions = byRule.get(rule) ?? [];
      versions.push(this.version(index));
      byRule.set(rule, versions);
    }
    return [...byRule.values()]
      .filter((versions) => versions.some(({ document }) => !document.scope?.partners || document.scope.partners.includes(id)))
      .map((versions) => versions.sort((a, b) => b.document.version - a.document.version));
  }
}

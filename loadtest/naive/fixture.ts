/**
 * Reference data for tests, built by hand from a few documents: program `default` (UTC, currency `points`), partners with their products. Nothing is
 * checked here; what is published goes through engine/reference.ts.
 */
import type { PartnerDocument, ProductDocument, ProgramDocument, ReferenceSet, RuleDocument } from '../../schemas/reference.js';
import { NaiveReference } from './reference.js';

export interface FixtureOptions {
  program?: Partial<ProgramDocument>;
  partners?: Record<string, Partial<PartnerDocument>>;
  products?: Record<string, ProductDocument[]>;
}

export type TestRule = Partial<RuleDocument> & Pick<RuleDocument, 'id' | 'award'>;
const FOREVER = 8.64e15;

export function referenceOf(rules: TestRule[], { program, partners = { shop: {} }, products = {} }: FixtureOptions = {}): NaiveReference {
  const document: ProgramDocument = { name: 'Default', timeZone: 'UTC', currencies: [{ id: 'points', scale: 0 }], ...program };
  const ids = [...new Set(rules.map(({ id }) => id))];
  const published = rules.map((rule): RuleDocument => ({ version: 1, ...rule }));
  const set: ReferenceSet = {
    version: 1, ruleSet: 1,
    programs: [{ id: 'default', document }],
    partners: Object.entries(partners).map(([id, partner]) => ({ id, program: 0, document: { name: id, program: 'default', timeZone: 'UTC', currency: 'EUR', ...partner } })),
    currencies: document.currencies.map((currency) => ({ ...currency, program: 0 })),
    funders: [...new Set([...Object.keys(partners), ...published.flatMap(({ funding }) => (funding ?? []).map(({ funder }) => funder))])],
    ruleIds: ids.map((id) => ({ id, program: 0 })),
    rules: published.map((rule) => ({
      rule: ids.indexOf(rule.id), program: 0, document: rule,
      fromMs: rule.validFrom ? Date.parse(rule.validFrom) : -FOREVER, toMs: rule.validTo ? Date.parse(rule.validTo) : FOREVER,
    })),
    live: published.map((_, i) => i),
    zones: {}, products: {},
  };
  return new NaiveReference(set, new Map(Object.entries(products).map(([partner, list]) => [
    set.partners.findIndex(({ id }) => id === partner), new Map(list.map((product) => [product.sku, product])),
  ])));
}

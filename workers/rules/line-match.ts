/**
 * `lines` of a rule: which lines it matches, by ordinals of names (docs/calculation.md, step 3). Compiled once per different text, however many rules state it.
 */
import type { LineMatch, RuleDocument } from '../../schemas/reference.js';
import type { Names } from '../reference/names.js';
import { compileCondition, type Condition } from './condition.js';

interface Texts { skus: ReadonlySet<number>; categories: ReadonlySet<number>; brands: ReadonlySet<number>; departments: ReadonlySet<number> }

export class LineMatcher {
  readonly condition: Condition | undefined;
  private readonly included: Texts;
  private readonly excluded: Texts;
  /** None of the four is given: every line that is not excluded. */
  private readonly includesAll: boolean;

  constructor(lines: NonNullable<RuleDocument['lines']>, names: Names) {
    this.included = textsOf(lines, names);
    this.excluded = textsOf(lines.exclude ?? {}, names);
    this.includesAll = lines.skus === undefined && lines.categories === undefined && lines.brands === undefined && lines.departments === undefined;
    this.condition = lines.condition === undefined ? undefined : compileCondition(lines.condition, 'line', names);
  }
  get namesSkus(): boolean {
    return this.included.skus.size > 0 || this.excluded.skus.size > 0;
  }
  /** Whether a line with these names is matched, its condition apart. No set holds 0, the empty text. */
  fits(sku: number, category: number, department: number, brand: number): boolean {
    return (this.includesAll || isOneOf(this.included, sku, category, department, brand)) && !isOneOf(this.excluded, sku, category, department, brand);
  }
}

const isOneOf = (texts: Texts, sku: number, category: number, department: number, brand: number): boolean =>
  texts.skus.has(sku) || texts.categories.has(category) || texts.departments.has(department) || texts.brands.has(brand);

function textsOf({ skus, categories, brands, departments }: LineMatch, names: Names): Texts {
  const ordinals = (texts: readonly string[] = []): Set<number> => new Set(texts.map((text) => names.ordinal(text)));
  return { skus: ordinals(skus), categories: ordinals(categories), brands: ordinals(brands), departments: ordinals(departments) };
}

/**
 * The rules that can concern one partner, indexed so that a transaction looks only at those that it can set off:
 *
 *   always         no lines and no stores in the rule
 *   byStore        the rule names stores: looked at when the transaction comes from one of them
 *   selections     the rule names lines: looked at when a line is matched; rules with equal `lines` share a selection
 *
 * Which selections a product falls into is worked out when the product is first seen, and kept by product.
 */
import type { Reference } from '../reference.js';
import { CLASSES_MAX, type ProductClasses, type ProductTable } from '../reference/product-table.js';
import type { CompiledRule } from './compile.js';
import type { Frame } from './frame.js';
import type { LineMatcher } from './line-match.js';
import { Factors } from './multiplier.js';
import { Selection } from './selection.js';

/** A rule as one partner's plan holds it. `rank`: its place in rule order. */
export interface Candidate {
  readonly rule: CompiledRule;
  readonly selection: Selection;
  readonly rank: number;
  /** Zone of the schedule; -1: the store's. */
  readonly zone: number;
  /** Live versions of the same rule that go before this one where they are valid. */
  readonly higher: readonly CompiledRule[];
  /** Whether when or where the purchase is made matters: by the rule's validity, other versions, stores, channels, or schedule. */
  readonly restricted: boolean;
}

/** More than there are names: what a sku or a product counts for in a key of `classByKey`, beside the category. */
const NAMES_MAX = 2 ** 26;
/** Of lines that no product tells; past it they are worked out anew. */
const CLASSES_REMEMBERED_MAX = 1 << 16;

export class PartnerPlan {
  readonly candidates: readonly Candidate[];
  readonly all: Selection = new Selection(undefined);
  readonly always: Candidate[] = [];
  readonly byStore = new Map<number, Candidate[]>();
  /** Selections with lines; none: lines need not be looked at one by one. */
  readonly selections: Selection[] = [];
  readonly factors = new Factors();

  private readonly products: ProductTable | undefined;
  private readonly namesSkus: boolean;
  /** Sets of selections that lines fall into, each once. */
  private readonly classes: (readonly Selection[])[] = [];
  private readonly classNumbers = new Map<string, number>();
  /** Class + 1 by product, for the product's own category. */
  private readonly classByProduct: ProductClasses | undefined;
  /** Class by what else tells lines apart: an own category, a sku without product. */
  private readonly classByKey = new Map<number, number>();

  constructor(reference: Reference, partner: number, rules: readonly CompiledRule[], higher: (rule: CompiledRule) => CompiledRule[]) {
    this.products = reference.productTable(partner);
    const selections = new Map<LineMatcher, Selection>();
    this.candidates = [...rules].sort(ruleOrder).map((rule, rank): Candidate => {
      const above = higher(rule);
      return { rule, rank, selection: this.selectionOf(rule, selections), zone: zoneOf(reference, rule), higher: above, restricted: rule.restricted || above.length > 0 };
    });
    this.namesSkus = this.selections.some(({ matcher }) => matcher!.namesSkus);
    this.classByProduct = this.products?.classes(reference.partnerOfProducts(this.products) === partner);
    for (const candidate of this.candidates) this.index(candidate);
  }

  /** The selections that a line falls into, their conditions apart. */
  selectionsOf(frame: Frame, line: number): readonly Selection[] {
    const { lineProduct, lineCategory } = frame.t, product = lineProduct[line]!;
    if (product < 0 || lineCategory[line] !== this.products!.category(product)) return this.classes[this.classOfOther(frame, line, product)]!;
    const { words, at, stride, zero } = this.classByProduct!, place = at + product * stride, known = words[place]! - zero;
    if (known > 0 && known < CLASSES_MAX) return this.classes[known - 1]!;
    const found = this.classOf(frame, line);
    if (found + 1 < CLASSES_MAX) words[place] = zero + found + 1;
    return this.classes[found]!;
  }

  private classOfOther(frame: Frame, line: number, product: number): number {
    const category = Math.max(0, frame.t.lineCategory[line]!);
    const sku = product < 0 && this.namesSkus ? Math.max(0, frame.skuName(line)) : 0;
    const key = product < 0 ? sku * NAMES_MAX + category : -(product + 1) * NAMES_MAX + category;
    let found = this.classByKey.get(key);
    if (found !== undefined) return found;
    found = this.classOf(frame, line);
    if (this.classByKey.size === CLASSES_REMEMBERED_MAX) this.classByKey.clear();
    this.classByKey.set(key, found);
    return found;
  }
  private classOf(frame: Frame, line: number): number {
    const { t } = frame, sku = this.namesSkus ? Math.max(0, frame.skuName(line)) : 0;
    const fitting = this.selections.filter(({ matcher }) => matcher!.fits(sku, t.lineCategory[line]!, t.lineDepartment[line]!, t.lineBrand[line]!));
    const key = fitting.map((selection) => this.selections.indexOf(selection)).join();
    let number = this.classNumbers.get(key);
    if (number === undefined) {
      number = this.classes.push(fitting) - 1;
      this.classNumbers.set(key, number);
    }
    return number;
  }

  private selectionOf({ matcher }: CompiledRule, selections: Map<LineMatcher, Selection>): Selection {
    if (matcher === undefined) return this.all;
    let selection = selections.get(matcher);
    if (selection === undefined) {
      selections.set(matcher, (selection = new Selection(matcher)));
      this.selections.push(selection);
    }
    return selection;
  }
  private index(candidate: Candidate): void {
    const { rule: { stores }, selection } = candidate;
    if (stores !== undefined) {
      for (const store of stores) {
        const there = this.byStore.get(store);
        if (there === undefined) this.byStore.set(store, [candidate]);
        else there.push(candidate);
      }
    } else if (selection !== this.all) {
      selection.candidates.push(candidate);
    } else {
      this.always.push(candidate);
    }
  }
}

/** Rule order: phase, priority (higher first), id bytewise; versions of one rule never fire together. */
function ruleOrder({ document: a }: CompiledRule, { document: b }: CompiledRule): number {
  return (a.phase ?? 0) - (b.phase ?? 0) || (b.priority ?? 0) - (a.priority ?? 0)
    || Buffer.compare(Buffer.from(a.id), Buffer.from(b.id)) || b.version - a.version;
}

function zoneOf(reference: Reference, { document: { schedule }, program }: CompiledRule): number {
  const zone = schedule?.zone ?? 'store';
  return zone === 'store' ? -1 : zone === 'program' ? reference.programZone(program) : reference.zoneId(zone);
}

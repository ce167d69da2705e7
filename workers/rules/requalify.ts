/**
 * A recorded rule on what returns left of its purchase (docs/calculation.md, Returns): the same compiled parts look at the purchase once more, as its fact recorded it. Changes nothing.
 */
import type { RecordedPurchase } from '../recorded-purchase.js';
import type { Reference } from '../reference.js';
import type { Transaction } from '../transaction.js';
import type { CompiledRule } from './compile.js';
import { pointsOf } from './evaluate.js';
import type { Frame } from './frame.js';
import { MatchedLines, Selection } from './selection.js';

const left = new MatchedLines(), bought = new MatchedLines();

/** What an award of the purchase would be on what remains of it, capped per transaction. Not for multipliers: theirs follows from the awards of the rules that they multiplied. */
export function requalify(reference: Reference, purchase: RecordedPurchase, award: number, remaining: Transaction): number {
  const { frame } = reference.rules, { awards } = purchase, rule = reference.rules.rule(awards.rule[award]!), { kind, terms, condition } = rule;
  select(left, rule, frame, remaining);
  if (!left.earns) return 0;
  if (condition !== undefined) {
    frame.decidedWith(purchase.referenceVersion);
    if (!condition.run(frame, remaining, condition.constants, 0)) return 0;
  }
  const exponent = reference.moneyExponent(remaining), { base } = left;
  if (rule.countUnits !== undefined) {
    if (kind.unitsLeft === undefined) return awards.points[award]!;
    const units = kind.unitsLeft(awards.input[award]!, awards.milestones[award]!, recordedBase(reference, purchase, award), base, terms);
    return Math.min(pointsOf(rule, left, units, remaining, exponent), rule.capPerTransaction);
  }
  const units = rule.perLine ? 0 : rule.units!(base, left.quantity, terms);
  return Math.min(pointsOf(rule, left, units, remaining, exponent), rule.capPerTransaction);
}

/** The base amount that the award's rule saw in the purchase. */
export function recordedBase(reference: Reference, purchase: RecordedPurchase, award: number): number {
  select(bought, reference.rules.rule(purchase.awards.rule[award]!), reference.rules.frame, purchase.forRules(reference));
  return Math.max(0, bought.base);
}

function select(into: MatchedLines, rule: CompiledRule, frame: Frame, t: Transaction): void {
  const { matcher } = rule, selection = new Selection(matcher), asksSku = matcher?.namesSkus === true;
  into.clear();
  frame.begin(t);
  for (let i = 0; i < frame.lineCount; i++) {
    const sku = asksSku ? Math.max(0, frame.skuName(i)) : 0;
    const fits = matcher === undefined || matcher.fits(sku, t.lineCategory[i]!, t.lineDepartment[i]!, t.lineBrand[i]!);
    if (fits && (matcher === undefined || selection.takes(frame, i))) into.add(i, t.amount[i]!, t.quantity[i]!);
  }
}

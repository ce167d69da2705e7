/**
 * A recorded rule on what returns left of its purchase (docs/calculation.md, Returns): the fact becomes a transaction again (recorded.ts), and the same compiled
 * parts look at it. * For the rare path: it allocates, and changes nothing.
 */
import type { FactRecord } from '../../schemas/fact.js';
import type { Reference } from '../reference.js';
import type { Transaction } from '../transaction.js';
import type { CompiledRule } from './compile.js';
import { pointsOf } from './evaluate.js';
import type { Frame } from './frame.js';
import { recorded, type Remaining } from './recorded.js';
import { MatchedLines, Selection } from './selection.js';

type FactAward = FactRecord['awards'][number];

/** What the award would be on what remains, capped per transaction. Not for multipliers: theirs follows from the awards of the rules that they multiplied. */
export function requalify(reference: Reference, award: FactAward, fact: FactRecord, remaining: readonly Remaining[]): number {
  const { frame } = reference.rules, rule = reference.rules.rule(award.ruleIndex), { kind, terms, condition } = rule;
  const t = recorded(reference, fact, rule.program, remaining), matched = select(rule, frame, t);
  if (!matched.earns) return 0;
  if (condition !== undefined && !condition.run(frame, t, condition.constants, 0)) return 0;
  const exponent = reference.moneyExponent(t), { base } = matched;
  if (rule.countUnits !== undefined) {
    if (kind.unitsLeft === undefined) return award.points;
    const units = kind.unitsLeft(award.input, award.milestones, recordedBase(reference, award, fact), base, terms);
    return Math.min(pointsOf(rule, matched, units, t, exponent), rule.capPerTransaction);
  }
  const units = rule.perLine ? 0 : rule.units!(base, matched.quantity, terms);
  return Math.min(pointsOf(rule, matched, units, t, exponent), rule.capPerTransaction);
}

/** The base amount that the award's rule saw in the purchase. */
export function recordedBase(reference: Reference, award: FactAward, fact: FactRecord): number {
  const rule = reference.rules.rule(award.ruleIndex), t = recorded(reference, fact, rule.program);
  return Math.max(0, select(rule, reference.rules.frame, t).base);
}

function select(rule: CompiledRule, frame: Frame, t: Transaction): MatchedLines {
  const { matcher } = rule, selection = new Selection(matcher), matched = new MatchedLines();
  frame.begin(t);
  for (let i = 0; i < frame.lineCount; i++) {
    const fits = matcher === undefined || matcher.fits(Math.max(0, frame.skuName(i)), t.lineCategory[i]!, t.lineDepartment[i]!, t.lineBrand[i]!);
    if (fits && (matcher === undefined || selection.takes(frame, i))) matched.add(i, t.amount[i]!, t.quantity[i]!);
  }
  return matched;
}

/**
 * A recorded rule on what returns left of its purchase (docs/calculation.md, Returns): the fact becomes a transaction again, and the same compiled parts look at it.
 * For the rare path: it allocates, and changes nothing.
 */
import type { FactRecord } from '../../schemas/fact.js';
import type { Reference } from '../reference.js';
import { Text, type Transaction } from '../transaction.js';
import { TextArena, utf8 } from '../utf8.js';
import type { CompiledRule } from './compile.js';
import { pointsOf } from './evaluate.js';
import type { Frame } from './frame.js';
import { Selection } from './selection.js';

const texts = new TextArena();

/** What is left of a line of the purchase, by the line's number. */
export interface Remaining { line: number; quantity: number; amount: number }
type FactAward = FactRecord['awards'][number];

/** What the award would be on what remains, capped per transaction. Not for multipliers: theirs follows from the awards of the rules that they multiplied. */
export function requalify(reference: Reference, award: FactAward, fact: FactRecord, remaining: readonly Remaining[]): number {
  const { frame } = reference.rules, rule = reference.rules.rule(award.ruleIndex), { kind, terms, condition } = rule;
  const t = recorded(reference, fact, rule, remaining), selection = select(rule, frame, t);
  if (!selection.earns) return 0;
  if (condition !== undefined && !condition.run(frame, t, condition.constants, 0)) return 0;
  const exponent = reference.moneyExponent(t), { base } = selection;
  if (rule.countUnits !== undefined) {
    if (kind.unitsLeft === undefined) return award.points;
    const units = kind.unitsLeft(award.input, award.milestones, recordedBase(reference, award, fact), base, terms);
    return Math.min(pointsOf(rule, selection, units, t, exponent), rule.capPerTransaction);
  }
  const units = rule.perLine ? 0 : rule.units!(base, selection.quantity, terms);
  return Math.min(pointsOf(rule, selection, units, t, exponent), rule.capPerTransaction);
}

/** The base amount that the award's rule saw in the purchase. */
export function recordedBase(reference: Reference, award: FactAward, fact: FactRecord): number {
  const rule = reference.rules.rule(award.ruleIndex), t = recorded(reference, fact, rule, undefined);
  return Math.max(0, select(rule, reference.rules.frame, t).base);
}

function select(rule: CompiledRule, frame: Frame, t: Transaction): Selection {
  const { matcher } = rule, selection = new Selection(matcher);
  frame.begin(t);
  for (let i = 0; i < frame.lineCount; i++) {
    const fits = matcher === undefined || matcher.fits(Math.max(0, frame.skuName(i)), t.lineCategory[i]!, t.lineDepartment[i]!, t.lineBrand[i]!);
    if (fits && (matcher === undefined || selection.takes(frame, i))) selection.add(i, t.amount[i]!, t.quantity[i]!);
  }
  return selection;
}

const textFields = {
  partner: Text.partner, store: Text.store, terminal: Text.terminal, cashier: Text.cashier, channel: Text.channel, card: Text.card, currency: Text.currency,
} as const;

/** The purchase, or what remains of it; lines of which nothing remains are left out. */
function recorded(reference: Reference, fact: FactRecord, { program }: CompiledRule, remaining: readonly Remaining[] | undefined): Transaction {
  const t = reference.rules.workspace.recorded, left = remaining && new Map(remaining.map((line) => [line.line, line]));
  const put = (text: string): [start: number, length: number] => texts.put(text);
  texts.clear();
  t.text.fill(0);
  for (const [name, field] of Object.entries(textFields)) t.text.set(put(fact[name as keyof typeof textFields]), 2 * field);
  t.occurredAtMs = fact.occurredAtMs;
  t.programOrdinal = program;
  t.lineCount = t.total = 0;
  for (const line of fact.lines) {
    const { quantity, amount } = left === undefined ? line : left.get(line.line) ?? line;
    if (left !== undefined && quantity === 0 && amount === 0) continue;
    const i = t.lineCount++;
    t.total += amount;
    t.lineNumber[i] = line.line;
    t.lineKind[i] = line.kind;
    t.quantity[i] = quantity;
    t.amount[i] = amount;
    t.discount[i] = line.discount;
    t.lineProduct[i] = -1;
    [t.skuStart[i], t.skuLength[i]] = put(line.sku);
    [t.categoryStart[i], t.categoryLength[i]] = put(line.category);
    t.lineDepartment[i] = ordinal(reference, line.department);
    t.lineBrand[i] = ordinal(reference, line.brand);
  }
  t.bytes = texts.take();
  for (let i = 0; i < t.lineCount; i++) t.lineCategory[i] = reference.nameTable.intern(t.bytes, t.categoryStart[i]!, t.categoryLength[i]!);
  t.partnerOrdinal = reference.partnerOrdinal(t.bytes, t.text[2 * Text.partner]!, t.text[2 * Text.partner + 1]!);
  if (fact.lines.length === 0) t.total = left?.get(1)?.amount ?? fact.total;
  return t;
}

function ordinal({ nameTable }: Reference, text: string): number {
  const bytes = utf8(text);
  return nameTable.intern(bytes, 0, bytes.length);
}

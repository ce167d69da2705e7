/**
 * A purchase put together again from its fact, as far as rules can look at it: for returns and explanations. For rare paths: it allocates.
 */
import type { FactRecord } from '../../schemas/fact.js';
import type { Reference } from '../reference.js';
import { Text, type Transaction } from '../transaction.js';
import { TextArena } from '../utf8.js';

const texts = new TextArena();

/** What is left of a line of the purchase, by the line's number. */
export interface Remaining { line: number; quantity: number; amount: number }

const textFields = [
  ['partner', Text.partner], ['store', Text.store], ['terminal', Text.terminal], ['cashier', Text.cashier], ['channel', Text.channel], ['card', Text.card], ['currency', Text.currency],
] as const;

/** The purchase, or what remains of it; lines of which nothing remains are left out. Good until the next call. */
export function recorded(reference: Reference, fact: FactRecord, program: number, remaining?: readonly Remaining[]): Transaction {
  const t = reference.rules.workspace.recorded, left = remaining && new Map(remaining.map((line) => [line.line, line]));
  const put = (text: string): [start: number, length: number] => texts.put(text);
  texts.clear();
  t.text.fill(0);
  for (const [name, field] of textFields) [t.text[2 * field], t.text[2 * field + 1]] = put(fact[name]);
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
    t.lineDepartment[i] = reference.nameTable.internText(line.department);
    t.lineBrand[i] = reference.nameTable.internText(line.brand);
  }
  t.bytes = texts.take();
  for (let i = 0; i < t.lineCount; i++) t.lineCategory[i] = reference.nameTable.intern(t.bytes, t.categoryStart[i]!, t.categoryLength[i]!);
  t.partnerOrdinal = reference.partnerOrdinal(t.bytes, t.text[2 * Text.partner]!, t.text[2 * Text.partner + 1]!);
  if (fact.lines.length === 0) t.total = left?.get(1)?.amount ?? fact.total;
  return t;
}

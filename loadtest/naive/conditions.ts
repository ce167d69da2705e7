/**
 * Conditions of rules, parsed by @marcbachmann/cel-js and run (expression.ts) on plain objects with the names of schemas/condition.ts. An expression that
 * can't be evaluated is false.
 */
import { Environment, type ASTNode } from '@marcbachmann/cel-js';
import { localDay, localTimeMs, weekdayNames, weekdayOf } from './calendar.js';
import { run } from './expression.js';
import type { EnrichedLine } from './reference.js';
import type { NaiveTransaction } from './transaction.js';

const environment = new Environment({ unlistedVariablesAreDyn: true });
const PARSED_MAX = 100_000;
const parsed = new Map<string, ASTNode>();

export type ConditionContext = Record<string, unknown>;

/** What `condition` of a rule sees. Integers are big integers, as CEL's int wants them; `lines` are those that were given. */
export function transactionContext(transaction: NaiveTransaction, lines: EnrichedLine[], total: number, storeZone: string, currency: string): ConditionContext {
  const { partner, store, terminal, cashier, channel, card } = transaction;
  return {
    transaction: {
      partner, store, terminal, cashier, channel, card, currency,
      total: BigInt(total),
      hour: BigInt(Math.floor(localTimeMs(storeZone, transaction.occurredAtMs) / 3_600_000)),
      weekday: weekdayNames[weekdayOf(localDay(storeZone, transaction.occurredAtMs))],
      lines: BigInt(lines.length),
      get categories() {
        return BigInt(new Set(lines.map((line) => line.category).filter((category) => category !== '')).size);
      },
    },
    get lines() {
      return lines.map(lineValues);
    },
  };
}

/** What `lines.condition` of a rule sees. */
export const lineContext = (line: EnrichedLine): ConditionContext => ({ line: lineValues(line) });

const lineValues = ({ line, kind, sku, category, department, brand, quantity, amount, discount }: EnrichedLine): Record<string, unknown> =>
  ({ line: BigInt(line), kind, sku, category, department, brand, quantity: BigInt(quantity), amount: BigInt(amount), discount: BigInt(discount) });

export function holds(expression: string, context: ConditionContext): boolean {
  let root = parsed.get(expression);
  if (!root) {
    if (parsed.size >= PARSED_MAX) parsed.clear();
    parsed.set(expression, (root = environment.parse(expression).ast));
  }
  try {
    return run(root, (name) => context[name]) === true;
  } catch {
    return false; // docs/calculation.md, step 2
  }
}

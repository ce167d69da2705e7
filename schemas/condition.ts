/**
 * What conditions of rules (CEL) may name: the fields of `transaction` and of each line, with the bounds of the integers. docs/rules.md describes
 * them for authors.
 *
 * The environment only parses and type-checks; workers/rules/condition.ts compiles what passed.
 */
import { Environment } from '@marcbachmann/cel-js';
import { LINE_NUMBER_MAX, LINES_MAX } from './transaction.js';

export interface ConditionField { type: 'int' | 'string'; min?: number; max?: number; about: string }
const MAX = Number.MAX_SAFE_INTEGER;

export const transactionFields = {
  total: { type: 'int', min: 0, max: MAX, about: 'Minor units of money.' },
  lines: { type: 'int', min: 0, max: LINES_MAX, about: 'How many lines were given.' },
  categories: { type: 'int', min: 0, max: LINES_MAX, about: 'How many different categories the lines have, not counting lines without one.' },
  hour: { type: 'int', min: 0, max: 23, about: "Hour of occurredAt in the store's zone." },
  weekday: { type: 'string', about: "\"mon\" … \"sun\", of occurredAt in the store's zone." },
  partner: { type: 'string', about: 'Id of the partner.' },
  store: { type: 'string', about: "Id of the store, '' when none was given." },
  terminal: { type: 'string', about: "Id of the terminal, '' when none was given." },
  cashier: { type: 'string', about: "Id of the cashier, '' when none was given." },
  channel: { type: 'string', about: "The channel, '' when none was given." },
  card: { type: 'string', about: "The card's number, '' when an account was given." },
  currency: { type: 'string', about: "Currency of money; the partner's when none was given." },
} as const satisfies Record<string, ConditionField>;

export const lineFields = {
  amount: { type: 'int', min: -MAX, max: MAX, about: 'Minor units, for the whole line.' },
  quantity: { type: 'int', min: 0, max: MAX, about: 'Thousandths: 3000 is three pieces.' },
  discount: { type: 'int', min: 0, max: MAX, about: 'Minor units that were taken off already.' },
  line: { type: 'int', min: 1, max: LINE_NUMBER_MAX, about: 'Number of the line.' },
  sku: { type: 'string', about: "'' when none was given." },
  category: { type: 'string', about: "The line's own category, else the product's, else ''." },
  department: { type: 'string', about: "The product's department." },
  brand: { type: 'string', about: "The product's brand." },
  kind: { type: 'string', about: '"product", "deposit" or "discount".' },
} as const satisfies Record<string, ConditionField>;

/** Bounds of an expression, so that reading, checking and running it is bounded. */
export const CONDITION_BYTES_MAX = 4096;
const limits = { maxAstNodes: 500, maxDepth: 32, maxListElements: 200, maxMapEntries: 0, maxCallArguments: 4 };

const typesOf = (fields: Record<string, ConditionField>): Record<string, string> =>
  Object.fromEntries(Object.entries(fields).map(([name, { type }]) => [name, type]));
function environment(): Environment {
  return new Environment({ unlistedVariablesAreDyn: false, limits })
    .registerType('Transaction', { fields: typesOf(transactionFields) })
    .registerType('Line', { fields: typesOf(lineFields) })
    .registerFunction('sum(list<int>): int', (values: bigint[]) => values.reduce((sum, value) => sum + value, 0n));
}
/** `condition` of a rule: `transaction` and the list `lines`. */
export const transactionEnvironment = environment().registerVariable('transaction', 'Transaction').registerVariable('lines', 'list<Line>');
/** `lines.condition` of a rule: one `line`. */
export const lineEnvironment = environment().registerVariable('line', 'Line');

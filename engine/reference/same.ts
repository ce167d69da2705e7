/**
 * Whether documents say the same: the order of fields doesn't count, and in rules neither does whether a default is spelled out. Documents themselves stay as they were put.
 */
import type { RuleDocument } from '../../schemas/reference.js';
import { programOf } from './check-rules.js';

export const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(a, byName) === JSON.stringify(b, byName);

/** `firstCurrency` of the program to which both belong. */
export const isSameRule = (a: RuleDocument, b: RuleDocument, firstCurrency: string): boolean => isSame(withDefaults(a, firstCurrency), withDefaults(b, firstCurrency));

/** What docs/rules.md says of fields that are left out. */
function withDefaults(rule: RuleDocument, firstCurrency: string): object {
  const { award, schedule, lines } = rule, spelledOut = { currency: firstCurrency, ...award };
  return {
    phase: 0, priority: 0, scope: {}, basis: 'receipt', rounding: 'floor', caps: {}, onReturn: 'proportional', pendingDays: 0, ...rule,
    program: programOf(rule),
    schedule: { from: '00:00', to: '24:00', zone: 'store', ...schedule },
    ...lines && { lines: { exclude: {}, ...lines } },
    award: award.kind === 'spendThreshold' ? { period: 'ever', repeat: false, ...spelledOut } : spelledOut,
  };
}

function byName(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

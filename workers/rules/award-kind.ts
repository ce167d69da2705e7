/**
 * What a kind of award is: one file each, listed in index.ts. A kind says how many *units* a purchase earns; every unit is worth `rate` points, an exact
 * fraction, so that rounding, multipliers, caps and shares are the same for all kinds (evaluate.ts).
 */
import { MONEY_EXPONENT_MAX } from '../../schemas/money.js';
import type { Award } from '../../schemas/reference.js';
import type { AccountCells } from '../ledger/cells.js';
import type { Fraction } from './fraction.js';

export interface AwardTerms {
  /** Points for one unit, by the exponent of the money. */
  readonly rates: readonly Fraction[];
  /** What one unit takes: the amount of perAmount and spendThreshold, the n of everyNth. */
  readonly step: number;
  /** Period of the counters (ledger/cells.ts Period). */
  readonly period: number;
  /** Whether milestones repeat. */
  readonly repeat: boolean;
}

/** Most milestones that one award may pay: what a fact and an AwardSet hold of them. */
export const MILESTONES_MAX = 2 ** 31 - 1;

/** What a kind with counters found in the account, and what it adds when the rule fires. */
export interface Count { input: number; milestones: number; period: number; addition: number; /** Kind of the cell that counts. */ cell: number }

export interface AwardKind<A extends Award = Award> {
  readonly name: A['kind'];
  terms(award: A, scale: number): AwardTerms;
  /** Units that an amount and a quantity (thousandths) earn; present: `basis: line` is allowed. */
  units?(amount: number, quantity: number, terms: AwardTerms): number;
  /** Units by the account's counters, for a rule that fires with a base amount. Fills `count`. Infinity: a counter passes 2^53-1, or there are more milestones than MILESTONES_MAX. */
  countUnits?(base: number, rule: number, day: number, terms: AwardTerms, cells: AccountCells | null, count: Count): number;
  /** Units that stay when the recorded rule is applied to what returns left: base amounts before and now. `milestones` are those that the award paid. */
  unitsLeft?(input: number, milestones: number, baseBefore: number, baseNow: number, terms: AwardTerms): number;
}

export type AwardOf<K extends Award['kind']> = Extract<Award, { kind: K }>;

/** Terms of a kind whose rate does not depend on the money. */
export function termsOf(rate: Fraction, step = 1, period = 0, repeat = false): AwardTerms {
  return { rates: Array.from({ length: MONEY_EXPONENT_MAX + 1 }, () => rate), step, period, repeat };
}

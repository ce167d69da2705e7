/** spendThreshold: points when the account's spend over a period reaches an amount, or with `repeat` each full amount. A milestone pays once per period. */
import { periodOfDay } from '../calendar.js';
import { CellKind, cellKey, Period, periodCode } from '../ledger/cells.js';
import { MILESTONES_MAX, termsOf, type AwardKind, type AwardOf, type AwardTerms } from './award-kind.js';

export const spendThreshold: AwardKind<AwardOf<'spendThreshold'>> = {
  name: 'spendThreshold',
  terms: ({ amount, points, period, repeat }) => termsOf({ numerator: points, denominator: 1 }, amount, Period[period ?? 'ever'], repeat ?? false),
  countUnits(base, rule, day, terms, cells, count) {
    count.period = periodCode(terms.period, periodOfDay(terms.period, day));
    const before = cells === null ? 0 : cells.get(cellKey(CellKind.ruleSpend, 0, rule), count.period);
    if (before + base > Number.MAX_SAFE_INTEGER) return Infinity;
    const reached = milestones(before + base, terms);
    const paid = cells === null || reached === 0 ? 0 : cells.get(cellKey(CellKind.rulePaid, 0, rule), count.period);
    count.cell = CellKind.ruleSpend;
    count.addition = base;
    count.input = before;
    count.milestones = Math.max(0, reached - paid);
    return count.milestones > MILESTONES_MAX ? Infinity : count.milestones;
  },
  unitsLeft: (input, paid, baseBefore, baseNow, terms) => Math.max(0, paid - (milestones(input + baseBefore, terms) - milestones(input + baseNow, terms))),
};

function milestones(spend: number, { step, repeat }: AwardTerms): number {
  const reached = Math.floor(spend / step);
  return repeat ? reached : Math.min(1, reached);
}

/** everyNth: points for every n-th purchase of the account for which the rule fires. Counts for ever; a milestone pays once. */
import { CellKind, cellKey } from '../ledger/cells.js';
import { termsOf, type AwardKind, type AwardOf } from './award-kind.js';

export const everyNth: AwardKind<AwardOf<'everyNth'>> = {
  name: 'everyNth',
  terms: ({ n, points }) => termsOf({ numerator: points, denominator: 1 }, n),
  countUnits(_base, rule, _day, { step }, cells, count) {
    const before = cells === null ? 0 : cells.get(cellKey(CellKind.ruleCount, 0, rule), 0);
    const reached = Math.floor((before + 1) / step), paid = cells === null || reached === 0 ? 0 : cells.get(cellKey(CellKind.rulePaid, 0, rule), 0);
    count.cell = CellKind.ruleCount;
    count.addition = 1;
    count.input = before;
    count.milestones = Math.max(0, reached - paid);
    return count.milestones > 0 ? 1 : 0; // pays once, however many milestones were left unpaid by competition
  },
};

/** firstPurchase: points for the first purchase of the account for which the rule fires; never again, also when that one is returned. */
import { CellKind, cellKey } from '../ledger/cells.js';
import { termsOf, type AwardKind, type AwardOf } from './award-kind.js';

export const firstPurchase: AwardKind<AwardOf<'firstPurchase'>> = {
  name: 'firstPurchase',
  terms: ({ points }) => termsOf({ numerator: points, denominator: 1 }),
  countUnits(_base, rule, _day, _terms, cells, count) {
    const before = cells === null ? 0 : cells.get(cellKey(CellKind.ruleCount, 0, rule), 0);
    const paid = cells === null || before !== 0 ? 0 : cells.get(cellKey(CellKind.rulePaid, 0, rule), 0);
    count.cell = CellKind.ruleCount;
    count.addition = 1;
    count.input = before;
    count.milestones = before === 0 && paid === 0 ? 1 : 0;
    return count.milestones;
  },
};

/** fixed: points for the purchase, or with `basis: line` for each earning line. */
import { termsOf, type AwardKind, type AwardOf } from './award-kind.js';

export const fixed: AwardKind<AwardOf<'fixed'>> = {
  name: 'fixed',
  terms: ({ points }) => termsOf({ numerator: points, denominator: 1 }),
  units: () => 1,
};

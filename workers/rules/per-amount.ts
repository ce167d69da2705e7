/** perAmount: points for each full amount. */
import { termsOf, type AwardKind, type AwardOf } from './award-kind.js';

export const perAmount: AwardKind<AwardOf<'perAmount'>> = {
  name: 'perAmount',
  terms: ({ points, amount }) => termsOf({ numerator: points, denominator: 1 }, amount),
  units: (amount, _quantity, { step }) => Math.floor(amount / step),
};

/** perUnit: points for each whole piece, parts of pieces in proportion. */
import { termsOf, type AwardKind, type AwardOf } from './award-kind.js';
import { reduced } from './fraction.js';

export const perUnit: AwardKind<AwardOf<'perUnit'>> = {
  name: 'perUnit',
  terms: ({ points }) => termsOf(reduced(BigInt(points), 1000n)),
  units: (_amount, quantity) => quantity,
};

/** percent: base × percent / 100, one major unit of money counting as one point. */
import { MONEY_EXPONENT_MAX } from '../../schemas/money.js';
import type { AwardKind, AwardOf } from './award-kind.js';
import { decimal, reduced, times, type Fraction } from './fraction.js';

export const percent: AwardKind<AwardOf<'percent'>> = {
  name: 'percent',
  terms(award, scale) {
    const pointsPerMinor = (exponent: number): Fraction => reduced(10n ** BigInt(scale), 100n * 10n ** BigInt(exponent));
    const rates = Array.from({ length: MONEY_EXPONENT_MAX + 1 }, (_, exponent) => times(decimal(award.percent), pointsPerMinor(exponent)));
    return { rates, step: 1, period: 0, repeat: false };
  },
  units: (amount) => amount,
};

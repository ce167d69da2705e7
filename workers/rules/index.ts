/** The kinds of award. A new one is a file beside this and a line here (and its fields in schemas/rule.ts). */
import type { Award } from '../../schemas/reference.js';
import type { AwardKind } from './award-kind.js';
import { everyNth } from './every-nth.js';
import { firstPurchase } from './first-purchase.js';
import { fixed } from './fixed.js';
import { multiplier } from './multiplier.js';
import { perAmount } from './per-amount.js';
import { perUnit } from './per-unit.js';
import { percent } from './percent.js';
import { spendThreshold } from './spend-threshold.js';

const awardKinds = { percent, perAmount, fixed, perUnit, everyNth, firstPurchase, spendThreshold, multiplier } as const;

/** The kind of an award; its methods take awards of that kind. */
export const awardKind = (name: Award['kind']): AwardKind => awardKinds[name] as AwardKind;

/**
 * The rule document (docs/rules.md is the guide): its table of fields, the fields of each kind of award, and the JSON Schema made from both.
 *
 * What ties fields together, or looks at other documents, is checked when rules are published (engine/reference/check-rules.ts).
 */
import { CONDITION_BYTES_MAX } from './condition.js';
import {
  boolean, choice, identifier, INTEGER_MAX, integer, jsonSchema, list, number, optional, record, text, type Field, type RecordField,
} from './fields.js';
import type { Award } from './reference.js';

/** Live rules of one program. */
export const RULES_MAX = 1 << 14;
/** Funders that share one award. */
export const FUNDERS_MAX = 100;
/** Funders of all live rules of a program together, a rule without funding counting one: a purchase may be paid by all of them. */
export const FUNDED_PARTS_MAX = 1 << 15;
export const DECIMAL_PLACES_MAX = 6;
const TEXTS_MAX = 10_000;
const PERCENT_MAX = 1_000_000, FACTOR_MAX = 1000, DAYS_MAX = 36_500;

const points = integer(1, INTEGER_MAX, "Points in the currency's smallest unit.");
const amount = integer(1, INTEGER_MAX, 'Minor units of money.');
const texts = (about: string): ReturnType<typeof list<ReturnType<typeof identifier>>> => list(identifier(), 1, TEXTS_MAX, about);
const currency = optional(identifier("Point currency; the program's first when not given."));
const clock = (about: string, pattern: RegExp): Field & { readonly optional: true } =>
  optional(text(5, about, { source: pattern, says: 'a time of day like "08:30"' }));
const datePattern = {
  source: /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)?)?$/,
  says: 'a date or a date-time like "2025-03-01" or "2025-03-01T08:00:00Z"',
};
const date = (about: string): Field & { readonly optional: true } => optional(text(35, about, datePattern));

/** The fields of each kind of award, beside `kind`. */
export const awardFields = {
  percent: record({
    percent: number(0.000_001, PERCENT_MAX, 'At most six decimals. One major unit of money counts as one point.'), currency,
  }, 'Base amount × percent / 100.'),
  perAmount: record({ points, amount, currency }, 'Points for each full amount of the base amount.'),
  fixed: record({ points, currency }, 'Points for the purchase; with basis line for each earning line.'),
  perUnit: record({ points, currency }, 'Points for each piece of the earning lines.'),
  everyNth: record({
    n: integer(1, 1_000_000, 'Which purchase of the account pays.'), points, currency,
  }, 'Points for every n-th purchase for which the rule fires.'),
  firstPurchase: record({ points, currency }, "Points for the account's first purchase for which the rule fires."),
  spendThreshold: record({
    amount, points, currency,
    period: optional(choice(['day', 'week', 'month', 'year', 'ever'], 'Over which spend is added up, in the program\'s zone; ever when not given.')),
    repeat: optional(boolean('Pay for each full amount, not only the first.')),
  }, 'Points when the spend of a period reaches the amount.'),
  multiplier: record({
    factor: number(1, FACTOR_MAX, 'At most six decimals.'), of: list(identifier(), 1, 1000, 'Ids of the rules whose awards it multiplies.'),
    combine: choice(['sum', 'multiply', 'best'], '×2 and ×3 make ×4 (sum), ×6 (multiply) or ×3 (best).'), currency,
  }, 'Multiplies what other rules give; the points above theirs are its own.'),
} as const satisfies Record<Award['kind'], RecordField>;

const lineMatch = {
  skus: optional(texts('Articles.')), categories: optional(texts("The line's own category, else the product's.")),
  brands: optional(texts('Brands of products.')), departments: optional(texts('Departments of products.')),
};

/** Everything but the award. */
export const ruleFields = record({
  id: identifier('Unique in its program; all versions share it.'),
  version: integer(1, 1_000_000_000, 'A published version never changes: publish the next one.'),
  program: optional(identifier('default when not given.')),
  promotion: optional(identifier('The promotion that the rule belongs to, for reports.')),
  phase: optional(integer(-1_000_000, 1_000_000, 'Lower first in rule order; 0 when not given.')),
  priority: optional(integer(-1_000_000, 1_000_000, 'Higher first in rule order; 0 when not given.')),
  validFrom: date("First moment; without an offset in the program's zone."),
  validTo: date('First moment after the last.'),
  schedule: optional(record({
    weekdays: optional(list(choice(['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']), 1, 7)),
    from: clock('00:00 when not given.', /^([01]\d|2[0-3]):[0-5]\d$/),
    to: clock('First minute after the last; 24:00 when not given. Before `from`: it wraps over midnight.', /^(([01]\d|2[0-3]):[0-5]\d|24:00)$/),
    zone: optional(text(64, 'store (default), program, or an IANA name.')),
  })),
  scope: optional(record({
    partners: optional(texts('Partners; all of the program when not given.')),
    stores: optional(texts('Ids of stores.')),
    channels: optional(texts('Sales channels.')),
  })),
  condition: optional(text(CONDITION_BYTES_MAX, 'CEL over `transaction` and `lines`.')),
  lines: optional(record({
    ...lineMatch, exclude: optional(record(lineMatch, 'Lines that fit one of these are not matched.')),
    condition: optional(text(CONDITION_BYTES_MAX, 'CEL over `line`.')),
  }, 'Which lines earn; all when not given.')),
  basis: optional(choice(['receipt', 'line'], 'Whether the formula is applied to the base amount or to each earning line; receipt when not given.')),
  rounding: optional(choice(['floor', 'half-up', 'half-even', 'ceiling'], 'floor when not given.')),
  caps: optional(record({ perTransaction: optional(points), perAccountPerDay: optional(points) })),
  stacking: optional(record({
    group: identifier(), mode: choice(['best', 'first', 'sum'], 'Which rules of the group give their points.'),
    cap: optional(integer(1, INTEGER_MAX, 'What the group gives one transaction at most.')),
  })),
  onReturn: optional(choice(['proportional', 'requalify', 'keep'], 'proportional when not given.')),
  funding: optional(list(record({ funder: identifier(), parts: integer(1, 1_000_000) }), 1, FUNDERS_MAX,
    'Who pays, in parts; the partner of the transaction when not given.')),
  pendingDays: optional(integer(0, DAYS_MAX, 'Days until the points can be spent; 0 when not given.')),
  expiresAfterDays: optional(integer(1, DAYS_MAX, 'Days until the points expire; never when not given.')),
});

/** JSON Schema (2020-12) of one rule. */
export function ruleSchema(): Record<string, unknown> {
  const schema = jsonSchema(ruleFields) as { properties: Record<string, unknown>; required: string[] };
  const kinds = Object.entries(awardFields).map(([kind, fields]) => {
    const award = jsonSchema(fields) as { properties: Record<string, unknown>; required: string[] };
    return { ...award, properties: { kind: { const: kind }, ...award.properties }, required: ['kind', ...award.required] };
  });
  const award = { oneOf: kinds, discriminator: { propertyName: 'kind' } };
  return { ...schema, properties: { ...schema.properties, award }, required: [...schema.required, 'award'] };
}

/**
 * The partner document (PUT /v1/partners/{partner}): who posts transactions, with its stores and terminals. Keys pass through it and are kept apart,
 * as digests (engine/keys.ts checks what they may be).
 */
import { code, identifier, integer, list, number, optional, record, text, timeZone, type TypeOf } from './fields.js';
import type { PartnerDocument } from './reference.js';
import { repeats, validateDocument, type Problem } from './validate.js';

const DAYS_MAX = 36_500;

export const partner = record({
  name: text(256),
  program: optional(identifier('default when not given.')),
  timeZone: timeZone('IANA time zone of stores that have none of their own.'),
  currency: code(3, 'A', 'Z', 'Money of its transactions, ISO 4217.'),
  latenessDays: optional(integer(0, DAYS_MAX, 'Transactions older than this go to review; unlimited when not given.')),
  returnWindowDays: optional(integer(0, DAYS_MAX, 'Returns later than this after the purchase go to review; the history window when not given.')),
  keys: optional(list(record({ key: text(256), scopes: list(text(64), 1, 16) }), 0, 16, 'API keys of the partner, chosen by the caller. Never returned.')),
  stores: optional(list(record({
    id: identifier(),
    timeZone: optional(timeZone()),
    region: optional(text(128)),
    latitude: optional(number(-90, 90)),
    longitude: optional(number(-180, 180)),
  }), 0, 100_000)),
  terminals: optional(list(record({ id: identifier(), store: identifier(), status: text(64) }), 0, 1_000_000)),
}, 'A company that posts transactions and funds promotions.');

export type PartnerInput = TypeOf<typeof partner>;
// The type that the engine works with and the table must agree; this line fails to compile when they don't.
export const partnerOf = ({ keys: _, ...document }: PartnerInput): PartnerDocument => ({ ...document, program: document.program ?? 'default' });

export function validatePartner(document: unknown): { ok: boolean; errors: Problem[] } {
  const errors = validateDocument(partner, document);
  if (errors.length === 0) {
    const { stores = [], terminals = [] } = document as PartnerInput;
    errors.push(...repeats('/stores', stores, 'id'), ...repeats('/terminals', terminals, 'id'));
  }
  return { ok: errors.length === 0, errors };
}

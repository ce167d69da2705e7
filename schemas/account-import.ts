/**
 * A row of POST /v1/accounts/import, as tables of fields; and its `balances`, whose names are currencies and no fields.
 *
 *   {"card":"900" | "cards":["900","901"], "program"?, "registered"?, "balances"?:{"points": 120 | {"lots":[{"points":120,"funder"?,"matures"?,"expires"?}]}}}
 */
import { boolean, identifier, INTEGER_MAX, integer, jsonSchema, list, optional, record, text, type TextField, type TypeOf } from './fields.js';

const LOTS_MAX = 1000, CARDS_MAX = 100;
const DATE_CHARACTERS = 10;
const date = (about: string): TextField => text(DATE_CHARACTERS, about, { source: /^\d{4}-\d\d-\d\d$/, says: 'a date like "2030-01-01"' });

export const importedPoints = integer(0, INTEGER_MAX, "Points in the currency's smallest unit.");
export const importedLots = record({
  lots: list(record({
    points: importedPoints,
    funder: optional(identifier('Who has paid for the points; `import` when not given.')),
    matures: optional(date('The day from which on they can be spent; at once when not given.')),
    expires: optional(date('The day on which they are gone; never when not given.')),
  }), 0, LOTS_MAX),
});
/** Everything but the balances. */
export const importedAccount = record({
  card: optional(identifier('The only card.')),
  cards: optional(list(identifier(), 1, CARDS_MAX, 'Several cards; the account lives at the home of the first.')),
  program: optional(identifier('default when not given.')),
  registered: optional(boolean('Whether a member is behind it; true when not given.')),
});
export type ImportedLotDocument = TypeOf<typeof importedLots>['lots'][number];
export type ImportedAccountDocument = TypeOf<typeof importedAccount>;

/** JSON Schema (2020-12) of a row. */
export function accountImportSchema(): Record<string, unknown> {
  const { properties, ...schema } = jsonSchema(importedAccount) as { properties: Record<string, unknown> };
  const balances = { type: 'object', description: 'By point currency.', additionalProperties: { oneOf: [jsonSchema(importedPoints), jsonSchema(importedLots)] } };
  return { ...schema, properties: { ...properties, balances }, description: 'One account from another system: its cards, and points by currency, as a number or in lots.' };
}

/**
 * Tables of the documents of programs, partners and products, as they are PUT. Keys of partners are checked here and kept elsewhere, hashed.
 */
import { boolean, choice, identifier, integer, list, number, optional, record, text, timeZone, type TypeOf } from './fields.js';
import type { PartnerDocument, ProductDocument, ProgramDocument } from './reference.js';

const DAYS_MAX = 36_500;
const digits = { source: /^\d{1,64}$/, says: 'digits' };

export const programFields = record({
  name: text(256),
  timeZone: timeZone('Account periods, maturity and expiry are counted in it.'),
  currencies: list(record({
    id: identifier(), scale: integer(0, 6, "Decimals of the point currency; points are integers in its smallest unit."),
    partner: optional(identifier('The only partner that accepts these points.')),
  }), 1, 1000, 'Point currencies; awards that name none are in the first.'),
  cardRanges: optional(list(record({
    prefix: text(64, 'First digits.', digits), length: integer(1, 128, 'Of the whole card, in characters.'), checkDigit: choice(['none', 'luhn']), product: identifier('What kind of card it is.'),
  }), 1, 1000, 'Cards that the program takes; all when not given.')),
  unregistered: optional(record({ earn: boolean(), spend: boolean() }, 'What cards without a member may do.')),
  expiryFrom: optional(choice(['occurred', 'received'], 'Which day expiry is counted from; occurred when not given.')),
  unknownReturns: optional(record({ waitSeconds: integer(0, 31_536_000, 'How long a return waits for its purchase.'), then: choice(['review', 'ignore']) }, 'Returns whose purchase is not known.')),
}, 'A loyalty program. Programs do not see each other.');

export const partnerFields = record({
  name: text(256),
  program: optional(identifier('default when not given.')),
  timeZone: timeZone('Of stores that state none.'),
  currency: text(3, 'Money, ISO 4217.', { source: /^[A-Z]{3}$/, says: 'three capital letters (ISO 4217)' }),
  latenessDays: optional(integer(0, DAYS_MAX, 'Older transactions go to review; unlimited when not given.')),
  returnWindowDays: optional(integer(0, DAYS_MAX, 'Returns later than this after the purchase go to review; the history window (setting historyDays, 400) when not given.')),
  keys: optional(list(record({ key: text(256), scopes: list(text(64), 1, 100) }), 0, 100, 'API keys; never returned, and kept as they are when not given.')),
  stores: optional(list(record({
    id: identifier(), timeZone: optional(timeZone()), region: optional(text(128)),
    latitude: optional(number(-90, 90)), longitude: optional(number(-180, 180)),
  }), 0, 100_000, 'All of them: a document without takes them away.')),
  terminals: optional(list(record({ id: identifier(), store: identifier(), status: text(64) }), 0, 1_000_000, 'All of them, too.')),
}, 'A company that posts transactions and funds promotions.');

const name = (): ReturnType<typeof text> => text(512);
export const productFields = record({
  sku: identifier(), name: optional(name()), category: optional(identifier()), department: optional(identifier()), brand: optional(identifier()),
  manufacturer: optional(name()), gtin: optional(text(64)),
}, 'A product of a partner. Unknown products earn without category.');

// The types that the engine works with and the tables must agree; these lines fail to compile when they don't.
export const programOf = (document: TypeOf<typeof programFields>): ProgramDocument => document;
export const partnerOf = ({ program = 'default', keys: _, ...document }: TypeOf<typeof partnerFields>): PartnerDocument => ({ ...document, program });
export const productOf = (document: TypeOf<typeof productFields>): ProductDocument => document;

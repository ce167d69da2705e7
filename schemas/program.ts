/**
 * The program document (PUT /v1/programs/{program}): a loyalty program with its point currencies and card ranges.
 */
import { boolean, choice, identifier, integer, list, optional, record, text, timeZone, type TypeOf } from './fields.js';
import type { ProgramDocument } from './reference.js';
import { problem, repeats, validateDocument, type Problem } from './validate.js';

const SECONDS_OF_YEAR = 31_622_400;

export const program = record({
  name: text(256),
  timeZone: timeZone('IANA time zone: account periods, maturity and expiry count in it.'),
  currencies: list(record({
    id: identifier(),
    scale: integer(0, 6, 'Decimals of a point: 2 means that 100 units are one point.'),
    partner: optional(identifier('The only partner that accepts these points.')),
  }), 1, 1000, "Kinds of points. The first one is the program's own, the default of awards."),
  cardRanges: optional(list(record({
    prefix: text(32),
    length: integer(1, 128, 'Of the whole card, in characters.'),
    checkDigit: choice(['none', 'luhn']),
    product: identifier('What kind of card it is.'),
  }), 0, 10_000, 'Without it every card is taken.')),
  unregistered: optional(record({ earn: boolean(), spend: boolean() }, 'What accounts may do that a card opened by its first purchase.')),
  expiryFrom: optional(choice(['occurred', 'received'], 'The day from which expiry is counted; occurred when not given.')),
  unknownReturns: optional(record({
    waitSeconds: integer(0, SECONDS_OF_YEAR, 'How long a return waits for its purchase.'),
    then: choice(['review', 'ignore']),
  })),
}, 'A loyalty program. Programs do not see each other.');

// The type that the engine works with and the table must agree; this line fails to compile when they don't.
export const programOf = (document: TypeOf<typeof program>): ProgramDocument => document;

export function validateProgram(document: unknown): { ok: boolean; errors: Problem[] } {
  const errors = validateDocument(program, document);
  if (errors.length === 0) {
    const { currencies, cardRanges = [] } = document as ProgramDocument;
    errors.push(...repeats('/currencies', currencies, 'id'));
    cardRanges.forEach(({ prefix, length }, i) => {
      if (prefix.length > length) errors.push(problem(`/cardRanges/${i}/length`, 'invalid', `must not be less than the length of the prefix, ${prefix.length}`));
    });
  }
  return { ok: errors.length === 0, errors };
}

/**
 * Every reason with which an input can be refused, once: code → what it means and what to do (docs/reasons.md is generated from it; stable, partners program against them).
 * `status` is the HTTP status of a single POST that is refused so; `review`: kept under /v1/rejected also for single posts; `pointer`: the field
 * that a refusal by a shard is about (a parser knows the place better).
 * `title`: of the problem, where the text fits only some of the requests that are refused so.
 */
export const reasons = {
  malformed: { status: 400, review: false, text: 'The text cannot be read as JSON or MessagePack.', hint: 'Check the syntax at the place that the detail names.' },
  invalid: { status: 422, review: false, text: 'A field has a wrong type or value.', hint: 'See the pointer and the detail.' },
  'unknown-field': { status: 422, review: false, text: 'A field that the contract does not know.', hint: 'The detail names the nearest known field.' },
  missing: { status: 422, review: false, text: 'A required field is missing.', hint: 'See the pointer.' },
  'total-mismatch': {
    status: 422, review: false, text: 'The total differs from the sum of the lines.',
    hint: 'Send the sum of the line amounts as total, or leave it out. A return of a part names its lines.',
  },
  'payment-card': {
    status: 422, review: true, pointer: '/card', text: 'The card looks like a payment card number.',
    hint: 'Send a loyalty card, or have the program take this range of cards.',
  },
  'other-partner': {
    status: 403, review: false, pointer: '/partner', text: 'The partner is another one than that of the key, the request or the topic.',
    hint: 'Use the key of the partner that the transaction names, and no other partner in the query.',
  },
  'unknown-partner': { status: 422, review: true, pointer: '/partner', text: 'The partner is not known.', hint: 'PUT /v1/partners/{partner} first.' },
  'wrong-program': { status: 422, review: true, text: 'The account or partner belongs to another program.', hint: 'Check program, partner and card.' },
  'unknown-card': {
    status: 422, review: true, pointer: '/card', text: 'No range of the program takes this card.',
    hint: "Check the card's number, or add its range to the program.",
  },
  'unknown-account': { status: 422, review: true, pointer: '/account', text: 'There is no such account.', hint: 'Check the account id.' },
  blocked: { status: 422, review: true, text: 'The account is blocked.', hint: 'Unblock it and send the transaction again.' },
  conflict: {
    status: 409, review: true, pointer: '/id', title: 'It contradicts what was accepted before.', text: 'The same partner, id and kind was posted before with other content.',
    hint: 'Give the new transaction an id of its own.',
  },
  future: {
    status: 422, review: true, pointer: '/occurredAt', text: 'occurredAt is more than 10 minutes in the future.',
    hint: "Check the sender's clock and zone.",
  },
  late: {
    status: 422, review: true, pointer: '/occurredAt', text: "occurredAt is older than the partner's latenessDays.",
    hint: 'Raise latenessDays of the partner, or leave the transaction out.',
  },
  overflow: { status: 422, review: true, text: 'A sum passes 2^53-1.', hint: 'Check the amounts.' },
  'unknown-original': {
    status: 422, review: true, pointer: '/original/id', text: 'The purchase that is returned did not turn up in time.',
    hint: 'Post the purchase, then the return again under another id.',
  },
  'return-window': {
    status: 422, review: true, pointer: '/occurredAt', text: "The return comes later after its purchase than the partner's returnWindowDays, or the history window where it states none.",
    hint: 'Raise returnWindowDays of the partner, or adjust by hand.',
  },
  'wrong-currency': {
    status: 422, review: true, pointer: '/currency', text: 'The return names another currency than its purchase.',
    hint: "Send amounts in the purchase's currency, or leave currency out.",
  },
  'unknown-line': { status: 422, review: true, pointer: '/lines', text: 'The purchase has no such line.', hint: "Use the purchase's line numbers." },
  'return-exceeds': {
    status: 422, review: true, pointer: '/lines', text: 'More is returned than was bought and not returned yet.',
    hint: 'Check quantity and amount of the lines.',
  },
  'duplicate-elsewhere': {
    status: 409, review: true, pointer: '/id', text: 'The same transaction was posted under another card; the later posting was reversed.',
    hint: 'Post each purchase once.',
  },
  poison: { status: 422, review: true, text: 'The transaction made its worker fail and was set aside.', hint: 'Report it to the operators of the engine.' },
} as const satisfies Record<string, { status: number; review: boolean; pointer?: string; title?: string; text: string; hint: string }>;
export type Reason = keyof typeof reasons;

/** One rejected input, as it lies in the dead-letters topic (MessagePack) and is listed by GET /v1/rejected. */
export interface Rejected {
  /** Unique and ordered: `${partition}.${offset}`-like, given by the reader. */
  partner: string;
  id: string;
  kind: string;
  reason: Reason;
  pointer?: string;
  detail?: string;
  /** ms since 1970: append time of the record it came in. */
  rejectedAtMs: number;
  /** `topic`: from a shard its place among the input topics, as text; its name once it is kept. */
  source: { topic: string; partition: number; offset: number; index: number };
  /** The input as far as it is known, JSON text, at most 16 KiB; never one with the number of a payment card. */
  input?: string;
}

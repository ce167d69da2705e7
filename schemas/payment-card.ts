/**
 * Numbers of payment cards: how they are told from others, and how they stay out of what is shown and kept. Pure functions; those over bytes take UTF-8 or ASCII.
 *
 * In running text a number may stand beside other digits (`4111 1111 1111 1111 12`), so each sequence of whole groups of digits, with nothing but blanks and hyphens in between, is looked at.
 */
const DIGITS_MIN = 13, DIGITS_MAX = 19;
const ZERO = 0x30, BLANK = 0x20, HYPHEN = 0x2d;
/** A number of the most digits with something between each two of them. */
export const CARD_CHARACTERS_MAX = 2 * DIGITS_MAX - 1;

/** 13 to 19 digits with a right check digit that begin as the numbers of an issuer of payment cards do; also as people write them, with blanks and hyphens. */
export function looksLikePaymentCard(bytes: Uint8Array, start: number, length: number): boolean {
  if (length < DIGITS_MIN) return false;
  let digits = 0, first = 0;
  for (let i = 0; i < length; i++) {
    const value = digit(bytes, start + i);
    if (value < 0) {
      if (!isBetween(bytes[start + i]!)) return false;
    } else if (digits++ < 4) first = first * 10 + value;
    // Most numbers of cards are told apart here.
    if (digits === 4 && isIssuer[first] === 0) return false;
  }
  return digits >= DIGITS_MIN && digits <= DIGITS_MAX && hasCheckDigit(bytes, start, length);
}

/** Whether something that begins in the first `end` bytes looks like the number of a payment card. Looks at a byte once, and again only for the groups of digits just before it. */
export function holdsPaymentCard(bytes: Uint8Array, end = bytes.length): boolean {
  for (let at = 0; at < end; at++) {
    if (digit(bytes, at) < 0) continue;
    if (beginsPaymentCard(bytes, at)) return true;
    while (digit(bytes, at + 1) >= 0) at++;
  }
  return false;
}
/** Whether the groups of digits from here on, or the first ones of them, look like such a number. */
function beginsPaymentCard(bytes: Uint8Array, start: number): boolean {
  for (let at = start, digits = 0, first = 0; at < bytes.length && digits < DIGITS_MAX; at++) {
    const value = digit(bytes, at);
    if (value < 0) {
      if (!isBetween(bytes[at]!)) return false;
      continue;
    }
    if (digits++ < 4) first = first * 10 + value;
    if (digits === 4 && isIssuer[first] === 0) return false;
    if (digits >= DIGITS_MIN && digit(bytes, at + 1) < 0 && looksLikePaymentCard(bytes, start, at + 1 - start)) return true;
  }
  return false;
}

/** The text with stars for the digits of what looks like the number of a payment card. */
export function withoutPaymentCards(text: string): string {
  return text.replace(/\d(?:[ -]*\d){12,}/g, (run) => (holdsPaymentCard(Buffer.from(run, 'latin1')) ? run.replace(/\d/g, '*') : run));
}

/** Ranges of the first four digits of issuers of payment cards. */
const issuers: readonly (readonly [from: number, to: number])[] = [
  [2200, 2204], // Mir
  [2221, 2720], [5100, 5599], // Mastercard
  [3000, 3059], [3600, 3699], [3800, 3999], // Diners Club
  [3400, 3499], [3700, 3799], // American Express
  [3528, 3589], // JCB
  [4000, 4999], // Visa
  [5000, 5099], [5600, 5899], [6300, 6309], [6390, 6399], [6760, 6769], // Maestro
  [6011, 6011], [6440, 6599], // Discover
  [6200, 6299], // UnionPay
];
const isIssuer = new Uint8Array(10_000);
for (const [from, to] of issuers) isIssuer.fill(1, from, to + 1);

/** Whether the check digit (Luhn) is right; by the digits only. */
export function hasCheckDigit(bytes: Uint8Array, start: number, length: number): boolean {
  let sum = 0;
  for (let i = length - 1, doubled = false; i >= 0; i--) {
    const value = digit(bytes, start + i);
    if (value < 0) continue;
    sum += doubled ? (value > 4 ? value * 2 - 9 : value * 2) : value;
    doubled = !doubled;
  }
  return sum % 10 === 0;
}

const isBetween = (byte: number): boolean => byte === BLANK || byte === HYPHEN;
/** The digit that stands there, -1 for another byte. */
export function digit(bytes: Uint8Array, at: number): number {
  const value = bytes[at]! - ZERO;
  return value >= 0 && value <= 9 ? value : -1;
}

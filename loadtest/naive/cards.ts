/**
 * Which cards a program takes: those of its ranges; without ranges every card but the numbers of payment cards.
 */
import type { ProgramDocument } from '../../schemas/reference.js';

/** How cards and accounts are spread over partitions. */
export interface Homes { partitions: number; ofCard(card: string): number }

/** The reason for a card that is not taken. */
export const whyNotTaken = (card: string): 'payment-card' | 'unknown-card' => (isPaymentCard(card) ? 'payment-card' : 'unknown-card');

export function takesCard({ cardRanges }: ProgramDocument, card: string): boolean {
  if (!cardRanges) return !isPaymentCard(card);
  return cardRanges.some(({ prefix, length, checkDigit }) => card.startsWith(prefix) && Buffer.byteLength(card) === length && (checkDigit === 'none' || isLuhn(card)));
}

/** A number of a payment card that the program's ranges don't take. */
export const isPaymentCardOf = (program: ProgramDocument, card: string): boolean => !takesCard(program, card) && isPaymentCard(card);

/** First four digits, from and to: Visa, Mastercard, American Express, Discover, Diners, JCB, UnionPay, Mir, Maestro. */
const issuers = [
  [4000, 4999], [5100, 5599], [2221, 2720], [3400, 3499], [3700, 3799], [6011, 6011], [6440, 6599], [3000, 3059], [3600, 3699], [3800, 3999],
  [3528, 3589], [6200, 6299],
  [2200, 2204], [5000, 5099], [5600, 5899], [6300, 6309], [6390, 6399], [6760, 6769],
] as const;

/** Also as people write them: blanks and hyphens don't count. */
function isPaymentCard(card: string): boolean {
  const digits = card.replaceAll(/[ -]/g, ''), first = Number(digits.slice(0, 4));
  return /^\d{13,19}$/.test(digits) && isLuhn(digits) && issuers.some(([from, to]) => from <= first && first <= to);
}

function isLuhn(digits: string): boolean {
  if (!/^\d+$/.test(digits)) return false;
  const sum = [...digits].reverse().map(Number).reduce((total, digit, i) => total + (i % 2 === 0 ? digit : digit * 2 - (digit > 4 ? 9 : 0)), 0);
  return sum % 10 === 0;
}

/**
 * Which cards a program takes: the ranges that it states, or every card but those that look like payment cards. Pure functions over the digits' bytes.
 */
import { utf8 } from '../utf8.js';
import type { CardRange } from '../../schemas/reference.js';

const DIGITS_MIN = 13, DIGITS_MAX = 19;
const ZERO = 0x30, BLANK = 0x20, HYPHEN = 0x2d;

export interface CompiledRange { prefix: Uint8Array; length: number; luhn: boolean }
export const compileRanges = (ranges: readonly CardRange[] | undefined): CompiledRange[] | undefined =>
  ranges?.map(({ prefix, length, checkDigit }) => ({ prefix: utf8(prefix), length, luhn: checkDigit === 'luhn' }));

/** Whether a range takes the card; without ranges every card is taken that doesn't look like a payment card. */
export function takesCard(ranges: readonly CompiledRange[] | undefined, bytes: Uint8Array, start: number, length: number): boolean {
  if (length === 0) return false;
  if (ranges === undefined) return !looksLikePaymentCard(bytes, start, length);
  for (const range of ranges) {
    if (length === range.length && startsWith(bytes, start, range.prefix) && (!range.luhn || luhn(bytes, start, length))) return true;
  }
  return false;
}

/** 13 to 19 digits with a right check digit that begin as the numbers of an issuer of payment cards do; also as people write them, with blanks and hyphens. */
export function looksLikePaymentCard(bytes: Uint8Array, start: number, length: number): boolean {
  if (length < DIGITS_MIN) return false;
  let digits = 0, first = 0;
  for (let i = 0; i < length; i++) {
    const value = digit(bytes, start + i);
    if (value < 0) {
      if (bytes[start + i] !== BLANK && bytes[start + i] !== HYPHEN) return false;
    } else if (digits++ < 4) first = first * 10 + value;
    // Most numbers of cards are told apart here.
    if (digits === 4 && !isIssuer(first)) return false;
  }
  return digits >= DIGITS_MIN && digits <= DIGITS_MAX && checks(bytes, start, length);
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
const isIssuer = (first: number): boolean => issuers.some(([from, to]) => first >= from && first <= to);

function luhn(bytes: Uint8Array, start: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (digit(bytes, start + i) < 0) return false;
  return checks(bytes, start, length);
}
/** Whether the check digit is right; by the digits only. */
function checks(bytes: Uint8Array, start: number, length: number): boolean {
  let sum = 0;
  for (let i = length - 1, doubled = false; i >= 0; i--) {
    const value = digit(bytes, start + i);
    if (value < 0) continue;
    sum += doubled ? (value > 4 ? value * 2 - 9 : value * 2) : value;
    doubled = !doubled;
  }
  return sum % 10 === 0;
}

function startsWith(bytes: Uint8Array, start: number, prefix: Uint8Array): boolean {
  for (let i = 0; i < prefix.length; i++) if (bytes[start + i] !== prefix[i]) return false;
  return true;
}
function digit(bytes: Uint8Array, at: number): number {
  const value = bytes[at]! - ZERO;
  return value >= 0 && value <= 9 ? value : -1;
}

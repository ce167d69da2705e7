/**
 * Which cards a program takes: the ranges that it states, or every card but those that look like payment cards. Pure functions over the digits' bytes.
 */
import { utf8 } from '../utf8.js';
import type { CardRange } from '../../schemas/reference.js';

const ZERO = 0x30;

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

/** 13 to 19 digits with a right check digit that begin as the numbers of an issuer of payment cards do. */
export function looksLikePaymentCard(bytes: Uint8Array, start: number, length: number): boolean {
  if (length < 13 || length > 19) return false;
  for (let i = 0; i < length; i++) if (digit(bytes, start + i) < 0) return false;
  return isIssuer(digit(bytes, start) * 1000 + digit(bytes, start + 1) * 100 + digit(bytes, start + 2) * 10 + digit(bytes, start + 3)) && luhn(bytes, start, length);
}

/** First four digits of Visa, Mastercard, American Express, Discover, Diners, JCB, UnionPay, Mir, Maestro. */
function isIssuer(first: number): boolean {
  const two = Math.floor(first / 100), three = Math.floor(first / 10);
  return two >= 40 && two <= 49 || two >= 51 && two <= 55 || first >= 2221 && first <= 2720 || two === 34 || two === 37 || first === 6011 || three >= 644 && three <= 659
    || three >= 300 && three <= 305 || two === 36 || two === 38 || two === 39 || first >= 3528 && first <= 3589 || two === 62 || first >= 2200 && first <= 2204
    || two === 50 || two >= 56 && two <= 58 || three === 630 || three === 639 || three === 676;
}

function luhn(bytes: Uint8Array, start: number, length: number): boolean {
  let sum = 0;
  for (let i = length - 1, doubled = false; i >= 0; i--, doubled = !doubled) {
    const value = digit(bytes, start + i);
    if (value < 0) return false;
    sum += doubled ? (value > 4 ? value * 2 - 9 : value * 2) : value;
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

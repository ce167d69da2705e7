/**
 * Which cards a program takes: the ranges that it states, or every card but those that look like payment cards. Pure functions over the digits' bytes.
 */
import { digit, hasCheckDigit, looksLikePaymentCard } from '../../schemas/payment-card.js';
import type { CardRange } from '../../schemas/reference.js';
import { utf8 } from '../utf8.js';

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

function luhn(bytes: Uint8Array, start: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (digit(bytes, start + i) < 0) return false;
  return hasCheckDigit(bytes, start, length);
}

function startsWith(bytes: Uint8Array, start: number, prefix: Uint8Array): boolean {
  for (let i = 0; i < prefix.length; i++) if (bytes[start + i] !== prefix[i]) return false;
  return true;
}

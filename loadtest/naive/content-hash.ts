/**
 * By what the engine recognises the content of a transaction: 64 bits, kept for good, so that no version of the code may calculate them otherwise. The second implementation of them.
 *
 * The content is a list of words of 32 bits: lines × 2 + kind (1: return), time, total; then each text that is there; then each line with its texts; then tenders and coupons, if any, as JSON.
 * A number is two words, the low one first; a text is length × 32 + what it is, then its bytes of UTF-8, four to a word, the first one lowest. Two words at a time go into two lanes, as in
 * MurmurHash3_x86_128.
 */
import type { NaiveLine, NaiveTransaction } from './transaction.js';

export type Content = [number, number];

const WORD = 2 ** 32, TENDERS = 30, COUPONS = 31, SKU = 0, CATEGORY = 1;
const lineKinds = ['product', 'deposit', 'discount'];

export function contentHash(transaction: NaiveTransaction): Content {
  const words = wordsOf(transaction);
  let first = 0x3c6ef372, second = 0x510e527f;
  for (let i = 0; i < words.length; i += 2) {
    first ^= Math.imul(turned(Math.imul(words[i]!, 0x239b961b), 15), 0xab0e9789);
    first = Math.imul(turned(first, 19) + second | 0, 5) + 0x561ccd1b | 0;
    second ^= Math.imul(turned(Math.imul(words[i + 1] ?? 0, 0xab0e9789), 16), 0x38b34ae5);
    second = Math.imul(turned(second, 17) + first | 0, 5) + 0x0bcaa747 | 0;
  }
  first = mixed((first ^ words.length) + second | 0);
  second = mixed(second + first | 0);
  return [(first + second) >>> 0, second >>> 0];
}

function wordsOf({ kind, occurredAtMs, total, lines, tenders, coupons, ...texts }: NaiveTransaction): number[] {
  const { id, partner, program, store, terminal, cashier, channel, card, account, currency, mcc, merchant, originalId } = texts;
  return [
    lines.length * 2 + (kind === 'return' ? 1 : 0), low(occurredAtMs), high(occurredAtMs), low(total ?? 0), high(total ?? 0),
    ...[id, partner, program, store, terminal, cashier, channel, card, account, currency, mcc, merchant, originalId].flatMap((text, field) => (text === '' ? [] : textWords(text, field))),
    ...lines.flatMap(lineWords),
    ...(tenders.length > 0 ? textWords(JSON.stringify(tenders.map((tender) => [tender.kind, tender.amount, tender.redemption ?? null])), TENDERS) : []),
    ...(coupons.length > 0 ? textWords(JSON.stringify(coupons), COUPONS) : []),
  ];
}
/** The high words only where one of the numbers needs more than 32 bits. */
function lineWords({ line, kind, sku, quantity, amount, discount, category }: NaiveLine): number[] {
  const numbers = [quantity, amount, discount], isLarge = numbers.some((number) => high(number) !== 0);
  return [
    line * 16 + lineKinds.indexOf(kind) * 4 + (isLarge ? 2 : 0) + (category === '' ? 0 : 1), ...numbers.map(low), ...(isLarge ? numbers.map(high) : []),
    ...textWords(sku, SKU), ...(category === '' ? [] : textWords(category, CATEGORY)),
  ];
}
function textWords(text: string, what: number): number[] {
  const bytes = Buffer.from(text, 'utf8'), words = [bytes.length * 32 + what];
  for (let i = 0; i < bytes.length; i += 4) words.push(bytes[i]! | (bytes[i + 1] ?? 0) << 8 | (bytes[i + 2] ?? 0) << 16 | (bytes[i + 3] ?? 0) << 24);
  return words;
}

const low = (number: number): number => number | 0;
const high = (number: number): number => Math.floor(number / WORD);
const turned = (word: number, bits: number): number => word << bits | word >>> 32 - bits;
function mixed(word: number): number {
  word = Math.imul(word ^ word >>> 16, 0x85ebca6b);
  word = Math.imul(word ^ word >>> 13, 0xc2b2ae35);
  return word ^ word >>> 16;
}

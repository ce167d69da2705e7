/**
 * Texts in the bytes of a record, checked where they lie: UTF-8, no control characters, no lone surrogates. The readers keep places, not strings.
 */

import { lastWord, viewOf } from '../text-words.js';

/**
 * What was read last. Text: where it begins, and its length in bytes (`place[0]`, `place[1]`). Number: `got[0]`.
 * Who reads takes them out at the top of the module, and they have buffers of their own: then optimized code knows where they are.
 */
export const lastRead = { place: new Int32Array(new ArrayBuffer(8)), got: new Float64Array(new ArrayBuffer(8)) };
const { place } = lastRead;

/** Bytes that may stand in a MessagePack text, and (without quote and backslash) in a JSON text, and need no closer look. */
const plainByte = Uint8Array.from({ length: 256 }, (_, byte) => (byte >= 0x20 && byte < 0x7f ? 1 : 0));
export const plainJsonByte = plainByte.map((plain, byte) => (byte === 0x22 || byte === 0x5c ? 0 : plain));

/**
 * The place after the character of several bytes that begins at `at`; -1 when it is not well-formed UTF-8 (Unicode 3.9, table 3-7) or a control
 * character.
 */
export function afterCharacter(bytes: Uint8Array, at: number): number {
  const lead = bytes[at]!, second = bytes[at + 1]!;
  if (lead < 0xc2 || lead > 0xf4) return -1;
  if (lead < 0xe0) return continues(second) && !(lead === 0xc2 && second < 0xa0) ? at + 2 : -1;
  const least = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80, most = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  if (!(second >= least && second <= most) || !continues(bytes[at + 2]!)) return -1;
  if (lead < 0xf0) return at + 3;
  return continues(bytes[at + 3]!) ? at + 4 : -1;
}
const continues = (byte: number): boolean => (byte & 0xc0) === 0x80;

/** Whether all of a text's bytes are there, and are UTF-8 without control characters. */
export function isText(bytes: Uint8Array, start: number, length: number): boolean {
  const end = start + length;
  if (end > bytes.length) return false;
  const view = viewOf(bytes);
  let at = start;
  while (at + 4 <= end && isPlain(view.getInt32(at, true))) at += 4;
  const rest = end - at;
  if (rest === 0 || rest < 4 && isPlain(lastWord(view, end, rest) | BLANKS << 8 * rest)) return true;
  while (at < end) {
    if (plainByte[bytes[at]!] === 1) at++;
    else if ((at = afterCharacter(bytes, at)) < 0 || at > end) return false;
  }
  return true;
}
const BLANKS = 0x20202020;
/** Whether four bytes are all of 0x20 … 0x7e: none has its highest bit, nor gets it when 1 is added or 0x20 taken away. */
function isPlain(word: number): boolean {
  return ((word | word + 0x01010101 | word - BLANKS) & 0x80808080) === 0;
}

/** Whether the text read last has exactly `count` bytes from a range. */
export function isCode(bytes: Uint8Array, count: number, from: number, to: number): boolean {
  if (place[1] !== count) return false;
  for (let at = place[0]!, end = at + count; at < end; at++) if (bytes[at]! < from || bytes[at]! > to) return false;
  return true;
}

/** The number of the text read last among some texts, -1 when it is none of them. */
export function choiceOf(bytes: Uint8Array, choices: readonly Uint8Array[]): number {
  const start = place[0]!, length = place[1]!;
  next: for (let i = 0; i < choices.length; i++) {
    const choice = choices[i]!;
    if (choice.length !== length) continue;
    for (let k = 0; k < length; k++) if (bytes[start + k] !== choice[k]) continue next;
    return i;
  }
  return -1;
}

/**
 * Decodes the escapes of a JSON text in place: what it stands for is never longer than how it is written. `at` is the first backslash. Returns the
 * place after the closing quote and sets `place`; -1 for what the slow reader has to explain (a lone surrogate, a control character, an escape that
 * there isn't).
 */
export function unescapeInPlace(bytes: Uint8Array, start: number, at: number): number {
  let to = at;
  for (;;) {
    const byte = bytes[at]!;
    if (byte === 0x22) break;
    if (byte !== 0x5c) {
      const after = plainByte[byte] === 1 ? at + 1 : afterCharacter(bytes, at);
      if (after < 0) return -1;
      while (at < after) bytes[to++] = bytes[at++]!;
      continue;
    }
    const letter = bytes[at + 1]!;
    at += 2;
    if (letter === 0x22 || letter === 0x5c || letter === 0x2f) {
      bytes[to++] = letter;
      continue;
    }
    if (letter !== 0x75) return -1;
    let code = codeUnit(bytes, at);
    at += 4;
    if (code >= 0xd800 && code <= 0xdbff && bytes[at] === 0x5c && bytes[at + 1] === 0x75) {
      const low = codeUnit(bytes, at + 2);
      if (low < 0xdc00 || low > 0xdfff) return -1;
      code = 0x10000 + ((code - 0xd800) << 10) + low - 0xdc00;
      at += 6;
    }
    if (code < 0x20 || code >= 0x7f && code < 0xa0 || code >= 0xd800 && code <= 0xdfff) return -1;
    to = encode(bytes, to, code);
  }
  place[0] = start;
  place[1] = to - start;
  return at + 1;
}

/** Four hexadecimal digits; -1 (refused as below 0x20) when they are none. */
function codeUnit(bytes: Uint8Array, at: number): number {
  let value = 0;
  for (let i = at; i < at + 4; i++) {
    const byte = bytes[i]!, letter = byte | 0x20;
    if (byte >= 0x30 && byte <= 0x39) value = value * 16 + byte - 0x30;
    else if (letter >= 0x61 && letter <= 0x66) value = value * 16 + letter - 0x57;
    else return -1;
  }
  return value;
}

function encode(bytes: Uint8Array, to: number, code: number): number {
  if (code < 0x80) bytes[to++] = code;
  else {
    if (code < 0x800) bytes[to++] = 0xc0 | code >> 6;
    else {
      if (code < 0x10000) bytes[to++] = 0xe0 | code >> 12;
      else {
        bytes[to++] = 0xf0 | code >> 18;
        bytes[to++] = 0x80 | code >> 12 & 63;
      }
      bytes[to++] = 0x80 | code >> 6 & 63;
    }
    bytes[to++] = 0x80 | code & 63;
  }
  return to;
}

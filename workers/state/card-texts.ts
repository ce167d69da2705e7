/**
 * Texts of cards, in the slab behind the cells of their account: runs of cells of kind CARD, in the order in which they came. Key2 and value hold 16 raw bytes
 * of the text, never read as numbers.
 *
 *   [key: CARD, length of the text, number of the piece]  [16 bytes of the text, the last piece filled up with 0]
 */
import { cellA, cellKey } from '../ledger/cells.js';

/** Greater than any kind of cell. */
export const CARD = 30;
const PIECE_BYTES = 16;
const CARDS = cellKey(CARD, 0, 0);

/** How many cells a text takes. */
export const piecesOf = (length: number): number => Math.max(1, Math.ceil(length / PIECE_BYTES));

/** Writes a text into the cells at `at`; `raw` are the bytes of the slab. */
export function writeCard(slab: Float64Array, raw: Uint8Array, at: number, text: Uint8Array): void {
  for (let piece = 0, start = 0; piece < piecesOf(text.length); piece++, start += PIECE_BYTES) {
    const cell = at + piece * 3, bytes = (cell + 1) * 8;
    slab[cell] = cellKey(CARD, text.length, piece);
    raw.fill(0, bytes, bytes + PIECE_BYTES);
    raw.set(text.subarray(start, start + PIECE_BYTES), bytes);
  }
}
/** Texts of cards among the cells from `first` to `end`, in the order in which they were added. */
export function readCards(slab: Float64Array, raw: Uint8Array, first: number, end: number): Uint8Array[] {
  let at = end;
  while (at > first && slab[at - 3]! >= CARDS) at -= 3;
  const texts: Uint8Array[] = [];
  for (; at < end; at += piecesOf(cellA(slab[at]!)) * 3) {
    const text = new Uint8Array(cellA(slab[at]!));
    for (let done = 0, bytes = (at + 1) * 8; done < text.length; done += PIECE_BYTES, bytes += 3 * 8) {
      text.set(raw.subarray(bytes, bytes + Math.min(PIECE_BYTES, text.length - done)), done);
    }
    texts.push(text);
  }
  return texts;
}
/** Is the text among those of the cells from `first` to `end`? */
export function holdsCard(slab: Float64Array, raw: Uint8Array, first: number, end: number, text: Uint8Array, start: number, length: number): boolean {
  const key = CARDS + cellKey(0, length, 0);
  for (let at = end - 3; at >= first && slab[at]! >= CARDS; at -= 3) if (slab[at] === key && isText(raw, at, text, start, length)) return true;
  return false;
}
function isText(raw: Uint8Array, at: number, text: Uint8Array, start: number, length: number): boolean {
  // Between two pieces there is a key.
  for (let i = 0, bytes = (at + 1) * 8; i < length; bytes += 8) {
    for (const end = Math.min(length, i + PIECE_BYTES); i < end; i++, bytes++) if (raw[bytes] !== text[start + i]) return false;
  }
  return true;
}

/**
 * Texts in the bytes of a record, read four bytes at a time, the first one lowest: a quarter of the look-ups that single bytes cost.
 *
 * Promises: what stands before and after a text does not matter, and nothing outside of the given bytes is read.
 */
let viewed: Uint8Array = new Uint8Array(0);
let view: DataView = new DataView(viewed.buffer);

/** A view of the same bytes. The last one is kept: the transactions of a record, and the records of a batch, lie in the same array. */
export function viewOf(bytes: Uint8Array): DataView {
  if (bytes !== viewed) {
    viewed = bytes;
    view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  return view;
}

/** Up to four bytes of what begins at `start`, of which `length` are left; 0 where it has ended. */
export function word(view: DataView, start: number, length: number): number {
  if (length >= 4) return view.getInt32(start, true);
  return length > 0 ? lastWord(view, start + length, length) : 0;
}

/** The last bytes of a text, 1 to 3, as a word: from the four bytes that end with it, as there may be none after it. */
export function lastWord(view: DataView, end: number, length: number): number {
  // `| 0`, or it would be a double on its way.
  return end >= 4 ? view.getInt32(end - 4, true) >>> 32 - 8 * length | 0 : lastWordOfFew(view, end, length);
}
/** Of a text at the very beginning. */
function lastWordOfFew(view: DataView, end: number, length: number): number {
  let value = 0;
  for (let at = end; at > end - length; at--) value = value << 8 | view.getUint8(at - 1);
  return value;
}

/** Whether two texts of the same length are the same from their byte `from` on. */
export function sameFrom(from: number, a: DataView, startA: number, b: DataView, startB: number, length: number): boolean {
  for (let i = from; i < length; i += 4) if (word(a, startA + i, length - i) !== word(b, startB + i, length - i)) return false;
  return true;
}

/** Of a text whose first 8 bytes are these two words (0 where it has ended). Only in memory: it may be another one in the next version. */
export function hashText(view: DataView, start: number, length: number, first: number, second: number): number {
  let hash = mix(mix(length, first), second);
  for (let i = 8; i < length; i += 4) hash = mix(hash, word(view, start + i, length - i));
  hash = Math.imul(hash, 0xc2b2ae35);
  return hash ^ hash >>> 13;
}
function mix(hash: number, next: number): number {
  hash = Math.imul(hash ^ next, 0x85ebca6b);
  return hash ^ hash >>> 15;
}

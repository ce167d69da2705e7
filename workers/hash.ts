/**
 * Hashes of bytes: Kafka's murmur2, which chooses the partition of an identifier, and MurmurHash3 with 128 bits, for
 * fingerprints of ids and content.
 *
 * Promises: the partition of a text is the one that Kafka's default partitioner gives it, so other tools' producers agree with ours; the results
 * never change, as they are stored. Neither is meant against an attacker who chooses the bytes.
 */
import { word } from './text-words.js';

/** Kafka's Utils.murmur2 (org.apache.kafka.common.utils): a signed 32-bit integer, as in Java. */
export function murmur2(bytes: Uint8Array, start: number, length: number): number {
  let hash = 0x9747b28c ^ length;
  const end = start + length, blocksEnd = end - (length & 3);
  let i = start;
  for (; i < blocksEnd; i += 4) {
    let k = bytes[i]! | bytes[i + 1]! << 8 | bytes[i + 2]! << 16 | bytes[i + 3]! << 24;
    k = Math.imul(k, 0x5bd1e995);
    k ^= k >>> 24;
    hash = Math.imul(hash, 0x5bd1e995) ^ Math.imul(k, 0x5bd1e995);
  }
  if (i < end) {
    if (end - i === 3) hash ^= bytes[i + 2]! << 16;
    if (end - i >= 2) hash ^= bytes[i + 1]! << 8;
    hash = Math.imul(hash ^ bytes[i]!, 0x5bd1e995);
  }
  hash = Math.imul(hash ^ hash >>> 13, 0x5bd1e995);
  return hash ^ hash >>> 15;
}

/** The partition of an identifier (its UTF-8 bytes), as Kafka's default partitioner chooses it. */
export function partitionOf(bytes: Uint8Array, start: number, length: number, partitions: number): number {
  return (murmur2(bytes, start, length) & 0x7fffffff) % partitions;
}

export function partitionOfText(text: string, partitions: number): number {
  const bytes = Buffer.from(text);
  return partitionOf(bytes, 0, bytes.length, partitions);
}

/** MurmurHash3_x86_128 (Austin Appleby, public domain): four unsigned 32-bit words into `out`, in the order of the reference implementation. */
export function hash128(bytes: Uint8Array, start: number, length: number, out: Uint32Array, seed: number): void {
  hash128OfView(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), start, length, out, seed);
}

/** The same, without allocation. */
export function hash128OfView(view: DataView, start: number, length: number, out: Uint32Array, seed: number): void {
  const C1 = 0x239b961b, C2 = 0xab0e9789, C3 = 0x38b34ae5, C4 = 0xa1e38b93;
  let h1 = seed | 0, h2 = h1, h3 = h1, h4 = h1;
  const end = start + length, blocksEnd = end - (length & 15);
  let i = start;
  for (; i < blocksEnd; i += 16) {
    h1 ^= scramble(view.getInt32(i, true), C1, 15, C2);
    h1 = Math.imul(rotate(h1, 19) + h2, 5) + 0x561ccd1b | 0;
    h2 ^= scramble(view.getInt32(i + 4, true), C2, 16, C3);
    h2 = Math.imul(rotate(h2, 17) + h3, 5) + 0x0bcaa747 | 0;
    h3 ^= scramble(view.getInt32(i + 8, true), C3, 17, C4);
    h3 = Math.imul(rotate(h3, 15) + h4, 5) + 0x96cd1c35 | 0;
    h4 ^= scramble(view.getInt32(i + 12, true), C4, 18, C1);
    h4 = Math.imul(rotate(h4, 13) + h1, 5) + 0x32ac3b17 | 0;
  }
  const rest = end - i;
  if (rest > 0) {
    h1 ^= scramble(word(view, i, rest), C1, 15, C2);
    if (rest > 4) h2 ^= scramble(word(view, i + 4, rest - 4), C2, 16, C3);
    if (rest > 8) h3 ^= scramble(word(view, i + 8, rest - 8), C3, 17, C4);
    if (rest > 12) h4 ^= scramble(word(view, i + 12, rest - 12), C4, 18, C1);
  }
  h1 ^= length;
  h2 ^= length;
  h3 ^= length;
  h4 ^= length;
  h1 = h1 + h2 + h3 + h4 | 0;
  h2 = avalanche(h2 + h1 | 0);
  h3 = avalanche(h3 + h1 | 0);
  h4 = avalanche(h4 + h1 | 0);
  h1 = avalanche(h1);
  h1 = h1 + h2 + h3 + h4 | 0;
  out[0] = h1;
  out[1] = h2 + h1;
  out[2] = h3 + h1;
  out[3] = h4 + h1;
}

function rotate(word: number, bits: number): number {
  return word << bits | word >>> 32 - bits;
}

function scramble(word: number, before: number, bits: number, after: number): number {
  return Math.imul(rotate(Math.imul(word, before), bits), after);
}

function avalanche(word: number): number {
  word = Math.imul(word ^ word >>> 16, 0x85ebca6b);
  word = Math.imul(word ^ word >>> 13, 0xc2b2ae35);
  return word ^ word >>> 16;
}

/**
 * Ways from what a fact names to its number in a block's dictionary: by ordinal of reference data, by a key of several ordinals, by the text itself. All forget at the
 * start of a block (by the column's generation, so that forgetting costs nothing) and allocate nothing for what the block has already.
 */
import type { Names } from './columns.js';

const encoder = new TextEncoder();

/** By ordinal. The encoded texts are kept from block to block, as long as they come from the same source. */
export class ByOrdinal {
  private source: unknown;
  private encoded: (Uint8Array | undefined)[] = [];
  private generations = new Float64Array(256);
  private numbers = new Int32Array(256);

  constructor(private readonly column: Names) {}

  /** Adds the name of `ordinal`, which `textOf` tells of `source`. A negative ordinal is ''. */
  push<S>(ordinal: number, source: S, textOf: (source: S, ordinal: number) => string): void {
    const { column } = this;
    if (ordinal < 0) return column.push(0);
    if (source === this.source && ordinal < this.generations.length && this.generations[ordinal] === column.generation) return column.push(this.numbers[ordinal]!);
    column.push(this.enter(ordinal, source, textOf));
  }
  private enter<S>(ordinal: number, source: S, textOf: (source: S, ordinal: number) => string): number {
    if (source !== this.source) {
      this.source = source;
      this.encoded = [];
      this.generations.fill(0);
    }
    if (ordinal >= this.generations.length) {
      const generations = new Float64Array(2 ** Math.ceil(Math.log2(ordinal + 1))), numbers = new Int32Array(generations.length);
      generations.set(this.generations);
      numbers.set(this.numbers);
      this.generations = generations;
      this.numbers = numbers;
    }
    const text = this.encoded[ordinal] ??= encoder.encode(textOf(source, ordinal));
    const number = text.length === 0 ? 0 : this.column.enter(text, 0, text.length);
    this.generations[ordinal] = this.column.generation;
    this.numbers[ordinal] = number;
    return number;
  }
}

/** By an integer below 2^53. Linear probing; at most half full. The encoded texts are kept from block to block, as long as they come from the same source. */
export class ByKey {
  private source: unknown;
  private readonly encoded = new Map<number, Uint8Array>();
  private generation = 0;
  private count = 0;
  private keys = new Float64Array(256);
  private generations = new Float64Array(256);
  private numbers = new Int32Array(256);

  constructor(private readonly column: Names) {}

  /** Number of the key's name in this block, -1: it has none yet. */
  find(key: number): number {
    const slot = this.slot(key);
    return this.generations[slot] === this.column.generation ? this.numbers[slot]! : -1;
  }
  /** The encoded name of a key, if it is known from an earlier block. */
  known(key: number, source: unknown): Uint8Array | undefined {
    if (source !== this.source) {
      this.source = source;
      this.encoded.clear();
    }
    return this.encoded.get(key);
  }
  learn(key: number, text: string): Uint8Array {
    const encoded = encoder.encode(text);
    this.encoded.set(key, encoded);
    return encoded;
  }
  /** Gives a key that was not found its name; returns the number. */
  enter(key: number, encoded: Uint8Array): number {
    if (this.generation !== this.column.generation) {
      this.generation = this.column.generation;
      this.count = 0;
    }
    if (this.count * 2 >= this.keys.length) this.grow();
    const slot = this.slot(key);
    this.count++;
    this.keys[slot] = key;
    this.generations[slot] = this.column.generation;
    return this.numbers[slot] = this.column.enter(encoded, 0, encoded.length);
  }
  private slot(key: number): number {
    const { keys, generations } = this, { generation } = this.column, mask = keys.length - 1;
    let slot = spread((key | 0) ^ Math.imul((key / 2 ** 32) | 0, 0x85ebca6b)) & mask;
    while (generations[slot] === generation && keys[slot] !== key) slot = (slot + 1) & mask;
    return slot;
  }
  private grow(): void {
    const { keys, generations, numbers, generation } = this;
    this.keys = new Float64Array(keys.length * 2);
    this.generations = new Float64Array(keys.length * 2);
    this.numbers = new Int32Array(keys.length * 2);
    for (let i = 0; i < keys.length; i++) {
      if (generations[i] !== generation) continue;
      const slot = this.slot(keys[i]!);
      this.keys[slot] = keys[i]!;
      this.generations[slot] = generation;
      this.numbers[slot] = numbers[i]!;
    }
  }
}

/** By its bytes. */
export class ByText {
  private generation = 0;
  private count = 0;
  private generations = new Float64Array(256);
  private hashes = new Int32Array(256);
  private numbers = new Int32Array(256);
  /** Where the text of an entry starts in the dictionary's bytes, and its length; by slot. */
  private starts = new Int32Array(256);
  private lengths = new Int32Array(256);

  constructor(private readonly column: Names) {}

  push(bytes: Uint8Array, start: number, length: number): void {
    const { column } = this;
    if (length === 0) return column.push(0);
    let hash = length;
    for (let i = start, end = start + length; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
    const slot = this.slot(bytes, start, length, hash = spread(hash));
    column.push(this.generations[slot] === column.generation ? this.numbers[slot]! : this.enter(bytes, start, length, hash));
  }
  private enter(bytes: Uint8Array, start: number, length: number, hash: number): number {
    const { column } = this;
    if (this.generation !== column.generation) {
      this.generation = column.generation;
      this.count = 0;
    }
    if (this.count * 2 >= this.numbers.length) this.grow();
    const slot = this.slot(bytes, start, length, hash), number = column.enter(bytes, start, length);
    this.count++;
    this.set(slot, hash, number, column.dictionary.length - length, length);
    return number;
  }
  private set(slot: number, hash: number, number: number, start: number, length: number): void {
    this.generations[slot] = this.column.generation;
    this.hashes[slot] = hash;
    this.numbers[slot] = number;
    this.starts[slot] = start;
    this.lengths[slot] = length;
  }
  private slot(bytes: Uint8Array, start: number, length: number, hash: number): number {
    const { generations, hashes } = this, { generation } = this.column, mask = generations.length - 1;
    let slot = hash & mask;
    while (generations[slot] === generation && !(hashes[slot] === hash && this.lengths[slot] === length && this.isAt(this.starts[slot]!, bytes, start, length))) slot = (slot + 1) & mask;
    return slot;
  }
  private isAt(at: number, bytes: Uint8Array, start: number, length: number): boolean {
    const own = this.column.dictionary.bytes;
    for (let i = 0; i < length; i++) if (own[at + i] !== bytes[start + i]) return false;
    return true;
  }
  private grow(): void {
    const { generations, hashes, numbers, starts, lengths, generation } = this, own = this.column.dictionary.bytes;
    for (const field of ['hashes', 'numbers', 'starts', 'lengths'] as const) this[field] = new Int32Array(numbers.length * 2);
    this.generations = new Float64Array(numbers.length * 2);
    for (let i = 0; i < numbers.length; i++) {
      if (generations[i] === generation) this.set(this.slot(own, starts[i]!, lengths[i]!, hashes[i]!), hashes[i]!, numbers[i]!, starts[i]!, lengths[i]!);
    }
  }
}

/** MurmurHash3's last step: every bit of the input moves every bit of the result. */
function spread(hash: number): number {
  hash = Math.imul(hash ^ hash >>> 16, 0x85ebca6b);
  hash = Math.imul(hash ^ hash >>> 13, 0xc2b2ae35);
  return hash ^ hash >>> 16;
}

/**
 * Ways from what a fact names to its number in a block's dictionary: by ordinal of reference data, by two numbers, by the text itself. All forget what a block had when it ends (`clear`) and
 * allocate nothing for what it has already. Numbers are kept plus 1, so that 0 says that the block has no such name yet; `| 0` lets optimized
 * code know that they are integers.
 */
import { hashText, sameFrom, word } from '../text-words.js';
import type { Names } from './columns.js';

const FIRST_SLOTS = 256;
const encoder = new TextEncoder();

/** Texts of reference data, encoded once. */
class Encoded<S> {
  private readonly texts = new Map<number, DataView>();

  constructor(private readonly textOf: (source: S, key: number) => string) {}

  clear(): void {
    this.texts.clear();
  }
  of(source: S, key: number): DataView {
    let text = this.texts.get(key);
    if (!text) {
      const { buffer, byteOffset, byteLength } = encoder.encode(this.textOf(source, key));
      text = new DataView(buffer, byteOffset, byteLength);
      this.texts.set(key, text);
    }
    return text;
  }
}

/** By ordinal; `textOf` says its name. */
export class ByOrdinal<S> {
  private source: S | undefined;
  private readonly encoded: Encoded<S>;
  private numbers = new Int32Array(FIRST_SLOTS);
  private entered = new Int32Array(FIRST_SLOTS);
  private count = 0;

  constructor(private readonly column: Names, textOf: (source: S, ordinal: number) => string) {
    this.encoded = new Encoded(textOf);
  }
  clear(): void {
    for (let i = 0; i < this.count; i++) this.numbers[this.entered[i]!] = 0;
    this.count = 0;
  }
  /** Number of the name of `ordinal` in `source`. A negative ordinal is ''. */
  number(ordinal: number, source: S): number {
    const { numbers } = this;
    if (ordinal < 0) return 0;
    const known = ordinal < numbers.length && source === this.source ? numbers[ordinal]! : 0;
    return (known > 0 ? known - 1 : this.enter(ordinal, source)) | 0;
  }
  private enter(ordinal: number, source: S): number {
    if (source !== this.source) {
      this.source = source;
      this.encoded.clear();
      this.clear();
    }
    if (ordinal >= this.numbers.length) this.grow(ordinal);
    const text = this.encoded.of(source, ordinal), { byteLength } = text, number = byteLength === 0 ? 0 : this.column.enter(text, 0, byteLength);
    this.numbers[ordinal] = number + 1;
    this.entered[this.count++] = ordinal;
    return number;
  }
  private grow(ordinal: number): void {
    const numbers = new Int32Array(2 ** Math.ceil(Math.log2(ordinal + 1))), entered = new Int32Array(numbers.length);
    numbers.set(this.numbers);
    entered.set(this.entered);
    this.numbers = numbers;
    this.entered = entered;
  }
}

/** By two integers of 32 bits. Linear probing; at most half full. */
export class ByPair<S> {
  private source: S | undefined;
  private readonly encoded: Encoded<S>;
  private count = 0;
  private firsts = new Int32Array(FIRST_SLOTS);
  private seconds = new Int32Array(FIRST_SLOTS);
  private numbers = new Int32Array(FIRST_SLOTS);

  constructor(private readonly column: Names, textOf: (source: S, first: number, second: number) => string) {
    this.encoded = new Encoded((source, key) => textOf(source, Math.floor(key / 2 ** 32), key % 2 ** 32));
  }
  clear(): void {
    if (this.count > 0) this.numbers.fill(0);
    this.count = 0;
  }
  /** Number of the name of (first, second), of which neither is negative, in `source`. */
  number(first: number, second: number, source: S): number {
    const known = this.numbers[this.slot(first, second)]!;
    return (known > 0 && source === this.source ? known - 1 : this.enter(first, second, source)) | 0;
  }
  private enter(first: number, second: number, source: S): number {
    if (source !== this.source) {
      this.source = source;
      this.encoded.clear();
      this.clear();
    }
    if (this.count * 2 >= this.numbers.length) this.grow();
    const text = this.encoded.of(source, first * 2 ** 32 + second), number = this.column.enter(text, 0, text.byteLength);
    this.count++;
    this.set(this.slot(first, second), first, second, number + 1);
    return number;
  }
  private set(slot: number, first: number, second: number, number: number): void {
    this.firsts[slot] = first;
    this.seconds[slot] = second;
    this.numbers[slot] = number;
  }
  private slot(first: number, second: number): number {
    const { firsts, seconds, numbers } = this, mask = numbers.length - 1;
    let slot = spread(first ^ Math.imul(second, 0x85ebca6b)) & mask;
    while (numbers[slot] !== 0 && (firsts[slot] !== first || seconds[slot] !== second)) slot = (slot + 1) & mask;
    return slot;
  }
  private grow(): void {
    const { firsts, seconds, numbers } = this;
    for (const field of ['firsts', 'seconds', 'numbers'] as const) this[field] = new Int32Array(numbers.length * 2);
    for (let i = 0; i < numbers.length; i++) if (numbers[i] !== 0) this.set(this.slot(firsts[i]!, seconds[i]!), firsts[i]!, seconds[i]!, numbers[i]!);
  }
}

/** By its bytes. */
export class ByText {
  private count = 0;
  private hashes = new Int32Array(FIRST_SLOTS);
  private numbers = new Int32Array(FIRST_SLOTS);
  /** Where the text of an entry starts in the dictionary's bytes, and its length; by slot. */
  private starts = new Int32Array(FIRST_SLOTS);
  private lengths = new Int32Array(FIRST_SLOTS);

  constructor(private readonly column: Names) {}

  clear(): void {
    if (this.count > 0) this.numbers.fill(0);
    this.count = 0;
  }
  number(source: DataView, start: number, length: number): number {
    if (length === 0) return 0;
    const hash = hashText(source, start, length, word(source, start, length), word(source, start + 4, length - 4)), known = this.numbers[this.slot(source, start, length, hash)]!;
    return (known > 0 ? known - 1 : this.enter(source, start, length, hash)) | 0;
  }
  private enter(source: DataView, start: number, length: number, hash: number): number {
    if (this.count * 2 >= this.numbers.length) this.grow();
    const { dictionary } = this.column, slot = this.slot(source, start, length, hash), number = this.column.enter(source, start, length);
    this.count++;
    this.set(slot, hash, number + 1, dictionary.length - length, length);
    return number;
  }
  private set(slot: number, hash: number, number: number, start: number, length: number): void {
    this.hashes[slot] = hash;
    this.numbers[slot] = number;
    this.starts[slot] = start;
    this.lengths[slot] = length;
  }
  private slot(source: DataView, start: number, length: number, hash: number): number {
    const { numbers, hashes } = this, mask = numbers.length - 1;
    let slot = hash & mask;
    while (numbers[slot] !== 0 && !(hashes[slot] === hash && this.lengths[slot] === length && this.isAt(slot, source, start, length))) slot = (slot + 1) & mask;
    return slot;
  }
  private isAt(slot: number, source: DataView, start: number, length: number): boolean {
    return sameFrom(0, this.column.dictionary.view, this.starts[slot]!, source, start, length);
  }
  private grow(): void {
    const { hashes, numbers, starts, lengths } = this;
    for (const field of ['hashes', 'numbers', 'starts', 'lengths'] as const) this[field] = new Int32Array(numbers.length * 2);
    const mask = this.numbers.length - 1;
    for (let i = 0; i < numbers.length; i++) {
      if (numbers[i] === 0) continue;
      let slot = hashes[i]! & mask;
      while (this.numbers[slot] !== 0) slot = (slot + 1) & mask;
      this.set(slot, hashes[i]!, numbers[i]!, starts[i]!, lengths[i]!);
    }
  }
}

/** MurmurHash3's last step: every bit of the input moves every bit of the result. */
function spread(hash: number): number {
  hash = Math.imul(hash ^ hash >>> 16, 0x85ebca6b);
  hash = Math.imul(hash ^ hash >>> 13, 0xc2b2ae35);
  return hash ^ hash >>> 16;
}

/**
 * The authoritative JSON reader: one value of RFC 8259 as a tree, slower and stricter than JSON.parse, which swallows duplicate keys and rounds
 * integers. Used for what the fast reader doesn't take, and for the rarely used parts of a transaction.
 *
 * Promises: numbers that are no plain integer within ±(2^53-1) come as NumberText; duplicate keys are listed; depth is bounded; a value's bytes end
 * at `next`. Never throws because of the bytes.
 */
import { NumberText } from '../../schemas/decoded.js';
import { pointerPart } from '../../schemas/validate.js';
import { readValue, Unreadable, type Tree } from './unreadable.js';

export const DEPTH_MAX = 16;
/** Longest item that is looked into: 1,000 lines with the longest texts allowed, escaped, stay below. */
export const ITEM_BYTES_MAX = 1 << 20;

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const INTEGER = /^-?[0-9]{1,16}$/;
const LITERALS = [['true', true], ['false', false], ['null', null]] as const;
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export const isSpace = (byte: number): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

export function skipSpace(bytes: Uint8Array, at: number, end: number): number {
  while (at < end && isSpace(bytes[at]!)) at++;
  return at;
}

/**
 * Where a value ends, found by counting brackets outside of texts, without reading it: the value may be broken inside. -1 when it doesn't end.
 * It lets a batch go on after an item that can't be read.
 */
export function valueEnd(bytes: Uint8Array, start: number, end: number): number {
  let depth = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!;
    if (byte === 0x22) {
      for (at++; at < end && bytes[at] !== 0x22; at++) if (bytes[at] === 0x5c) at++;
      if (at >= end) return -1;
      if (depth === 0) return at + 1;
    } else if (byte === 0x7b || byte === 0x5b) depth++;
    else if (byte === 0x7d || byte === 0x5d) {
      if (depth <= 1) return depth === 1 ? at + 1 : at;
      depth--;
    } else if (byte === 0x2c && depth === 0) return at;
  }
  return depth === 0 ? end : -1;
}

/** Reads the value that begins at `start` (after white space). Positions in answers count from `start`. */
export function readTree(bytes: Uint8Array, start: number, end: number): Tree {
  return readValue(new TreeReader(bytes, start, end), start);
}

/** The root has the name ''; a field of that name gets its parent's pointer. */
export const pointerOf = (parent: string, name: string): string => (name === '' ? parent : parent + pointerPart(name));

/** A field named __proto__ is a field like any other. */
export function setField(record: Record<string, unknown>, name: string, value: unknown): void {
  if (name === '__proto__') Object.defineProperty(record, name, { value, enumerable: true, configurable: true, writable: true });
  else record[name] = value;
}

class TreeReader {
  readonly duplicates: string[] = [];
  private readonly buffer: Buffer;
  constructor(readonly bytes: Uint8Array, public at: number, readonly end: number) {
    this.buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** `parent` and `name` make the value's pointer, which is put together only where it is needed. */
  value(parent: string, name: string, depth: number): unknown {
    if (depth > DEPTH_MAX) throw new Unreadable('invalid', `nested deeper than ${DEPTH_MAX} levels`, this.at);
    const byte = this.peek();
    if (byte === 0x22) return this.text();
    if (byte === 0x7b) return this.object(pointerOf(parent, name), depth);
    if (byte === 0x5b) return this.array(pointerOf(parent, name), depth);
    if (byte === 0x2d || byte >= 0x30 && byte <= 0x39) return this.number();
    for (const [word, value] of LITERALS) {
      if (this.latin(this.at, word.length) !== word) continue;
      this.at += word.length;
      return value;
    }
    return this.unexpected('a value');
  }

  private object(pointer: string, depth: number): Record<string, unknown> {
    const value: Record<string, unknown> = {};
    this.at++;
    if (this.peek() === 0x7d) return this.at++, value;
    for (;;) {
      if (this.peek() !== 0x22) this.unexpected('a field name in quotes');
      const name = this.text();
      if (this.peek() !== 0x3a) this.unexpected('":"');
      this.at++;
      if (Object.hasOwn(value, name)) this.duplicates.push(pointerOf(pointer, name));
      setField(value, name, this.value(pointer, name, depth + 1));
      const byte = this.peek();
      if (byte !== 0x2c && byte !== 0x7d) this.unexpected('"," or "}"');
      this.at++;
      if (byte === 0x7d) return value;
    }
  }

  private array(pointer: string, depth: number): unknown[] {
    const value: unknown[] = [];
    this.at++;
    if (this.peek() === 0x5d) return this.at++, value;
    for (;;) {
      value.push(this.value(pointer, String(value.length), depth + 1));
      const byte = this.peek();
      if (byte !== 0x2c && byte !== 0x5d) this.unexpected('"," or "]"');
      this.at++;
      if (byte === 0x5d) return value;
    }
  }

  private text(): string {
    const start = this.at++;
    let plain = true;
    for (; ; this.at++) {
      if (this.at >= this.end) throw new Unreadable('malformed', 'the text ends within quotes', start);
      const byte = this.bytes[this.at]!;
      if (byte === 0x22) break;
      if (byte === 0x5c || byte >= 0x80) plain = false;
      if (byte === 0x5c) this.at++;
      else if (byte < 0x20) throw new Unreadable('malformed', 'a control character in a text must be escaped', this.at);
    }
    this.at++;
    if (plain) return this.buffer.toString('latin1', start + 1, this.at - 1);
    try {
      return JSON.parse(decoder.decode(this.bytes.subarray(start, this.at))) as string;
    } catch (error) {
      if (error instanceof SyntaxError) throw new Unreadable('malformed', 'a text with an invalid escape', start);
      if (error instanceof TypeError) throw new Unreadable('malformed', 'a text that is not valid UTF-8', start);
      throw error;
    }
  }

  private number(): number | NumberText {
    let stop = this.at + 1;
    for (; stop < this.end; stop++) {
      const byte = this.bytes[stop]!;
      const part = byte >= 0x30 && byte <= 0x39 || byte === 0x2e || byte === 0x2b || byte === 0x2d || byte === 0x65 || byte === 0x45;
      if (!part) break;
    }
    const source = this.latin(this.at, stop - this.at);
    NUMBER.lastIndex = 0;
    if (!NUMBER.test(source) || NUMBER.lastIndex !== source.length) throw new Unreadable('malformed', 'not a JSON number', this.at);
    this.at = stop;
    const plain = INTEGER.test(source) ? Number(source) : NaN;
    return Number.isSafeInteger(plain) ? plain + 0 : new NumberText(source);
  }

  /** The next byte that is no white space, -1 at the end. */
  private peek(): number {
    this.at = skipSpace(this.bytes, this.at, this.end);
    return this.at < this.end ? this.bytes[this.at]! : -1;
  }

  private latin(start: number, length: number): string {
    return this.buffer.toString('latin1', start, Math.min(start + length, this.end));
  }

  private unexpected(wanted: string): never {
    const found = this.at < this.end ? `byte 0x${this.bytes[this.at]!.toString(16).padStart(2, '0')}` : 'the end';
    throw new Unreadable('malformed', `expected ${wanted}, found ${found}`, this.at);
  }
}

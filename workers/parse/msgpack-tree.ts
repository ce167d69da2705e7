/**
 * The authoritative MessagePack reader: one value as a tree, for what the fast reader doesn't take. msgpackr would overwrite duplicate keys and
 * follow record extensions.
 *
 * Promises: integers past 2^53-1 come as bigint, timestamps (extension -1) as Moment; binary and other extensions are refused; duplicate keys are
 * listed; depth is bounded, and so is memory by the bytes that are really there. Never throws because of the bytes.
 */
import { Moment } from '../../schemas/decoded.js';
import { DEPTH_MAX, pointerOf, setField } from './json-tree.js';
import { readValue, Unreadable, type Tree } from './unreadable.js';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Reads the value at `start`. Positions in answers count from `start`. */
export function readMessagePackTree(bytes: Uint8Array, start: number, end: number): Tree {
  return readValue(new TreeReader(bytes, start, end), start);
}

/** Where the value at `start` ends, -1 when it doesn't: lets a batch go on after an item that can't be taken. Depth costs nothing. */
export function messagePackEnd(bytes: Uint8Array, start: number, end: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = start;
  for (let values = 1; values > 0; values--) {
    if (at >= end) return -1;
    const head = bytes[at++]!;
    if (head < 0x80 || head >= 0xe0 || head === 0xc0 || head === 0xc2 || head === 0xc3) continue;
    if (head < 0x90) values += 2 * (head & 15);
    else if (head < 0xa0) values += head & 15;
    else if (head < 0xc0) at += head & 31;
    else if (head === 0xc1) return -1;
    else if (head >= 0xca && head <= 0xd3) at += [4, 8, 1, 2, 4, 8, 1, 2, 4, 8][head - 0xca]!;
    else if (head >= 0xd4 && head <= 0xd8) at += 1 + (1 << (head - 0xd4));
    else {
      // bin 8 16 32, ext 8 16 32, str 8 16 32, array 16 32, map 16 32
      const width = head >= 0xdc ? 2 << (head & 1) : 1 << (head <= 0xc9 ? (head - 0xc4) % 3 : head - 0xd9);
      if (at + width > end) return -1;
      const size = width === 1 ? view.getUint8(at) : width === 2 ? view.getUint16(at) : view.getUint32(at);
      at += width;
      if (head >= 0xdc) values += head >= 0xde ? 2 * size : size;
      else at += size + (head >= 0xc7 && head <= 0xc9 ? 1 : 0);
    }
    if (values > end - start + 1) return -1;
  }
  return at <= end ? at : -1;
}

class TreeReader {
  readonly duplicates: string[] = [];
  readonly view: DataView;
  constructor(readonly bytes: Uint8Array, public at: number, readonly end: number) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** `parent` and `name` make the value's pointer, which is put together only where it is needed. */
  value(parent: string, name: string, depth: number): unknown {
    if (depth > DEPTH_MAX) throw new Unreadable('invalid', `nested deeper than ${DEPTH_MAX} levels`, this.at);
    const head = this.bytes[this.take(1)]!;
    if (head < 0x80) return head;
    if (head >= 0xe0) return head - 256;
    if (head < 0x90) return this.map(head & 15, pointerOf(parent, name), depth);
    if (head < 0xa0) return this.array(head & 15, pointerOf(parent, name), depth);
    if (head < 0xc0) return this.text(head & 31);
    switch (head) {
      case 0xc0: return null;
      case 0xc2: return false;
      case 0xc3: return true;
      case 0xca: return this.view.getFloat32(this.take(4));
      case 0xcb: return this.view.getFloat64(this.take(8));
      case 0xcc: return this.unsigned(1);
      case 0xcd: return this.unsigned(2);
      case 0xce: return this.unsigned(4);
      case 0xcf: return exact(this.view.getBigUint64(this.take(8)));
      case 0xd0: return this.view.getInt8(this.take(1));
      case 0xd1: return this.view.getInt16(this.take(2));
      case 0xd2: return this.view.getInt32(this.take(4));
      case 0xd3: return exact(this.view.getBigInt64(this.take(8)));
      case 0xd6: case 0xd7: return this.moment(head === 0xd6 ? 4 : 8);
      case 0xc7: return this.moment(this.unsigned(1));
      case 0xd9: return this.text(this.unsigned(1));
      case 0xda: return this.text(this.unsigned(2));
      case 0xdb: return this.text(this.unsigned(4));
      case 0xdc: return this.array(this.unsigned(2), pointerOf(parent, name), depth);
      case 0xdd: return this.array(this.unsigned(4), pointerOf(parent, name), depth);
      case 0xde: return this.map(this.unsigned(2), pointerOf(parent, name), depth);
      case 0xdf: return this.map(this.unsigned(4), pointerOf(parent, name), depth);
      case 0xc1: throw new Unreadable('malformed', 'byte 0xc1 is not MessagePack', this.at - 1);
      default: throw new Unreadable('invalid', 'binary and extension values are not taken, timestamps apart', this.at - 1);
    }
  }

  private map(size: number, pointer: string, depth: number): Record<string, unknown> {
    const value: Record<string, unknown> = {};
    for (let i = 0; i < size; i++) {
      const at = this.at, name = this.value(pointer, '', depth + 1);
      if (typeof name !== 'string') throw new Unreadable('invalid', 'field names must be texts', at);
      if (Object.hasOwn(value, name)) this.duplicates.push(pointerOf(pointer, name));
      setField(value, name, this.value(pointer, name, depth + 1));
    }
    return value;
  }

  private array(size: number, pointer: string, depth: number): unknown[] {
    const value: unknown[] = [];
    for (let i = 0; i < size; i++) value.push(this.value(pointer, String(i), depth + 1));
    return value;
  }

  private text(length: number): string {
    const start = this.take(length);
    try {
      return decoder.decode(this.bytes.subarray(start, start + length));
    } catch (error) {
      if (error instanceof TypeError) throw new Unreadable('malformed', 'a text that is not valid UTF-8', start);
      throw error;
    }
  }

  /** Timestamp 32, 64 and 96 of the MessagePack specification; fractions are cut to milliseconds. */
  private moment(length: number): Moment {
    const type = this.view.getInt8(this.take(1)), at = this.take(length);
    if (type !== -1 || length !== 4 && length !== 8 && length !== 12) throw new Unreadable('invalid', 'extension values are not taken, timestamps apart', at);
    if (length === 4) return new Moment(this.view.getUint32(at) * 1000);
    if (length === 8) {
      const high = this.view.getUint32(at);
      return new Moment(((high & 3) * 2 ** 32 + this.view.getUint32(at + 4)) * 1000 + Math.floor((high >>> 2) / 1_000_000));
    }
    return new Moment(Number(this.view.getBigInt64(at + 4)) * 1000 + Math.floor(this.view.getUint32(at) / 1_000_000));
  }

  private unsigned(width: 1 | 2 | 4): number {
    const at = this.take(width);
    return width === 1 ? this.view.getUint8(at) : width === 2 ? this.view.getUint16(at) : this.view.getUint32(at);
  }

  private take(length: number): number {
    const at = this.at;
    if (at + length > this.end) throw new Unreadable('malformed', 'the bytes end within a value', at);
    this.at = at + length;
    return at;
  }
}

function exact(value: bigint): number | bigint {
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
}

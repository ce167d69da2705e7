/**
 * The transactions of a body or a record in one of the contract's forms, one after another: JSON (an object or an array), NDJSON, MessagePack (a map
 * or an array).
 *
 * Promises: an item that is wrong doesn't touch the others, as long as its end can be found; where it can't, it is the last one, with reason
 * `malformed`. What stands behind the items of a list where nothing may is an item more, malformed. Never throws because of the bytes, and looks at each byte a bounded number of times.
 */
import { problem, type Problem } from '../../schemas/validate.js';
import { Text, type Transaction } from '../transaction.js';
import { addPartner } from './fill.js';
import { ITEM_BYTES_MAX, skipSpace, valueEnd } from './json-tree.js';
import { messagePackEnd } from './msgpack-tree.js';
import { readJson, readJsonSlow, type Read } from './read-json.js';
import { readMessagePack, readMessagePackSlow } from './read-msgpack.js';

export type ItemFormat = 'json' | 'ndjson' | 'msgpack';

/** MessagePack's maps and arrays begin with 0x80 or more, so what begins with a character of a text was meant to be JSON; 0xef begins a byte order mark. */
export function formatOf(bytes: Uint8Array, start: number, end: number): 'json' | 'msgpack' {
  const first = start < end ? bytes[start]! : 0xc1;
  return first < 0x80 || first === 0xef ? 'json' : 'msgpack';
}

const NEWLINE = 0x0a, COMMA = 0x2c, ARRAY = 0x5b, ARRAY_END = 0x5d, OBJECT = 0x7b;
/** As itemsLeft: what is left stands where the list should go on or end. */
const BEHIND = -1;
const NONE: readonly Problem[] = [];
const PARTNER = 2 * Text.partner + 1;

/** `itemsLeft`: as the part before ended; undefined: nothing was read yet. */
export interface Part { isLast: boolean; itemsLeft?: number }

export class Items {
  /** The body is one item, not a list of items. */
  single = false;
  /** What is wrong with the item read last; empty when it is in the transaction. */
  problems: readonly Problem[] = NONE;
  /** The decoded item when there are problems, as far as it could be read, and its bytes. */
  value: unknown = undefined;
  /** The item is in the transaction, also when it is refused for what stands behind it. */
  isRead = false;
  itemStart = 0;
  itemEnd = 0;
  /** Where the item's bytes went wrong, counted from the start of the body. */
  position = 0;
  /** Items of the array that are still to come; of JSON, whose arrays don't say how many: 0 or not. BEHIND is one to come, too. */
  itemsLeft = 0;
  /** Of a part: its bytes from here on make sense only together with the next ones. */
  restAt = 0;
  /** The part has no further item that can be read without the next one. */
  needsMore = false;
  private isLast = true;
  private format: ItemFormat = 'json';
  private bytes: Uint8Array = new Uint8Array(0);
  private at = 0;
  private end = 0;
  private partner: Uint8Array | undefined;
  private complete: ((value: unknown) => void) | undefined;

  /**
   * Begins with bytes[start] … bytes[end - 1]. `partner` is put into items that name none. Returns what is wrong when these bytes are no such body at
   * all.
   */
  open(format: ItemFormat, bytes: Uint8Array, start: number, end: number, partner?: string): { detail: string; position: number } | undefined {
    this.take(format, bytes, start, end, partner);
    this.isLast = true;
    return this.begin();
  }

  /**
   * Begins with a part of an array: its first bytes, or (with `itemsLeft`) what follows after a part that was read, the bytes that it left over in front. An item is read
   * only when what stands behind it shows that it is whole and not the last; so all that is said about items, and about the end, is what `open` on all the bytes would say.
   */
  openPart(format: 'json' | 'msgpack', bytes: Uint8Array, { isLast, itemsLeft }: Part, partner?: string): { detail: string; position: number } | undefined {
    this.take(format, bytes, 0, bytes.length, partner);
    this.isLast = isLast;
    this.restAt = bytes.length;
    if (itemsLeft === undefined) return this.begin();
    this.single = false;
    this.itemsLeft = itemsLeft;
    if (format === 'json') this.at = skipSpace(bytes, 0, bytes.length);
    return undefined;
  }
  /** Where the next item begins, if there is one; -1 after the last. */
  get nextAt(): number {
    return this.format === 'ndjson' ? this.at < this.end ? this.at : -1 : this.itemsLeft !== 0 ? this.at : -1;
  }
  private take(format: ItemFormat, bytes: Uint8Array, start: number, end: number, partner?: string): void {
    this.format = format;
    this.bytes = bytes;
    this.at = start;
    this.end = end;
    this.problems = NONE;
    this.value = undefined;
    this.needsMore = false;
    this.itemsLeft = 0;
    this.partner = partner === undefined ? undefined : new TextEncoder().encode(partner);
    this.complete = partner === undefined ? undefined : value => setPartner(value, partner);
  }
  private begin(): { detail: string; position: number } | undefined {
    const { format, bytes, at: start } = this;
    if (format === 'msgpack') return this.openMessagePack();
    if (bytes[start] === 0xef && bytes[start + 1] === 0xbb && bytes[start + 2] === 0xbf) this.at += 3;
    this.single = false;
    return format === 'json' ? this.openJson() : undefined;
  }

  /** Reads the next item into `t`; false after the last. Look at `problems` before `t`. */
  next(t: Transaction): boolean {
    if (this.needsMore) return false;
    if (this.itemsLeft === BEHIND) return this.readBehind();
    if (this.format === 'ndjson') return this.nextLine(t);
    return this.format === 'json' ? this.nextJson(t) : this.nextMessagePack(t);
  }

  private openJson(): { detail: string; position: number } | undefined {
    this.at = skipSpace(this.bytes, this.at, this.end);
    const first = this.at < this.end ? this.bytes[this.at]! : -1;
    this.single = first === OBJECT;
    this.itemsLeft = 1;
    if (first < 0 && !this.isLast) return this.wait(0);
    if (first !== OBJECT && first !== ARRAY) return { detail: 'expected a JSON object or an array of objects', position: this.at };
    if (first === OBJECT) return undefined;
    this.at = skipSpace(this.bytes, this.at + 1, this.end);
    if (!this.isLast && (this.at >= this.end || this.bytes[this.at] === ARRAY_END)) return this.wait(0);
    if (this.bytes[this.at] === ARRAY_END && this.at < this.end) {
      this.itemsLeft = 0;
      return this.trailing(this.at + 1) ? { detail: 'unexpected bytes after the array', position: this.at + 1 } : undefined;
    }
    return undefined;
  }

  private openMessagePack(): { detail: string; position: number } | undefined {
    const { bytes, at, end } = this;
    const head = at < end ? bytes[at]! : 0xc1;
    this.single = (head & 0xf0) === 0x80 || head === 0xde || head === 0xdf;
    this.itemsLeft = 1;
    if (this.single) return undefined;
    const width = (head & 0xf0) === 0x90 ? 0 : head === 0xdc ? 2 : head === 0xdd ? 4 : -1;
    if (width >= 0 && at + 1 + width > end && !this.isLast) return this.wait(0);
    if (width < 0 || at + 1 + width > end) return { detail: 'expected a MessagePack map or an array of maps', position: at };
    this.itemsLeft = head & 15;
    if (width > 0) {
      this.itemsLeft = 0;
      for (let i = 1; i <= width; i++) this.itemsLeft = this.itemsLeft * 256 + bytes[at + i]!;
    }
    this.at += 1 + width;
    if (this.itemsLeft === 0 && !this.isLast) return this.wait(0);
    return this.itemsLeft === 0 && this.at !== end ? { detail: 'unexpected bytes after the array', position: this.at } : undefined;
  }

  private nextLine(t: Transaction): boolean {
    const { bytes, end } = this;
    for (;;) {
      const start = skipSpace(bytes, this.at, end);
      if (start >= end) return false;
      const newline = bytes.indexOf(NEWLINE, start);
      const lineEnd = newline < 0 || newline > end ? end : newline;
      this.at = lineEnd + 1;
      const next = this.read(t, start, lineEnd);
      if (next < 0) this.itemEnd = lineEnd;
      else if (skipSpace(bytes, next, lineEnd) < lineEnd) this.refuse('unexpected bytes after the object', next, lineEnd);
      return true;
    }
  }

  private nextJson(t: Transaction): boolean {
    if (this.itemsLeft === 0) return false;
    const { bytes, end } = this;
    const next = this.read(t, this.at, end);
    if (this.needsMore) return false;
    if (next < 0) return this.stop();
    if (this.single) {
      if (this.trailing(next)) this.refuse('unexpected bytes after the object', next, end);
      return this.stop();
    }
    const at = skipSpace(bytes, next, end);
    if (!this.isLast && (at >= end || bytes[at] === ARRAY_END)) return this.leave();
    if (at < end && bytes[at] === COMMA) this.at = skipSpace(bytes, at + 1, end);
    else {
      this.at = at;
      // An item that breaks off with the body says so itself.
      const isEnd = at < end ? bytes[at] === ARRAY_END && !this.trailing(at + 1) : this.problems[0]?.reason === 'malformed';
      this.itemsLeft = isEnd ? 0 : BEHIND;
    }
    return true;
  }

  private nextMessagePack(t: Transaction): boolean {
    if (this.itemsLeft === 0) return false;
    if (!this.isLast && this.itemsLeft === 1) {
      this.itemStart = this.at;
      return this.leave();
    }
    const next = this.read(t, this.at, this.end);
    if (this.needsMore) return false;
    if (next < 0) return this.stop();
    this.at = next;
    if (--this.itemsLeft === 0 && next !== this.end) this.itemsLeft = BEHIND;
    return true;
  }

  /** The items before are what they are: nothing of them depends on what follows. */
  private readBehind(): true {
    const { format, bytes, at, end } = this;
    let detail = 'unexpected bytes after the array';
    if (format === 'json' && at >= end) detail = 'the array ends without "]"';
    else if (format === 'json' && bytes[at] !== ARRAY_END) detail = 'expected "," or "]" after the item before; what follows is not read';
    this.problems = [problem('', 'malformed', detail)];
    this.isRead = false;
    this.value = undefined;
    this.itemStart = this.position = at;
    this.itemEnd = end;
    return this.stop();
  }

  /** The item at `start` into `t` or into problems; returns the place after it, -1 when that can't be told. */
  private read(t: Transaction, start: number, end: number): number {
    const isMessagePack = this.format === 'msgpack';
    this.itemStart = start;
    const next = isMessagePack ? readMessagePack(this.bytes, start, end, t) : readJson(this.bytes, start, end, t);
    if (next >= 0 && (t.text[PARTNER] !== 0 || this.partner !== undefined)) {
      if (t.text[PARTNER] === 0) addPartner(t, this.bytes, start, next, this.partner!);
      this.problems = NONE;
      this.isRead = true;
      this.value = undefined;
      this.itemEnd = next;
      return next;
    }
    const stop = (isMessagePack ? messagePackEnd : valueEnd)(this.bytes, start, end);
    if (!this.isLast && (stop < 0 || (stop === end && !isMessagePack))) return this.leave(), -1;
    if (stop - start > ITEM_BYTES_MAX) {
      const detail = `an item has at most ${ITEM_BYTES_MAX} bytes, not ${stop - start}`;
      return this.keep({ next: stop, problems: [problem('', 'invalid', detail)], value: undefined, position: start }, stop);
    }
    const slowEnd = stop < 0 ? Math.min(end, start + ITEM_BYTES_MAX) : end;
    return this.keep((isMessagePack ? readMessagePackSlow : readJsonSlow)(this.bytes, start, slowEnd, t, this.complete), stop);
  }

  /** What the slow reader found; an item that it could not read to its end is taken to end at `stop`. */
  private keep({ next, problems, value, position }: Read, stop: number): number {
    this.problems = problems;
    this.isRead = problems.length === 0;
    this.value = value;
    this.position = position;
    this.itemEnd = next < 0 ? stop < 0 ? this.end : stop : next;
    return next < 0 ? stop : next;
  }

  /** Calls the item malformed for what stands behind it. */
  private refuse(detail: string, position: number, itemEnd: number): void {
    this.problems = [problem('', 'malformed', `${detail}, at byte ${position - this.itemStart}`), ...this.problems];
    this.position = position;
    this.itemEnd = itemEnd;
  }

  /** The item goes on in the next part, or may be the last: it is left for then. */
  private leave(): false {
    this.wait(this.itemStart);
    return false;
  }
  private wait(restAt: number): undefined {
    this.needsMore = true;
    this.restAt = restAt;
  }

  private trailing(at: number): boolean {
    return skipSpace(this.bytes, at, this.end) < this.end;
  }

  private stop(): true {
    this.itemsLeft = 0;
    return true;
  }
}

function setPartner(value: unknown, partner: string): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
  const fields = value as Record<string, unknown>;
  if (!Object.hasOwn(fields, 'partner')) fields.partner = partner;
}

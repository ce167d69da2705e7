/**
 * The accounts of one partition that are in memory: integer cells (ledger/cells.ts) in one slab of doubles, found by ordinal or by card, without an object per account.
 *
 *   account at o:  [o] cells used  [o+1] cells that fit  [o+2] program  [o+3] flags  [o+4] ordinal  [o+5] day of the first lot that is due, -1: not known
 *                  then cells of 3 (key1, key2, value), sorted, so that an account with thousands of lots costs little more than one with ten
 *   card text:     a run of cells of kind CARD whose key2 and value hold 16 raw bytes of text each (never read as numbers)
 *
 * Bounded: past `bytesMax` accounts that are clean and were not touched lately make room (their owner loads them again from disk); dirty ones always stay.
 */
import { CellKind, cellA, cellKey, cellKind, lotExpires, lotMatures, NEVER } from '../ledger/cells.js';
import { CardIndex, hashCard } from './card-index.js';

const HEADER = 6;
/** A line of the processor's cache, and the size of most accounts. */
const LINE_DOUBLES = 8, COMMON_DOUBLES = 48;
export const CARD = 30;
export const CHUNK_BYTES = 16;
export const CARD_BYTES_MAX = 128;
/** Cells behind a new one that are moved one by one; more by one call, which is dear for few. */
const MOVED_ONE_BY_ONE_MAX = 24;
/** The slab begins with its bound up to this size: a page of memory that was never touched costs nothing, moving to a larger slab does. */
const FIRST_SLAB_BYTES_MAX = 1 << 26;
const PENDING = cellKey(CellKind.pending, 0, 0), AFTER_PENDING = cellKey(CellKind.pending + 1, 0, 0);
const UNKNOWN = -1;
const FLAG_DIRTY = 1, FLAG_TOUCHED = 2, FLAG_NEW_CARDS = 4;
const CAPACITIES = [12, 20, 32, 48, 80, 128, 192, 288, 432, 648, 972, 1458, 2916, 5832, 11_664, 23_328, 46_656];
const capacityClass = (cells: number): number => {
  for (let i = 0; i < CAPACITIES.length; i++) if (CAPACITIES[i]! >= cells) return i;
  return -1;
};

export class AccountStore {
  /** Accounts ever opened in this partition; the next ordinal. */
  opened = 0;
  resident = 0;
  private slab: Float64Array;
  private raw: Uint8Array;
  /** Nobody reads it: it keeps the compiler from leaving out what was only touched. */
  touched = 0;
  private used = 0;
  private offsets = new Int32Array(1024).fill(-1);
  private bits = new Uint8Array(1024);
  private free: number[][] = CAPACITIES.map(() => []);
  private readonly cards = new CardIndex();
  /** Ordinals that changed since the last sweep took them, each once. */
  dirty = new Int32Array(1024);
  dirtyCount = 0;

  constructor(private readonly bytesMax: number) {
    this.slab = new Float64Array(Math.max(1 << 15, Math.floor(Math.min(bytesMax, FIRST_SLAB_BYTES_MAX) / 8)));
    this.raw = new Uint8Array(this.slab.buffer);
  }

  get bytes(): number {
    return this.used * 8 + this.offsets.byteLength + this.bits.byteLength + this.cards.bytes;
  }
  /** Place of a resident account in the slab, -1 when it is not in memory. */
  offset(ordinal: number): number {
    return ordinal < this.offsets.length ? this.offsets[ordinal]! : -1;
  }
  program(ordinal: number): number {
    return this.slab[this.touch(ordinal) + 2]!;
  }
  flags(ordinal: number): number {
    return this.slab[this.touch(ordinal) + 3]!;
  }
  setFlags(ordinal: number, flags: number): void {
    this.slab[this.touch(ordinal) + 3] = flags;
    this.markDirty(ordinal);
  }

  open(ordinal: number, program: number): void {
    if (ordinal >= this.opened) this.opened = ordinal + 1;
    this.place(ordinal, program, 0, CAPACITIES[0]!);
    this.markDirty(ordinal);
  }

  get(ordinal: number, key1: number, key2: number): number {
    const { slab } = this;
    const at = this.find(this.touch(ordinal), key1, key2);
    return slab[at] === key1 && slab[at + 1] === key2 ? slab[at + 2]! : 0;
  }

  /** Adds to a cell; returns true when the cell is new. A cell that becomes 0 is removed. */
  add(ordinal: number, key1: number, key2: number, addition: number): boolean {
    if (addition === 0) return false;
    let o = this.touch(ordinal);
    this.markDirty(ordinal);
    let at = this.find(o, key1, key2);
    const { slab } = this, count = slab[o]!, end = o + HEADER + count * 3;
    if (at < end && slab[at] === key1 && slab[at + 1] === key2) {
      const value = slab[at + 2]! + addition;
      if (value !== 0) {
        slab[at + 2] = value;
        return false;
      }
      slab.copyWithin(at, at + 3, end);
      slab[o] = count - 1;
      if (key1 < AFTER_PENDING && dueDay(key1, key2) <= slab[o + 5]!) slab[o + 5] = UNKNOWN;
      return false;
    }
    if (count === slab[o + 1]) {
      at -= o;
      o = this.grow(ordinal, count + 1);
      at += o;
    }
    this.insert(o, at, count, key1, key2, addition);
    return true;
  }
  private insert(o: number, at: number, count: number, key1: number, key2: number, value: number): void {
    const { slab } = this, end = o + HEADER + count * 3;
    if (end - at > MOVED_ONE_BY_ONE_MAX * 3) slab.copyWithin(at + 3, at, end);
    else for (let i = end - 1; i >= at; i--) slab[i + 3] = slab[i]!;
    slab[at] = key1;
    slab[at + 1] = key2;
    slab[at + 2] = value;
    slab[o] = count + 1;
    if (key1 < AFTER_PENDING && slab[o + 5] !== UNKNOWN) slab[o + 5] = Math.min(slab[o + 5]!, dueDay(key1, key2));
  }
  /** Where a cell is, or would be inserted: cells are sorted by key1, key2, with the texts of cards (the greatest kind) behind them. */
  private find(o: number, key1: number, key2: number): number {
    const { slab } = this;
    const first = o + HEADER;
    let low = 0, high = slab[o]!;
    while (low < high) {
      const middle = (low + high) >>> 1, at = first + middle * 3, found = slab[at]!;
      if (found < key1 || (found === key1 && slab[at + 1]! < key2)) low = middle + 1;
      else high = middle;
    }
    return first + low * 3;
  }

  /** Cells of an account, sorted by key1 and key2, card texts left out: visit(key1, key2, value). */
  forEach(ordinal: number, visit: (key1: number, key2: number, value: number) => void): void {
    const o = this.touch(ordinal);
    for (let at = o + HEADER, end = at + this.slab[o]! * 3; at < end; at += 3) {
      if (cellKind(this.slab[at]!) !== CARD) visit(this.slab[at]!, this.slab[at + 1]!, this.slab[at + 2]!);
    }
  }
  /** Copies key1, key2, value of the cells of one kind into `out`; returns how many. */
  collect(ordinal: number, kind: number, out: Float64Array): number {
    const { slab } = this;
    const o = this.touch(ordinal);
    const low = cellKey(kind, 0, 0), high = cellKey(kind + 1, 0, 0);
    let found = 0;
    for (let at = this.find(o, low, 0), end = o + HEADER + slab[o]! * 3; at < end; at += 3) {
      const key1 = slab[at]!;
      if (key1 >= high) break;
      out[found++] = key1;
      out[found++] = slab[at + 1]!;
      out[found++] = slab[at + 2]!;
      if (found + 3 > out.length) throw new Error(`account ${ordinal} has more than ${out.length / 3} cells of kind ${kind}`);
    }
    return found / 3;
  }
  /** Is there a lot to settle at `day`: pending that matures or available that expires by then? */
  hasDue(ordinal: number, day: number): boolean {
    const { slab } = this;
    const o = this.touch(ordinal);
    if (slab[o + 5] === UNKNOWN) {
      let first = NEVER;
      for (let at = this.find(o, cellKey(CellKind.available, 0, 0), 0), end = o + HEADER + slab[o]! * 3; at < end && slab[at]! < AFTER_PENDING; at += 3) {
        first = Math.min(first, dueDay(slab[at]!, slab[at + 1]!));
      }
      slab[o + 5] = first;
    }
    return slab[o + 5]! <= day;
  }

  // ── cards ──
  /** Ordinal of the resident account of a card, -1 when none is in memory. */
  findCard(program: number, text: Uint8Array, start: number, length: number, hash = hashCard(program, text, start, length)): number {
    for (let slot = this.cards.next(hash, -1); slot >= 0; slot = this.cards.next(hash, slot)) {
      const ordinal = this.cards.ordinal(slot), o = this.offset(ordinal);
      if (o < 0) continue;
      this.touched = this.touchAccount(o);
      if (this.holdsCard(ordinal, program, text, start, length)) return ordinal;
    }
    return -1;
  }
  /** Touches where a card is looked for; what it returns means nothing. */
  touchCard(hash: number): number {
    return this.cards.touch(hash);
  }
  /** Touches all of an account of common size, which will be needed piece by piece. */
  private touchAccount(o: number): number {
    const { slab } = this;
    let touched = 0;
    for (let at = o, end = Math.min(o + COMMON_DOUBLES, this.used); at < end; at += LINE_DOUBLES) touched += slab[at]!;
    return touched;
  }
  addCard(ordinal: number, program: number, text: Uint8Array): void {
    let o = this.touch(ordinal);
    const chunks = Math.max(1, Math.ceil(text.length / CHUNK_BYTES));
    const count = this.slab[o]!;
    if (count + chunks > this.slab[o + 1]!) o = this.grow(ordinal, count + chunks);
    for (let chunk = 0; chunk < chunks; chunk++) {
      const at = o + HEADER + (count + chunk) * 3;
      this.slab[at] = cellKey(CARD, text.length, chunk);
      this.raw.fill(0, (at + 1) * 8, (at + 3) * 8);
      this.raw.set(text.subarray(chunk * CHUNK_BYTES, (chunk + 1) * CHUNK_BYTES), (at + 1) * 8);
    }
    this.slab[o] = count + chunks;
    this.markDirty(ordinal);
    this.bits[ordinal] = this.bits[ordinal]! | FLAG_NEW_CARDS;
    this.cards.add(hashCard(program, text, 0, text.length), ordinal);
  }
  cardsOf(ordinal: number): Uint8Array[] {
    const o = this.touch(ordinal);
    const found: Uint8Array[] = [];
    for (let at = this.find(o, cellKey(CARD, 0, 0), 0), end = o + HEADER + this.slab[o]! * 3; at < end; at += 3) {
      const length = cellA(this.slab[at]!);
      const text = new Uint8Array(length);
      for (let done = 0; done < length; done += CHUNK_BYTES) {
        if (done > 0) at += 3;
        text.set(this.raw.subarray((at + 1) * 8, (at + 1) * 8 + Math.min(CHUNK_BYTES, length - done)), done);
      }
      found.push(text);
    }
    return found;
  }

  // ── for the checkpoint (partition-state.ts) ──
  /** Past its bound: only a checkpoint can make room. */
  get overfull(): boolean {
    return this.used * 8 > this.bytesMax * 0.9;
  }
  /** Forgets who was touched: from here on "lately" means since now. */
  age(): void {
    for (let ordinal = 0; ordinal < this.opened && ordinal < this.bits.length; ordinal++) this.bits[ordinal]! &= ~FLAG_TOUCHED;
  }
  hasNewCards(ordinal: number): boolean {
    return (this.bits[ordinal]! & FLAG_NEW_CARDS) !== 0;
  }
  isDirty(ordinal: number): boolean {
    return ordinal < this.bits.length && (this.bits[ordinal]! & FLAG_DIRTY) !== 0;
  }
  markClean(ordinal: number): void {
    this.bits[ordinal] = this.bits[ordinal]! & ~(FLAG_DIRTY | FLAG_NEW_CARDS);
  }
  /** program, flags, cells … as doubles: what `load` takes. */
  copyOut(ordinal: number): Float64Array {
    const o = this.offset(ordinal);
    const out = new Float64Array(2 + this.slab[o]! * 3);
    out.set(this.slab.subarray(o + 2, o + 4));
    out.set(this.slab.subarray(o + HEADER, o + HEADER + this.slab[o]! * 3), 2);
    return out;
  }
  /** Puts an account that was read from disk into memory, clean. */
  load(ordinal: number, saved: Float64Array): void {
    const cells = (saved.length - 2) / 3;
    const o = this.place(ordinal, saved[0]!, saved[1]!, cells);
    this.slab.set(saved.subarray(2), o + HEADER);
    this.slab[o] = cells;
    const program = saved[0]!;
    for (const text of this.cardsOf(ordinal)) this.cards.add(hashCard(program, text, 0, text.length), ordinal);
  }

  private touch(ordinal: number): number {
    const o = this.offsets[ordinal]!;
    if (!(o >= 0)) throw new Error(`account ${ordinal} is not in memory`);
    this.bits[ordinal] = this.bits[ordinal]! | FLAG_TOUCHED;
    return o;
  }
  private markDirty(ordinal: number): void {
    if (this.bits[ordinal]! & FLAG_DIRTY) return;
    this.bits[ordinal] = this.bits[ordinal]! | FLAG_DIRTY;
    if (this.dirtyCount === this.dirty.length) this.dirty = grownInt32(this.dirty, -1);
    this.dirty[this.dirtyCount++] = ordinal;
  }
  private place(ordinal: number, program: number, flags: number, cells: number): number {
    while (ordinal >= this.offsets.length) {
      this.offsets = grownInt32(this.offsets, -1);
      const bits = new Uint8Array(this.offsets.length);
      bits.set(this.bits);
      this.bits = bits;
    }
    const o = this.allocate(cells);
    this.slab[o] = 0;
    this.slab[o + 2] = program;
    this.slab[o + 3] = flags;
    this.slab[o + 4] = ordinal;
    this.slab[o + 5] = UNKNOWN;
    this.offsets[ordinal] = o;
    this.bits[ordinal] = FLAG_TOUCHED;
    this.resident++;
    return o;
  }
  private allocate(cells: number): number {
    const size = capacityClass(cells);
    const capacity = size < 0 ? Math.ceil(cells * 1.5) : CAPACITIES[size]!;
    const again = size < 0 ? undefined : this.free[size]!.pop();
    if (again !== undefined) return again;
    const doubles = HEADER + capacity * 3;
    if (this.used + doubles > this.slab.length) this.makeRoom(doubles);
    const o = this.used;
    this.used += doubles;
    this.slab[o + 1] = capacity;
    return o;
  }
  private grow(ordinal: number, cells: number): number {
    const o = this.allocate(cells);
    const from = this.offsets[ordinal]!; // making room may have moved it
    const capacity = this.slab[o + 1]!;
    this.slab.copyWithin(o, from, from + HEADER + this.slab[from]! * 3);
    this.slab[o + 1] = capacity;
    this.release(from);
    this.offsets[ordinal] = o;
    return o;
  }
  private release(o: number): void {
    this.slab[o + 4] = -1;
    const size = CAPACITIES.indexOf(this.slab[o + 1]!);
    if (size >= 0) this.free[size]!.push(o);
  }
  private makeRoom(doubles: number): void {
    if (this.slab.byteLength * 2 <= this.bytesMax) return this.rebuild(this.slab.length * 2, 'keep');
    const bound = Math.floor(this.bytesMax / 8), wanted = bound * 0.75;
    this.rebuild(Math.max(bound, this.used + doubles), 'untouched');
    if (this.used > wanted) this.rebuild(Math.max(bound, this.used + doubles), 'clean');
    // What is dirty can't go: past the bound until the checkpoint that `overfull` asks for has written it; then back to the bound.
    if (this.used > wanted) this.rebuild(Math.max(bound, this.used * 1.5 + doubles), 'keep');
    else if (this.slab.length > bound) this.rebuild(Math.max(bound, this.used + doubles), 'keep');
  }
  /** Copies what stays into a new slab. Out go: nobody; clean accounts that were not touched since the last sweep; or every clean account. */
  private rebuild(doubles: number, evict: 'keep' | 'untouched' | 'clean'): void {
    const slab = new Float64Array(Math.ceil(doubles));
    const old = this.slab;
    const keepMask = evict === 'keep' ? 0 : evict === 'untouched' ? FLAG_DIRTY | FLAG_TOUCHED : FLAG_DIRTY;
    let used = 0, resident = 0;
    if (evict !== 'keep') this.cards.clear();
    for (let o = 0; o < this.used; o += HEADER + old[o + 1]! * 3) {
      const ordinal = old[o + 4]!;
      if (ordinal < 0 || this.offsets[ordinal] !== o) continue;
      if (keepMask !== 0 && (this.bits[ordinal]! & keepMask) === 0) {
        this.offsets[ordinal] = -1;
        continue;
      }
      slab.set(old.subarray(o, o + HEADER + old[o]! * 3), used);
      this.offsets[ordinal] = used;
      used += HEADER + old[o + 1]! * 3;
      resident++;
    }
    this.slab = slab;
    this.raw = new Uint8Array(slab.buffer);
    this.used = used;
    this.resident = resident;
    this.free = CAPACITIES.map(() => []);
    if (evict !== 'keep') {
      for (let o = 0; o < used; o += HEADER + slab[o + 1]! * 3) {
        const ordinal = slab[o + 4]!;
        for (const text of this.cardsAt(o)) this.cards.add(hashCard(slab[o + 2]!, text, 0, text.length), ordinal);
      }
    }
  }
  private cardsAt(o: number): Uint8Array[] {
    const ordinal = this.slab[o + 4]!;
    const bits = this.bits[ordinal]!;
    const found = this.cardsOf(ordinal);
    this.bits[ordinal] = bits;
    return found;
  }
  private holdsCard(ordinal: number, program: number, text: Uint8Array, start: number, length: number): boolean {
    const o = this.offsets[ordinal]!;
    if (this.slab[o + 2] !== program) return false;
    const key = cellKey(CARD, length, 0);
    for (let at = this.find(o, cellKey(CARD, 0, 0), 0), end = o + HEADER + this.slab[o]! * 3; at < end; at += 3) {
      if (this.slab[at] !== key) continue;
      let same = true;
      for (let i = 0; i < length && same; i++) {
        const cell = at + Math.floor(i / CHUNK_BYTES) * 3 + 1;
        same = this.raw[cell * 8 + (i % CHUNK_BYTES)] === text[start + i];
      }
      if (same) return true;
    }
    return false;
  }
}

function grownInt32(array: Int32Array, fill: number): Int32Array<ArrayBuffer> {
  const grown = new Int32Array(array.length * 2);
  grown.set(array);
  if (fill !== 0) grown.fill(fill, array.length);
  return grown;
}

/** When a lot matures (pending) or expires (available); NEVER for other cells. */
function dueDay(key1: number, key2: number): number {
  return key1 < PENDING ? lotExpires(key2) : key1 < AFTER_PENDING ? lotMatures(key2) : NEVER;
}

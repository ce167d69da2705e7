/**
 * The accounts of one partition that are in memory: integer cells (ledger/cells.ts) in one slab of doubles, found by ordinal or by card, without an object per account.
 * How an account lies in it is drawn in sorted-cells.ts.
 *
 * Bounded: past `bytesMax` accounts that are clean and were not touched lately make room (their owner loads them again from disk); dirty ones always stay.
 */
import { cellKey, cellKind } from '../ledger/cells.js';
import { CardIndex, hashCard } from './card-index.js';
import { CAPACITIES, capacityClass } from './capacities.js';
import { CARD, holdsCard, piecesOf, readCards, writeCard } from './card-texts.js';
import { addToFound, balancesAt, findCell, firstDueDay, HEADER, insertNew, largestOfPass, UNKNOWN_DAY } from './sorted-cells.js';

const FIRST_CELL = HEADER, NO_DAY = UNKNOWN_DAY;
/** A line of the processor's cache, and the size of most accounts. */
const LINE_DOUBLES = 8, COMMON_DOUBLES = 48;
/** The slab begins with its bound up to this size: a page of memory that was never touched costs nothing, moving to a larger slab does. */
const FIRST_SLAB_BYTES_MAX = 1 << 26;
const FLAG_DIRTY = 1, FLAG_TOUCHED = 2, FLAG_NEW_CARDS = 4, FLAG_LARGE = 8;
/** Fewer balances than `MANY`, none of which is `LARGE`, add up to less than 2^52. */
const LARGE = 2 ** 32, MANY = 2 ** 20;

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
    const { slab } = this, o = this.touch(ordinal), count = slab[o]!, at = findCell(slab, o + FIRST_CELL, count, key1, key2);
    return at < o + FIRST_CELL + count * 3 && slab[at] === key1 && slab[at + 1] === key2 ? slab[at + 2]! : 0;
  }
  /** Makes the additions of the pass at hand (sorted-cells.ts), of which there is one; returns how many cells are new. A cell that becomes 0 is removed. */
  addPass(ordinal: number): number {
    let o = this.touch(ordinal);
    this.markDirty(ordinal);
    const added = addToFound(this.slab, o);
    if (largestOfPass() >= LARGE) this.bits[ordinal]! |= FLAG_LARGE;
    if (added === 0) return 0;
    const count = this.slab[o]! + added;
    if (count > this.slab[o + 1]!) o = this.grow(ordinal, count);
    insertNew(this.slab, o, added);
    return added;
  }

  /** Cells of an account, sorted by key1 and key2, card texts left out: visit(key1, key2, value). */
  forEach(ordinal: number, visit: (key1: number, key2: number, value: number) => void): void {
    const o = this.touch(ordinal);
    for (let at = o + FIRST_CELL, end = at + this.slab[o]! * 3; at < end; at += 3) {
      if (cellKind(this.slab[at]!) !== CARD) visit(this.slab[at]!, this.slab[at + 1]!, this.slab[at + 2]!);
    }
  }
  /** Copies key1, key2, value of the cells of one kind into `out`; returns how many. */
  collect(ordinal: number, kind: number, out: Float64Array): number {
    const { slab } = this, o = this.touch(ordinal), low = cellKey(kind, 0, 0), high = cellKey(kind + 1, 0, 0);
    let found = 0;
    for (let at = findCell(slab, o + FIRST_CELL, slab[o]!, low, 0), end = this.end(o); at < end; at += 3) {
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
    return firstDueDay(this.slab, this.touch(ordinal)) <= day;
  }

  /** Whether it can get so many points more: all that it has must not pass 2^53-1. Looks at all of its lots only if there may be much. */
  takes(ordinal: number, points: number): boolean {
    const o = this.touch(ordinal);
    if (points < LARGE && this.slab[o]! < MANY && (this.bits[ordinal]! & FLAG_LARGE) === 0) return true;
    return balancesAt(this.slab, o).points + points <= Number.MAX_SAFE_INTEGER;
  }

  // ── cards ──
  /** Ordinal of the resident account of a card, -1 when none is in memory. */
  findCard(program: number, text: Uint8Array, start: number, length: number, hash = hashCard(program, text, start, length)): number {
    for (let slot = this.cards.next(hash, -1); slot >= 0; slot = this.cards.next(hash, slot)) {
      const ordinal = this.cards.ordinal(slot), o = this.offset(ordinal);
      if (o < 0) continue;
      this.touched = this.touchAccount(o);
      if (this.slab[o + 2] === program && holdsCard(this.slab, this.raw, o + FIRST_CELL, this.end(o), text, start, length)) return ordinal;
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
    const count = this.slab[o]! + piecesOf(text.length);
    if (count > this.slab[o + 1]!) o = this.grow(ordinal, count);
    writeCard(this.slab, this.raw, this.end(o), text);
    this.slab[o] = count;
    this.markDirty(ordinal);
    this.bits[ordinal] = this.bits[ordinal]! | FLAG_NEW_CARDS;
    this.cards.add(hashCard(program, text, 0, text.length), ordinal);
  }
  cardsOf(ordinal: number): Uint8Array[] {
    return this.cardsAt(this.touch(ordinal));
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
    const o = this.offset(ordinal), out = new Float64Array(2 + this.slab[o]! * 3);
    out.set(this.slab.subarray(o + 2, o + 4));
    out.set(this.slab.subarray(o + FIRST_CELL, o + FIRST_CELL + this.slab[o]! * 3), 2);
    return out;
  }
  /** Puts an account that was read from disk into memory, clean. */
  load(ordinal: number, saved: Float64Array): void {
    const cells = (saved.length - 2) / 3;
    const o = this.place(ordinal, saved[0]!, saved[1]!, cells);
    this.slab.set(saved.subarray(2), o + FIRST_CELL);
    this.slab[o] = cells;
    if (balancesAt(this.slab, o).largest >= LARGE) this.bits[ordinal]! |= FLAG_LARGE;
    for (const text of this.cardsAt(o)) this.cards.add(hashCard(saved[0]!, text, 0, text.length), ordinal);
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
    this.slab[o + 5] = NO_DAY;
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
    const doubles = FIRST_CELL + capacity * 3;
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
    this.slab.copyWithin(o, from, from + FIRST_CELL + this.slab[from]! * 3);
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
    for (let o = 0; o < this.used; o += FIRST_CELL + old[o + 1]! * 3) {
      const ordinal = old[o + 4]!;
      if (ordinal < 0 || this.offsets[ordinal] !== o) continue;
      if (keepMask !== 0 && (this.bits[ordinal]! & keepMask) === 0) {
        this.offsets[ordinal] = -1;
        continue;
      }
      slab.set(old.subarray(o, o + FIRST_CELL + old[o]! * 3), used);
      this.offsets[ordinal] = used;
      used += FIRST_CELL + old[o + 1]! * 3;
      resident++;
    }
    this.slab = slab;
    this.raw = new Uint8Array(slab.buffer);
    this.used = used;
    this.resident = resident;
    this.free = CAPACITIES.map(() => []);
    if (evict !== 'keep') {
      for (let o = 0; o < used; o += FIRST_CELL + slab[o + 1]! * 3) {
        const ordinal = slab[o + 4]!;
        for (const text of this.cardsAt(o)) this.cards.add(hashCard(slab[o + 2]!, text, 0, text.length), ordinal);
      }
    }
  }
  private cardsAt(o: number): Uint8Array[] {
    return readCards(this.slab, this.raw, o + FIRST_CELL, this.end(o));
  }
  /** Place after the last cell of the account at `o`. */
  private end(o: number): number {
    return o + FIRST_CELL + this.slab[o]! * 3;
  }
}

function grownInt32(array: Int32Array, fill: number): Int32Array<ArrayBuffer> {
  const grown = new Int32Array(array.length * 2);
  grown.set(array);
  if (fill !== 0) grown.fill(fill, array.length);
  return grown;
}

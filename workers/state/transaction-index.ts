/**
 * Which transactions a partition has decided: id hash (128 bits) → content hash (64 bits), batch and row of the fact. 32 bytes each, for good.
 *
 * New ones stand in a table in memory. A checkpoint freezes that table and writes it to disk as it is, page by page, as one run; a lookup asks memory, then,
 * when the filter says that it may be there, the runs, newest first. Most lookups (new transactions) end at the filter, which knows what was ever frozen.
 *
 *   entry = 8 × u32: id hash 0…3, content hash 0…1, batch, row + 1 (0: empty slot)
 */
const WORDS = 8;
export const PAGE_ENTRIES = 256;
/** Room to begin with: 128 KiB. */
const RECENT_SLOTS = 4096;

export interface RunPages {
  /** Words of one page of a run, 256 entries. */
  page(run: number, page: number): Uint32Array;
}
export interface Run { run: number; slots: number; entries: number }

/** Written once, so that the system gives the pages now: a page that is read before it is written costs a fault that interrupts all cores. */
const emptyWords = (slots: number): Uint32Array => new Uint32Array(slots * WORDS).fill(0);

class Table {
  words: Uint32Array;
  count = 0;
  constructor(public slots: number) {
    this.words = emptyWords(slots);
  }
  /** Word index of the entry, or -1. */
  find(id: Uint32Array): number {
    const { words } = this;
    const mask = this.slots - 1;
    for (let slot = id[0]! & mask; ; slot = (slot + 1) & mask) {
      const at = slot * WORDS;
      if (words[at + 7] === 0) return -1;
      if (words[at] === id[0] && words[at + 1] === id[1] && words[at + 2] === id[2] && words[at + 3] === id[3]) return at;
    }
  }
  /** Word index of a free place, from now on taken, for an entry whose id begins with that word. */
  take(firstWord: number): number {
    if ((this.count + 1) * 3 > this.slots * 2) this.grow();
    const { words } = this;
    const mask = this.slots - 1;
    let slot = firstWord & mask;
    while (words[slot * WORDS + 7] !== 0) slot = (slot + 1) & mask;
    this.count++;
    return slot * WORDS;
  }
  private grow(): void {
    const old = this.words;
    this.slots *= 2;
    this.words = emptyWords(this.slots);
    this.count = 0;
    for (let from = 0; from < old.length; from += WORDS) {
      if (old[from + 7] === 0) continue;
      const at = this.take(old[from]!);
      for (let i = 0; i < WORDS; i++) this.words[at + i] = old[from + i]!;
    }
  }
}

export class TransactionIndex {
  private recent = new Table(RECENT_SLOTS);
  private frozen: Table | undefined;
  private filter = new Uint32Array(1 << 14);
  private filtered = 0;
  /** The last hit of find. */
  readonly content = new Uint32Array(2);
  batch = 0;
  row = 0;

  constructor(private readonly pages: RunPages, readonly runs: Run[] = []) {
    this.rebuildFilter();
  }
  get entries(): number {
    return this.recent.count + (this.frozen?.count ?? 0) + this.runs.reduce((sum, run) => sum + run.entries, 0);
  }
  get bytes(): number {
    return this.recent.words.byteLength + (this.frozen?.words.byteLength ?? 0) + this.filter.byteLength;
  }

  /** True when the transaction is known; `content`, `batch` and `row` then tell more. */
  find(id: Uint32Array): boolean {
    let at = this.recent.find(id);
    if (at >= 0) return this.hit(this.recent.words, at);
    if (this.frozen) {
      at = this.frozen.find(id);
      if (at >= 0) return this.hit(this.frozen.words, at);
    }
    if (this.runs.length === 0 || !this.mayHold(id[0]!, id[1]!)) return false;
    for (let i = this.runs.length - 1; i >= 0; i--) if (this.findInRun(this.runs[i]!, id)) return true;
    return false;
  }
  /** Adds a transaction. At recovery a batch may be applied that another run held already: the same entry is not added twice. */
  add(id: Uint32Array, content: Uint32Array, batch: number, row: number, recovering: boolean): void {
    if (recovering && this.find(id)) return;
    const at = this.recent.take(id[0]!), { words } = this.recent;
    words[at] = id[0]!;
    words[at + 1] = id[1]!;
    words[at + 2] = id[2]!;
    words[at + 3] = id[3]!;
    words[at + 4] = content[0]!;
    words[at + 5] = content[1]!;
    words[at + 6] = batch;
    words[at + 7] = row + 1;
  }
  /** Touches the place of an id by its first word; what it returns means nothing. */
  touch(firstWord: number): number {
    const { recent } = this;
    return recent.words[(firstWord & (recent.slots - 1)) * WORDS]!;
  }

  /** Starts a checkpoint: what is there now becomes the frozen table. Undefined when there is nothing new. */
  freeze(): { slots: number; entries: number; words: Uint32Array } | undefined {
    if (this.frozen) throw new Error('a checkpoint of transactions is under way');
    if (this.recent.count === 0) return undefined;
    this.frozen = this.recent;
    // The next cycle will bring about as many: growing step by step would place each entry again and again.
    this.recent = new Table(Math.max(RECENT_SLOTS, this.frozen.slots / 2));
    const { words } = this.frozen;
    for (let at = 0; at < words.length; at += WORDS) if (words[at + 7] !== 0) this.filterAdd(words[at]!, words[at + 1]!);
    return { slots: this.frozen.slots, entries: this.frozen.count, words: this.frozen.words };
  }
  /** The frozen table is on disk as this run. */
  thaw(run: Run): void {
    this.frozen = undefined;
    this.runs.push(run);
  }

  private hit(words: Uint32Array, at: number): boolean {
    this.content[0] = words[at + 4]!;
    this.content[1] = words[at + 5]!;
    this.batch = words[at + 6]!;
    this.row = words[at + 7]! - 1;
    return true;
  }
  private findInRun({ run, slots }: Run, id: Uint32Array): boolean {
    const mask = slots - 1;
    let loaded = -1, words: Uint32Array | undefined;
    for (let slot = id[0]! & mask; ; slot = (slot + 1) & mask) {
      const page = Math.floor(slot / PAGE_ENTRIES);
      if (page !== loaded) {
        words = this.pages.page(run, page);
        loaded = page;
      }
      const at = (slot % PAGE_ENTRIES) * WORDS;
      if (words![at + 7] === 0) return false;
      if (words![at] === id[0] && words![at + 1] === id[1] && words![at + 2] === id[2] && words![at + 3] === id[3]) return this.hit(words!, at);
    }
  }

  // ── the filter: a Bloom filter of 3 bits a key, at most 1 key for 10 bits ──
  private mayHold(a: number, b: number): boolean {
    const mask = this.filter.length * 32 - 1;
    for (let i = 0, bit = a; i < 3; i++, bit = (bit + b) >>> 0) if (!((this.filter[(bit & mask) >>> 5]! >>> (bit & 31)) & 1)) return false;
    return true;
  }
  private filterAdd(a: number, b: number): void {
    if (this.filtered * 10 > this.filter.length * 32) this.rebuildFilter();
    const mask = this.filter.length * 32 - 1;
    for (let i = 0, bit = a; i < 3; i++, bit = (bit + b) >>> 0) this.filter[(bit & mask) >>> 5]! |= 1 << (bit & 31);
    this.filtered++;
  }
  private rebuildFilter(): void {
    const entries = this.entries - this.recent.count;
    let words = 1 << 14;
    while (words * 32 < entries * 20 && words < 1 << 26) words *= 2;
    this.filter = new Uint32Array(words);
    this.filtered = -Infinity; // no rebuild within the rebuild
    const addAll = (table: Uint32Array): void => {
      for (let at = 0; at < table.length; at += WORDS) if (table[at + 7] !== 0) this.filterAdd(table[at]!, table[at + 1]!);
    };
    for (const { run, slots } of this.runs) for (let page = 0; page < slots / PAGE_ENTRIES; page++) addAll(this.pages.page(run, page));
    if (this.frozen) addAll(this.frozen.words);
    this.filtered = entries;
  }
}

/**
 * Which accounts have points that mature or expire on which day: day → ordinals, in the order in which lots were made. An entry may be stale (the lot was spent) or
 * stand twice; who takes it looks at the account. Bounded by lots, 4 bytes each; written to disk in chunks at each checkpoint, which also removes those of days that have been taken.
 */
class Day {
  ordinals = new Int32Array(16);
  count = 0;
  /** Entries before this one have been taken by ticks. */
  taken = 0;
  /** Entries before this one are on disk. */
  saved = 0;
  /** Of its chunks on disk. */
  sequences: number[] = [];
}

export interface DueKey { day: number; sequence: number }
export interface DueChunk extends DueKey { ordinals: Int32Array }

export class DueIndex {
  private readonly days = new Map<number, Day>();
  private sequence = 0;
  /** The earliest day that has entries, Infinity when none. */
  firstDay = Infinity;

  /** `passed`: chunks on disk that nobody needs any more. */
  constructor(chunks: Iterable<DueChunk> = [], private passed: DueKey[] = []) {
    for (const { day, sequence, ordinals } of chunks) {
      for (const ordinal of ordinals) this.add(day, ordinal);
      const entry = this.days.get(day)!;
      entry.saved = entry.count;
      entry.sequences.push(sequence);
      this.sequence = Math.max(this.sequence, sequence + 1);
    }
    for (const { sequence } of passed) this.sequence = Math.max(this.sequence, sequence + 1);
  }
  add(day: number, ordinal: number): void {
    let entry = this.days.get(day);
    if (!entry) {
      entry = new Day();
      this.days.set(day, entry);
      if (day < this.firstDay) this.firstDay = day;
    }
    if (entry.count > 0 && entry.ordinals[entry.count - 1] === ordinal && entry.count > entry.taken) return;
    if (entry.count === entry.ordinals.length) {
      const grown = new Int32Array(entry.count * 2);
      grown.set(entry.ordinals);
      entry.ordinals = grown;
    }
    entry.ordinals[entry.count++] = ordinal;
  }
  /** Takes up to `limit` ordinals that are due by `day`, oldest day first. */
  take(day: number, limit: number): number[] {
    const found: number[] = [];
    while (this.firstDay <= day && found.length < limit) {
      const entry = this.days.get(this.firstDay)!;
      while (entry.taken < entry.count && found.length < limit) found.push(entry.ordinals[entry.taken++]!);
      if (entry.taken < entry.count) break;
      for (const sequence of entry.sequences) this.passed.push({ day: this.firstDay, sequence });
      this.days.delete(this.firstDay);
      this.firstDay = Math.min(Infinity, ...this.days.keys());
    }
    return found;
  }
  /** Entries that are not on disk yet, as chunks with keys of their own. */
  unsaved(): DueChunk[] {
    const chunks: DueChunk[] = [];
    for (const [day, entry] of this.days) {
      if (entry.saved === entry.count) continue;
      entry.sequences.push(this.sequence);
      chunks.push({ day, sequence: this.sequence++, ordinals: entry.ordinals.slice(entry.saved, entry.count) });
      entry.saved = entry.count;
    }
    return chunks;
  }
  /** Chunks on disk whose days have been taken, each once. */
  takePassed(): DueKey[] {
    const { passed } = this;
    this.passed = [];
    return passed;
  }
}

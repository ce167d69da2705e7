/**
 * Which accounts have points that mature or expire on which day: day → ordinals, in the order in which lots were made. An entry may be stale (the lot was spent) or
 * stand twice; who takes it looks at the account. Bounded by lots, 4 bytes each; written to disk in chunks at each checkpoint.
 */
class Days {
  ordinals = new Int32Array(16);
  count = 0;
  /** Entries before this one have been taken by ticks. */
  taken = 0;
  /** Entries before this one are on disk. */
  saved = 0;
}

export interface DueChunk { day: number; sequence: number; ordinals: Int32Array }

export class DueIndex {
  private readonly days = new Map<number, Days>();
  private sequence = 0;
  /** The earliest day that has entries, Infinity when none. */
  firstDay = Infinity;

  constructor(chunks: Iterable<DueChunk> = []) {
    for (const chunk of chunks) {
      for (const ordinal of chunk.ordinals) this.add(chunk.day, ordinal);
      this.days.get(chunk.day)!.saved = this.days.get(chunk.day)!.count;
      this.sequence = Math.max(this.sequence, chunk.sequence + 1);
    }
  }
  add(day: number, ordinal: number): void {
    let entry = this.days.get(day);
    if (!entry) {
      entry = new Days();
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
      chunks.push({ day, sequence: this.sequence++, ordinals: entry.ordinals.slice(entry.saved, entry.count) });
      entry.saved = entry.count;
    }
    return chunks;
  }
}

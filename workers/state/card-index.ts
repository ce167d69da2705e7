/**
 * Finds accounts by the hash of a card: open addressing, hash → ordinal, in one typed array. It only proposes: whether an account holds the card is decided by its text, in the
 * store. Entries are never taken out one by one; whoever lets accounts go clears it and adds the others again.
 *
 *   slot = [hash, ordinal + 1]      0: free
 */
export class CardIndex {
  private slots = new Int32Array(4096);
  private count = 0;

  get bytes(): number {
    return this.slots.byteLength;
  }
  /** Touches where a hash is looked for; what it returns means nothing. */
  touch(hash: number): number {
    return this.slots[(hash << 1) & (this.slots.length - 2)]!;
  }
  /** The next slot after `slot` (-1: from the start) with this hash; -1 when there is none. */
  next(hash: number, slot: number): number {
    const { slots } = this, mask = slots.length - 2;
    for (let at = slot < 0 ? (hash << 1) & mask : (slot + 2) & mask; slots[at + 1] !== 0; at = (at + 2) & mask) if (slots[at] === hash) return at;
    return -1;
  }
  ordinal(slot: number): number {
    return this.slots[slot + 1]! - 1;
  }
  add(hash: number, ordinal: number): void {
    if ((this.count + 1) * 4 > this.slots.length) this.grow();
    const { slots } = this, mask = slots.length - 2;
    let slot = (hash << 1) & mask;
    for (; slots[slot + 1] !== 0; slot = (slot + 2) & mask) if (slots[slot + 1] === ordinal + 1 && slots[slot] === hash) return;
    slots[slot] = hash;
    slots[slot + 1] = ordinal + 1;
    this.count++;
  }
  clear(): void {
    this.slots.fill(0);
    this.count = 0;
  }
  private grow(): void {
    const old = this.slots;
    // Written once, so that the system gives the pages now: a page that is read before it is written costs a fault that interrupts all cores.
    this.slots = new Int32Array(old.length * 2).fill(0);
    this.count = 0;
    for (let at = 0; at < old.length; at += 2) if (old[at + 1] !== 0) this.add(old[at]!, old[at + 1]! - 1);
  }
}

/** FNV-1a with a final mix, a signed 32-bit integer; only spreads. */
export function hashCard(program: number, text: Uint8Array, start: number, length: number): number {
  let hash = 0x811c9dc5 ^ program;
  for (let i = 0; i < length; i++) hash = Math.imul(hash ^ text[start + i]!, 16777619);
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x85ebca6b);
  return hash ^ (hash >>> 13);
}

/**
 * Finds accounts by the hash of a card: open addressing, hash → ordinal, in typed arrays. It only proposes: whether an account holds the card is decided by its text, in the
 * store. Entries are never taken out one by one; whoever lets accounts go clears it and adds the others again.
 */
export class CardIndex {
  private hashes = new Uint32Array(2048);
  private ordinals = new Int32Array(2048).fill(-1);
  private count = 0;

  get bytes(): number {
    return this.hashes.byteLength * 2;
  }
  /** The next slot after `slot` (-1: from the start) with this hash; -1 when there is none. */
  next(hash: number, slot: number): number {
    const { hashes, ordinals } = this, mask = hashes.length - 1;
    for (let at = slot < 0 ? hash & mask : (slot + 1) & mask; ordinals[at] !== -1; at = (at + 1) & mask) if (hashes[at] === hash) return at;
    return -1;
  }
  ordinal(slot: number): number {
    return this.ordinals[slot]!;
  }
  add(hash: number, ordinal: number): void {
    if ((this.count + 1) * 2 > this.hashes.length) this.grow();
    const mask = this.hashes.length - 1;
    let slot = hash & mask;
    for (; this.ordinals[slot] !== -1; slot = (slot + 1) & mask) if (this.ordinals[slot] === ordinal && this.hashes[slot] === hash) return;
    this.hashes[slot] = hash;
    this.ordinals[slot] = ordinal;
    this.count++;
  }
  clear(): void {
    this.ordinals.fill(-1);
    this.count = 0;
  }
  private grow(): void {
    const { hashes, ordinals } = this;
    this.hashes = new Uint32Array(hashes.length * 2);
    this.ordinals = new Int32Array(hashes.length * 2).fill(-1);
    this.count = 0;
    for (let i = 0; i < ordinals.length; i++) if (ordinals[i] !== -1) this.add(hashes[i]!, ordinals[i]!);
  }
}

/** FNV-1a with a final mix; only spreads. */
export function hashCard(program: number, text: Uint8Array, start: number, length: number): number {
  let hash = 0x811c9dc5 ^ program;
  for (let i = 0; i < length; i++) hash = Math.imul(hash ^ text[start + i]!, 16777619);
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}

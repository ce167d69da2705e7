/**
 * A fingerprint of changes of cells that does not depend on their order nor on how a change is divided: the sums, modulo 2^32, of every change times
 * two hashes of its cell. Equal for equal sums by cell; changes that differ have other fingerprints but for one in 2^62.
 */
export class CellSums {
  private first = 0;
  private second = 0;

  add(account: number, key1: number, key2: number, change: number): void {
    let hash = mix(0x9e3779b9, account);
    hash = mix(mix(hash, key1), Math.floor(key1 / 2 ** 32));
    hash = mix(mix(hash, key2), Math.floor(key2 / 2 ** 32));
    // The change modulo 2^32: what is above it counts by a multiplier of its own.
    const low = change % 2 ** 32, high = (change - low) / 2 ** 32;
    this.first = (this.first + Math.imul(hash | 1, low) + Math.imul(mix(hash, 1) | 1, high)) | 0;
    this.second = (this.second + Math.imul(mix(hash, 2) | 1, low) + Math.imul(mix(hash, 3) | 1, high)) | 0;
  }
  equals(other: CellSums): boolean {
    return this.first === other.first && this.second === other.second;
  }
}

function mix(hash: number, value: number): number {
  let mixed = Math.imul(hash ^ (value | 0), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}

/**
 * A small generator of pseudo-random numbers (mulberry32) that can be set to any place: the numbers of transaction n depend on the seed and n alone,
 * so that any transaction can be made again without those before it.
 */
export class Random {
  private state = 0;

  constructor(private readonly seed: number) {}

  /** Stands at the beginning of sequence n. */
  at(n: number): this {
    let hash = Math.imul(this.seed ^ 0x9e3779b9, 0x85ebca6b) ^ (n | 0);
    hash = Math.imul(hash ^ (hash >>> 16) ^ Math.floor(n / 2 ** 32), 0x21f0aaad);
    hash = Math.imul(hash ^ (hash >>> 15), 0x735a2d97);
    this.state = hash ^ (hash >>> 15);
    return this;
  }
  /** An integer from 0 to 2^32 - 1. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }
  /** From 0 to below 1. */
  fraction(): number {
    return this.next() / 2 ** 32;
  }
  /** An integer from 0 to limit - 1. */
  below(limit: number): number {
    return Math.floor(this.fraction() * limit);
  }
}

/** Returns whose original is unknown, by key, in the order in which they came: few, kept whole in memory and written whole at each checkpoint. */
export class WaitingReturns {
  private readonly entries = new Map<string, Uint8Array>();

  get size(): number {
    return this.entries.size;
  }
  get(key: string): Uint8Array | undefined {
    return this.entries.get(key);
  }
  set(key: Uint8Array, value: Uint8Array): void {
    this.entries.set(Buffer.from(key).toString('utf8'), value.slice());
  }
  delete(key: Uint8Array): void {
    this.entries.delete(Buffer.from(key).toString('utf8'));
  }
  list(): [string, Uint8Array][] {
    return [...this.entries];
  }
  static from(list: [string, Uint8Array][]): WaitingReturns {
    const waiting = new WaitingReturns();
    for (const [key, value] of list) waiting.entries.set(key, value);
    return waiting;
  }
}

/**
 * Returns whose original is unknown, in the order in which they came: few, kept whole in memory and written whole at each checkpoint.
 * The key is partner and id of the return, the value what it needs to be executed later: when it stops waiting, which purchase it waits for, and itself as an envelope of one transaction.
 *
 *   value = ┌ f64 untilMs ┬ u16 length of the original id ┬ original id ┬ envelope ┐
 */
export interface WaitingNotice { key: string; partner: string; originalId: string; untilMs: number; /** that brought it just now */ request?: number }

export const waitingKeyOf = (partner: string, id: string): string => `${partner}\n${id}`;

export class WaitingReturns {
  private readonly entries = new Map<string, Uint8Array>();
  /** Undefined: to be looked for. */
  private first: number | undefined = Infinity;

  get size(): number {
    return this.entries.size;
  }
  has(key: string): boolean {
    return this.entries.has(key);
  }
  envelope(key: string): Uint8Array | undefined {
    const value = this.entries.get(key);
    return value && value.subarray(10 + view(value).getUint16(8, true));
  }
  set(key: Uint8Array, value: Uint8Array): void {
    this.delete(key);
    this.entries.set(Buffer.from(key).toString('utf8'), value.slice());
    if (this.first !== undefined) this.first = Math.min(this.first, untilMs(value));
  }
  delete(key: Uint8Array): void {
    const name = Buffer.from(key).toString('utf8'), value = this.entries.get(name);
    this.entries.delete(name);
    if (value && untilMs(value) === this.first) this.first = undefined;
  }
  list(): [string, Uint8Array][] {
    return [...this.entries];
  }
  notices(): WaitingNotice[] {
    return this.list().map(([key, value]) => ({ key, partner: key.slice(0, key.indexOf('\n')), originalId: originalId(value), untilMs: untilMs(value) }));
  }
  /** When the first of them stops waiting, ms; Infinity when none waits. */
  get firstEndMs(): number {
    if (this.first === undefined) {
      this.first = Infinity;
      for (const value of this.entries.values()) this.first = Math.min(this.first, untilMs(value));
    }
    return this.first;
  }
  static from(list: [string, Uint8Array][]): WaitingReturns {
    const waiting = new WaitingReturns();
    for (const [key, value] of list) waiting.entries.set(key, value);
    waiting.first = undefined;
    return waiting;
  }
  static value(endMs: number, original: string, envelope: Uint8Array): Uint8Array {
    const id = Buffer.from(original, 'utf8');
    const value = new Uint8Array(10 + id.length + envelope.length);
    view(value).setFloat64(0, endMs, true);
    view(value).setUint16(8, id.length, true);
    value.set(id, 10);
    value.set(envelope, 10 + id.length);
    return value;
  }
}

const view = (value: Uint8Array): DataView => new DataView(value.buffer, value.byteOffset, value.byteLength);
const untilMs = (value: Uint8Array): number => view(value).getFloat64(0, true);
const originalId = (value: Uint8Array): string => Buffer.from(value.subarray(10, 10 + view(value).getUint16(8, true))).toString('utf8');

/** Returns that wait for their purchase, in the order in which they came. */
import type { NaiveTransaction } from './transaction.js';

export interface Waiting { transaction: NaiveTransaction; untilMs: number }

export class WaitingReturns {
  /** What began and what ended since somebody emptied it, in order. */
  readonly changes: ({ begins: Waiting } | { ends: Waiting })[] = [];
  private readonly entries = new Map<string, Waiting>();

  get(key: string): Waiting | undefined {
    return this.entries.get(key);
  }
  begin(key: string, waiting: Waiting): void {
    this.entries.set(key, waiting);
    this.changes.push({ begins: waiting });
  }
  end(key: string): Waiting | undefined {
    const waiting = this.entries.get(key);
    if (waiting) this.changes.push({ ends: waiting });
    this.entries.delete(key);
    return waiting;
  }
  list(): [string, Waiting][] {
    return [...this.entries];
  }
}

/**
 * Returns that wait for their purchase: looks for the purchase in all partitions, many at a time, and when one has it tells the partition where the return waits, by a record of
 * the log. That partition hands the return over; nothing is decided here, and asking twice does no harm. Who waits is what the partitions say, as it is committed; no clock has a say in it.
 */
import type { WaitingNotice } from '../workers/state/waiting.js';
import { writeCommand } from '../schemas/commands.js';
import type { Append } from './log/log.js';
import type { Logger } from './logger.js';

/** Looked for together: one question to each partition, one append. It takes a shard a few milliseconds, between its batches. */
const TOGETHER_MAX = 500;

export interface PurchaseName { partner: string; id: string }
export interface LocatorOptions {
  /** The partitions in which these purchases lie, in the same order. */
  locate(purchases: PurchaseName[]): Promise<(number | undefined)[]>;
  append(records: Append[]): Promise<unknown>;
  logger: Logger;
}
interface Entry extends WaitingNotice { home: number; /** in vain */ looked: boolean }
type Named = [name: string, entry: Entry];

export class WaitingReturnsLocator {
  private readonly entries = new Map<string, Entry>();
  private looking = false;

  constructor(private readonly options: LocatorOptions) {}

  get size(): number {
    return this.entries.size;
  }
  /** A partition says that these wait no longer, and those do. */
  change(home: number, ended: string[], waiting: WaitingNotice[]): void {
    for (const key of ended) this.entries.delete(nameOf(home, key));
    for (const notice of waiting) this.entries.set(nameOf(home, notice.key), { ...notice, home, looked: false });
  }
  /** The partition is looked after elsewhere. */
  leave(home: number): void {
    for (const [name, entry] of this.entries) if (entry.home === home) this.entries.delete(name);
  }
  /** Looks for the purchase of the return that this request brought just now; true when it was found and the return goes there. */
  async lookForRequest(request: number): Promise<boolean> {
    for (const [name, entry] of this.entries) if (entry.request === request) return await this.look([[name, entry]]) > 0;
    return false;
  }
  /**
   * One round over those that wait. All that have not been looked for yet, since most purchases are there already; of the others, whose purchases may never come, some in turn, and more
   * as long as purchases of theirs are found.
   */
  async lookForAll(): Promise<void> {
    if (this.looking || this.entries.size === 0) return;
    this.looking = true;
    try {
      const all = [...this.entries], others = all.filter(([, { looked }]) => looked);
      for (const some of pieces(all.filter(([, { looked }]) => !looked))) await this.look(some);
      for (const some of pieces(others)) if (await this.look(some) === 0) break;
    } catch (error) {
      this.options.logger.warn({ error: String(error) }, 'the purchases of waiting returns could not be looked for');
    } finally {
      this.looking = false;
    }
  }

  /** Resolves with how many were found. */
  private async look(wanted: Named[]): Promise<number> {
    const asked = wanted.filter((named) => this.isCurrent(named));
    if (asked.length === 0) return 0;
    const partitions = await this.options.locate(asked.map(([, { partner, originalId }]) => ({ partner, id: originalId })));
    const found: Named[] = [], told: Append[] = [];
    for (const [i, named] of asked.entries()) {
      if (!this.isCurrent(named)) continue;
      const [name, entry] = named, partition = partitions[i];
      if (partition === undefined) {
        entry.looked = true;
        this.entries.delete(name);
        this.entries.set(name, entry); // to the end of the queue
        continue;
      }
      found.push(named);
      told.push({ topic: 'internal', partition: entry.home, value: writeCommand({ type: 'return-located', key: entry.key, partition }) });
    }
    if (found.length === 0) return 0;
    await this.options.append(told);
    for (const named of found) if (this.isCurrent(named)) this.entries.delete(named[0]);
    return found.length;
  }
  /** False when it has ended meanwhile; another return of this id may have its place by now. */
  private isCurrent([name, entry]: Named): boolean {
    return this.entries.get(name) === entry;
  }
}

const nameOf = (home: number, key: string): string => `${home}\n${key}`;

function* pieces(all: Named[]): Generator<Named[]> {
  for (let at = 0; at < all.length; at += TOGETHER_MAX) yield all.slice(at, at + TOGETHER_MAX);
}

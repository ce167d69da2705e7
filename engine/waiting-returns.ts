/**
 * Returns that wait for their purchase: looks for the purchase in all partitions, and when one has it tells the partition where the return waits, by a record of
 * the log. That partition hands the return over; nothing is decided here, and asking twice does no harm. Who waits is what the partitions say, as it is committed; no clock has a say in it.
 */
import type { WaitingNotice } from '../workers/state/waiting.js';
import { writeCommand } from '../schemas/commands.js';
import type { Append } from './log/log.js';
import type { Logger } from './logger.js';

/** Looked for in one round. */
const ROUND_MAX = 500;

export interface LocatorOptions {
  find(partner: string, id: string): Promise<{ partition: number }[]>;
  append(records: Append[]): Promise<unknown>;
  logger: Logger;
}
interface Entry extends WaitingNotice { home: number }

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
    for (const notice of waiting) this.entries.set(nameOf(home, notice.key), { ...notice, home });
  }
  /** The partition is looked after elsewhere. */
  leave(home: number): void {
    for (const [name, entry] of this.entries) if (entry.home === home) this.entries.delete(name);
  }
  /** Looks for the purchase of the return that this request brought just now; true when it was found and the return goes there. */
  async lookForRequest(request: number): Promise<boolean> {
    for (const [name, entry] of this.entries) if (entry.request === request) return this.look(name, entry);
    return false;
  }
  private async look(name: string, entry: Entry): Promise<boolean> {
    const [found] = await this.options.find(entry.partner, entry.originalId);
    if (!found || !this.isCurrent(name, entry)) return false;
    await this.options.append([{ topic: 'internal', partition: entry.home, value: writeCommand({ type: 'return-located', key: entry.key, partition: found.partition }) }]);
    if (this.isCurrent(name, entry)) this.entries.delete(name);
    return true;
  }
  /** False when it has ended meanwhile; another return of this id may have its place by now. */
  private isCurrent(name: string, entry: Entry): boolean {
    return this.entries.get(name) === entry;
  }
  /** One round over those that wait. */
  async lookForAll(): Promise<void> {
    if (this.looking || this.entries.size === 0) return;
    this.looking = true;
    try {
      for (const [name, entry] of [...this.entries].slice(0, ROUND_MAX)) {
        if (!this.isCurrent(name, entry) || await this.look(name, entry) || !this.isCurrent(name, entry)) continue;
        this.entries.delete(name);
        this.entries.set(name, entry); // to the end of the queue
      }
    } catch (error) {
      this.options.logger.warn({ error: String(error) }, 'the purchases of waiting returns could not be looked for');
    } finally {
      this.looking = false;
    }
  }
}

const nameOf = (home: number, key: string): string => `${home}\n${key}`;

/**
 * Returns that wait for their purchase: looks for the purchase in all partitions, and when one has it tells the partition where the return waits, by a record of
 * the log. That partition hands the return over; nothing is decided here, and asking twice does no harm.
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
  nowMs(): number;
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
  add(home: number, notice: WaitingNotice): void {
    this.entries.set(`${home}\n${notice.key}`, { ...notice, home });
  }
  /** Looks for the purchase of the return that this request brought just now; true when it was found and the return goes there. */
  async lookForRequest(request: number): Promise<boolean> {
    for (const entry of this.entries.values()) if (entry.request === request) return this.look(entry.home, entry.key);
    return false;
  }
  private async look(home: number, key: string): Promise<boolean> {
    const name = `${home}\n${key}`;
    const entry = this.entries.get(name);
    if (!entry) return false;
    const [found] = await this.options.find(entry.partner, entry.originalId);
    if (!found) return false;
    await this.options.append([{ topic: 'internal', partition: home, value: writeCommand({ type: 'return-located', key, partition: found.partition }) }]);
    this.entries.delete(name);
    return true;
  }
  /** One round over those that wait; those whose time is over are the partition's to end. */
  async lookForAll(): Promise<void> {
    if (this.looking || this.entries.size === 0) return;
    this.looking = true;
    try {
      const nowMs = this.options.nowMs();
      for (const [name, entry] of [...this.entries].slice(0, ROUND_MAX)) {
        if (!(await this.look(entry.home, entry.key)) && this.entries.delete(name) && entry.untilMs > nowMs) this.entries.set(name, entry); // to the end of the queue
      }
    } catch (error) {
      this.options.logger.warn({ error: String(error) }, 'the purchases of waiting returns could not be looked for');
    } finally {
      this.looking = false;
    }
  }
}

/**
 * Tells partitions by a record of the log that time has passed, when something of theirs is due: lots that mature or expire, waiting returns whose time is over. What is
 * due is decided by the partition, by the append time of the record.
 */
import { writeCommand } from '../schemas/commands.js';
import type { Append } from './log/log.js';
import type { Logger } from './logger.js';

/** A tick that found nothing due (its day has begun in no zone of a program yet) is not repeated sooner. */
const IDLE_TICK_MS = 60_000;

export class Ticks {
  private readonly lastMs = new Map<number, number>();

  constructor(private readonly append: (records: Append[]) => Promise<unknown>, private readonly logger: Logger) {}

  /** `dueMs` of each partition: when the next thing is due. */
  tick(nowMs: number, dueMs: ReadonlyMap<number, number>): void {
    const due = [...dueMs].flatMap(([partition, ms]) => (ms <= nowMs && nowMs - (this.lastMs.get(partition) ?? 0) >= IDLE_TICK_MS ? [partition] : []));
    if (due.length === 0) return;
    for (const partition of due) this.lastMs.set(partition, nowMs);
    this.append(due.map((partition) => ({ topic: 'internal', partition, value: writeCommand({ type: 'tick' }) })))
      .catch((error: unknown) => this.logger.error({ error: String(error) }, 'a tick could not be written'));
  }
}

/**
 * Turns of queries: each lane has so many at a time, and a bounded queue. The sink has a lane of its own, so that no query of an analyst stops it.
 *
 * A slot owns a named pipe, through which the library writes the rows of the query that holds it.
 */
import { exception, type ClickHouseException } from './exception.js';

export interface Slot { pipe: string }
export type Lanes = Record<'insert' | 'engine' | 'readers' | 'kill', Lane>;

export class Lane {
  private readonly free: Slot[];
  private readonly waiting: ((slot: Slot) => void)[] = [];

  constructor(private readonly name: string, pipes: string[], private readonly waitingMax: number) {
    this.free = pipes.map((pipe) => ({ pipe }));
  }

  async enter(signal: AbortSignal): Promise<Slot> {
    if (signal.aborted) throw cancelled();
    const slot = this.free.pop();
    if (slot) return slot;
    if (this.waiting.length >= this.waitingMax) throw exception('TOO_MANY_SIMULTANEOUS_QUERIES', `Too many simultaneous queries. Maximum: ${this.waitingMax} waiting (${this.name})`);
    return new Promise((resolve, reject) => {
      const turn = (next: Slot): void => {
        signal.removeEventListener('abort', leave);
        resolve(next);
      };
      const leave = (): void => {
        this.waiting.splice(this.waiting.indexOf(turn), 1);
        reject(cancelled());
      };
      signal.addEventListener('abort', leave, { once: true });
      this.waiting.push(turn);
    });
  }
  leave(slot: Slot): void {
    const next = this.waiting.shift();
    if (next) next(slot);
    else this.free.push(slot);
  }
}

function cancelled(): ClickHouseException {
  return exception('QUERY_WAS_CANCELLED', 'Query was cancelled before its turn');
}

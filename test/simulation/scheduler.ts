/**
 * Chance in the place of time: whatever would take a while waits here, and a seeded generator picks what happens next. The same seed gives the same
 * order of everything.
 */
import type { Random } from '../../loadtest/random.js';

export class Scheduler {
  private tasks: (() => void)[] = [];

  constructor(private readonly random: Random) {}

  get idle(): boolean {
    return this.tasks.length === 0;
  }
  /** Does it some time, in whatever order; what the action throws rejects. */
  later<T>(action: () => T): Promise<T> {
    return new Promise((resolve, reject) => this.tasks.push(() => settle(action, resolve, reject)));
  }
  /** Lets one of what waits happen. */
  step(): void {
    const place = this.random.below(this.tasks.length), [task] = this.tasks.splice(place, 1);
    task!();
  }
  /** Nothing of what waits will ever happen: whoever waited has been killed. */
  clear(): void {
    this.tasks = [];
  }
}

/** Actions that take effect in the order in which they were asked for: a thread's tasks, a log's writes. */
export class Lane {
  private waiting: (() => void)[] = [];
  private busy = false;

  constructor(private readonly scheduler: Scheduler) {}

  later<T>(action: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.waiting.push(() => settle(action, resolve, reject));
      this.next();
    });
  }
  private next(): void {
    const first = this.busy ? undefined : this.waiting.shift();
    if (!first) return;
    this.busy = true;
    void this.scheduler.later(() => {
      this.busy = false;
      first();
      this.next();
    });
  }
}

function settle<T>(action: () => T, resolve: (value: T) => void, reject: (error: unknown) => void): void {
  try {
    resolve(action());
  } catch (error) {
    reject(error);
  }
}

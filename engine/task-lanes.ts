/**
 * Tasks on their way to a pool of threads: as many at a time as it has threads, urgent ones first, else in the order in which they come.
 *
 * piscina's own queue has no lanes and no order: what it takes out while no thread is free it puts behind all others, so that every second task waits for all that come after it.
 */
import type { Piscina } from 'piscina';

export interface TaskOptions {
  transfer?: readonly ArrayBufferLike[];
  /** Which of the functions of the entry. */
  name?: string;
  /** Short, and somebody waits for it. */
  urgent?: boolean;
}
interface Waiting<T, R> { task: T; options: TaskOptions; resolve(result: R): void; reject(error: Error): void }

export class TaskLanes<T, R> {
  /** Milliseconds that threads have worked, from hand-over to answer. */
  busyMs = 0;
  private readonly urgent: Waiting<T, R>[] = [];
  private readonly others: Waiting<T, R>[] = [];
  private running = 0;
  private refusal: Error | undefined;

  constructor(private readonly pool: Pick<Piscina<T, R>, 'run'>, private readonly threads: number, private readonly waitingMax = Infinity) {}

  /** Rejects with what the task failed with, whether it threw or its thread died; what waits behind it goes on. */
  run(task: T, options: TaskOptions): Promise<R> {
    if (this.refusal) return Promise.reject(this.refusal);
    if (this.urgent.length + this.others.length >= this.waitingMax) return Promise.reject(new Error(`${this.waitingMax} tasks wait already`));
    return new Promise((resolve, reject) => {
      (options.urgent ? this.urgent : this.others).push({ task, options, resolve, reject });
      this.handOver();
    });
  }
  /** Nothing is handed over any more; what waits is refused. */
  close(reason: Error): void {
    this.refusal = reason;
    for (const { reject } of [...this.urgent.splice(0), ...this.others.splice(0)]) reject(reason);
  }

  private handOver(): void {
    while (this.running < this.threads) {
      const next = this.urgent.shift() ?? this.others.shift();
      if (!next) return;
      const { task, options: { transfer = [], name }, resolve, reject } = next, beganMs = performance.now();
      this.running++;
      // The thread has its next task before anybody looks at the answer.
      const ended = (): void => {
        this.running--;
        this.busyMs += performance.now() - beganMs;
        this.handOver();
      };
      this.pool.run(task, { transferList: transfer as ArrayBuffer[], ...(name !== undefined && { name }) }).then(
        (result) => { ended(); resolve(result); },
        (error: Error) => { ended(); reject(error); },
      );
    }
  }
}

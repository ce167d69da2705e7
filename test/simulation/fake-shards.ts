/**
 * Shards without threads: each is a real Shard whose tasks are done one after the other when the scheduler says so, on copies as between threads. A
 * worker may die before or after a task: its Shard is thrown away, and, as in piscina, an empty one takes its place.
 */
import { ShardError, type Shards } from '../../engine/shards.js';
import type { Random } from '../../loadtest/random.js';
import type { ShardTask } from '../../workers/messages.js';
import { Reference } from '../../workers/reference.js';
import { Shard } from '../../workers/shard.js';
import { Text, type Transaction } from '../../workers/transaction.js';
import { Lane, type Scheduler } from './scheduler.js';

/** A transaction of this store kills its worker. */
export const POISON = 'poison';
const { resolveLines } = Reference.prototype;
Reference.prototype.resolveLines = function (this: Reference, t: Transaction): void {
  if (t.string(Text.store) === POISON) throw new Error('poison');
  resolveLines.call(this, t);
};

/** `answers`: what a thread says arrives in the order in which it was said. */
interface Worker { /** undefined: empty */ shard: Shard | undefined; tasks: Lane; answers: Lane; open: Set<number>; deaths: number }

export class FakeShards implements Pick<Shards, 'count' | 'shardOf' | 'busyMs' | 'run' | 'runOn' | 'replace' | 'close'> {
  readonly busyMs: number[] = [];
  deaths = 0;
  private readonly workers: Worker[];

  constructor(readonly count: number, private readonly scheduler: Scheduler, private readonly random: Random, private readonly deathsPerMille: number) {
    this.workers = Array.from({ length: count }, () => this.start());
  }
  shardOf(partition: number): number {
    return partition % this.count;
  }
  run<T>(partition: number, task: ShardTask, transfer: ArrayBufferLike[] = []): Promise<T> {
    return this.runOn(this.shardOf(partition), task, transfer);
  }
  runOn<T>(shard: number, task: ShardTask, transfer: ArrayBufferLike[] = []): Promise<T> {
    const worker = this.workers[shard]!, copy = structuredClone(task, { transfer: transfer as ArrayBuffer[] }), { deaths } = worker;
    return new Promise((resolve, reject) => {
      void worker.tasks.later(() => {
        try {
          const isGone = this.workers[shard] !== worker || worker.deaths !== deaths;
          if (isGone) throw new ShardError(false, { cause: new Error('the worker died before it came to this task') });
          const answer = this.live<T>(worker, copy);
          void worker.answers.later(() => resolve(answer));
        } catch (error) {
          void worker.answers.later(() => reject(error as Error));
        }
      });
    });
  }
  async replace(shard: number): Promise<void> {
    this.kill(this.workers[shard]!);
    this.workers[shard] = this.start();
    await this.scheduler.later(() => undefined);
  }
  async close(): Promise<void> {
    for (const worker of this.workers) this.kill(worker);
    await this.scheduler.later(() => undefined);
  }
  /** The end of the process, at once. */
  killAll(): void {
    for (const worker of this.workers) this.kill(worker);
  }

  private start(): Worker {
    return { shard: undefined, tasks: new Lane(this.scheduler), answers: new Lane(this.scheduler), open: new Set(), deaths: 0 };
  }
  /** Does a task, unless the worker dies of it, or before, or before it has said so. */
  private live<T>(worker: Worker, task: ShardTask): T {
    const fate = this.random.below(2000);
    try {
      if (fate < this.deathsPerMille) throw new Error('the worker died before a task');
      const answer = this.perform<T>(worker, task);
      if (fate >= 2000 - this.deathsPerMille) throw new Error('the worker died after a task');
      return answer;
    } catch (error) {
      this.kill(worker);
      throw new ShardError(true, { cause: error });
    }
  }
  private perform<T>(worker: Worker, task: ShardTask): T {
    if (task.type === 'open') worker.open.add(task.partition);
    worker.shard ??= new Shard();
    return structuredClone(worker.shard.run(task)) as T;
  }
  private kill(worker: Worker): void {
    this.deaths++;
    worker.deaths++;
    // What the thread had open of the disk is closed with it.
    for (const partition of worker.open) worker.shard?.run({ type: 'close', partition });
    worker.open.clear();
    worker.shard = undefined;
  }
}

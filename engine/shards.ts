/**
 * The shards: one single-threaded piscina pool for each, partition p on shard p mod count. Nothing here knows what a task means.
 *
 * piscina replaces a dead worker silently, with empty state; so the pool of a shard whose task failed is thrown away (`replace`) and whoever owns the partitions
 * restores them into the new one.
 */
import { Piscina } from 'piscina';
import type { ShardTask } from '../workers/messages.js';
import { TaskLanes } from './task-lanes.js';

export interface ShardsOptions { count: number; entry: URL }

interface Shard {
  pool: Piscina<ShardTask, unknown>;
  lanes: TaskLanes<ShardTask, unknown>;
  /** A task failed; what comes after it fails because of it. */
  failed: boolean;
}

/** A task was not answered. `atWorker`: it was the one that the worker was working on; the others only waited behind it. */
export class ShardError extends Error {
  constructor(readonly atWorker: boolean, options: ErrorOptions) {
    super((options.cause as Error).message, options);
  }
}

export class Shards {
  private readonly shards: Shard[];
  /** Of workers that have been replaced. */
  private readonly formerBusyMs: number[];

  constructor(private readonly options: ShardsOptions) {
    this.shards = Array.from({ length: options.count }, () => this.start());
    this.formerBusyMs = this.shards.map(() => 0);
  }
  get count(): number {
    return this.shards.length;
  }
  shardOf(partition: number): number {
    return partition % this.shards.length;
  }
  /** Milliseconds that each shard has worked, by the time between hand-over and answer. */
  get busyMs(): number[] {
    return this.shards.map(({ lanes }, shard) => this.formerBusyMs[shard]! + lanes.busyMs);
  }
  /** `urgent`: goes before what waits at the shard, whichever partition it is of. Tasks that need one another's order are handed over one after the other's answer. */
  run<T>(partition: number, task: ShardTask, transfer: ArrayBufferLike[] = [], urgent = false): Promise<T> {
    return this.runOn<T>(this.shardOf(partition), task, transfer, urgent);
  }
  async runOn<T>(shard: number, task: ShardTask, transfer: ArrayBufferLike[] = [], urgent = false): Promise<T> {
    const own = this.shards[shard]!;
    try {
      const answer = (await own.lanes.run(task, { transfer, urgent })) as T;
      own.failed = false;
      return answer;
    } catch (error) {
      const atWorker = !own.failed;
      own.failed = true;
      throw new ShardError(atWorker, { cause: error });
    }
  }
  /** Ends the worker of a shard, with all its state, and starts an empty one. */
  async replace(shard: number): Promise<void> {
    const former = this.shards[shard]!;
    this.formerBusyMs[shard]! += former.lanes.busyMs;
    this.shards[shard] = this.start();
    await end(former);
  }
  async close(): Promise<void> {
    await Promise.all(this.shards.map(end));
  }
  private start(): Shard {
    const pool = new Piscina<ShardTask, unknown>({ filename: this.options.entry.href, minThreads: 1, maxThreads: 1, concurrentTasksPerWorker: 1, idleTimeout: Infinity, recordTiming: false });
    return { pool, lanes: new TaskLanes(pool, 1), failed: false };
  }
}

/** The worker's answer may be here already, behind the one that is being handled: its task has been told that there is none, and piscina says by an event that it does not know it. */
function end({ pool, lanes }: Shard): Promise<void> {
  lanes.close(new Error('Terminating worker thread'));
  pool.on('error', () => undefined);
  return pool.destroy();
}

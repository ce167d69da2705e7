/**
 * The shards: one single-threaded piscina pool for each, partition p on shard p mod count. Nothing here knows what a task means.
 *
 * piscina replaces a dead worker silently, with empty state; so the pool of a shard whose task failed is thrown away (`replace`) and whoever owns the partitions
 * restores them into the new one.
 */
import { Piscina } from 'piscina';
import type { ShardTask } from '../workers/messages.js';

export interface ShardsOptions { count: number; entry: URL }

interface Shard {
  pool: Piscina;
  busyMs: number;
  lastEndMs: number;
  /** Tasks handed over and not answered, in order: the first is at the worker. */
  outstanding: object[];
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

  constructor(private readonly options: ShardsOptions) {
    this.shards = Array.from({ length: options.count }, () => this.start());
  }
  get count(): number {
    return this.shards.length;
  }
  shardOf(partition: number): number {
    return partition % this.shards.length;
  }
  /** Milliseconds that each shard has worked, by the time between hand-over and answer. */
  get busyMs(): number[] {
    return this.shards.map(({ busyMs }) => busyMs);
  }
  run<T>(partition: number, task: ShardTask, transfer: ArrayBufferLike[] = []): Promise<T> {
    return this.runOn<T>(this.shardOf(partition), task, transfer);
  }
  async runOn<T>(shard: number, task: ShardTask, transfer: ArrayBufferLike[] = []): Promise<T> {
    const own = this.shards[shard]!;
    const beganMs = performance.now();
    own.outstanding.push(task);
    try {
      const answer = (await own.pool.run(task, { transferList: transfer as ArrayBuffer[] })) as T;
      own.failed = false;
      return answer;
    } catch (error) {
      const atWorker = !own.failed && own.outstanding[0] === task;
      own.failed = true;
      throw new ShardError(atWorker, { cause: error });
    } finally {
      own.outstanding.splice(own.outstanding.indexOf(task), 1);
      const endMs = performance.now();
      own.busyMs += endMs - Math.max(beganMs, own.lastEndMs);
      own.lastEndMs = endMs;
    }
  }
  /** Ends the worker of a shard, with all its state, and starts an empty one. */
  async replace(shard: number): Promise<void> {
    const { pool } = this.shards[shard]!;
    this.shards[shard] = { ...this.start(), busyMs: this.shards[shard]!.busyMs };
    await end(pool);
  }
  async close(): Promise<void> {
    await Promise.all(this.shards.map(({ pool }) => end(pool)));
  }
  private start(): Shard {
    const pool = new Piscina({ filename: this.options.entry.href, minThreads: 1, maxThreads: 1, concurrentTasksPerWorker: 1, idleTimeout: Infinity, recordTiming: false });
    return { pool, busyMs: 0, lastEndMs: 0, outstanding: [], failed: false };
  }
}

/** The worker's answer may be here already, behind the one that is being handled: its task has been told that there is none, and piscina says by an event that it does not know it. */
function end(pool: Piscina): Promise<void> {
  pool.on('error', () => undefined);
  return pool.destroy();
}

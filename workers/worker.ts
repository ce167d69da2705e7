/**
 * Piscina's entry of a shard: one thread, one Shard.
 *
 * Results go to the main thread in shared memory, and nothing is ever transferred out of this thread: once a thread has given a buffer away, V8 has every access to a typed array check
 * whether its buffer is still there, which cost 10 to 15 % of all that a shard does (docs/decisions/013).
 */
import type { ShardTask } from './messages.js';
import { Shard } from './shard.js';

const shard = new Shard();

export default function run(task: ShardTask): unknown {
  return shard.run(task);
}

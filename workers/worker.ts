/** Piscina's entry of a shard: one thread, one Shard. The results of a batch are moved, not copied. */
import { move, transferableSymbol, valueSymbol } from 'piscina';
import type { BatchResult, ShardTask } from './messages.js';
import { Shard } from './shard.js';

const shard = new Shard();

export default function run(task: ShardTask): unknown {
  const answer = shard.run(task) as object;
  if (task.type !== 'batch') return answer;
  const { results } = answer as BatchResult;
  return results ? move({ [transferableSymbol]: [results.buffer], [valueSymbol]: answer }) : answer;
}

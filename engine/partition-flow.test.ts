import t from 'tap';
import type { Log } from './log/log.js';
import { PartitionFlow, type FlowOptions } from './partition-flow.js';
import type { Restored } from './restore.js';
import { SpareBuffers } from './spare-buffers.js';

const restored = { status: { batch: -1, sweeping: false }, positions: [[0, 0], [0, 0], [0, 0]], epoch: 1 } as unknown as Restored;

/** A flow whose shard has its first batch; `fail` is the shard's answer. */
async function atShard(events: Partial<FlowOptions['events']> = {}): Promise<{ flow: PartitionFlow; fail(): void }> {
  let reached!: () => void, fail!: () => void;
  const isThere = new Promise<void>((resolve) => { reached = resolve; });
  const shards = { run: () => new Promise((_, reject) => { fail = () => reject(new Error('the shard ended')); reached(); }) } as unknown as FlowOptions['shards'];
  const chunk = { offset: 0, timestampMs: 0, value: new Uint8Array(1), batch: false, records: 1 };
  const log = { readInput: () => Promise.resolve({ chunks: [chunk], nextOffset: 1 }) } as unknown as Log;
  const options = { log, shards, partition: 0, batchBytesMax: 1, spareBuffers: new SpareBuffers(1), events: { shardFailed: () => undefined, ...events } };
  const flow = new PartitionFlow(options as unknown as FlowOptions, restored);
  flow.start();
  await isThere;
  return { flow, fail };
}

t.test('a pause resolves when the flow is stopped meanwhile', { timeout: 60_000 }, async (t) => {
  const { flow, fail } = await atShard(), paused = flow.pause(), stopped = flow.stop();
  fail();
  await Promise.all([paused, stopped]);
  t.pass('nobody waits for ever');
});

t.test('so it does when it has been stopped, or was never started', { timeout: 60_000 }, async (t) => {
  const { flow, fail } = await atShard();
  fail();
  await flow.stop();
  await flow.pause();
  await new PartitionFlow({} as FlowOptions, restored).pause();
  t.pass('nobody waits for ever');
});

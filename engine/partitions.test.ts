/** Partitions that leave in the middle of something, on a log and a shard that do as little as they can. */
import t from 'tap';
import type { OwnershipListener } from './log/log.js';
import { Partitions, type PartitionsOptions } from './partitions.js';

/** One partition whose only batch has been evaluated and is never committed. */
async function uncommitted(): Promise<{ partitions: Partitions; told: OwnershipListener; disowned: number[]; closed: number[] }> {
  const status = { partition: 0, batch: -1, floor: -1, reference: 0, waiting: 0, sweeping: false }, owned = new Set([0]), disowned: number[] = [], closed: number[] = [];
  let told!: OwnershipListener, unread = 1, evaluated!: () => void;
  const isEvaluated = new Promise<void>((resolve) => { evaluated = resolve; }), nothing = (): void => undefined, done = async (): Promise<void> => undefined;
  const options = {
    log: {
      shared: true, owned, tenure: (partition: number) => (owned.has(partition) ? 1 : undefined), onAppend: () => nothing, settled: done, position: async () => 0,
      onOwnership: (listener: OwnershipListener) => { told = listener; return nothing; }, bounds: async () => ({ begin: 0, end: 0 }),
      readInput: async () => ({ chunks: unread-- > 0 ? [{ offset: 0, timestampMs: 1, value: new Uint8Array(1), batch: false, records: 1 }] : [], nextOffset: 0 }),
    },
    results: { last: done }, spareBuffers: { room: (length: number) => new Uint8Array(length) }, activations: { load: done, catchUp: done },
    shards: {
      shardOf: () => 0,
      run: async (partition: number, { type }: { type: string }) => {
        if (type === 'close') closed.push(partition);
        if (type === 'open') return status;
        return type === 'waiting' ? [] : { status, missing: [], results: new Uint8Array(1), positions: [[0, 0], [0, 0], [0, 0]], partial: [], batch: 0 };
      },
    },
    committer: { add: () => evaluated(), disown: (partitions: Set<number>) => disowned.push(...partitions), abandon: done },
    logger: { info: nothing }, batchBytesMax: 1, open: () => ({}), events: { took: nothing, gave: nothing, failed: (error: Error) => t.fail(error.message) },
  } as unknown as PartitionsOptions;
  const partitions = new Partitions(options);
  await partitions.start();
  await isEvaluated;
  return { partitions, told, disowned, closed };
}

t.test('a partition that is being given back and is lost meanwhile waits for no commit any more', async (t) => {
  const { partitions, told, disowned, closed } = await uncommitted(), released = told.released([0]);
  let isReleased = false;
  void released.then(() => { isReleased = true; });
  await new Promise(setImmediate);
  t.notOk(isReleased, 'what is evaluated is waited for');
  told.lost([0]);
  await released;
  t.equal(partitions.flows.size, 0);
  t.same([disowned, closed], [[0], [0]]);
  await partitions.stop();
});

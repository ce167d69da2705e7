/** Partitions that are read while another engine, which should not have them any more, still goes on. */
import t from 'tap';
import { FENCE, META } from '../schemas/snapshot.js';
import { ConfigError } from './config.js';
import { inputTopics, type Log, type LogRecord, type Topic } from './log/log.js';
import { restorePartition, type OpenOptions } from './restore.js';
import type { Found, Results } from './results.js';
import type { Shards } from './shards.js';
import { loadSnapshot } from './snapshots.js';

t.test('what does not fit together is read again when the log has gone on meanwhile, and refused when it has not', async (t) => {
  const header = { batch: 0, epoch: 1, positions: inputTopics.map(() => [1, 0]) }, status = { batch: 0, floor: 0 };
  for (const [offsets, expected] of [[[5, 7], { code: 'unavailable' }], [[5, 5], /refusing to start/]] as const) {
    const left: number[] = [...offsets], results = { last: async () => ({ offset: left.shift()!, header }) as unknown as Found } as unknown as Results;
    const log = { shared: false, settled: async () => undefined, position: async () => 2 } as unknown as Log;
    const shards = { run: async (_: number, { type }: { type: string }) => (type === 'waiting' ? [] : status) } as unknown as Shards;
    await t.rejects(restorePartition(log, results, shards, 0, {} as OpenOptions), expected);
  }
});

t.test('a state that is not of its log, as after half a backup was put back, is a mistake of whoever did it', async (t) => {
  const results = { last: async () => undefined } as unknown as Results, shards = { run: async () => ({ batch: 31, floor: 31 }) } as unknown as Shards;
  for (const [shared, hint] of [[false, /whole directory .* from one backup$/], [true, /choose another directory with --data/]] as const) {
    const log = { shared, settled: async () => undefined } as unknown as Log;
    const refused = await restorePartition(log, results, shards, 2, {} as OpenOptions).catch((error: unknown) => error as Error);
    t.type(refused, ConfigError);
    t.match(refused, { message: /^data: partition 2: its state stands after batch 31, the log after -1: / });
    t.match(refused, { message: hint });
  }
});

t.test('a group whose offsets are gone does not matter, one whose offsets were set does', async (t) => {
  const header = { batch: 0, epoch: 1, positions: inputTopics.map(() => [3, 0]) }, status = { batch: 0, floor: -1 };
  const results = { last: async () => ({ offset: 5, header }) as unknown as Found } as unknown as Results;
  const snapshots = { bounds: async () => ({ begin: 0, end: 0 }) };
  const shards = { run: async (_: number, { type }: { type: string }) => (type === 'waiting' ? [] : status) } as unknown as Shards;
  const restore = (shared: boolean, position: number): Promise<unknown> => (
    restorePartition({ shared, ...snapshots, settled: async () => undefined, position: async () => position } as unknown as Log, results, shards, 0, {} as OpenOptions)
  );
  t.match(await restore(true, 0), { positions: header.positions });
  for (const position of [1, 4]) await t.rejects(restore(true, position), /refusing to start; when somebody has set the offset of the group, it has to be set back to 3/);
  await t.rejects(restore(false, 0), /consumed interactive up to 3, the log says 0; refusing to start$/, 'no group keeps the embedded log\'s');
});

t.test('a snapshot that grows while it is read is read again, but not for the fences of our own sink', async (t) => {
  for (const [key, isRefused] of [[FENCE, false], [META, true]] as const) {
    const records: LogRecord[] = [{ offset: 0, timestampMs: 1, key: META, value: new Uint8Array(1) }], loaded: boolean[] = [];
    const log = {
      bounds: async () => ({ begin: 0, end: records.length }),
      read: async (topic: Topic, partition: number, from: number) => {
        const found = records.slice(from);
        if (records.length === 1) records.push({ offset: 1, timestampMs: 1, key, value: new Uint8Array(0) });
        return { topic, partition, records: found, nextOffset: from + found.length };
      },
    };
    const shards = { run: async (_: number, { last }: { last: boolean }) => void loaded.push(last) } as unknown as Shards, loading = loadSnapshot(log, shards, 0);
    await (isRefused ? t.rejects(loading, { code: 'unavailable' }) : loading);
    t.same(loaded, isRefused ? [] : [true]);
  }
});

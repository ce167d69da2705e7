/** Shards that end while they work. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import t from 'tap';
import type { ShardTask } from '../workers/messages.js';
import { Shards, type ShardError } from './shards.js';

const task: ShardTask = { type: 'waiting', partition: 0 };

t.test('an answer that has come, and is not yet handled when its shard ends', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'pointstream-shards-')), entry = join(directory, 'worker.mjs'), answered = new Int32Array(new SharedArrayBuffer(4));
  t.teardown(() => rmSync(directory, { recursive: true }));
  writeFileSync(entry, 'export default ({ answered }) => { if (answered) { Atomics.add(answered, 0, 1); Atomics.notify(answered, 0); } return 1; };');
  for (const ends of ['close', 'replace'] as const) {
    const shards = new Shards({ count: 1, entry: pathToFileURL(entry) });
    answered[0] = 0;
    // All of this happens while the first answer is being handled, so that the second one lies behind it.
    const refused = shards.runOn(0, task).then(async () => {
      const second = t.rejects(shards.runOn(0, { ...task, answered } as ShardTask), /Terminating worker thread/);
      Atomics.wait(answered, 0, 0);
      for (const untilMs = performance.now() + 50; performance.now() < untilMs;); // on its way from there to here
      const ended = ends === 'close' ? shards.close() : shards.replace(0);
      await second;
      await ended;
    });
    await refused;
    if (ends === 'replace') {
      t.equal(await shards.runOn(0, task), 1, 'the next worker answers');
      await shards.close();
    }
  }
});

t.test('of many tasks that wait, the one that the worker dies of is told so, and no other one', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'pointstream-shards-')), entry = join(directory, 'worker.mjs');
  t.teardown(() => rmSync(directory, { recursive: true }));
  // As a shard does it: what comes to an empty worker fails.
  writeFileSync(entry, 'let open = false; export default ({ type, partition }) => { if (type === "open") open = true; if (!open) throw new Error("empty"); if (partition === 7) process.exit(1); return partition; };');
  const shards = new Shards({ count: 1, entry: pathToFileURL(entry) });
  t.teardown(() => shards.close());
  await shards.runOn(0, { ...task, type: 'open' } as unknown as ShardTask);
  const told = await Promise.all(Array.from({ length: 12 }, (_, partition) => shards.runOn(0, { ...task, partition }).then(() => 'answered', (error: unknown) => (error as ShardError).atWorker)));
  t.same(told, Array.from({ length: 12 }, (_, partition) => (partition < 7 ? 'answered' : partition === 7)));
});

import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open } from 'lmdb';
import t from 'tap';
import { ConfigError } from '../config.js';
import { logContract, readAll, type LogStorage } from '../../test/log-contract/log-contract.js';
import { smallDisk } from '../../test/support/small-disk.js';
import { openEmbeddedLog } from './embedded.js';
import { LogError, type Log } from './log.js';

const temporary = (): string => mkdtempSync(join(tmpdir(), 'pointstream-log-'));

logContract(t, {
  name: 'embedded',
  takesClock: true,
  async create(): Promise<LogStorage> {
    const directory = temporary();
    return {
      open: (options) => openEmbeddedLog({ directory, hash: 'murmur2', ...options }),
      async remove() { rmSync(directory, { recursive: true }); },
    };
  },
});

t.test('a log of a newer version is refused as a mistake of whoever starts this one, and left as it is', async (t) => {
  const directory = temporary();
  t.teardown(() => rmSync(directory, { recursive: true }));
  await (await openEmbeddedLog({ directory })).close();
  const root = open({ path: join(directory, 'log'), maxDbs: 100 }), state = root.openDB<object, string>({ name: 'state', encoding: 'msgpack' });
  await state.put('settings', { format: 2, partitions: 8, hash: 'murmur2' });
  await root.close();
  for (const time of ['once', 'again']) {
    const message = /has format 2, this version reads 1: start the version of pointstream that wrote it/;
    await t.rejects(openEmbeddedLog({ directory }), { constructor: ConfigError, message }, time);
  }
});

t.test('without a number of partitions it takes the stored one, or 8', async (t) => {
  const directory = temporary();
  t.teardown(() => rmSync(directory, { recursive: true }));
  for (const partitions of [undefined, 8, undefined]) {
    const log = await openEmbeddedLog({ directory, partitions });
    t.equal(log.partitions, 8);
    await log.close();
  }
  const refusal = await openEmbeddedLog({ directory, partitions: 4 }).catch((error: unknown) => error);
  t.ok(refusal instanceof ConfigError, 'a mistake of the settings');
  t.match(refusal, { message: /created with partitions 8, not 4; .*: leave the setting partitions out, or choose another --data$/ });
  await t.rejects(openEmbeddedLog({ directory, partitions: 0 }), { code: 'failed', message: /must be 1 to 256/ });
  await t.rejects(openEmbeddedLog({ directory, partitions: 1.5 }), { code: 'failed' });
});

t.test('offsets have no gaps, and a name that lmdb would refuse does not disturb the others of its group', async (t) => {
  const directory = temporary(), log = await openEmbeddedLog({ directory, partitions: 1 });
  const appends = Array.from({ length: 50 }, () => log.append([{ topic: 'commands', partition: 0, value: Buffer.from('x') }]));
  const refused = ['', 'a\0b', 'x'.repeat(5000)].map((name) => t.rejects(log.putValue(name, Buffer.from('x')), { code: 'failed' }));
  t.same((await Promise.all(appends)).flat(), Array.from({ length: 50 }, (_, i) => i));
  await Promise.all(refused);
  await log.close();
  rmSync(directory, { recursive: true });
});

t.test('a group is bounded, and everything is written all the same', async (t) => {
  const directory = temporary(), log = await openEmbeddedLog({ directory, partitions: 1, groupBytesMax: 1000 });
  await Promise.all(Array.from({ length: 40 }, (_, i) => log.append([{ topic: 'commands', partition: 0, value: Buffer.alloc(i * 100, i) }])));
  const records = await readAll(log, 'commands', 0);
  t.same(records.map(({ value }) => value.length), Array.from({ length: 40 }, (_, i) => i * 100));
  await log.close();
  rmSync(directory, { recursive: true });
});

t.test('trimmed space is used again', async (t) => {
  const directory = temporary(), log = await openEmbeddedLog({ directory, partitions: 2 });
  const fileBytes = (): number => statSync(join(directory, 'log', 'data.mdb')).size;
  let written = 0, random = 1;
  for (let round = 0; round < 60; round++) {
    for (const partition of [0, 1]) {
      const outputs = Array.from({ length: 8 }, () => {
        random = Math.imul(random, 1103515245) + 12345 & 0x7fffffff;
        return { topic: 'results' as const, partition, value: Buffer.alloc(random % (random & 1 ? 3000 : 300_000), round) };
      });
      written += outputs.reduce((sum, { value }) => sum + value.length, 0);
      await log.commit({ outputs, positions: [] });
      const { begin, end } = await log.bounds('results', partition);
      await log.trim('results', partition, Math.max(begin, end - 16));
    }
  }
  t.ok(written > 40e6 && fileBytes() < 16e6, `${written} bytes written, ${fileBytes()} on disk`);
  t.equal((await readAll(log, 'results', 0)).length, 16);
  await log.close();
  rmSync(directory, { recursive: true });
});

t.test('a full disk: the step is refused, nothing of it is seen, and nothing is written until it was opened again', async (t) => {
  const directory = smallDisk(t, '12m');
  if (directory === undefined) return;
  const ballast = join(directory, 'ballast');
  writeFileSync(ballast, Buffer.alloc(4 * 2 ** 20));
  let log: Log = await openEmbeddedLog({ directory, partitions: 1 });
  const step = (i: number): Promise<number[]> => log.commit({
    outputs: [0, 1, 2].map((part) => ({ topic: 'results', partition: 0, value: Buffer.alloc(100_000, 3 * i + part) })),
    positions: [{ topic: 'commands', partition: 0, offset: i + 1 }],
  });
  let steps = 0, refusal: unknown;
  while (refusal === undefined && steps < 100) await step(steps).then(() => steps++, (error: unknown) => { refusal = error; });
  t.match(refusal, { code: 'full', message: /disk of .* is full/ });
  t.ok(refusal instanceof LogError && steps > 5, `${steps} steps before it was full`);

  const check = async (): Promise<void> => {
    t.equal(await log.position('commands', 0), steps);
    const records = await readAll(log, 'results', 0);
    t.equal(records.length, 3 * steps);
    t.ok(records.every(({ offset, value }) => Buffer.from(value).equals(Buffer.alloc(100_000, offset))), 'whole steps only');
  };
  await check();
  rmSync(ballast);
  await t.rejects(step(steps), { code: 'full' }, 'also when there is room again');
  await t.rejects(log.putValue('a', Buffer.from('b')), { code: 'full' });
  await log.close();
  log = await openEmbeddedLog({ directory });
  await check();
  await step(steps++);
  await check();
  await log.close();
});

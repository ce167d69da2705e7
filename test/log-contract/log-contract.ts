/**
 * What every implementation of the log must do (engine/log/log.ts), as tests. An implementation's own test calls logContract with a way to open it;
 * what only that implementation can do (a full disk, a killed process) is tested beside it.
 *
 * Offsets are only asked to grow: Kafka's have gaps.
 */
import type t from 'tap';
import { ConfigError } from '../../engine/config.js';
import type { Append, Log, LogError, LogRecord, Topic } from '../../engine/log/log.js';
import { inputContract } from './input-contract.js';

export type Test = Pick<typeof t, 'test' | 'equal' | 'same' | 'ok' | 'rejects' | 'match' | 'teardown' | 'pass'>;

export interface LogStorage {
  /** Opens the storage, also again after the log was closed; with another number of partitions than it was created with it must refuse. */
  open(options: { partitions?: number; clock?: () => number }): Promise<Log>;
  remove(): Promise<void>;
}

export interface LogImplementation {
  name: string;
  /** A new, empty storage. */
  create(): Promise<LogStorage>;
  /** Takes append times from the clock that it is given. */
  takesClock: boolean;
}

/** A test on a new log of two partitions. */
export type Check = (name: string, run: (t: Test, log: Log, storage: LogStorage, reopen: () => Promise<Log>) => Promise<void>) => void;

export const bytes = (text: string): Uint8Array => Buffer.from(text);
export const texts = (records: LogRecord[]): string[] => records.map(({ value }) => Buffer.from(value).toString());

export async function readAll(log: Log, topic: Topic, partition: number, bytesMax = 2 ** 20): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  const { begin, end } = await log.bounds(topic, partition);
  for (let offset = begin; offset < end;) {
    const batch = await log.read(topic, partition, offset, bytesMax);
    records.push(...batch.records);
    offset = batch.nextOffset;
  }
  return records;
}

/** The log as it is, then the same log closed and opened again. */
async function* nowAndLater(log: Log, reopen: () => Promise<Log>): AsyncGenerator<Log> {
  yield log;
  yield await reopen();
}

const grows = (offsets: number[]): boolean => offsets.every((offset, i) => i === 0 || offset > offsets[i - 1]!);
const rejectsWith = (t: Test, promise: Promise<unknown>, code: LogError['code'], message: string): Promise<unknown> => (
  promise.then(() => t.ok(false, `${message}: should be refused`), (error: unknown) => t.match(error, { code }, message))
);

export function logContract(t: Test, implementation: LogImplementation): void {
  const check: Check = (name, run) => {
    void t.test(`${implementation.name}: ${name}`, async (t) => {
      const storage = await implementation.create();
      let log = await storage.open({ partitions: 2 });
      t.teardown(async () => {
        await log.close();
        await storage.remove();
      });
      const reopen = async () => {
        await log.close();
        return (log = await storage.open({}));
      };
      await run(t as Test, log, storage, reopen);
    });
  };

  check('a new log is empty', async (t, log) => {
    t.equal(log.partitions, 2);
    t.equal(log.hash, 'murmur2');
    t.same(await log.bounds('commands', 1), { begin: 0, end: 0 });
    t.equal(await log.position('commands', 1), 0);
    t.same(await log.read('commands', 1, 0, 1000), { topic: 'commands', partition: 1, records: [], nextOffset: 0 });
    t.equal(await log.getValue('nothing'), undefined);
    t.equal(log.bytesAppended, 0);
  });

  check('appended records are read as they were written', async (t, log, _, reopen) => {
    const large = Buffer.alloc(5 * 2 ** 20, 'large');
    const values = [bytes('a'), new Uint8Array(0), large, bytes('z')];
    const offsets = await log.append(values.map((value) => ({ topic: 'commands', partition: 1, value })));
    t.equal(offsets.length, 4);
    t.ok(grows(offsets));
    t.equal(log.bytesAppended, 2 + large.length);
    for await (const open of nowAndLater(log, reopen)) {
      const records = await readAll(open, 'commands', 1);
      t.same(records.map(({ offset }) => offset), offsets);
      records.forEach(({ value }, i) => t.ok(Buffer.from(value).equals(values[i]!), `value ${i}`));
      t.same(await open.bounds('commands', 0), { begin: 0, end: 0 }, 'other partitions have none of it');
      t.same(await open.bounds('internal', 1), { begin: 0, end: 0 }, 'nor have other topics');
    }
  });

  check('a commit makes outputs and positions real together', async (t, log, _, reopen) => {
    await log.append(['1', '2', '3'].map((text) => ({ topic: 'commands', partition: 0, value: bytes(text) })));
    const next = (await log.read('commands', 0, 0, 1)).nextOffset;
    const offsets = await log.commit({
      outputs: [{ topic: 'results', partition: 0, value: bytes('result') }, { topic: 'internal', partition: 1, value: bytes('forwarded') }],
      positions: [{ topic: 'commands', partition: 0, offset: next }],
    });
    t.equal(offsets.length, 2);
    for await (const open of nowAndLater(log, reopen)) {
      t.equal(await open.position('commands', 0), next);
      t.equal(await open.position('commands', 1), 0);
      t.equal(await open.position('internal', 0), 0);
      t.same(texts(await readAll(open, 'results', 0)), ['result']);
      t.same(texts(await readAll(open, 'internal', 1)), ['forwarded']);
    }
  });

  check('an empty step and a step with positions only are steps too', async (t, log) => {
    t.same(await log.commit({ outputs: [], positions: [] }), []);
    t.same(await log.commit({ outputs: [], positions: [{ topic: 'interactive', partition: 1, offset: 7 }] }), []);
    t.equal(await log.position('interactive', 1), 7);
  });

  check('steps take effect in the order of the calls', async (t, log) => {
    const steps = Array.from({ length: 300 }, (_, i) => log.commit({
      outputs: [{ topic: 'results', partition: i % 2, value: bytes(String(i)) }],
      positions: [{ topic: 'commands', partition: 0, offset: i + 1 }],
    }));
    const offsets = (await Promise.all(steps)).map(([offset]) => offset!);
    t.equal(await log.position('commands', 0), 300);
    for (const partition of [0, 1]) {
      const records = await readAll(log, 'results', partition);
      t.same(texts(records), Array.from({ length: 150 }, (_, i) => String(2 * i + partition)));
      t.same(records.map(({ offset }) => offset), offsets.filter((_, i) => i % 2 === partition));
    }
  });

  check('what has been acknowledged can be read at once, by position and by listener', async (t, log) => {
    const heard: string[] = [];
    const end = log.onAppend((topic, partition) => heard.push(`${topic}/${partition}`));
    const [offset] = await log.append([{ topic: 'interactive', partition: 1, value: bytes('now') }]);
    t.same(texts((await log.read('interactive', 1, offset!, 1000)).records), ['now']);
    t.ok(heard.includes('interactive/1'), 'the listener was called');
    await log.append([{ topic: 'results', partition: 0, value: bytes('quiet') }, { topic: 'internal', partition: 0, value: bytes('heard') }]);
    t.ok(heard.includes('internal/0'));
    t.ok(!heard.some((name) => name.startsWith('results')), 'only input topics are announced');
    end();
    const before = heard.length;
    await log.append([{ topic: 'commands', partition: 0, value: bytes('unheard') }]);
    t.equal(heard.length, before, 'not after it was ended');
  });

  check('reads are bounded by bytes, with one record at least', async (t, log) => {
    await log.append(Array.from({ length: 10 }, (_, i) => ({ topic: 'commands' as const, partition: 0, value: Buffer.alloc(1000, i) })));
    const one = await log.read('commands', 0, 0, 1);
    t.equal(one.records.length, 1);
    const some = await log.read('commands', 0, one.nextOffset, 3000);
    t.ok(some.records.length >= 1 && some.records.length <= 4);
    t.equal(some.records[0]!.value[0], 1, 'it goes on where the last one ended');
    t.equal((await readAll(log, 'commands', 0, 2500)).length, 10);
    const { end } = await log.bounds('commands', 0);
    t.same((await log.read('commands', 0, end, 1000)).records, [], 'there is nothing at the end');
  });

  check('values that were read stay as they were', async (t, log) => {
    const write = (fill: number): Append[] => [1, 100, 10_000, 300_000].map((length) => ({ topic: 'commands', partition: 0, value: Buffer.alloc(length, fill) }));
    await log.append(write(1));
    const records = await readAll(log, 'commands', 0);
    await log.append(write(2));
    await readAll(log, 'commands', 0);
    await log.trim('commands', 0, (await log.bounds('commands', 0)).end);
    await log.append(write(3));
    for (const { value } of records) t.ok(Buffer.from(value).equals(Buffer.alloc(value.length, 1)), `${value.length} bytes`);
    structuredClone(records, { transfer: [...new Set(records.map(({ value }) => value.buffer as ArrayBuffer))] });
    t.equal(records[3]!.value.length, 0, 'and may be transferred to a worker');
    t.equal((await readAll(log, 'commands', 0)).length, 4);
  });

  inputContract(check);

  check('append times of a partition never go backwards', async (t, log, _, reopen) => {
    const times: number[] = [];
    for (const topic of ['commands', 'results', 'interactive', 'internal'] as const) {
      await log.append([{ topic, partition: 0, value: bytes(topic) }]);
      times.push((await readAll(log, topic, 0))[0]!.timestampMs);
    }
    t.ok(times.every((time, i) => Number.isInteger(time) && time >= (times[i - 1] ?? 1)));
    const open = await reopen();
    await open.append([{ topic: 'dead-letters', partition: 0, value: bytes('x') }]);
    t.ok((await readAll(open, 'dead-letters', 0))[0]!.timestampMs >= times.at(-1)!);
  });

  if (implementation.takesClock) {
    void t.test(`${implementation.name}: a clock that is set back does not move append times back, also after a restart`, async (t) => {
      const storage = await implementation.create();
      let nowMs = 5_000;
      const clock = (): number => nowMs;
      let log = await storage.open({ partitions: 2, clock });
      const append = async (topic: Topic, partition: number): Promise<number> => {
        const [offset] = await log.append([{ topic, partition, value: bytes('x') }]);
        return (await log.read(topic, partition, offset!, 1)).records[0]!.timestampMs;
      };
      t.equal(await append('commands', 0), 5_000);
      nowMs = 4_000;
      t.equal(await append('results', 0), 5_000, 'across the topics of a partition');
      t.equal(await append('commands', 1), 4_000, 'each partition has its own clock');
      await log.trim('commands', 0, 1);
      await log.close();
      nowMs = 1_000;
      log = await storage.open({ clock });
      t.equal(await append('internal', 0), 5_000);
      nowMs = 6_000;
      t.equal(await append('internal', 0), 6_000);
      await log.close();
      await storage.remove();
    });
  }

  check('trimmed records are gone, offsets go on', async (t, log, _, reopen) => {
    const offsets = await log.append(Array.from({ length: 1000 }, (_, i) => ({ topic: 'results' as const, partition: 0, value: bytes(String(i)) })));
    await log.trim('results', 0, offsets[600]!);
    let open = log;
    for await (open of nowAndLater(log, reopen)) {
      t.equal((await open.bounds('results', 0)).begin, offsets[600]);
      t.same(texts((await open.read('results', 0, 0, 1)).records), ['600'], 'a read from before the beginning begins there');
      t.equal((await readAll(open, 'results', 0)).length, 400);
    }
    await open.trim('results', 0, offsets[10]!);
    t.equal((await open.bounds('results', 0)).begin, offsets[600], 'it never brings records back');
    const { end } = await open.bounds('results', 0);
    await open.trim('results', 0, end);
    open = await reopen();
    t.same(await open.bounds('results', 0), { begin: end, end });
    t.same((await open.read('results', 0, 0, 1000)).records, []);
    const [next] = await open.append([{ topic: 'results', partition: 0, value: bytes('next') }]);
    t.ok(next! >= end, 'no offset is given twice');
    t.same(texts((await open.read('results', 0, 0, 1000)).records), ['next']);
  });

  check('named values are kept', async (t, log, _, reopen) => {
    await log.putOwnValues(['one', 'other'].map((text, partition) => ({ partition, name: `sink/${partition}`, value: bytes(text) })));
    await log.putValue('sink/0', bytes('two'));
    for await (const open of nowAndLater(log, reopen)) {
      t.equal(Buffer.from((await open.getValue('sink/0'))!).toString(), 'two');
      t.equal(Buffer.from((await open.getValue('sink/1'))!).toString(), 'other');
      t.equal(await open.getValue('sink/2'), undefined);
    }
  });

  check('a value is added once, also where it was put anew since', async (t, log, _, reopen) => {
    for (const name of ['keys/1', 'keys/2']) t.equal(await log.addValue(name, bytes('one')), true);
    await log.putValue('keys/2', bytes('new'));
    for await (const open of nowAndLater(log, reopen)) {
      for (const [name, value] of [['keys/1', 'one'], ['keys/2', 'new']] as const) {
        t.equal(await open.addValue(name, bytes('other')), false);
        t.equal(Buffer.from((await open.getValue(name))!).toString(), value);
      }
    }
  });

  check('a step for a partition that does not exist is refused, wholly', async (t, log) => {
    const value = bytes('x');
    await rejectsWith(t, log.append([{ topic: 'commands', partition: 0, value }, { topic: 'commands', partition: 2, value }]), 'failed', 'append');
    await rejectsWith(t, log.commit({ outputs: [], positions: [{ topic: 'commands', partition: -1, offset: 1 }] }), 'failed', 'commit');
    await rejectsWith(t, log.read('commands', 2, 0, 1), 'failed', 'read');
    t.same(await log.bounds('commands', 0), { begin: 0, end: 0 });
    await log.append([{ topic: 'commands', partition: 0, value: bytes('the log goes on') }]);
  });

  check('closing completes what was accepted and refuses the rest', async (t, log, _, reopen) => {
    const accepted = Array.from({ length: 20 }, (_, i) => log.append([{ topic: 'commands', partition: 0, value: bytes(String(i)) }]));
    const closed = log.close();
    await Promise.all(accepted);
    await closed;
    await log.close();
    await rejectsWith(t, log.append([{ topic: 'commands', partition: 0, value: bytes('late') }]), 'closed', 'append');
    await rejectsWith(t, log.commit({ outputs: [], positions: [] }), 'closed', 'commit');
    await rejectsWith(t, log.read('commands', 0, 0, 1), 'closed', 'read');
    await rejectsWith(t, log.putValue('a', bytes('b')), 'closed', 'putValue');
    t.equal((await readAll(await reopen(), 'commands', 0)).length, 20);
  });

  check('of two that are open at once only one can write', async (t, log, storage) => {
    const step = { outputs: [], positions: [{ topic: 'commands' as const, partition: 0, offset: 1 }] };
    const second = await storage.open({}).catch((error: unknown) => error);
    if (second instanceof Error) {
      t.match(second, { code: 'fenced' }, 'the second is refused');
      await log.commit(step);
    } else {
      await (second as Log).commit(step);
      await rejectsWith(t, log.commit(step), 'fenced', 'the first is fenced');
      await (second as Log).close();
    }
  });

  check('another number of partitions than at creation is refused', async (t, log, storage) => {
    await log.close();
    const refusal = await storage.open({ partitions: 3 }).catch((error: unknown) => error);
    t.ok(refusal instanceof ConfigError, 'three instead of two: a mistake of the settings');
    await storage.open({ partitions: 2 }).then((same) => same.close());
  });
}

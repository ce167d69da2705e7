/** The part of the log's contract that shards stand on: what `readInput` gives, opened as they do it. */
import type { InputTopic, Log, LogRecord } from '../../engine/log/log.js';
import { packFrame } from '../../schemas/frame.js';
import { openedFrame } from '../support/record-batch.js';
import { bytes, texts, type Check } from './log-contract.js';

/** Input from an offset on, opened as a shard does it, up to the record at `last`. */
export async function readInputUntil(log: Log, topic: InputTopic, partition: number, from: number, last: number): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  for (let next = from; next <= last;) {
    const { chunks, nextOffset } = await nextInput(log, topic, partition, next);
    records.push(...openedFrame(packFrame(chunks.map((chunk) => ({ topic: 0, ...chunk })))));
    next = nextOffset;
  }
  return records;
}
/** Waits until there is something, as flows do. */
async function nextInput(log: Log, topic: InputTopic, partition: number, from: number): ReturnType<Log['readInput']> {
  let heard = (): void => undefined;
  const end = log.onAppend(() => heard());
  try {
    for (;;) {
      const more = new Promise<void>((resolve) => { heard = resolve; });
      const found = await log.readInput(topic, partition, from, 1000);
      if (found.chunks.length > 0 || found.nextOffset > from) return found;
      await more;
    }
  } finally {
    end();
  }
}

export function inputContract(check: Check): void {
  check('shards get their input in order, from where they stand, also in the middle', async (t, log) => {
    const offsets: number[] = [];
    for (let i = 0; i < 30; i++) offsets.push(...await log.append([{ topic: 'commands', partition: 1, value: bytes(`${i}`) }, { topic: 'commands', partition: 1, value: bytes(`${i}+`) }]));
    const expected = Array.from({ length: 30 }, (_, i) => [`${i}`, `${i}+`]).flat();
    for (const start of [0, 33, 7, 59]) {
      const records = await readInputUntil(log, 'commands', 1, offsets[start]!, offsets[59]!);
      t.same(records.map(({ offset }) => offset), offsets.slice(start));
      t.same(texts(records), expected.slice(start), `from ${start}`);
    }
    const { chunks, nextOffset } = await log.readInput('commands', 1, offsets[59]! + 1, 1000);
    t.same([chunks, nextOffset], [[], offsets[59]! + 1]);
  });

  check('input is committed records only, and where nothing more is to come the place goes on', async (t, log) => {
    await log.commit({ outputs: [{ topic: 'internal', partition: 0, value: bytes('forwarded') }], positions: [{ topic: 'commands', partition: 0, offset: 0 }] });
    const { end } = await log.bounds('internal', 0);
    t.same(texts(await readInputUntil(log, 'internal', 0, 0, 0)), ['forwarded']);
    let place = 1;
    while (place < end) {
      const { chunks, nextOffset } = await nextInput(log, 'internal', 0, place);
      t.same(chunks, []);
      place = nextOffset;
    }
    t.equal(place, end);
  });
}

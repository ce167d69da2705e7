import t from 'tap';
import type { LogRecord, Topic } from './log/log.js';
import { Results } from './results.js';
import { writeResults } from '../schemas/results.js';

const SEED = Number(process.env.SEED ?? 7);
const nothing = new Uint8Array(0);
const recordOf = (batch: number): Uint8Array => writeResults({
  partition: 0, batch, epoch: 1, clockMs: 0, inputs: [], positions: [], reference: 0, processed: 0, duplicates: 0, rejected: 0, effectsLength: 0, factsLength: 0, rows: 0,
}, nothing, nothing);

/** A log whose offsets have gaps, as `gap` says, and records from `begin` on. */
function logWith(batches: number, gap: (batch: number) => number, begin = 0): { log: ConstructorParameters<typeof Results>[0]; offsets: number[]; looks: () => number } {
  const offsets: number[] = [];
  let end = 0, looks = 0;
  for (let batch = 0; batch < batches; batch++) {
    offsets.push(end);
    end += 1 + gap(batch);
  }
  const log = {
    bounds: () => Promise.resolve({ begin, end }),
    read(topic: Topic, partition: number, fromOffset: number) {
      looks++;
      const batch = offsets.findIndex((offset) => offset >= Math.max(begin, fromOffset)), offset = offsets[batch];
      const records: LogRecord[] = offset === undefined ? [] : [{ offset, timestampMs: 0, value: recordOf(batch) }];
      return Promise.resolve({ topic, partition, records, nextOffset: offset === undefined ? end : offset + 1 });
    },
  };
  return { log, offsets, looks: () => looks };
}

t.test('without gaps the first look finds it', async (t) => {
  const { log, looks } = logWith(1000, () => 0), results = new Results(log);
  for (const batch of [999, 0, 500]) t.equal((await results.find(0, batch))?.offset, batch);
  t.equal(looks(), 3);
  t.equal(await results.find(0, 1000), undefined);
  t.equal((await results.last(0))?.header.batch, 999);
});

t.test(`with gaps every batch is found, from any place, SEED=${SEED}`, async (t) => {
  let random = SEED;
  const next = (below: number): number => (random = Math.imul(random, 1103515245) + 12345 & 0x7fffffff) % below;
  for (const gaps of [() => 1, () => next(4), (batch: number) => (batch % 100 === 99 ? 500 : 0), (batch: number) => (batch < 300 ? 3 : 0)]) {
    const { log, offsets, looks } = logWith(600, gaps), results = new Results(log);
    for (let i = 0; i < 200; i++) {
      const batch = next(600), found = await results.find(0, batch);
      if (found?.offset !== offsets[batch] || found?.header.batch !== batch) t.fail(`batch ${batch}: ${found?.offset}, not ${offsets[batch]}`);
    }
    t.ok(looks() < 200 * 12, `${looks()} looks for 200`);
    t.equal((await results.last(0))?.header.batch, 599, 'the last is found behind the ends of transactions');
    t.equal(await results.find(0, 600), undefined);
  }
});

t.test('what is not kept any more is not found, and reading goes on where it may', async (t) => {
  const { log, offsets } = logWith(100, () => 1, 101), results = new Results(log);
  t.equal(await results.find(0, 50), undefined);
  t.equal(await results.offsetOf(0, 60), offsets[60]);
  t.equal(await results.offsetOf(0, 100), 200, 'the end, for the batch that comes next');
});

t.test('a log without results', async (t) => {
  const results = new Results(logWith(0, () => 0).log);
  t.equal(await results.last(0), undefined);
  t.equal(await results.find(0, 0), undefined);
  t.equal(await results.offsetOf(0, 0), 0);
});

t.test('places that are known from commits make it a look or two', async (t) => {
  const { log, offsets, looks } = logWith(5000, (batch) => batch % 3), results = new Results(log);
  offsets.forEach((offset, batch) => results.note(0, batch, offset));
  for (let batch = 0; batch < 5000; batch += 97) await results.find(0, batch);
  t.ok(looks() < 52 * 8, `${looks()} looks for 52`);
});

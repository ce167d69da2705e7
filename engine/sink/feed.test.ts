/** A range that was collected is collected again as it was, wherever reads are cut, however offsets have gaps, and whatever has come since. */
import fc from 'fast-check';
import t from 'tap';
import { fakeResults } from '../../test/sink/fake-clickhouse.js';
import type { Log, LogBatch } from '../log/log.js';
import { Budget, Feed, type Range } from './feed.js';

/** Records of one partition at offsets with gaps; `readable`: so many of them can be read yet; a read gives `cut` records at most. */
class GappedLog {
  readable = 0;
  cut = 1;
  readonly records: { offset: number; batch: number; rows: number; value: Uint8Array }[];

  constructor(gaps: number[], rows: number[]) {
    let offset = 0;
    this.records = gaps.map((gap, batch) => ({ offset: (offset += gap), batch, rows: rows[batch]!, value: fakeResults(0, batch, rows[batch]!) }));
  }
  /** After the last readable record, and the marks that follow it. */
  get end(): number {
    return this.records[this.readable]?.offset ?? this.records.at(-1)!.offset + 1;
  }
  async read(_topic: string, partition: number, from: number): Promise<LogBatch> {
    const found = this.records.slice(0, this.readable).filter(({ offset }) => offset >= from), given = found.slice(0, this.cut);
    return {
      topic: 'results', partition, records: given.map(({ offset, value }) => ({ offset, timestampMs: 0, value })), nextOffset: found[this.cut]?.offset ?? Math.max(from, this.end),
    };
  }
}
const bytesOf = (range: Range): string => Buffer.concat(range.blocks).toString('hex');

t.test('the same range again gives the same bytes', async (t) => {
  const seed = 20_261_126;
  t.comment(`seed ${seed}`);
  const numbers = (min: number, max: number): fc.Arbitrary<number[]> => fc.array(fc.integer({ min, max }), { minLength: 12, maxLength: 12 });
  await fc.assert(fc.asyncProperty(numbers(1, 3), numbers(0, 4), fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 }), fc.boolean(), fc.integer({ min: 0, max: 11 }), async (gaps, rows, readable, later, cut, cutLater, tail, freshFrom) => {
    const log = new GappedLog(gaps, rows), feed = (): Feed => new Feed(0, log as unknown as Log, new Budget(1e6), () => undefined);
    Object.assign(log, { readable, cut });
    const first = feed();
    first.extend(tail ? log.end : log.records[readable - 1]!.offset + 1, 0);
    const range = await first.collect({ rowsMax: 9, bytesMax: 1e6, to: first.end });
    if (range.rows === 0) return;

    Object.assign(log, { readable: Math.max(readable, later), cut: cutLater });
    const again = feed();
    again.position = again.end = range.from;
    for (const { offset, batch, rows, value } of log.records.slice(freshFrom, log.readable)) again.offer({ offset, batch, record: value, rows }, 0);
    again.extend(log.end, 0);
    const repeated = await again.collect({ rowsMax: Infinity, bytesMax: Infinity, to: range.to });
    t.equal(bytesOf(repeated), bytesOf(range));
    t.match(repeated, { from: range.from, rows: range.rows, firstBatch: range.firstBatch, lastBatch: range.lastBatch });
    t.ok(repeated.to >= range.to, 'whole');

    // And nothing is left out after it.
    again.delivered(repeated);
    const rest = again.waiting ? await again.collect({ rowsMax: Infinity, bytesMax: Infinity, to: again.end }) : undefined;
    const expected = log.records.slice(0, log.readable).filter(({ offset }) => offset >= range.to).reduce((sum, { rows }) => sum + rows, 0);
    t.equal(rest?.rows ?? 0, expected);
  }), { seed, numRuns: 300 });
});

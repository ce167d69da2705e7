/** The table of a comparison, its ratios, and what counts as agreement. */
import t from 'tap';
import { difference, ratiosOf, table, type Report, type Run } from './report.js';

const run = (engine: Run['engine'], variant: string, transactionsPerSecond: number, more: Partial<Run> = {}): Run => ({
  engine, variant, transactionsPerSecond, steadyTransactionsPerSecond: transactionsPerSecond * 2, committedTransactionsPerSecond: transactionsPerSecond, cpuSeconds: 3, peakMemoryBytes: 2 ** 29, p50Ms: null,
  p99Ms: null, agrees: true, ...more,
});
const report = (runs: Run[], ratePerSecond: number | null = null): Report => ({
  records: 1_000_000, cards: 1000, partitions: 8, recordBytes: 300, cores: 2, loadBefore: 0.5, ratePerSecond, runs, ratios: ratiosOf(runs), agree: runs.every(({ agrees }) => agrees),
});
const drained = [run('Kafka Streams', 'memory', 100_000), run('Flink', 'heap', 200_000), run('Pointstream', 'full', 250_000), run('Pointstream', 'lean', 400_000)];

t.test('rates: ours as multiples of each peer', async (t) => {
  t.same(ratiosOf(drained), [
    { variant: 'full', of: 'Kafka Streams, memory', transactionsPerSecond: 2.5, p99: null }, { variant: 'full', of: 'Flink, heap', transactionsPerSecond: 1.25, p99: null },
    { variant: 'lean', of: 'Kafka Streams, memory', transactionsPerSecond: 4, p99: null }, { variant: 'lean', of: 'Flink, heap', transactionsPerSecond: 2, p99: null },
  ]);
  const text = table(report(drained));
  const cells = text.split('\n').filter((line) => line.startsWith('| ')).map((line) => line.split('|').slice(1, -1).map((cell) => cell.trim()));
  t.same(cells[0], ['engine', 'variant', 'tx/s', 'steady tx/s', 'committed tx/s', 'CPU s', 'µs CPU/tx', 'peak MiB', '× Kafka Streams', '× Flink', 'agrees']);
  t.same(cells[4], ['Pointstream', 'lean', '400,000', '800,000', '400,000', '3.0', '3.0', '512', '4.00', '2.00', 'yes']);
  t.match(text, /1,000,000 records of 300 bytes, 1,000 cards, 8 partitions, 2 cores, load before 0\.5/);
  t.match(text, /All agree on every balance\.\n$/);
});

t.test('delays: p99 as multiples', async (t) => {
  const runs = [run('Kafka Streams', 'memory', 20_000, { p50Ms: 20, p99Ms: 80 }), run('Pointstream', 'full', 20_000, { p50Ms: 8, p99Ms: 20 })];
  t.same(ratiosOf(runs), [{ variant: 'full', of: 'Kafka Streams, memory', transactionsPerSecond: null, p99: 0.25 }]);
  t.match(table(report(runs, 20_000)), /\| Pointstream +\| full +\| +20,000 \| +8 \| +20 \|.* 0\.25 \|/);
});

t.test('one that differs is said', async (t) => {
  t.match(table(report([...drained.slice(0, 3), run('Pointstream', 'lean', 1, { agrees: false })])), /NO \|\nTHEY DO NOT AGREE\./);
  const expected = new Map([['1', 10], ['2', 20]]);
  t.equal(difference(expected, new Map([['2', 20], ['1', 10]])), undefined);
  t.match(difference(expected, new Map([['1', 10], ['2', 21]])), /^1 of 2 balances differ, 0 are of cards that nobody used; card 2: 20 expected, 21 found$/);
  t.match(difference(expected, new Map([['1', 10]])), /card 2: 20 expected, nothing found/);
  t.match(difference(expected, new Map([['1', 10], ['2', 20], ['3', 1]])), /^0 of 2 balances differ, 1 are of cards that nobody used; card 3: nothing expected, 1 found$/);
});

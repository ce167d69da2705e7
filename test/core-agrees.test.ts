/**
 * The core and the naive implementation agree on random histories: purchases, whole and partial returns (also before their purchase, with other
 * cards, without any), repeats, conflicts, late and future ones, imports, changes of rules and products, days that pass; in batches of any size, with commits
 * that lag.
 */
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { NaiveReference } from '../loadtest/naive/reference.js';
import type { ProductDocument } from '../schemas/reference.js';
import { Bench, stateDirectory } from './simulation/bench.js';
import { history } from './simulation/history-arbitrary.js';
import { Player, startMs } from './simulation/history.js';
import { casesOf } from './simulation/seeds.js';
import { Twin } from './simulation/twin.js';

const { seed, runs } = casesOf(20_260_307, 400, 12_000);
t.comment(`POINTSTREAM_SEED=${seed} POINTSTREAM_RUNS=${runs}`);

t.test('the core agrees with the naive implementation', (t) => {
  const root = stateDirectory(t), outcomes = new Map<string, number>();
  let number = 0, batches = 0;
  fc.assert(fc.property(history(40), fc.integer({ min: 1, max: 3 }), ({ world, acts }, partitions) => {
    const twins: Twin[] = [];
    const bench = new Bench({
      directory: join(root, String(number++)), partitions, startMs, factCacheBytesMax: 0, historyDays: 4, committed(result) {
        batches++;
        const twin = twins[result.partition]!;
        twin.follow(result);
        if (bench.isSettled(result.partition)) twin.compareState(bench.cells(result.partition));
      },
    });
    const references = new Map<number, NaiveReference>();
    const referenceOf = (version: number): NaiveReference => {
      let reference = references.get(version);
      const { set } = bench.published.find((published) => published.set.version === version)!;
      if (!reference) references.set(version, (reference = new NaiveReference(set, productsOf(bench, version))));
      return reference;
    };
    for (let partition = 0; partition < partitions; partition++) twins.push(new Twin(partition, bench.log, referenceOf));
    try {
      new Player(bench, world, {
        work({ records, items, commits }) {
          for (let partition = 0; partition < partitions; partition++) bench.step(partition, items === undefined ? { records } : { records, items });
          bench.commit(commits);
        },
      }).play({ acts });
      bench.drain();
      bench.locate();
      bench.drain();
    } finally {
      bench.close();
    }
    for (const twin of twins) for (const [outcome, count] of twin.outcomes) outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + count);
  }), { seed, numRuns: runs });
  t.comment(`${runs} histories, ${batches} batches; ${[...outcomes].sort((a, b) => b[1] - a[1]).map(([outcome, count]) => `${count} ${outcome}`).join(', ')}`);
  t.ok([...outcomes.values()].reduce((sum, count) => sum + count, 0) >= 3000, 'enough cases');
  const seen = [
    'purchase processed', 'return processed', 'return waiting', 'return return-exceeds', 'purchase conflict', 'purchase duplicate', 'purchase late', 'purchase future',
    'return return-window', 'return wrong-currency', 'posting maturity pending', 'posting expiry available', 'posting reversal debt', 'posting debt debt',
    'import of 2 cards processed', 'import of 2 cards elsewhere', 'import of 3 cards rejected', 'purchase elsewhere', 'return elsewhere',
    ...['line discount', 'discount line'].flatMap((what) => ['', ' again'].flatMap((again) => ['proportional', 'requalify', 'keep'].map((policy) => `${what} returned${again}, ${policy}`))),
  ];
  for (const outcome of seen) t.ok(outcomes.get(outcome), outcome);
  t.end();
});

/** The products of each partner in a version of the reference set: what was published last by then. */
function productsOf({ published }: Bench, version: number): ConstructorParameters<typeof NaiveReference>[1] {
  const contents = new Map(published.filter(({ set }) => set.version <= version).flatMap(({ products }) => [...products]));
  return new Map([...contents].map(([partner, content]) => [partner, productsIn(content)]));
}
function productsIn(content: Uint8Array): Map<string, ProductDocument> {
  const products = Buffer.from(content).toString().split('\n').map((line) => JSON.parse(line) as ProductDocument);
  return new Map(products.map((product) => [product.sku, product]));
}

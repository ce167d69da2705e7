/** The cache of facts stays within its bound, whatever the size of batches, and gives back what was put. */
import fc from 'fast-check';
import t from 'tap';
import { addCase, factCase } from '../test/facts/fact-cases.js';
import { FactCache } from './fact-cache.js';
import { FactBlock } from './facts/fact-block.js';

const seed = 20_261_129, BYTES_MAX = 1 << 20;
t.comment(`seed ${seed}`);

t.test('blocks of a few rows do not take more memory than the cache may have', async (t) => {
  const cache = new FactCache(BYTES_MAX), block = new FactBlock(), cases = fc.sample(factCase(), { seed, numRuns: 200 });
  let batch = 0;
  for (const rows of [1, 3, 150, 2]) {
    for (let i = 0; i < 300; i++) {
      block.reset();
      for (let row = 0; row < rows; row++) addCase(block, cases[(i + row) % cases.length]!);
      cache.put(batch++, block.finish());
    }
    t.ok(cache.bytes <= BYTES_MAX, `${cache.bytes} bytes after batches of ${rows} rows`);
    t.equal(cache.get(batch - 1)!.at(rows - 1).place, rows - 1, 'the last one is there');
    t.equal(cache.get(0), undefined, 'the first is not');
  }
});

t.test('what was put is found as it was; the last batches stay whatever the bound', async (t) => {
  const cache = new FactCache(0), block = new FactBlock(), [fact] = fc.sample(factCase(0), { seed, numRuns: 1 });
  for (let batch = 0; batch < 20; batch++) {
    block.reset();
    addCase(block, { ...fact!, batch, withTransaction: true, texts: { ...fact!.texts, store: `store ${batch}` } });
    cache.put(batch, block.finish(), batch % 2 ? block.marks : undefined);
  }
  for (let batch = 12; batch < 20; batch++) {
    const { rows, place } = cache.get(batch)!.at(0);
    t.equal(rows.fact(place).store, `store ${batch}`);
  }
  t.equal(cache.get(11), undefined);
});

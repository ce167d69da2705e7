import t from 'tap';
import { partOf, splitIntoParts } from './parts.js';

t.test('what is larger than a record becomes parts that say what they are parts of', async (t) => {
  const value = Buffer.alloc(5000, 'x');
  for (const key of [null, 'bucket/7']) {
    t.same(splitIntoParts(key, value, 10_000), [{ key, value }]);
    const parts = splitIntoParts(key, value, 3024);
    t.same(parts.map(({ value: bytes }) => bytes.length), [2000, 2000, 1000]);
    t.same(parts.map((part) => partOf(Buffer.from(part.key!))), [0, 1, 2].map((index) => ({ key: key === null ? undefined : Buffer.from(key), index, count: 3 })));
  }
  for (const key of ['bucket/7', 'meta', 'part', 'part 1', 'apart 1/2']) t.equal(partOf(Buffer.from(key)), undefined, key);
});

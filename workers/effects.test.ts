import fc from 'fast-check';
import t from 'tap';
import { Effect, EffectsReader, EffectsWriter } from './effects.js';

/** Numbers of every size that a varint can have. */
const anySize = (max: number) => fc.integer({ min: 0, max: 53 }).chain((bits) => fc.maxSafeNat().map((value) => Math.min(max, value % 2 ** bits)));
const keyArbitrary = anySize(Number.MAX_SAFE_INTEGER);
const cellArbitrary = fc.record({ key1: keyArbitrary, key2: keyArbitrary, addition: fc.tuple(keyArbitrary, fc.boolean()).map(([value, negative]) => (negative ? -value || 0 : value)) });

t.test('what is written is read back, numbers of every size', (t) => {
  fc.assert(
    fc.property(anySize(2 ** 40), fc.array(cellArbitrary, { maxLength: 80 }), anySize(2 ** 20), (ordinal, cells, row) => {
      const writer = new EffectsWriter();
      const list = (pick: (cell: (typeof cells)[number]) => number): Float64Array => Float64Array.from(cells, pick);
      writer.cells(ordinal, cells.length, list(({ key1 }) => key1), list(({ key2 }) => key2), list(({ addition }) => addition));
      writer.seen(Uint32Array.of(1, 2 ** 32 - 1, 3, 4), Uint32Array.of(0x80000000, 6), row);
      const reader = new EffectsReader(writer.bytes.subarray(0, writer.length));
      t.equal(reader.bytes[reader.at++], Effect.cells);
      t.same([reader.varint(), reader.varint()], [ordinal, cells.length]);
      for (const cell of cells) t.same({ key1: reader.key(), key2: reader.key(), addition: reader.addition() }, cell);
      t.equal(reader.bytes[reader.at++], Effect.seen);
      t.same([1, 2, 3, 4, 5, 6].map(() => reader.uint32()), [1, 2 ** 32 - 1, 3, 4, 0x80000000, 6]);
      t.equal(reader.varint(), row);
      t.equal(reader.at, writer.length, 'and nothing else');
    }),
    { numRuns: 300, seed: 3 },
  );
  t.end();
});

t.test('a small cell takes the bytes that its head comment promises, and a full buffer grows', (t) => {
  const writer = new EffectsWriter();
  writer.cells(5, 1, Float64Array.of(2 ** 40 + 300), Float64Array.of(127), Float64Array.of(-200));
  t.same([...writer.bytes.subarray(0, writer.length)], [Effect.cells, 5, 1, 0x80, 0x80, 0x40, 0xac, 2, 0, 127, 1, 0xc8, 1]);
  const many = new Float64Array(50_000).fill(2 ** 52);
  writer.cells(6, many.length, many, many, many);
  t.ok(writer.length > 1 << 20);
  const reader = new EffectsReader(writer.bytes);
  reader.at = writer.length - 8;
  t.equal(reader.varint(), 2 ** 52, 'the last addition');
  t.end();
});

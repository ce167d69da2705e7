import fc from 'fast-check';
import t from 'tap';
import { cellKey, lotExpires, lotKey, lotMatures, NEVER } from '../ledger/cells.js';
import { AccountStore } from './account-store.js';
import { pass, takePass } from './sorted-cells.js';

/** Few cells and many additions, so that passes have cells twice, make cells and remove some. */
const additionArbitrary = fc.record({ kind: fc.integer({ min: 1, max: 6 }), a: fc.nat(2), day: fc.nat(40), addition: fc.integer({ min: -3, max: 3 }) });

t.test('passes make the same cells as one addition after the other, and tell the new ones', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.array(additionArbitrary, { maxLength: 150 }), { minLength: 1, maxLength: 12 }), (lists) => {
      const store = new AccountStore(1 << 20), model = new Map<string, number>();
      store.open(0, 0);
      store.addCard(0, 0, Buffer.from('a card of more than sixteen bytes'));
      for (const list of lists) {
        const key1 = Float64Array.from(list, ({ kind, a }) => cellKey(kind, a, 1)), key2 = Float64Array.from(list, ({ day }) => lotKey(day + 1, day));
        const additions = Float64Array.from(list, ({ addition }) => addition), made: string[] = [], expected: string[] = [];
        for (let from = 0; from < list.length; ) {
          const next = takePass(from, list.length, key1, key2, additions), before = new Set(model.keys()), added: string[] = [];
          t.ok(next > from && next - from <= 64, 'goes on');
          const count = store.addPass(0);
          for (let i = 0; i < count; i++) added.push(`${pass.key1[i]!} ${pass.key2[i]!}`);
          for (let i = from; i < next; i++) {
            const name = `${key1[i]!} ${key2[i]!}`, value = (model.get(name) ?? 0) + additions[i]!;
            if (!before.has(name) && additions[i] !== 0) expected.push(name);
            if (value === 0) model.delete(name);
            else model.set(name, value);
          }
          made.push(...added);
          from = next;
        }
        t.same(made.sort(), expected.sort(), 'new cells');
        const found: [number, number, number][] = [];
        store.forEach(0, (...cell) => found.push(cell));
        t.same(found, found.slice().sort((a, b) => a[0] - b[0] || a[1] - b[1]), 'sorted');
        t.same(new Map(found.map(([first, second, value]) => [`${first} ${second}`, value])), model, 'cells');
        const due = found.map(([first, second]) => (first < cellKey(2, 0, 0) ? lotExpires(second) : first < cellKey(3, 0, 0) ? lotMatures(second) : NEVER));
        const first = Math.min(NEVER, ...due);
        if (first !== NEVER) t.ok(store.hasDue(0, first), 'due');
        t.notOk(store.hasDue(0, first - 1), 'not due before');
        t.same(store.cardsOf(0).map(String), ['a card of more than sixteen bytes'].map((text) => String(new Uint8Array(Buffer.from(text)))), 'the card stays');
      }
    }),
    { numRuns: 100, seed: 5 },
  );
});

t.test('of a cell that comes twice the second addition waits for the next pass', async (t) => {
  const key1 = Float64Array.of(3, 1, 2, 1, 5, 3), key2 = new Float64Array(6), additions = new Float64Array(6).fill(1), ends: number[] = [];
  for (let from = 0; from < 6; ) ends.push((from = takePass(from, 6, key1, key2, additions)));
  t.same(ends, [2, 6]);
  t.equal(takePass(0, 200, new Float64Array(200).map((_, i) => i), new Float64Array(200), new Float64Array(200).fill(1)), 64, 'a pass is bounded');
});

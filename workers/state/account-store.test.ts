import fc from 'fast-check';
import t from 'tap';
import { cellKey } from '../ledger/cells.js';
import { AccountStore } from './account-store.js';
import { takePass } from './sorted-cells.js';

const text = (value: string): Uint8Array => Buffer.from(value, 'utf8');
/** Adds to one cell; returns whether it is new. */
function add(store: AccountStore, ordinal: number, key1: number, key2: number, addition: number): boolean {
  takePass(0, 1, Float64Array.of(key1), Float64Array.of(key2), Float64Array.of(addition));
  return store.addPass(ordinal) === 1;
}

t.test('cells behave like a map of sums, whatever grows, moves or is evicted and loaded again', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(40), fc.integer({ min: 1, max: 6 }), fc.nat(30), fc.integer({ min: -5, max: 5 })), { minLength: 1, maxLength: 400 }), (steps) => {
      const store = new AccountStore(1 << 19);
      const model = new Map<string, number>();
      for (const [ordinal, kind, key2, addition] of steps) {
        while (store.opened <= ordinal) {
          store.open(store.opened, 0);
          store.addCard(store.opened - 1, 0, text(`card-${store.opened - 1}-with-a-long-name`));
        }
        const name = `${ordinal} ${kind} ${key2}`;
        const isNew = add(store, ordinal, cellKey(kind, 1, 2), key2, addition);
        t.equal(isNew, addition !== 0 && !model.has(name), 'says whether the cell is new');
        const value = (model.get(name) ?? 0) + addition;
        if (value === 0) model.delete(name);
        else model.set(name, value);
      }
      for (let ordinal = 0; ordinal < store.opened; ordinal++) {
        const found = new Map<string, number>();
        store.forEach(ordinal, (key1, key2, value) => found.set(`${ordinal} ${Math.floor(key1 / 2 ** 40)} ${key2}`, value));
        t.same(found, new Map([...model].filter(([name]) => name.startsWith(`${ordinal} `))), 'cells of one account');
        const card = text(`card-${ordinal}-with-a-long-name`);
        t.equal(store.findCard(0, card, 0, card.length), ordinal, 'found by card');
        t.equal(store.findCard(1, card, 0, card.length), -1, 'not in another program');
      }
    }),
    { numRuns: 30, seed: 7 },
  );
});

t.test('clean accounts make room, dirty ones stay, and what is loaded again is as it was', async (t) => {
  const store = new AccountStore(1 << 19);
  const saved: Float64Array[] = [];
  const COUNT = 4000;
  for (let ordinal = 0; ordinal < COUNT; ordinal++) {
    store.open(ordinal, 3);
    store.addCard(ordinal, 3, text(`c${ordinal}`));
    for (let cell = 0; cell < 5; cell++) add(store, ordinal, cellKey(1, cell, 0), ordinal, ordinal + 1);
    saved.push(store.copyOut(ordinal));
    if (ordinal % 2 === 0) store.markClean(ordinal);
  }
  t.ok(store.resident < COUNT, 'some went');
  for (let ordinal = 1; ordinal < COUNT; ordinal += 2) t.ok(store.offset(ordinal) >= 0, 'dirty ones are there');
  for (let ordinal = 0; ordinal < COUNT; ordinal++) {
    if (store.offset(ordinal) < 0) store.load(ordinal, saved[ordinal]!);
    t.same(store.copyOut(ordinal), saved[ordinal], 'as it was');
    t.same(Buffer.from(store.cardsOf(ordinal)[0]!).toString(), `c${ordinal}`);
  }
});

t.test('card texts of every length up to the bound', async (t) => {
  const store = new AccountStore(1 << 20);
  for (let length = 1; length <= 128; length++) {
    store.open(length - 1, 0);
    store.addCard(length - 1, 0, Buffer.alloc(length, 0x41 + (length % 26)));
  }
  for (let length = 1; length <= 128; length++) {
    const card = Buffer.alloc(length, 0x41 + (length % 26));
    t.equal(store.findCard(0, card, 0, length), length - 1);
    t.same(Buffer.from(store.cardsOf(length - 1)[0]!), card);
  }
});

t.test('an account without cards does not see a cell that it had, nor those of who was there before', async (t) => {
  const store = new AccountStore(1 << 20);
  store.open(0, 0);
  add(store, 0, cellKey(1, 0, 0), 4, 9);
  add(store, 0, cellKey(1, 0, 0), 4, -9);
  t.equal(store.get(0, cellKey(1, 0, 0), 4), 0, 'what became 0 is gone');
  for (let key2 = 0; key2 < 13; key2++) add(store, 0, cellKey(2, 0, 0), key2, 7);
  store.open(1, 0);
  t.equal(store.get(1, cellKey(2, 0, 0), 0), 0, 'its place was of an account that grew out of it');
});

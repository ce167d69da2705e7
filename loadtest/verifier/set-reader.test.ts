/** Sets are read as the engine wrote them, whichever was read before; documents that did not change are the same objects. */
import t from 'tap';
import { ReferenceStore, setToBytes } from '../../engine/reference.js';
import type { ReferenceSet } from '../../schemas/reference.js';
import { SetReader } from './set-reader.js';

const sets: ReferenceSet[] = [];
const store = new ReferenceStore(), take = (): unknown => sets.push(store.set);
const rule = (i: number, version: number): object => ({ id: `r${i}`, version, award: { kind: 'percent', percent: 2.5 + i }, ...(i === 7 ? { condition: `transaction.total > 9007199254740991 || transaction.store != "${'é'.repeat(200)}"` } : {}) });
take();
for (let i = 0; i < 20; i++) {
  store.putPartner(`p${i}`, { name: 'x'.repeat(1 + 4 * i), timeZone: i % 2 === 0 ? 'Europe/Berlin' : 'Asia/Tokyo', currency: 'EUR', ...(i === 3 ? { stores: [{ id: 's', timeZone: 'America/New_York' }] } : {}) });
  take();
  store.putProducts(`p${i}`, Buffer.from(`{"sku":"a","category":"c${i}"}\n`));
  take();
  store.putRules({ rules: Array.from({ length: 10 * (i + 1) }, (_, k) => rule(k, k === i ? 2 : 1)) });
  take();
}
store.putPartner('p5', { name: 'another', timeZone: 'UTC', currency: 'USD' });
take();

t.test('forwards, backwards and from the beginning again', async (t) => {
  const reader = new SetReader();
  for (const set of [...sets, ...sets.toReversed(), sets[40]!, sets[2]!]) t.same(reader.read(setToBytes(set)), set, `set ${set.version}`);
});
t.test('what did not change is there once', async (t) => {
  const reader = new SetReader(), [before, after] = sets.slice(-2).map((set) => reader.read(setToBytes(set)));
  t.not(after!.partners[5], before!.partners[5]);
  t.same(after!.partners[5]!.document.name, 'another');
  for (const [i, partner] of before!.partners.entries()) if (i !== 5) t.equal(after!.partners[i], partner);
  t.equal(after!.rules[100], before!.rules[100]);
  t.equal(after!.zones, before!.zones);
});

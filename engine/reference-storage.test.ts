/** Contents of products in the log: a large one in parts, so that no commit waits for all of it; one that an earlier release wrote whole is read. */
import t from 'tap';
import type { Log } from './log/log.js';
import { initialSet } from './reference.js';
import { loadContent, loadReferences, saveReference } from './reference-storage.js';

class Values {
  readonly values = new Map<string, Uint8Array>();
  readonly log = {
    getValue: async (name: string) => this.values.get(name),
    putValue: async (name: string, value: Uint8Array) => { this.values.set(name, value); },
    addValue: async (name: string, value: Uint8Array) => !this.values.has(name) && this.values.set(name, value) !== undefined,
  } as unknown as Log;
}

t.test('parts', async (t) => {
  const { log, values } = new Values(), large = new Uint8Array(5_000_000).map((_, i) => i % 251), small = new Uint8Array([1, 2]);
  const set = { ...initialSet(), version: 1, partners: [{ id: 'a' }, { id: 'b' }] as never, products: { 0: 'large', 1: 'small' } };
  t.ok(await saveReference(log, { set, products: new Map([[0, large], [1, small]]) }));
  t.ok([...values.values()].every(({ length }) => length <= 1 << 20), 'no value is larger than a MiB');
  const [, found] = await loadReferences(log, 0);
  t.ok(Buffer.from(found!.products.get(0)!).equals(large));
  t.same(found!.products.get(1), small);
  values.delete('products/large/3');
  t.equal(await loadContent(log, 'large'), undefined, 'a part is missing');
  await t.rejects(loadReferences(log, 0), /products large of partner a are missing/);
});

t.test('one that was written whole', async (t) => {
  const { log, values } = new Values(), whole = new Uint8Array(3_000_000).fill(7);
  values.set('products/whole', whole);
  t.equal(await loadContent(log, 'whole'), whole);
  t.equal(await loadContent(log, 'nothing'), undefined);
});

/** New reference data on its way to the shards: products in steps, from memory that all of them read; nothing is taken for known before everybody knows it. */
import t from 'tap';
import type { ShardTask } from '../workers/messages.js';
import { Shard } from '../workers/shard.js';
import { Activations } from './activations.js';
import type { Append, Log } from './log/log.js';
import { ReferenceStore } from './reference.js';
import type { Published } from './reference-storage.js';

/** Two shards and a log in memory. `before` is told of each lesson, and may throw. */
function world(before: (shard: number, lesson: ShardTask) => void = () => undefined): { activations: Activations; shards: Shard[]; lessons: ShardTask[][]; appended: Append[] } {
  const values = new Map<string, Uint8Array>(), shards = [new Shard(), new Shard()], lessons: ShardTask[][] = [[], []], appended: Append[] = [];
  const log = {
    partitions: 2, shared: false,
    getValue: async (name: string) => values.get(name),
    putValue: async (name: string, value: Uint8Array) => { values.set(name, value); },
    addValue: async (name: string, value: Uint8Array) => !values.has(name) && values.set(name, value) !== undefined,
  } as unknown as Log;
  const activations: Activations = new Activations({
    log, shards: 2,
    append: async (records) => {
      appended.push(...records);
      queueMicrotask(() => records.forEach(({ partition }) => activations.passed(partition, activations.newest.version)));
      return records.map((_, offset) => offset);
    },
    teach: async (shard, lesson) => {
      before(shard, lesson);
      lessons[shard]!.push(lesson);
      return shards[shard]!.run(lesson);
    },
  });
  return { activations, shards, lessons, appended };
}
/** Publications one after the other, as a store makes them. */
function publications(...puts: ((store: ReferenceStore) => Published)[]): Published[] {
  const store = new ReferenceStore();
  return puts.map((put) => put(store));
}
const partner = (store: ReferenceStore): Published => store.putPartner('shop', { name: 'Shop', timeZone: 'UTC', currency: 'EUR' });
const catalog = (products: number) => (store: ReferenceStore): Published =>
  store.putProducts('shop', Buffer.from(Array.from({ length: products }, (_, i) => `{"sku":"sku ${i}","category":"some category ${i % 50}"}`).join('\n')));

t.test('products are built in steps before the set that names them', async (t) => {
  const { activations, lessons } = world();
  for (const publication of publications(partner, catalog(20_000))) t.ok(await activations.activate(publication, false));
  for (const own of lessons) {
    t.same([own[0]!.type, own.at(-1)!.type], ['reference', 'reference']);
    const steps = own.slice(1, -1) as Extract<ShardTask, { type: 'products' }>[];
    t.ok(steps.length > 8 && steps.every(({ type }) => type === 'products'), `${steps.length} steps`);
    t.ok(steps.every(({ content }) => content.buffer instanceof SharedArrayBuffer), 'and nothing is copied on the way');
  }
});

t.test('a shard that failed in the middle of a lesson: those behind it are taught when the PUT is repeated, or when a record activates the set', async (t) => {
  for (const repeat of ['activate', 'load'] as const) {
    let failing = true;
    const { activations, lessons, appended } = world((shard, lesson) => {
      if (shard === 0 && failing && lesson.type === 'reference' && lesson.set.version === 2) throw new Error('shard 0 is being restored');
    });
    const [first, second] = publications(partner, catalog(10)) as [Published, Published];
    await activations.activate(first, false);
    await t.rejects(activations.activate(second, false), /being restored/);
    failing = false;
    t.equal(appended.length, 2, 'nothing is activated that somebody does not know');
    await activations.teach(0); // as whoever restores it does
    if (repeat === 'activate') t.ok(await activations.activate(second, true));
    else await activations.load([]);
    for (const own of lessons) t.ok(own.some((lesson) => lesson.type === 'reference' && lesson.set.version === 2), repeat);
    const count = lessons.flat().length;
    await activations.load([]);
    t.equal(lessons.flat().length, count, 'and only once');
  }
});

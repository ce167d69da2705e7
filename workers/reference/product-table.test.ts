/** A table of products that is built in steps is the one that is built at once; each step reads about as much as it may. */
import t from 'tap';
import { ID_BYTES_MAX } from '../../schemas/fields.js';
import type { ProductDocument } from '../../schemas/reference.js';
import { Names } from './names.js';
import { CLASSES_MAX, ProductTableBuilding, type ProductClasses } from './product-table.js';

const products: ProductDocument[] = Array.from({ length: 500 }, (_, i) => ({ sku: i % 50 === 7 ? 'twice' : `sku ${i} é`, category: `c${i % 9}`, ...(i % 2 ? { brand: `b${i % 5}` } : { department: 'd' }) }));
const content = new TextEncoder().encode(products.map((product) => JSON.stringify(product)).join('\n'));

for (const [bytes, least] of [[Infinity, 1], [1, 500], [100, 200], [4096, 6]] as const) {
  const names = new Names(), building = new ProductTableBuilding('hash', content, names);
  let steps = 1, table = building.step(bytes);
  for (; !table; steps++) table = building.step(bytes);
  t.ok(steps >= least, `${steps} steps of ${bytes} bytes`);
  const lastBySku = new Map(products.map((product) => [product.sku, product]));
  const found = [...lastBySku.keys()].map((text) => {
    const sku = new TextEncoder().encode(text), product = table.find(sku, 0, sku.length);
    return [table.sku(product), names.texts[table.category(product)], names.texts[table.brand(product)], names.texts[table.department(product)]];
  });
  t.strictSame(found, [...lastBySku.values()].map(({ sku, category = '', brand = '', department = '' }) => [sku, category, brand, department]));
  const unknown = new TextEncoder().encode('unknown');
  t.equal(table.find(unknown, 0, unknown.length), -1);
}
t.equal(new ProductTableBuilding('hash', new Uint8Array(), new Names()).step(1)?.size, 16, 'no products at all');

t.test('skus of every length that an identifier may have', async (t) => {
  const skus = Array.from({ length: ID_BYTES_MAX }, (_, i) => 'x'.repeat(i + 1)), lines = skus.map((sku) => JSON.stringify({ sku, category: `c${sku.length}` }));
  const names = new Names(), table = new ProductTableBuilding('hash', new TextEncoder().encode(lines.join('\n')), names).step(Infinity)!;
  const found = skus.map((sku) => table.find(new TextEncoder().encode(sku), 0, sku.length));
  t.same(found.map((product) => [table.sku(product), names.texts[table.category(product)]]), skus.map((sku) => [sku, `c${sku.length}`]));
});

t.test('classes of products', async (t) => {
  const table = new ProductTableBuilding('hash', content, new Names()).step(Infinity)!, product = table.find(new TextEncoder().encode('twice'), 0, 5);
  const write = ({ words, at, stride, zero }: ProductClasses, value: number): void => { words[at + product * stride] = zero + value; };
  const read = ({ words, at, stride, zero }: ProductClasses): number => words[at + product * stride]! - zero;
  const isKnown = (classes: ProductClasses): boolean => read(classes) > 0 && read(classes) < CLASSES_MAX;
  const first = table.classes(true), apart = table.classes(false);
  t.notOk(isKnown(first) || isKnown(apart), 'none at first');
  write(first, CLASSES_MAX - 1);
  write(apart, 7);
  t.same([read(first), read(apart)], [CLASSES_MAX - 1, 7]);
  let plans = 1;
  for (; plans < 5000; plans++) {
    const next = table.classes(true);
    if (isKnown(next)) t.fail(`plan ${plans} sees what an earlier one has written`);
    write(next, plans % 2 ? 1 : CLASSES_MAX - 1);
    if (!isKnown(next)) t.fail(`plan ${plans} loses what it has written`);
    if (next.zero !== first.zero && isKnown(first)) t.fail(`the first plan sees what plan ${plans} has written`);
  }
  t.equal(read(apart), 7, 'who shares the products is not disturbed');
  t.equal(table.find(new TextEncoder().encode('twice'), 0, 5), product, 'nor are the products');
});

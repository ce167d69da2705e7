/** Texts to ordinals, however many. */
import t from 'tap';
import { ByteTable } from './byte-table.js';

const table = new ByteTable(), texts = Array.from({ length: 5000 }, (_, i) => `${i % 3 === 0 ? 'é' : ''}${i * 7919}`);
t.same(texts.map((text) => table.addText(text)), texts.map((_, i) => i), 'ordinals count up');
t.same(texts.map((text) => table.addText(text)), texts.map((_, i) => i), 'and stay');
t.same(texts.map((_, i) => table.text(i)), texts);
const find = (text: string): number => table.find(Buffer.from(text), 0, Buffer.byteLength(text));
t.equal(find('nothing'), -1);
t.equal(table.size, 5000);
const empty = table.addText('');
t.equal(find(''), empty);
const long = table.addText('x'.repeat(100));
t.equal(find('x'.repeat(100)), long);

// Whatever stands around a text, and however long it is: also those that differ in one byte only, wherever it is.
const lengths = new ByteTable();
for (let length = 0; length < 40; length++) {
  const text = Buffer.alloc(length, 'y'), ordinal = lengths.add(text, 0, length);
  t.equal(lengths.find(Buffer.concat([Buffer.from('xy'), text, Buffer.from('y')]), 2, length), ordinal);
  for (let at = 0; at < length; at++) {
    const other = Buffer.from(text);
    other[at] = 0xff;
    t.equal(lengths.find(other, 0, length), -1);
  }
}
t.equal(lengths.size, 40);

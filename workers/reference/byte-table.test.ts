/** Texts to ordinals, however many. */
import t from 'tap';
import { ByteTable, hashBytes } from './byte-table.js';

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
t.equal(hashBytes(Buffer.from('xabcx'), 1, 3), hashBytes(Buffer.from('abc'), 0, 3));

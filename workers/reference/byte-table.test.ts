/** Texts to ordinals, however many. */
import t from 'tap';
import { ByteTable, hashBytes } from './byte-table.js';

const table = new ByteTable(), texts = Array.from({ length: 5000 }, (_, i) => `${i % 3 === 0 ? 'é' : ''}${i * 7919}`);
t.same(texts.map((text) => table.addText(text)), texts.map((_, i) => i), 'ordinals count up');
t.same(texts.map((text) => table.addText(text)), texts.map((_, i) => i), 'and stay');
t.same(texts.map((_, i) => table.text(i)), texts);
t.equal(table.findText('nothing'), -1);
t.equal(table.size, 5000);
const empty = table.addText('');
t.equal(table.findText(''), empty);
t.equal(hashBytes(Buffer.from('xabcx'), 1, 3), hashBytes(Buffer.from('abc'), 0, 3));

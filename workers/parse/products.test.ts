/** Products in pieces: wherever whole lines are cut, the same is kept of them and the same is wrong with them. */
import fc from 'fast-check';
import t from 'tap';
import { readProducts, type ProductsResult } from './products.js';

const lines = ['{"sku":"a"}', '  {"sku":"b","category":"é"} ', '', ' \t', '\r', '{"sku":1}', '{"sku":"a","sku":"b"}', 'x', '{"sku":"c"}\r', '"', '\ufeff{"sku":"m"}'];
const whole = (bytes: Uint8Array): ProductsResult => readProducts({ bytes, firstLine: 0, problemsMax: Infinity });

function inPieces(bytes: Uint8Array, cuts: readonly number[]): ProductsResult {
  const ends = [...new Set(cuts.map((cut) => bytes.indexOf(0x0a, cut % Math.max(1, bytes.length)) + 1))].filter((end) => end > 0).sort((a, b) => a - b);
  const sum: ProductsResult = { content: new Uint8Array(), lines: 0, products: 0, problems: [] };
  for (const [i, end] of [...ends, bytes.length].entries()) {
    const piece = readProducts({ bytes: bytes.slice(i === 0 ? 0 : ends[i - 1], end), firstLine: sum.lines, problemsMax: Infinity });
    sum.content = Uint8Array.from([...sum.content, ...piece.content]);
    sum.lines += piece.lines;
    sum.products += piece.products;
    sum.problems.push(...piece.problems);
  }
  return sum;
}

t.test('pieces', async () => {
  fc.assert(fc.property(fc.array(fc.constantFrom(...lines), { maxLength: 12 }), fc.boolean(), fc.array(fc.nat(200), { maxLength: 4 }), (chosen, ends, cuts) => {
    const bytes = new TextEncoder().encode(chosen.join('\n') + (ends ? '\n' : ''));
    t.strictSame(inPieces(bytes, cuts), { ...whole(bytes), content: Uint8Array.from(whole(bytes).content) });
  }), { seed: 20_261_130, numRuns: 300 });
});

t.test('what is kept, and how much is looked at', async (t) => {
  const bytes = new TextEncoder().encode('\ufeff{"sku":"a"}\n\n  {"sku":"b"}\n \t\n{"sku":1}\n{}\n');
  const { content, ...rest } = whole(bytes);
  t.equal(Buffer.from(content).toString(), '{"sku":"a"}\n  {"sku":"b"}\n{"sku":1}\n{}\n');
  t.match(rest, { lines: 6, products: 4, problems: [{ pointer: '/4/sku' }, { pointer: '/5/sku' }] });
  t.match(readProducts({ bytes, firstLine: 0, problemsMax: 1 }).problems.map(({ pointer }) => pointer), ['/4/sku']);
  t.same(readProducts({ bytes, firstLine: 0, problemsMax: 0 }).problems, []);
});

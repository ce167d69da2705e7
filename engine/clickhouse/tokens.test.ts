import fc from 'fast-check';
import t from 'tap';
import { tokens } from './tokens.js';

const seed = 20_261_122;
t.comment(`seed ${seed}`);
const shown = (text: string): string[] => [...tokens(Buffer.from(text, 'utf8').toString('latin1'))].map(({ kind, text: own }) => `${kind}:${own}`);

const cases: [text: string, expected: string[]][] = [
  ['SELECT a.b, 1', ['word:SELECT', 'word:a', 'symbol:.', 'word:b', 'symbol:,', 'number:1']],
  ['1.5e-3 0x1F 12 .5', ['number:1.5e-3', 'word:0x1F', 'number:12', 'number:.5']],
  ["'it''s' 'a\\'b' 'c\\\\'", ["string:it's", "string:a'b", 'string:c\\']],
  ['`a``b` "c\\"d" `\\x66ile`', ['quoted:a`b', 'quoted:c"d', 'quoted:file']],
  ['a -- b\nc // d\ne # f\ng #! h\ni #j', ['word:a', 'word:c', 'word:e', 'word:g', 'word:i', 'symbol:#', 'word:j']],
  ['a /* b /* c */ d */ e', ['word:a', 'word:e']],
  ['a /* b /* c */ d', ['word:a', 'error:/* b /* c */ d']],
  ['$$ a\'b $$ $x$ $$ $x$ c$d', ["string: a'b ", 'string: $$ ', 'word:c$d']],
  ["x'41' b'01'", ["string:x'41'", "string:b'01'"]],
  ['‘a\'b‘ c’ “d e”', ["string:a'b\xe2\x80\x98 c", 'quoted:d e']],
  ['a\u00a0b\u3000c\ufeff', ['word:a', 'word:b', 'word:c']],
  ["'open", ["error:'open"]],
  ['a é', ['word:a', 'error:\xc3', 'error:\xa9']],
];

t.test('tokens are those of ClickHouse', (t) => {
  for (const [text, expected] of cases) t.same(shown(text), expected, text);
  t.end();
});

t.test('every character belongs to one token, a comment or a space, and what is quoted is one token', (t) => {
  const piece = fc.constantFrom("'a;''b'", '`c d`', '"e\\"f"', '/* g */', '-- h\n', '$$i$$', 'INTO', 'OUTFILE', '(', ')', ';', ',', '1.5', 'x_1', '‘j’', ' ', '\n');
  fc.assert(fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
    const text = Buffer.from(pieces.join(' '), 'utf8').toString('latin1'), found = [...tokens(text)];
    const significant = pieces.filter((one) => !/^(\/\*|--|\s)/.test(one)).map((one) => Buffer.from(one, 'utf8').toString('latin1'));
    t.same(found.map(({ start, end }) => text.slice(start, end)), significant);
  }), { seed, numRuns: 300 });
  t.end();
});

t.test('here-documents end where their name stands again', (t) => {
  const naive = (text: string): string | undefined => {
    const name = /^\$[^$]*\$/.exec(text)?.[0], end = name === undefined ? -1 : text.indexOf(name, name.length);
    return end < 0 ? undefined : text.slice(name!.length, end);
  };
  fc.assert(fc.property(fc.stringMatching(/^\$[$ab ]{0,12}$/), (text) => {
    const [token] = tokens(text);
    t.equal(token?.kind === 'string' ? token.text : undefined, naive(text), text);
  }), { seed, numRuns: 500 });
  t.end();
});

t.test('a file of prices instead of SQL is read in one go: a search for each of its dollar signs would take hours', (t) => {
  const prices = Array.from({ length: 200_000 }, (_, row) => `article ${row},$${row}.50,red\n`).join('');
  t.equal([...tokens(prices)].filter(({ text }) => text === 'article').length, 200_000);
  t.end();
});

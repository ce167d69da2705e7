/**
 * Tokens of ClickHouse's SQL, by the rules of its lexer (src/Parsers/Lexer.cpp), as far as it takes to see a statement's clauses and names.
 * Works on bytes: a statement is a string with one character for each byte (latin1), so positions are positions in the body.
 *
 * Promises: what is inside of quotes, comments and here-documents never looks like a token of its own, and what this lexer cannot read is an `error`, which callers refuse.
 */
export interface Token {
  kind: 'word' | 'quoted' | 'string' | 'number' | 'symbol' | 'error';
  /** As written; of quoted names and strings what they stand for. */
  text: string;
  start: number;
  end: number;
}

const wordAt = /[A-Za-z0-9_$]+/y;
const numberAt = /(?:0[xX][0-9a-fA-F]+|\.?[0-9][0-9_.]*(?:[eE][+-]?[0-9]+)?)/y;
// Spaces of UTF-8 that the lexer skips: no-break space, those of U+2000, U+3000, byte order mark and the like.
const spaceAt = /(?:[\0\s]|\xc2[\x85\xa0]|\xe1\xa0\x8e|\xe2\x80[\x80-\x8f\xa8-\xaf]|\xe2\x81[\x9f-\xaf]|\xe3\x80\x80|\xef\xbb\xbf)+/y;
const lineCommentAt = /(?:--|\/\/|#[ !])[^\n]*/y;

export function* tokens(text: string, from = 0): Generator<Token, void> {
  let position = from, lastNames: Map<string, number> | undefined;
  while (position < text.length) {
    const start = position, first = text[position]!;
    const skipped = match(spaceAt, text, position) ?? match(lineCommentAt, text, position) ?? blockComment(text, position);
    if (skipped === -1) return void (yield token('error', text, start, text.length));
    if (skipped !== undefined) {
      position = skipped;
      continue;
    }
    const end = first === '$' ? hereDocumentEnd(text, position, lastNames ??= lastDollarNames(text)) : quoteEnd(text, position);
    if (end === -1) return void (yield token('error', text, start, text.length));
    if (end !== undefined) {
      position = end;
      const kind = first === '"' || first === '`' || text.startsWith('\xe2\x80\x9c', start) ? 'quoted' : 'string';
      yield { kind, text: unquote(text.slice(start, end)), start, end };
      continue;
    }
    const word = match(wordAt, text, position);
    if (word !== undefined && !/^[0-9]+$/.test(text.slice(start, word)) && !/^[0-9]+[eE][0-9]*$/.test(text.slice(start, word))) {
      yield token('word', text, start, (position = word));
      continue;
    }
    const number = match(numberAt, text, position);
    if (number !== undefined) {
      yield token('number', text, start, (position = number));
      continue;
    }
    yield token(first > '\x7f' ? 'error' : 'symbol', text, start, ++position);
  }
}

function token(kind: Token['kind'], text: string, start: number, end: number): Token {
  return { kind, text: text.slice(start, end), start, end };
}

function match(pattern: RegExp, text: string, position: number): number | undefined {
  pattern.lastIndex = position;
  return pattern.test(text) ? pattern.lastIndex : undefined;
}

/** Comments nest. -1 when it is not closed. */
function blockComment(text: string, start: number): number | undefined {
  if (!text.startsWith('/*', start)) return undefined;
  let depth = 1, position = start + 2;
  while (position < text.length) {
    if (text.startsWith('/*', position)) [depth, position] = [depth + 1, position + 2];
    else if (text.startsWith('*/', position)) {
      [depth, position] = [depth - 1, position + 2];
      if (depth === 0) return position;
    } else position++;
  }
  return -1;
}

/** The end of what is quoted here; undefined when nothing is, -1 when it is not closed. */
function quoteEnd(text: string, start: number): number | undefined {
  const first = text[start]!;
  if (first === "'" || first === '"' || first === '`') {
    for (let position = start + 1; position < text.length; position++) {
      if (text[position] === '\\') position++;
      else if (text[position] === first) {
        if (text[position + 1] !== first) return position + 1;
        position++;
      }
    }
    return -1;
  }
  if (text.startsWith('\xe2\x80\x98', start) || text.startsWith('\xe2\x80\x9c', start)) {
    const end = text.indexOf(`\xe2\x80${text[start + 2] === '\x98' ? '\x99' : '\x9d'}`, start + 3);
    return end < 0 ? -1 : end + 3;
  }
  if ((first === 'x' || first === 'X' || first === 'b' || first === 'B') && text[start + 1] === "'") {
    const end = text.indexOf("'", start + 2);
    return end < 0 ? -1 : end + 1;
  }
  return undefined;
}

function hereDocumentEnd(text: string, start: number, lastNames: Map<string, number>): number | undefined {
  const nameEnd = text.indexOf('$', start + 1) + 1, name = text.slice(start, nameEnd);
  return nameEnd === 0 || lastNames.get(name)! < nameEnd ? undefined : text.indexOf(name, nameEnd) + name.length;
}
/** Where each name between two dollar signs stands last: to search the rest of the text for every one of them would take minutes for a file of prices. */
function lastDollarNames(text: string): Map<string, number> {
  const last = new Map<string, number>();
  for (let start = text.indexOf('$'), end; start >= 0; start = end) {
    end = text.indexOf('$', start + 1);
    if (end >= 0) last.set(text.slice(start, end + 1), start);
  }
  return last;
}

const escapes: Record<string, string> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', 0: '\0', a: '\x07', v: '\v', e: '\x1b' };

function unquote(quoted: string): string {
  if (quoted.startsWith('\xe2')) return quoted.slice(3, -3);
  if (quoted.startsWith('$')) {
    const name = quoted.indexOf('$', 1) + 1;
    return quoted.slice(name, -name);
  }
  if (/^[xXbB]'/.test(quoted)) return quoted;
  const quote = quoted[0]!;
  return quoted.slice(1, -1).replaceAll(quote + quote, quote).replace(/\\(?:x([0-9a-fA-F]{2})|([^]))/g, (_, hex: string | undefined, one: string | undefined) =>
    hex !== undefined ? String.fromCharCode(parseInt(hex, 16)) : escapes[one!] ?? one!);
}

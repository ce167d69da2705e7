/**
 * What is wrong with the products of a partner, NDJSON: each problem with its line, counted from 0.
 */
import { TextDecoder } from 'node:util';
import { productFields } from '../../schemas/documents.js';
import { PROBLEMS_MAX, problem, validateDocument, type Problem } from '../../schemas/validate.js';
import { isSpace } from '../../workers/parse/json-tree.js';

const PRODUCT_LINE_BYTES_MAX = 16_384;
const NEWLINE = 0x0a;

export function checkProducts(content: Uint8Array): Problem[] {
  const problems: Problem[] = [], text = new TextDecoder('utf-8', { fatal: true });
  for (let start = 0, line = 0; start < content.length && problems.length < PROBLEMS_MAX;) {
    if (isSpace(content[start]!)) {
      if (content[start++] === NEWLINE) line++;
      continue;
    }
    const newline = content.indexOf(NEWLINE, start), end = newline < 0 ? content.length : newline;
    problems.push(...checkProduct(content.subarray(start, end), text).map((found) => ({ ...found, pointer: `/${line}${found.pointer}` })));
    start = end;
  }
  return problems;
}

/** The same bytes when there are none. What reads products allots memory by the line, and a few KB of gzip can be millions of empty ones. */
export function withoutBlankLines(content: Uint8Array): Uint8Array {
  const out = new Uint8Array(content.length);
  let length = 0;
  for (let start = 0; start < content.length;) {
    let at = start;
    while (at < content.length && isSpace(content[at]!) && content[at] !== NEWLINE) at++;
    if (at < content.length && content[at] !== NEWLINE) {
      const newline = content.indexOf(NEWLINE, at), line = content.subarray(start, newline < 0 ? content.length : newline + 1);
      out.set(line, length);
      length += line.length;
      start += line.length;
    } else start = at + 1;
  }
  return length === content.length ? content : out.slice(0, length);
}

function checkProduct(line: Uint8Array, text: TextDecoder): Problem[] {
  if (line.length > PRODUCT_LINE_BYTES_MAX) return [problem('', 'invalid', `a line has at most ${PRODUCT_LINE_BYTES_MAX} bytes`)];
  try {
    const written = text.decode(line);
    return written.trim() === '' ? [] : validateDocument(productFields, JSON.parse(written));
  } catch (error) {
    return [problem('', 'malformed', error instanceof SyntaxError ? `not a line of JSON: ${error.message}` : 'not UTF-8')];
  }
}

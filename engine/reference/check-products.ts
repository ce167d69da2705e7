/**
 * What is wrong with the products of a partner, NDJSON: each problem with its line, counted from 0.
 *
 * Promises: lines that pass can be read by shards and by ClickHouse, which take them as they are; neither may meet a line that it can't read.
 */
import { productFields } from '../../schemas/documents.js';
import { PROBLEMS_MAX, problem, validateDocument, type Problem } from '../../schemas/validate.js';
import { isSpace, readTree } from '../../workers/parse/json-tree.js';

const PRODUCT_LINE_BYTES_MAX = 16_384;
const NEWLINE = 0x0a, QUOTE = 0x22;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];
/** A mark within the content is none: shards don't take it away either. */
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export const withoutByteOrderMark = (content: Uint8Array): Uint8Array =>
  (BYTE_ORDER_MARK.every((byte, i) => content[i] === byte) ? content.slice(BYTE_ORDER_MARK.length) : content);

export function checkProducts(content: Uint8Array): Problem[] {
  const problems: Problem[] = [];
  for (let start = 0, line = 0; start < content.length && problems.length < PROBLEMS_MAX;) {
    if (isSpace(content[start]!)) {
      if (content[start++] === NEWLINE) line++;
      continue;
    }
    const newline = content.indexOf(NEWLINE, start), end = newline < 0 ? content.length : newline;
    problems.push(...checkProduct(content.subarray(start, end)).map((found) => ({ ...found, pointer: `/${line}${found.pointer}` })));
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

function checkProduct(line: Uint8Array): Problem[] {
  if (line.length > PRODUCT_LINE_BYTES_MAX) return [problem('', 'invalid', `a line has at most ${PRODUCT_LINE_BYTES_MAX} bytes`)];
  let product: unknown;
  try {
    product = JSON.parse(decoder.decode(line));
  } catch (error) {
    return [problem('', 'malformed', error instanceof SyntaxError ? `not a line of JSON: ${error.message}` : 'not UTF-8')];
  }
  const problems = validateDocument(productFields, product);
  return problems.length > 0 ? problems : repeatedFields(line, product as object);
}

/** JSON.parse says nothing of a field that is there twice. A product is flat and all text: four quotes a field; where it has more, escaped ones or a field twice, the slow reader looks. */
function repeatedFields(line: Uint8Array, product: object): Problem[] {
  let quotes = 0;
  for (const byte of line) if (byte === QUOTE) quotes++;
  if (quotes === 4 * Object.keys(product).length) return [];
  const read = readTree(line, 0, line.length);
  return read.ok ? read.duplicates.map((pointer) => problem(pointer, 'invalid', 'the field is given twice')) : [];
}

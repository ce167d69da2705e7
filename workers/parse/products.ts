/**
 * The products of a partner, NDJSON, a piece of whole lines at a time: what is wrong with them, each problem with its line, counted from 0; and what is kept of them.
 *
 * Promises: lines that pass can be read by shards and by ClickHouse, which take them as they are; neither may meet a line that it can't read. Pieces of any size give what the
 * whole gives.
 */
import { productFields } from '../../schemas/documents.js';
import { problem, validateDocument, type Problem } from '../../schemas/validate.js';
import { isSpace, readTree } from './json-tree.js';

const PRODUCT_LINE_BYTES_MAX = 16_384;
const NEWLINE = 0x0a, QUOTE = 0x22;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];
/** A mark within the content is none: shards don't take it away either. */
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** `bytes`: whole lines, but for the last piece. `firstLine`: lines before them; 0: it is the first piece. `problemsMax`: so many are enough; with 0 nothing is checked. */
export interface ProductsTask { bytes: Uint8Array; firstLine: number; problemsMax: number }
/** `content`: the lines that are not blank, as they were sent; `lines`: how many ended, `products`: how many are not blank. */
export interface ProductsResult { content: Uint8Array<ArrayBuffer>; lines: number; products: number; problems: Problem[] }

export function readProducts({ bytes, firstLine, problemsMax }: ProductsTask): ProductsResult {
  const lines = firstLine === 0 ? withoutByteOrderMark(bytes) : bytes, kept = withoutBlankLines(lines);
  return { ...kept, problems: checkProducts(lines, firstLine, problemsMax) };
}

const withoutByteOrderMark = (bytes: Uint8Array): Uint8Array => (BYTE_ORDER_MARK.every((byte, i) => bytes[i] === byte) ? bytes.subarray(BYTE_ORDER_MARK.length) : bytes);

function checkProducts(bytes: Uint8Array, firstLine: number, problemsMax: number): Problem[] {
  const problems: Problem[] = [];
  for (let start = 0, line = firstLine; start < bytes.length && problems.length < problemsMax;) {
    if (isSpace(bytes[start]!)) {
      if (bytes[start++] === NEWLINE) line++;
      continue;
    }
    const newline = bytes.indexOf(NEWLINE, start), end = newline < 0 ? bytes.length : newline;
    problems.push(...checkProduct(bytes.subarray(start, end)).map((found) => ({ ...found, pointer: `/${line}${found.pointer}` })));
    start = end;
  }
  return problems;
}

/** What reads products allots memory by the line, and a few KB of gzip can be millions of empty ones. */
function withoutBlankLines(bytes: Uint8Array): Omit<ProductsResult, 'problems'> {
  const content = new Uint8Array(bytes.length);
  let length = 0, lines = 0, products = 0;
  for (let start = 0; start < bytes.length;) {
    let at = start;
    while (at < bytes.length && isSpace(bytes[at]!) && bytes[at] !== NEWLINE) at++;
    const newline = bytes.indexOf(NEWLINE, at), end = newline < 0 ? bytes.length : newline + 1;
    if (newline >= 0) lines++;
    if (at < bytes.length && at !== newline) {
      for (let i = start; i < end; i++) content[length++] = bytes[i]!;
      products++;
    }
    start = end;
  }
  return { content: length === content.length ? content : content.slice(0, length), lines, products };
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

/**
 * What is wrong with the products of a partner, NDJSON: each problem with its line, counted from 0.
 */
import { TextDecoder } from 'node:util';
import { productFields } from '../../schemas/documents.js';
import { PROBLEMS_MAX, problem, validateDocument, type Problem } from '../../schemas/validate.js';

const PRODUCT_LINE_BYTES_MAX = 16_384;
const NEWLINE = 0x0a;

export function checkProducts(content: Uint8Array): Problem[] {
  const problems: Problem[] = [], text = new TextDecoder('utf-8', { fatal: true });
  for (let start = 0, line = 0; start < content.length && problems.length < PROBLEMS_MAX; line++) {
    const newline = content.indexOf(NEWLINE, start), end = newline < 0 ? content.length : newline;
    problems.push(...checkProduct(content.subarray(start, end), text).map((found) => ({ ...found, pointer: `/${line}${found.pointer}` })));
    start = end + 1;
  }
  return problems;
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

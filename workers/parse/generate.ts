/**
 * Makes the fast reader of a format from the table of fields (schemas/transaction.ts): source text of a function for the transaction and its parts,
 * compiled once per thread. A new field in the table needs a line in the targets below, nothing in the readers.
 *
 * What comes out, for JSON and the field `store`:
 *
 *   switch (p + 5 > limit ? 0 : view.getInt32(p + 1, true) & 0xffffff) {    // the key's first three bytes tell the fields apart
 *     case 0x6f7473:                                                        // store
 *       if (seen & 8 || p + 7 > limit || bytes[p] !== 34 || …) return -1;   // given twice, or another key after all
 *       seen |= 8;
 *       …to the value
 *       p = text(bytes, p, 128); if (p < 0) return p;
 *       texts[6] = place[0]; texts[7] = place[1];
 *
 * A generated reader takes a subset of what is valid, and takes it right: -1 sends the record to the slow reader (fill.ts), which has the last word.
 */
import { INTEGER_MAX, type Field, type RecordField } from '../../schemas/fields.js';
import { line, LINES_MAX, transaction } from '../../schemas/transaction.js';
import { Text, type Transaction } from '../transaction.js';
import { settle } from './settle.js';
import { viewOf } from '../text-words.js';
import { choiceOf, isCode, lastRead } from './texts.js';

/**
 * Returns the place after the transaction that begins at `start`, or a negative number when it wasn't taken; it never takes one that ends after
 * `end`.
 */
export type ReadTransaction = (bytes: Uint8Array, start: number, end: number, t: Transaction) => number;

/** What was read last by `tree`: a decoded and checked part of a transaction. */
export const part: { value: unknown } = { value: undefined };

/**
 * Reads a value at a place and returns the place after it, or a negative number when it is not taken. Texts set `place`, numbers `got` (lastRead of texts.ts), trees `part`.
 */
export interface Format {
  text(bytes: Uint8Array, at: number, bytesMax: number): number;
  integer(bytes: Uint8Array, at: number): number;
  thousandths(bytes: Uint8Array, at: number): number;
  dateTime(bytes: Uint8Array, at: number): number;
  tree(bytes: Uint8Array, at: number, end: number, field: Field): number;
  /** Other functions that the sources below name. */
  readonly functions: Readonly<Record<string, unknown>>;
  /** Source: from a record's first byte to its fields; the loop over fields, as far as the key at p; what follows a value; after the last. */
  readonly record: { readonly begin: string; readonly afterValue: string; readonly end: string };
  /** Source: from a list's first byte to its items, likewise; `n` counts them. */
  readonly list: { readonly begin: string; readonly afterItem: string; readonly end: string };
  /** A key as it stands in the bytes, from p on. */
  keyBytes(name: string): Uint8Array;
  /** Where in keyBytes the three bytes are that tell keys apart. */
  readonly keyOffset: number;
  /** Source: from the end of the key to the value. */
  readonly toValue: string;
}

const READ_INTO: Record<string, string> = {
  kind: 't.kind', occurredAt: 't.occurredAtMs', total: 't.total', tenders: 't.tenders', coupons: 't.coupons',
  'line.line': 'lineNumber[n]', 'line.kind': 'lineKind[n]', 'line.quantity': 'quantity[n]', 'line.amount': 'amount[n]', 'line.discount': 'discount[n]',
  'line.sku': 'sku', 'line.category': 'category', 'original.id': 'originalId',
};
const LINE_ARRAYS = 'const { lineNumber, lineKind, quantity, amount, discount, skuStart, skuLength, categoryStart, categoryLength } = t;';
const CLEAR_TRANSACTION = `texts.fill(0);
  t.bytes = bytes; t.kind = 0; t.occurredAtMs = 0; t.total = 0; t.lineCount = 0; t.tenders = undefined; t.coupons = undefined;`;
const CLEAR_LINE = 'lineNumber[n] = 0; lineKind[n] = 0; discount[n] = 0; skuLength[n] = 0; categoryLength[n] = 0;';
const VIEW = 'const view = viewOf(bytes), limit = bytes.length;';
/** Not required here: files may leave it out, and the caller puts it in. */
const LEFT_TO_CALLER = ['partner'];

export function generateReader(format: Format): ReadTransaction {
  const constants: Record<string, unknown> = {
    ...format.functions, text: format.text, integer: format.integer, thousandths: format.thousandths, dateTime: format.dateTime, tree: format.tree,
    ...lastRead, part, isCode, choiceOf, settle, viewOf,
  };
  const functions = `function original(bytes, p, end, t) {
  ${VIEW}
  const texts = t.text;
  let seen = 0;
  ${recordSource(format, constants, transaction.fields.original, 'original')}
  return p;
}
function lines(bytes, p, end, t) {
  ${VIEW}
  ${LINE_ARRAYS}
  let n = 0, seen = 0;
  ${format.list.begin}
    if (n === ${LINES_MAX}) return -1;
    seen = 0;
    ${CLEAR_LINE}
    ${recordSource(format, constants, line, 'line')}
    n++;
  ${format.list.afterItem}
  ${format.list.end}
  t.lineCount = n;
  return n === 0 ? -1 : p;
}
return function transaction(bytes, p, end, t) {
  ${VIEW}
  const texts = t.text;
  let seen = 0;
  ${CLEAR_TRANSACTION}
  ${recordSource(format, constants, transaction, '')}
  return p <= end && settle(t, (seen & ${bitOf(transaction, 'total')}) !== 0) ? p : -1;
};`;
  // Optimized code knows what a `const` is, and does not know what an argument is.
  const source = `'use strict'; const { ${Object.keys(constants).join(', ')} } = constants;\n${functions}`;
  return new Function('constants', source)(constants) as ReadTransaction;
}

const bitOf = (record: RecordField, name: string): number => 2 ** Object.keys(record.fields).indexOf(name);

/** Source that reads the record at p, with `seen` for the fields that were there. */
function recordSource(format: Format, constants: Record<string, unknown>, record: RecordField, path: 'original' | 'line' | ''): string {
  const names = Object.keys(record.fields), prefix = path === '' ? '' : `${path}.`;
  const isRequired = (name: string): boolean => record.fields[name]!.optional !== true && !LEFT_TO_CALLER.includes(prefix + name);
  const required = names.filter(isRequired).reduce((sum, name) => sum + bitOf(record, name), 0);
  const codes = new Set(names.map(name => keyCode(format, name)));
  // Keys are told apart by three bytes, and those that were seen are bits of one integer.
  if (codes.size !== names.length || names.length > 31) throw new TypeError(`the fields of ${path || 'transaction'} can't be told apart: ${names.join(', ')}`);
  return `${format.record.begin}
    switch (p + ${format.keyOffset + 4} > limit ? 0 : view.getInt32(p + ${format.keyOffset}, true) & 0xffffff) {
      ${names.map(name => fieldSource(format, constants, name, record.fields[name]!, prefix, bitOf(record, name))).join('\n      ')}
      default:
        return -1;
    }
  ${format.record.afterValue}
  ${format.record.end}
  if ((seen & ${required}) !== ${required}) return -1;`;
}

function keyCode(format: Format, name: string): number {
  const key = format.keyBytes(name), first = format.keyOffset;
  return key[first]! | key[first + 1]! << 8 | key[first + 2]! << 16;
}

function fieldSource(format: Format, constants: Record<string, unknown>, name: string, field: Field, prefix: string, bit: number): string {
  const key = format.keyBytes(name);
  return `case ${keyCode(format, name)}: // ${prefix}${name}
        if (seen & ${bit}${otherBytes(key, format.keyOffset)}) return -1;
        seen |= ${bit};
        p += ${key.length};
        ${format.toValue}
        ${valueSource(constants, field, READ_INTO[prefix + name] ?? name)}
        break;`;
}

/** Source: conditions, true when a byte of the key is another one, but the three from `first` on. Four at a time as far as it goes. */
function otherBytes(key: Uint8Array, first: number): string {
  const view = new DataView(key.buffer, key.byteOffset, key.length);
  let source = key.length > first + 4 ? ` || p + ${key.length} > limit` : '';
  for (let i = 0; i < first; i++) source += ` || bytes[p + ${i}] !== ${key[i]}`;
  for (let i = first + 3; i < key.length; i += 4) {
    const left = key.length - i;
    if (left === 1) source += ` || bytes[p + ${i}] !== ${key[i]}`;
    else if (left === 2) source += ` || view.getUint16(p + ${i}, true) !== ${view.getUint16(i, true)}`;
    else {
      // Of three, the one before them is compared again.
      const from = left === 3 ? i - 1 : i;
      source += ` || view.getInt32(p + ${from}, true) !== ${view.getInt32(from, true)}`;
    }
  }
  return source;
}

/** Source that reads a value and puts it where it belongs. */
function valueSource(constants: Record<string, unknown>, field: Field, target: string): string {
  switch (field.type) {
    case 'text':
      return `p = text(bytes, p, ${field.bytesMax}); if (p < 0) return p;
        ${placeSource(target)}`;
    case 'code':
      return `p = text(bytes, p, ${field.count}); if (p < 0) return p;
        if (!isCode(bytes, ${field.count}, ${field.from.charCodeAt(0)}, ${field.to.charCodeAt(0)})) return -1;
        ${placeSource(target)}`;
    case 'choice': {
      const choices = `choices${Object.keys(constants).length}`;
      constants[choices] = field.values.map(value => new TextEncoder().encode(value));
      return `p = text(bytes, p, ${Math.max(...field.values.map(value => value.length))}); if (p < 0) return p;
        { const choice = choiceOf(bytes, ${choices}); if (choice < 0) return -1; ${target} = choice; }`;
    }
    case 'integer': {
      const low = field.min > -INTEGER_MAX ? `if (got[0] < ${field.min}) return -1; ` : '';
      const high = field.max < INTEGER_MAX ? `if (got[0] > ${field.max}) return -1; ` : '';
      return `p = integer(bytes, p); if (p < 0) return p; ${low}${high}
        ${target} = got[0];`;
    }
    case 'thousandths':
    case 'dateTime':
      return `p = ${field.type}(bytes, p); if (p < 0) return p;
        ${target} = got[0];`;
    case 'list': {
      if (target === 'lines') return 'p = lines(bytes, p, end, t); if (p < 0) return p;';
      const name = `list${Object.keys(constants).length}`;
      constants[name] = field;
      return `p = tree(bytes, p, end, ${name}); if (p < 0) return p;
        ${target} = part.value;`;
    }
    case 'record':
      return `p = ${target}(bytes, p, end, t); if (p < 0) return p;`;
    default:
      throw new TypeError(`no reader for fields of type ${field.type}`);
  }
}

/** Source that keeps the place of the text read last: of a line's text by line, of the transaction's by number of the field. */
function placeSource(target: string): string {
  if (target === 'sku' || target === 'category') return `${target}Start[n] = place[0]; ${target}Length[n] = place[1];`;
  const field = Text[target as keyof typeof Text];
  if (field === undefined) throw new TypeError(`no place for the text ${target}`);
  return `texts[${2 * field}] = place[0]; texts[${2 * field + 1}] = place[1];`;
}

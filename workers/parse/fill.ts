/**
 * The slow, authoritative way from a decoded value to a Transaction: everything that is wrong with it, or the transaction filled.
 * Its texts get bytes of their own, so the transaction stays valid whatever happens to the record.
 */
import { dateTimeMs } from '../../schemas/date-time.js';
import { integerOf, Moment, thousandthsOf } from '../../schemas/decoded.js';
import { checkTransaction, transaction, type TransactionDocument } from '../../schemas/transaction.js';
import { problem, PROBLEMS_MAX, validateDocument, type Problem } from '../../schemas/validate.js';
import { Kind, LineKind, Text, TEXT_FIELDS, type Transaction } from '../transaction.js';

/** Fills `t` from a decoded value, or says what is wrong. `t` is not to be used when there are problems. */
export function fillChecked(value: unknown, duplicates: readonly string[], t: Transaction): Problem[] {
  const problems = duplicates.map(pointer => problem(pointer, 'invalid', 'the field is given twice', 'Give each field once.'));
  problems.push(...validateDocument(transaction, value));
  if (problems.length === 0) problems.push(...checkTransaction(value as TransactionDocument));
  if (problems.length === 0) fillTransaction(value as TransactionDocument, t);
  return problems.slice(0, PROBLEMS_MAX);
}

/** Fills `t` from a document that is known to be valid (tests and generators use it as well). */
export function fillTransaction(document: TransactionDocument, t: Transaction): void {
  const texts = new TextWriter(document);
  t.bytes = texts.bytes;
  t.text.fill(0);
  for (let field = 0; field < TEXT_FIELDS; field++) texts.put(textOf(document, field), t.text, t.text, 2 * field, 2 * field + 1);
  t.kind = Kind[document.kind];
  t.occurredAtMs = momentOf(document.occurredAt);
  t.tenders = document.tenders;
  t.coupons = document.coupons;
  const lines = document.lines ?? [];
  t.lineCount = lines.length;
  t.total = integerOf(document.total) ?? 0;
  let sum = 0;
  lines.forEach((line, i) => {
    t.lineNumber[i] = line.line ?? i + 1;
    t.lineKind[i] = LineKind[line.kind ?? 'product'];
    texts.put(line.sku, t.skuStart, t.skuLength, i, i);
    texts.put(line.category, t.categoryStart, t.categoryLength, i, i);
    t.quantity[i] = thousandthsOf(line.quantity) ?? 0;
    t.amount[i] = integerOf(line.amount) ?? 0;
    t.discount[i] = integerOf(line.discount) ?? 0;
    sum += t.amount[i]!;
  });
  if (lines.length > 0) t.total = sum;
}

const names = Object.keys(Text) as (keyof typeof Text)[];
function textOf(document: TransactionDocument, field: number): string | undefined {
  const name = names[field]!;
  return name === 'originalId' ? document.original?.id : document[name];
}

function momentOf(occurredAt: unknown): number {
  if (occurredAt instanceof Moment) return occurredAt.ms;
  const bytes = Buffer.from(occurredAt as string);
  return dateTimeMs(bytes, 0, bytes.length);
}

/** What is known of an input that was refused: the texts that name it, as far as they are texts of allowed length; '' otherwise. */
export function identityOf(value: unknown): { id: string; partner: string; kind: string } {
  const fields = typeof value === 'object' && value !== null ? value as Record<string, unknown> : {};
  const known = (name: 'id' | 'partner' | 'kind'): string =>
    validateDocument(transaction.fields[name], fields[name]).length === 0 ? fields[name] as string : '';
  return { id: known('id'), partner: known('partner'), kind: known('kind') };
}

/** Fills `t` with nothing but what names the input. */
export function fillIdentity(value: unknown, t: Transaction): void {
  const { id, partner, kind } = identityOf(value);
  const idBytes = encoder.encode(id), partnerBytes = encoder.encode(partner);
  t.text.fill(0);
  t.occurredAtMs = 0;
  t.total = 0;
  t.lineCount = 0;
  t.tenders = undefined;
  t.coupons = undefined;
  t.bytes = Buffer.concat([idBytes, partnerBytes]);
  t.text[2 * Text.id + 1] = idBytes.length;
  t.text[2 * Text.partner] = idBytes.length;
  t.text[2 * Text.partner + 1] = partnerBytes.length;
  t.kind = kind === 'return' ? Kind.return : Kind.purchase;
}

/**
 * Gives a transaction that was read from record[start] … record[end - 1] a partner: its texts move to bytes of their own, with the partner's name
 * behind them.
 */
export function addPartner(t: Transaction, record: Uint8Array, start: number, end: number, partner: Uint8Array): void {
  const size = end - start, shift = t.bytes === record ? start : 0;
  const bytes = new Uint8Array(size + partner.length);
  bytes.set(t.bytes.subarray(shift, shift + size));
  bytes.set(partner, size);
  t.bytes = bytes;
  if (shift !== 0) {
    for (let field = 0; field < TEXT_FIELDS; field++) t.text[2 * field]! -= shift;
    for (let i = 0; i < t.lineCount; i++) {
      t.skuStart[i]! -= shift;
      t.categoryStart[i]! -= shift;
    }
  }
  t.text[2 * Text.partner] = size;
  t.text[2 * Text.partner + 1] = partner.length;
}

/** Texts one after another in bytes of their own. */
class TextWriter {
  readonly bytes: Uint8Array;
  private at = 0;
  constructor(document: TransactionDocument) {
    let size = 0;
    for (let field = 0; field < TEXT_FIELDS; field++) size += Buffer.byteLength(textOf(document, field) ?? '');
    for (const line of document.lines ?? []) size += Buffer.byteLength(line.sku ?? '') + Buffer.byteLength(line.category ?? '');
    this.bytes = new Uint8Array(size);
  }
  put(text: string | undefined, starts: Int32Array, lengths: Int32Array, startIndex: number, lengthIndex: number): void {
    starts[startIndex] = text === undefined ? 0 : this.at;
    lengths[lengthIndex] = 0;
    if (text === undefined) return;
    const { written } = encoder.encodeInto(text, this.bytes.subarray(this.at));
    lengths[lengthIndex] = written;
    this.at += written;
  }
}
const encoder = new TextEncoder();

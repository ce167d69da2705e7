/**
 * Records of the input topics as the naive implementation takes them. Our own envelopes are unpacked by msgpackr, by the description in
 * schemas/envelope.ts and not by the engine's reader, which is thereby checked too; what trusted producers write is split and validated by the
 * engine's reader.
 */
import { Unpackr } from 'msgpackr';
import { isCommand, readCommand, type EngineCommand } from '../../schemas/commands.js';
import { ENVELOPE_MARK, ENVELOPE_TRANSACTIONS } from '../../schemas/envelope.js';
import { EnvelopeReader } from '../../workers/envelope.js';
import { Text, Transaction } from '../../workers/transaction.js';
import type { NaiveLine, NaiveTransaction } from '../naive/transaction.js';

/** One item of a record: a transaction with its number in the request, or (of trusted producers) something that is none. */
export interface InputItem { index: number; transaction: NaiveTransaction | undefined }
export type InputRecord = { command: EngineCommand; items: InputItem[] | undefined } | { command: undefined; items: InputItem[] };

const unpackr = new Unpackr({ useRecords: false, int64AsType: 'number' });
const lineKinds = ['product', 'deposit', 'discount'] as const;

export function readInput(bytes: Uint8Array): InputRecord {
  if (bytes[0] === ENVELOPE_MARK && bytes[1] === ENVELOPE_TRANSACTIONS) return { command: undefined, items: ownItems(bytes) ?? foreignItems(bytes) };
  if (!isCommand(bytes)) return { command: undefined, items: foreignItems(bytes) };
  const command = readCommand(bytes);
  return { command, items: command.type === 'forwarded' || command.type === 'return-execute' ? ownItems(command.envelope)! : undefined };
}

type Nil<T> = T | null | undefined;
type Line = [sku: Nil<string>, quantity?: number, amount?: number, discount?: number, number?: number, kind?: number, category?: string];
type Tender = [kind: string, amount: number, redemption: Nil<string>];
type Row = [
  index: number, kind: number, occurredAtMs: number, total: Nil<number>, id: string, partner: string, program: Nil<string>, store: Nil<string>,
  terminal: Nil<string>, cashier: Nil<string>,
  channel: Nil<string>, card: Nil<string>, account: Nil<string>, currency: Nil<string>, mcc: Nil<string>, merchant: Nil<string>,
  originalId: Nil<string>, lines: Nil<Line[]>, tenders: Nil<Tender[]>,
  coupons: Nil<string[]>,
];

/** Undefined when it is no whole envelope, though it begins like one. */
function ownItems(bytes: Uint8Array): InputItem[] | undefined {
  const values: unknown[] = [];
  try {
    unpackr.unpackMultiple(bytes.subarray(2), (value: unknown) => void values.push(value));
  } catch {
    return undefined;
  }
  const [header, ...rows] = values;
  return Array.isArray(header) && header.length === 4 && header[3] === rows.length && rows.every(Array.isArray) ? (rows as Row[]).map(itemOf) : undefined;
}

function itemOf(row: Row): InputItem {
  const [index, kind, occurredAtMs, total, id, partner, program, store, terminal, cashier, channel, card, account, currency, mcc, merchant, originalId] = row;
  const [lines, tenders, coupons] = row.slice(17) as [Row[17], Row[18], Row[19]];
  const read = (lines ?? []).map(lineOf);
  return {
    index,
    transaction: {
      id, kind: kind === 1 ? 'return' : 'purchase', partner, program: program ?? '', store: store ?? '', terminal: terminal ?? '',
      cashier: cashier ?? '', channel: channel ?? '',
      card: card ?? '', account: account ?? '', occurredAtMs, currency: currency ?? '',
      total: total ?? read.reduce((sum, { amount }) => sum + amount, 0), lines: read,
      tenders: (tenders ?? []).map(([tender, amount, redemption]) => ({ kind: tender, amount, ...(redemption && { redemption }) })),
      coupons: coupons ?? [], mcc: mcc ?? '', merchant: merchant ?? '',
      originalId: originalId ?? '',
    },
  };
}

const lineOf = ([sku, quantity = 0, amount = 0, discount = 0, number = 0, kind = 0, category = '']: Line, place: number): NaiveLine =>
  ({ line: number === 0 ? place + 1 : number, kind: lineKinds[kind]!, sku: sku ?? '', quantity, amount, discount, category });

function foreignItems(bytes: Uint8Array): InputItem[] {
  const reader = new EnvelopeReader(), t = new Transaction(), items: InputItem[] = [];
  reader.open(bytes);
  while (reader.next(t)) items.push({ index: t.index, transaction: reader.problem ? undefined : transactionOf(t) });
  return items;
}

export function transactionOf(t: Transaction): NaiveTransaction {
  const text = (field: number): string => t.string(field);
  const category = (i: number): string => Buffer.from(t.bytes.buffer, t.bytes.byteOffset + t.categoryStart[i]!, t.categoryLength[i]!).toString('utf8');
  return {
    id: text(Text.id), kind: t.kind === 1 ? 'return' : 'purchase', partner: text(Text.partner), program: text(Text.program), store: text(Text.store),
    terminal: text(Text.terminal),
    cashier: text(Text.cashier), channel: text(Text.channel), card: text(Text.card), account: text(Text.account), occurredAtMs: t.occurredAtMs,
    currency: text(Text.currency), total: t.total,
    lines: Array.from({ length: t.lineCount }, (_, i): NaiveLine => ({
      line: t.lineNumber[i]!, kind: lineKinds[t.lineKind[i]!]!, sku: t.sku(i), quantity: t.quantity[i]!, amount: t.amount[i]!,
      discount: t.discount[i]!, category: category(i),
    })),
    tenders: t.tenders ?? [], coupons: t.coupons ?? [], mcc: text(Text.mcc), merchant: text(Text.merchant), originalId: text(Text.originalId),
  };
}

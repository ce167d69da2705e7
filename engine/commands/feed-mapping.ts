/**
 * What the columns of a CSV file mean. Without a mapping the columns are called like the fields of a transaction, and any other one is refused; with one, a YAML file says more,
 * and columns that it leaves out don't count:
 *
 *   columns:   { id: "Receipt", card: "Card no", occurredAt: "Time", sku: "Article", quantity: "Qty", amount: "Net" }
 *   constants: { currency: EUR, kind: purchase }
 *   delimiter: ";"            # default ,
 *   decimal: ","              # default .
 *   amounts: major            # 12.34; default minor: 1234
 *   time: { format: "dd.MM.yyyy HH:mm", zone: Europe/Berlin }      # default RFC 3339; format as in luxon
 *
 * Rows that follow each other with the same id are the lines of one transaction; what they say of the transaction as a whole has to be what its first row says, or nothing. Money is
 * moved into minor units on its text, never through a floating number.
 */
import { readFile } from 'node:fs/promises';
import { DateTime } from 'luxon';
import { parse as parseYaml } from 'yaml';
import { moneyExponent } from '../../schemas/money.js';
import { nearestName } from '../../schemas/validate.js';
import { CommandError, exitCodes } from './command.js';

const headerFields = ['id', 'kind', 'partner', 'program', 'store', 'terminal', 'cashier', 'channel', 'card', 'account', 'occurredAt', 'currency', 'total', 'mcc', 'merchant', 'original'] as const;
const lineFields = ['line', 'sku', 'quantity', 'amount', 'discount', 'category', 'lineKind'] as const;
const fields: readonly string[] = [...headerFields, ...lineFields];

export interface Mapping {
  /** Field → column; a field that isn't listed is looked for under its own name. */
  columns: Record<string, string>;
  constants: Record<string, string>;
  delimiter: string;
  decimal: string;
  amounts: 'minor' | 'major';
  time?: { format?: string; zone?: string };
}
export const defaultMapping: Mapping = { columns: {}, constants: {}, delimiter: ',', decimal: '.', amounts: 'minor' };

export interface CsvRow {
  row: number;
  id: string;
  cells: Record<string, string>;
  /** How many there were, when that is not the number of columns. */
  cellCount?: number;
}
export type Mapped = { transaction: object; wrong?: undefined } | { transaction?: undefined; wrong: { id: string; pointer: string; reason: string; detail: string } };

export async function readMapping(file: string): Promise<Mapping> {
  const wrong = (detail: string): CommandError => new CommandError(exitCodes.usage, `${file}: ${detail}`);
  let given: unknown;
  try {
    given = parseYaml(await readFile(file, 'utf8'));
  } catch (error) {
    throw wrong((error as Error).message);
  }
  if (typeof given !== 'object' || given === null || Array.isArray(given)) throw wrong('is not a mapping (docs/feeding.md)');
  const known = ['columns', 'constants', 'delimiter', 'decimal', 'amounts', 'time'];
  expectNames(Object.keys(given), known, wrong);
  const { time, ...rest } = given as Partial<Mapping>;
  const mapping: Mapping = { ...defaultMapping, ...rest, ...(time === undefined ? {} : { time }) };
  for (const part of ['columns', 'constants'] as const) {
    const values = mapping[part];
    if (typeof values !== 'object' || values === null || Object.values(values).some((value) => typeof value !== 'string')) throw wrong(`${part}: must be texts by field`);
    expectNames(Object.keys(values), fields, wrong);
  }
  if (typeof mapping.delimiter !== 'string' || mapping.delimiter === '') throw wrong('delimiter: must be a text');
  if (mapping.decimal !== '.' && mapping.decimal !== ',') throw wrong('decimal: must be "." or ","');
  if (mapping.amounts !== 'minor' && mapping.amounts !== 'major') throw wrong('amounts: must be minor or major');
  if (time !== undefined) checkTime(time, wrong);
  return mapping;
}

function checkTime(time: NonNullable<Mapping['time']>, wrong: (detail: string) => CommandError): void {
  expectNames(Object.keys(time), ['format', 'zone'], wrong);
  const { format, zone = 'utc' } = time;
  const probe = DateTime.fromISO('2003-04-25T16:07:08', { zone });
  if (!probe.isValid) throw wrong(`time.zone: ${JSON.stringify(zone)} is no time zone; name one like Europe/Berlin`);
  if (format === undefined) return;
  const strange = /[^\W\d_SusmhHZzadEcMLykoWniGqDtTfFXx]/.exec(String(format).replace(/'[^']*'/g, ''))?.[0];
  if (strange !== undefined) throw wrong(`time.format: ${strange} in ${JSON.stringify(format)} is no token of luxon; an example: dd.MM.yyyy HH:mm (other letters stand between single quotes)`);
  const again = DateTime.fromFormat(probe.toFormat(format), format, { zone });
  if (again.toISODate() !== probe.toISODate()) throw wrong(`time.format: ${JSON.stringify(format)} does not say year, month and day; an example: dd.MM.yyyy HH:mm`);
}

function expectNames(names: string[], known: readonly string[], wrong: (detail: string) => CommandError): void {
  for (const name of names) {
    if (known.includes(name)) continue;
    const meant = nearestName(name, known);
    throw wrong(`unknown name ${name}${meant === undefined ? '' : `; did you mean ${meant}?`}`);
  }
}

/**
 * Throws when the file would be misread: a column without a mapping that is no field, a column of the mapping that isn't there, one that is there twice. `advice`: what helps when
 * names differ. A column without a name is what a delimiter at the line's end makes.
 */
export function checkColumns(file: string, header: string[], mapping: Mapping, advice: string): void {
  const wrong = (detail: string): CommandError => new CommandError(exitCodes.usage, `${file}, line 1: ${detail}`);
  const didYouMean = (name: string, known: readonly string[], otherwise: string): string => {
    const meant = nearestName(name, known);
    return meant === undefined ? otherwise : `did you mean ${meant}?`;
  };
  const used = new Set(fields.map((field) => mapping.columns[field] ?? field));
  const given = header.filter((column) => column !== '');
  const twice = given.find((column, index) => used.has(column) && given.indexOf(column) !== index);
  if (twice !== undefined) throw wrong(`column ${JSON.stringify(twice)} is there twice`);
  for (const [field, column] of Object.entries(mapping.columns)) {
    if (!given.includes(column)) throw wrong(`there is no column ${JSON.stringify(column)}, which the mapping names for ${field}; ${didYouMean(column, given, `columns: ${given.join(', ')}`)}`);
  }
  if (Object.keys(mapping.columns).length > 0) return;
  const unknown = given.find((column) => !used.has(column));
  if (unknown !== undefined) throw wrong(`unknown column ${JSON.stringify(unknown.slice(0, 64))}; ${didYouMean(unknown, fields, `known: ${fields.join(', ')}`)} ${advice}`);
}

class CellError extends Error {
  constructor(readonly pointer: string, message: string) {
    super(message);
  }
}

const cellOf = ({ cells }: CsvRow, field: string, { columns, constants }: Mapping): string | undefined => cells[columns[field] ?? field] || constants[field];

/** Whether the row says anything of a line. One that does not is a transaction by itself. */
export const isLine = (row: CsvRow, mapping: Mapping): boolean => lineFields.some((field) => cellOf(row, field, mapping) !== undefined);

/** One transaction from the rows that name it. What it means is checked by the server; only what cannot be written as JSON is refused here. */
export function mapRows(rows: CsvRow[], mapping: Mapping): Mapped {
  const { id } = rows[0]!;
  try {
    return { transaction: transactionOf(rows, mapping) };
  } catch (error) {
    if (!(error instanceof CellError)) throw error;
    return { wrong: { id, pointer: error.pointer, reason: 'invalid', detail: error.message } };
  }
}

function transactionOf(rows: CsvRow[], mapping: Mapping): object {
  const cell = (row: CsvRow, field: string): string | undefined => cellOf(row, field, mapping);
  const [first, ...others] = rows as [CsvRow, ...CsvRow[]];
  const currency = cell(first, 'currency');
  const amount = (row: CsvRow, field: string, pointer: string): number | undefined => readAmount(cell(row, field), mapping, currency, pointer);
  const transaction: Record<string, unknown> = {};
  for (const field of headerFields) {
    const value = cell(first, field), column = mapping.columns[field] ?? field, other = others.find(({ cells }) => (cells[column] || value) !== value);
    if (other !== undefined) {
      const [here, there] = [other.cells[column]!, value ?? ''].map((text) => JSON.stringify(text.slice(0, 64)));
      throw new CellError(field === 'original' ? '/original/id' : `/${field}`, `row ${other.row} says ${here}, and row ${first.row}, the first of the same transaction, ${there}`);
    }
    if (value === undefined) continue;
    if (field === 'total') transaction.total = amount(first, field, '/total');
    else if (field === 'original') transaction.original = { id: value };
    else if (field === 'occurredAt') transaction.occurredAt = readTime(value, mapping);
    else transaction[field] = value;
  }
  transaction.kind ??= 'purchase';
  const lines = rows.filter((row) => isLine(row, mapping)).map((row, index) => lineOf(row, `/lines/${index}`, cell, amount, mapping));
  if (lines.length > 0) transaction.lines = lines;
  return transaction;
}

function lineOf(
  row: CsvRow, pointer: string, cell: (row: CsvRow, field: string) => string | undefined,
  amount: (row: CsvRow, field: string, pointer: string) => number | undefined, mapping: Mapping,
): object {
  const line = cell(row, 'line');
  return {
    line: line === undefined ? undefined : readNumber(line, /^\d{1,9}$/, `${pointer}/line`),
    sku: cell(row, 'sku'),
    quantity: readNumber((cell(row, 'quantity') ?? '1').replace(mapping.decimal, '.'), /^\d{1,12}(\.\d{1,3})?$/, `${pointer}/quantity`),
    amount: amount(row, 'amount', `${pointer}/amount`),
    discount: amount(row, 'discount', `${pointer}/discount`),
    category: cell(row, 'category'),
    kind: cell(row, 'lineKind'),
  };
}

function readNumber(text: string, form: RegExp, pointer: string): number {
  if (!form.test(text)) throw new CellError(pointer, `${JSON.stringify(text.slice(0, 64))} is not a number of that form`);
  return Number(text);
}

function readAmount(text: string | undefined, { amounts, decimal }: Mapping, currency: string | undefined, pointer: string): number | undefined {
  if (text === undefined) return undefined;
  const digits = amounts === 'major' ? moneyExponent(currency ?? '') : 0;
  const [, sign, whole, fraction = ''] = /^(-?)(\d+)(?:[.,](\d+))?$/.exec(text) ?? [];
  const separatorFits = fraction === '' || text.includes(decimal);
  if (whole === undefined || !separatorFits || fraction.length > digits) throw new CellError(pointer, `${JSON.stringify(text.slice(0, 64))} is not an amount with ${digits} decimals`);
  const minor = Number(`${sign}${whole}${fraction.padEnd(digits, '0')}`);
  if (!Number.isSafeInteger(minor)) throw new CellError(pointer, 'passes 2^53-1');
  return minor;
}

function readTime(text: string, { time }: Mapping): string {
  if (time === undefined) return text;
  const options = { zone: time.zone ?? 'utc', setZone: false };
  const parsed = time.format === undefined ? DateTime.fromISO(text, options) : DateTime.fromFormat(text, time.format, options);
  if (!parsed.isValid) throw new CellError('/occurredAt', `${JSON.stringify(text.slice(0, 64))}: ${parsed.invalidExplanation ?? 'not a time'}`);
  return parsed.toUTC().toISO();
}

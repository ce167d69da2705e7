/**
 * A file as batches of NDJSON: .ndjson lines go through as they are, CSV rows are mapped (feed-mapping.ts), .gz is decompressed on the way. One batch is in
 * memory at a time.
 *
 * A row is a line of the file, counted from 1; for CSV the first line is the header, and a transaction of several lines is named by its first. A row with more cells than there are columns is
 * rejected with its whole transaction, since nobody knows which cells are whose; of one with fewer, the last cells are empty, as spreadsheets leave them out. A row that is not UTF-8
 * is rejected, too: what stands in place of its letters would make different ids the same.
 */
import type { Readable } from 'node:stream';
import { parse as csvParser } from 'csv-parse';
import { cutAtLines } from '../gateway/body.js';
import { CommandError, exitCodes } from './command.js';
import { checkColumns, defaultMapping, isLine, mapRows, type CsvRow, type Mapping } from './feed-mapping.js';
import type { Place } from './feed-state.js';
import { openFile } from './open-file.js';

export interface RejectedRow { row: number; id: string; pointer: string; reason: string; detail: string }
export interface SourceBatch {
  bytes: Uint8Array;
  /** Transactions in `bytes`. */
  count: number;
  rowOf(index: number): number;
  /** Rows that could not even be mapped. */
  rejected: RejectedRow[];
  /** Where the file goes on after this batch. */
  end: Place;
}
export interface SourceOptions {
  format?: string; mapping?: Mapping; batchBytes: number; fromByte: number; fromRow: number;
  /** What the user of this command can do when the name doesn't say the format, or columns are called otherwise. */
  advice: { format: string; columns: string };
}

const CHUNK_BYTES_MAX = 1 << 18;
const LINE_END = 10;
const SPACE = 32;
/** What stands in place of bytes that are not UTF-8. */
const REPLACEMENT = '\uFFFD';
/** Lines of one transaction in a CSV file; the server takes 1,000. */
const GROUP_ROWS_MAX = 10_000;
/** What a rejected row takes besides its texts, about: a batch ends by them, too. */
const REJECTED_BYTES = 100;

export function openSource(file: string, options: SourceOptions): AsyncIterable<SourceBatch> {
  const name = file.replace(/\.gz$/, '');
  const format = options.format ?? (/\.(ndjson|jsonl|json)$/.test(name) ? 'ndjson' : /\.csv$/.test(name) ? 'csv' : undefined);
  if (options.format !== undefined && format !== 'ndjson' && format !== 'csv') throw new CommandError(exitCodes.usage, `--format: ${options.format} is neither ndjson nor csv`);
  if (format !== 'ndjson' && format !== 'csv') throw new CommandError(exitCodes.usage, `${file}: the name does not say whether it is NDJSON or CSV; ${options.advice.format}`);
  // Batches end with a chunk, so chunks must not be larger.
  const stream = openFile(file, Math.min(CHUNK_BYTES_MAX, options.batchBytes));
  return format === 'ndjson' ? ndjsonBatches(stream, options) : csvBatches(stream, file, options);
}

export async function* ndjsonBatches(stream: Readable, { batchBytes, fromByte, fromRow }: Pick<SourceOptions, 'batchBytes' | 'fromByte' | 'fromRow'>): AsyncGenerator<SourceBatch> {
  let byte = fromByte, row = fromRow;
  for await (const bytes of cutAtLines(skip(stream, fromByte), batchBytes)) {
    const { rows, lines } = countRows(bytes);
    const firstRow = row + 1;
    byte += bytes.length;
    row += lines;
    yield { bytes, count: rows, rowOf: (index) => firstRow + lineOfRow(bytes, index), rejected: [], end: { byte, row } };
  }
}

async function* skip(stream: Readable, bytes: number): AsyncGenerator<Buffer> {
  let left = bytes;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    if (left >= chunk.length) left -= chunk.length;
    else {
      yield left === 0 ? chunk : chunk.subarray(left);
      left = 0;
    }
  }
}

/** Lines, and those of them that are not blank. */
function countRows(bytes: Uint8Array): { rows: number; lines: number } {
  let rows = 0, lines = 0;
  for (let start = 0; start < bytes.length; lines++) {
    const end = lineEnd(bytes, start);
    if (!isBlank(bytes, start, end)) rows++;
    start = end + 1;
  }
  return { rows, lines };
}

/** The line, from 0, of the row that the server counts as `index`: it doesn't count blank lines. */
function lineOfRow(bytes: Uint8Array, index: number): number {
  let rows = 0;
  for (let start = 0, line = 0; start < bytes.length; line++) {
    const end = lineEnd(bytes, start);
    if (!isBlank(bytes, start, end) && rows++ === index) return line;
    start = end + 1;
  }
  return -1;
}

function lineEnd(bytes: Uint8Array, from: number): number {
  const end = bytes.indexOf(LINE_END, from);
  return end < 0 ? bytes.length : end;
}
function isBlank(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i]! > SPACE) return false;
  return true;
}

async function* csvBatches(stream: Readable, file: string, { mapping = defaultMapping, batchBytes, fromByte, fromRow, advice }: SourceOptions): AsyncGenerator<SourceBatch> {
  let lines: string[] = [], rows: number[] = [], rejected: RejectedRow[] = [], bytes = 0, columnCount = 0;
  let end: Place = { byte: fromByte, row: fromRow };
  const batch = (): SourceBatch => {
    const made = rows;
    return { bytes: Buffer.from(lines.join('')), count: lines.length, rowOf: (index) => made[index] ?? -1, rejected, end };
  };
  const columns = (header: string[]): string[] => {
    checkColumns(file, header, mapping, advice.columns);
    columnCount = header.length;
    return header;
  };
  for await (const group of csvGroups(stream, columns, mapping, fromByte)) {
    const { row } = group.rows[0]!, damaged = damageOf(group.rows, columnCount, mapping);
    const mapped = damaged === undefined ? mapRows(group.rows, mapping) : { wrong: damaged };
    if (mapped.wrong === undefined) {
      const line = `${JSON.stringify(mapped.transaction)}\n`;
      lines.push(line);
      rows.push(row);
      bytes += line.length;
    } else {
      rejected.push({ row, ...mapped.wrong });
      bytes += REJECTED_BYTES + mapped.wrong.id.length + mapped.wrong.detail.length;
    }
    end = group.end;
    if (bytes < batchBytes) continue;
    yield batch();
    [lines, rows, rejected, bytes] = [[], [], [], 0];
  }
  if (columnCount === 0 && fromByte === 0) throw new CommandError(exitCodes.usage, `${file}: is empty; its first line names the columns`);
  if (lines.length > 0 || rejected.length > 0) yield batch();
}

/** What is wrong with the first of these rows of which nobody can know what it says; undefined: with none. */
function damageOf(rows: CsvRow[], columnCount: number, { delimiter }: Mapping): RejectedRow | undefined {
  for (const { row, id, cells, cellCount = 0 } of rows) {
    const wrong = (detail: string): RejectedRow => ({ row, id, pointer: '', reason: 'malformed', detail });
    if (cellCount > columnCount) return wrong(`${cellCount} cells, and the header has ${columnCount} columns; a cell that holds ${JSON.stringify(delimiter)} stands between double quotes`);
    if (Object.values(cells).some((cell) => cell.includes(REPLACEMENT))) return wrong('not valid UTF-8; convert the file, for example: iconv -f WINDOWS-1252 -t UTF-8');
  }
  return undefined;
}

interface CsvRecord { record: Record<string, string>; info: { bytes: number; lines: number; /** Of another length than the header. */ error?: { record: string[] } } }

/** Neighbouring rows with the same transaction id that each say something of a line but the first, which need not. */
async function* csvGroups(stream: Readable, columns: (header: string[]) => string[], mapping: Mapping, fromByte: number): AsyncGenerator<{ rows: CsvRow[]; end: Place }> {
  const parser = stream.pipe(csvParser({ bom: true, columns, info: true, trim: true, skip_empty_lines: true, relax_column_count: true, delimiter: mapping.delimiter }));
  stream.once('error', (error) => parser.destroy(error));
  // The parser counts a break of two bytes within quotes as two lines.
  let rows: CsvRow[] = [], end: Place = { byte: 0, row: 0 }, tooMany = 0;
  try {
    for await (const { record, info } of parser as AsyncIterable<CsvRecord>) {
      const breaks = lineBreaksIn(info.error?.record ?? Object.values(record));
      tooMany += breaks.ofTwo;
      const last = info.lines - tooMany;
      if (info.bytes <= fromByte) continue;
      const id = record[mapping.columns.id ?? 'id'] ?? '', row: CsvRow = { row: last - breaks.count, id, cells: record, ...(info.error && { cellCount: info.error.record.length }) };
      if (rows.length > 0 && (rows[0]!.id !== id || rows.length >= GROUP_ROWS_MAX || !isLine(row, mapping))) {
        yield { rows, end };
        rows = [];
      }
      rows.push(row);
      end = { byte: info.bytes, row: last };
    }
  } catch (error) {
    if ((error as { code?: string }).code?.startsWith('CSV_') === true) throw new CommandError(exitCodes.usage, (error as Error).message);
    throw error;
  }
  if (rows.length > 0) yield { rows, end };
}

/** Line breaks within cells; `ofTwo`: those of two bytes. */
function lineBreaksIn(cells: readonly string[]): { count: number; ofTwo: number } {
  const breaks = cells.flatMap((cell) => cell.match(/\r\n|\r|\n/g) ?? []);
  return { count: breaks.length, ofTwo: breaks.filter(({ length }) => length === 2).length };
}

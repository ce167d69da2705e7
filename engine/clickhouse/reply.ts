/**
 * The answer to one query: headers, rows, or an error.
 *
 * Promises: an error that comes before the first bytes are out has ClickHouse's status, code and text. One that comes later ends the stream with the exception block that clients
 * look for, so no answer that was cut short looks whole. A client that stops reading is left after a while, as it keeps a turn from others.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Transform, Writable } from 'node:stream';
import zlib from 'node:zlib';
import { BlockCompressor, compressedBlock } from './compressed-blocks.js';
import { fromLibrary } from './exception.js';
import type { LibraryResult } from './library.js';
import { readPipe } from './pipe.js';
import type { ClickHouseRequest } from './request.js';

/** Of an answer, held back for an error that comes early, and so that short answers say how much was read. */
const HOLD_BYTES = 2 ** 18;
/** With wait_end_of_query=1. */
const HOLD_BYTES_MAX = 16 * 2 ** 20;
const STALL_MS = 60_000;

export interface Reply { asked: ClickHouseRequest; response: ServerResponse; gone: AbortSignal; version: string }

/** Rows that a query writes into a pipe. Rejects with the query's error when nothing was sent yet. */
export async function sendRows(reply: Reply, format: string, pipe: string, query: Promise<LibraryResult>): Promise<void> {
  const { asked, response, gone, version } = reply, holdBytes = asked.waitsForEnd ? HOLD_BYTES_MAX : HOLD_BYTES;
  const outcome = query.then((result) => ({ result, error: undefined }), (error: unknown) => ({ result: undefined, error: fromLibrary(error) }));
  let held: Buffer[] = [], heldBytes = 0, out: Writable | undefined;
  for await (const chunk of readPipe(pipe, query)) {
    // The pipe is read to its end even so: the library would wait for a reader.
    if (gone.aborted) continue;
    held.push(chunk);
    heldBytes += chunk.length;
    if (!out && heldBytes < holdBytes) continue;
    out ??= begin(reply, format, undefined);
    await write(out, held, reply);
    held = [];
  }
  const { result, error } = await outcome;
  if (gone.aborted) return;
  if (error && !out) throw error;
  out ??= begin(reply, format, result);
  if (error) held.push(exceptionBlock(error.text(version), String(response.getHeader('x-clickhouse-exception-tag'))));
  await write(out, held, reply);
  out.end();
}

/** The answer of a statement that gives no rows. */
export function sendDone(reply: Reply, result: LibraryResult, isInsert: boolean): void {
  begin(reply, undefined, result, isInsert);
  reply.response.end();
}

/** `asked`: undefined when the request could not be read. */
export function sendError(response: ServerResponse, asked: ClickHouseRequest | undefined, error: unknown, version: string): void {
  if (response.headersSent || response.destroyed) return void response.destroy();
  const failure = fromLibrary(error), plain = Buffer.from(failure.text(version)), text = asked?.compress ? compressedBlock(plain) : plain;
  identify(response, asked?.queryId ?? '');
  response.writeHead(failure.status, { 'content-type': 'text/plain; charset=UTF-8', 'x-clickhouse-exception-code': failure.code, 'content-length': text.length });
  response.end(text);
}

/** Sends the headers; gives where the rows go. */
function begin({ asked, response }: Reply, format: string | undefined, result: LibraryResult | undefined, isInsert = false): Writable {
  identify(response, asked.queryId);
  response.setHeader('content-type', contentType(format ?? 'TabSeparated'));
  response.setHeader('x-clickhouse-exception-tag', randomBytes(8).toString('hex'));
  if (format !== undefined) response.setHeader('x-clickhouse-format', format);
  response.setHeader('x-clickhouse-summary', summary(result, isInsert));
  if (format === undefined) return response;
  const encoding = asked.encodings.find((name) => Object.hasOwn(encoders, name));
  let out: Writable = response;
  if (encoding !== undefined) {
    response.setHeader('content-encoding', encoding);
    out = into(encoders[encoding]!(), out, response);
  }
  return asked.compress ? into(new BlockCompressor(), out, response) : out;
}
function into(encoder: Transform, out: Writable, response: ServerResponse): Writable {
  encoder.pipe(out);
  response.on('close', () => encoder.destroy());
  return encoder;
}

const encoders: Record<string, () => zlib.Gzip | zlib.Deflate | zlib.BrotliCompress> = {
  gzip: () => zlib.createGzip({ level: 3 }),
  deflate: () => zlib.createDeflate({ level: 3 }),
  br: () => zlib.createBrotliCompress({ params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 3 } }),
};

function identify(response: ServerResponse, queryId: string): void {
  if (queryId !== '') response.setHeader('x-clickhouse-query-id', queryId.replace(/[^\x20-\x7e]/g, '?'));
  response.setHeader('x-clickhouse-server-display-name', 'pointstream');
  response.setHeader('x-clickhouse-timezone', 'UTC');
}

/** Of a long answer everything is 0, as it is sent before anything is known. */
function summary(result: LibraryResult | undefined, isInsert: boolean): string {
  const { rowsRead = 0, bytesRead = 0, elapsed = 0 } = result ?? {}, written = isInsert ? { rows: rowsRead, bytes: bytesRead } : { rows: 0, bytes: 0 };
  const numbers = {
    read_rows: rowsRead, read_bytes: bytesRead, written_rows: written.rows, written_bytes: written.bytes, total_rows_to_read: 0, result_rows: written.rows, result_bytes: written.bytes,
    elapsed_ns: Math.round(elapsed * 1e9),
  };
  return JSON.stringify(Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, String(value)])));
}

async function write(out: Writable, parts: Buffer[], { gone, response }: Reply): Promise<void> {
  for (const part of parts) {
    if (gone.aborted || out.write(part)) continue;
    const stalled = AbortSignal.timeout(STALL_MS);
    // Both reasons to wait no longer are seen by the response: it is closed, or it gets closed here.
    await once(out, 'drain', { signal: AbortSignal.any([gone, stalled]) }).catch(() => undefined);
    if (stalled.aborted) response.destroy();
  }
}

/** ┌ CRLF marker CRLF tag CRLF ┐ text ┌ length of the text, tag, CRLF marker CRLF ┐ */
function exceptionBlock(text: string, tag: string): Buffer {
  return Buffer.from(`\r\n__exception__\r\n${tag}\r\n${text}${Buffer.byteLength(text)} ${tag}\r\n__exception__\r\n`);
}

const contentTypes: [RegExp, string][] = [
  [/^JSON.*EachRow/i, 'application/x-ndjson; charset=UTF-8'],
  [/^JSON/i, 'application/json; charset=UTF-8'],
  [/^(TSV|TabSeparated)/i, 'text/tab-separated-values; charset=UTF-8'],
  [/^CSVWithNames/i, 'text/csv; charset=UTF-8; header=present'],
  [/^CSV/i, 'text/csv; charset=UTF-8; header=absent'],
  [/^(Native|RowBinary.*|Parquet|Arrow|ArrowStream|ORC|Avro|MsgPack|Protobuf.*|CapnProto|BSONEachRow|Npy|RawBLOB)$/i, 'application/octet-stream'],
  [/^XML$/i, 'application/xml; charset=UTF-8'],
  [/^Markdown$/i, 'text/markdown; charset=UTF-8'],
];

function contentType(format: string): string {
  return contentTypes.find(([pattern]) => pattern.test(format))?.[1] ?? 'text/plain; charset=UTF-8';
}

/**
 * One query from request to answer:
 *
 *   who asks → what is asked → may they → wait for a turn → a connection of its own, with settings and parameters → run → rows out through a pipe
 *
 * Promises: what goes wrong before the first bytes are out is answered with ClickHouse's status, code and text; what goes wrong later ends the stream with ClickHouse's exception
 * block. A client that goes away ends its query. The connection is closed, the turn given back and the file removed whatever happens.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Writable } from 'node:stream';
import { createDeflate, createGzip } from 'node:zlib';
import { isBounded, type AccessControl, type User } from './access.js';
import { Body, STATEMENT_BYTES_MAX, type Spool, type Spooled } from './body.js';
import { exception, fromLibrary } from './exception.js';
import { contentType } from './formats.js';
import type { Lane } from './lanes.js';
import type { Connection, Library, LibraryResult } from './library.js';
import { readPipe } from './pipe.js';
import { readRequest, type ClickHouseRequest } from './request.js';
import { readStatement, type Statement } from './statement.js';

/** Rows that are held back, so that an error that comes early gets a status of its own. */
const HOLD_BYTES = 2 ** 18;
/** With wait_end_of_query. */
const HOLD_BYTES_MAX = 16 * 2 ** 20;
const HEAD_BYTES = 2 ** 16;

export interface Backend {
  library: Library;
  access: AccessControl;
  spool: Spool;
  lanes: { insert: Lane; engine: Lane; readers: Lane };
  /** Settings of a user's queries; a reader's own may be lower, not higher. */
  bounds: { engine: [string, string][]; readers: [string, string][] };
  version: string;
  /** Ids of queries that run. */
  running: Set<string>;
}

export async function answer(backend: Backend, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  let queryId = '';
  try {
    const asked = readRequest(request);
    queryId = asked.queryId;
    const user = backend.access.authenticate(asked.user, asked.password);
    const { statement, first, body } = await readWhole(asked, request);
    const text = statement.tokens.length === 0 ? '' : statement.verb;
    if (text === '') throw exception(62, 'Syntax error: empty query');
    backend.access.check(user, statement, asked.database, asked.parameters.map(([, value]) => value));
    if (backend.running.has(queryId)) throw exception(216, `Query with id = ${queryId} is already running.`);
    backend.running.add(queryId);
    try {
      const data = statement.insert ? await backend.spool.write(first, body) : undefined;
      try {
        await run(backend, { asked, user, statement, data, gone: gone.signal, response });
      } finally {
        await data?.close();
      }
    } finally {
      backend.running.delete(queryId);
    }
  } catch (error) {
    refuse(backend, response, queryId, error);
  }
}

/** The statement, and for an INSERT the first of its data. */
async function readWhole(asked: ClickHouseRequest, request: IncomingMessage): Promise<{ statement: Statement; first: Buffer; body: Body }> {
  const body = new Body(request);
  if (asked.text !== '') {
    const statement = readStatement(asked.text);
    if (statement.insert) return { statement, first: Buffer.from(asked.text.slice(statement.insert.dataAt), 'latin1'), body };
    const { bytes, complete } = await body.read(STATEMENT_BYTES_MAX);
    if (!complete) throw exception(223, 'The query is too large');
    return bytes.length === 0 ? { statement, first: bytes, body } : { statement: readStatement(`${asked.text}\n${bytes.toString('latin1')}`), first: bytes, body };
  }
  let { bytes, complete } = await body.read(HEAD_BYTES);
  if (!complete) {
    const insert = insertIn(bytes.toString('latin1'));
    if (insert) return { ...insert, body };
    const rest = await body.read(STATEMENT_BYTES_MAX);
    if (!rest.complete) throw exception(223, `The query is larger than ${STATEMENT_BYTES_MAX} bytes`);
    bytes = Buffer.concat([bytes, rest.bytes]);
  }
  const text = bytes.toString('latin1');
  const statement = readStatement(text);
  return { statement, first: statement.insert ? bytes.subarray(statement.insert.dataAt) : Buffer.alloc(0), body };
}

/** An INSERT whose data begin within a text that is cut off somewhere. */
function insertIn(text: string): { statement: Statement; first: Buffer } | undefined {
  try {
    const statement = readStatement(text);
    return statement.insert && { statement, first: Buffer.from(text.slice(statement.insert.dataAt), 'latin1') };
  } catch (error) {
    // A quote that is not closed yet: read on.
    if (error instanceof SyntaxError) throw error;
    return undefined;
  }
}

interface Run { asked: ClickHouseRequest; user: User; statement: Statement; data: Spooled | undefined; gone: AbortSignal; response: ServerResponse }

async function run(backend: Backend, it: Run): Promise<void> {
  const { user, statement, gone } = it;
  const lane = !user.isEngine ? backend.lanes.readers : statement.kind === 'insert' ? backend.lanes.insert : backend.lanes.engine;
  const slot = await lane.enter(gone);
  const mark = randomUUID();
  let connection: Connection | undefined;
  const stop = (): void => void killMarked(backend.library, mark);
  try {
    connection = backend.library.connect();
    await prepare(backend, connection, it, mark);
    gone.addEventListener('abort', stop, { once: true });
    if (gone.aborted) return;
    if (statement.kind === 'read' || statement.kind === 'kill') {
      const format = statement.format?.name ?? it.asked.defaultFormat;
      const output = ` INTO OUTFILE '${slot.pipe}' APPEND FORMAT ${format} `;
      const sql = statement.format ? splice(statement.text, statement.format.start, statement.format.end, output) : `${statement.text}\n${output}`;
      const query = connection.query(utf8(sql)).catch((error: unknown) => Promise.reject(fromLibrary(error)));
      await send(backend, it, format, slot.pipe, query);
    } else {
      const sql = statement.insert ? insertFrom(statement.text, statement.insert, it.data!.path) : statement.text;
      const result = await connection.query(utf8(sql));
      if (!it.response.headersSent) begin(it, undefined, result, statement.insert !== undefined);
      it.response.end();
    }
  } finally {
    gone.removeEventListener('abort', stop);
    await connection?.close();
    lane.leave(slot);
  }
}

/** Settings, parameters and database of the query. After that the connection can't be unlocked again, if it is a reader's. */
async function prepare(backend: Backend, connection: Connection, { asked, user, statement }: Run, mark: string): Promise<void> {
  const settings = new Map(user.isEngine ? backend.bounds.engine : backend.bounds.readers);
  for (const [name, value] of asked.settings) {
    if (user.isEngine || !isBounded(name)) settings.set(name, value);
    else if (settings.has(name) && Number(value) > 0) settings.set(name, String(Math.min(Number(value), Number(settings.get(name)))));
  }
  settings.set('log_comment', mark);
  for (const [name, value] of asked.parameters) settings.set(`param_${name}`, value);
  if (asked.readonly || backend.access.isReadonly(user, statement)) settings.set('readonly', '1');
  const bad = [...settings.keys()].find((name) => !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name));
  if (bad !== undefined) throw exception(36, `'${bad}' is no name of a setting`);
  if (asked.database !== 'default') await connection.query(`USE \`${asked.database.replace(/[\\`]/g, '\\$&')}\``);
  await connection.query(`SET ${[...settings].map(([name, value]) => `${name} = ${literal(value)}`).join(', ')}`);
}

/** Sends the rows. Rejects with the query's error as long as nothing was sent. */
async function send(backend: Backend, it: Run, format: string, pipe: string, query: Promise<LibraryResult>): Promise<void> {
  const { response, gone } = it, rows = readPipe(pipe, query);
  const holdBytes = it.asked.waitsForEnd ? HOLD_BYTES_MAX : HOLD_BYTES;
  let held: Buffer[] = [], heldBytes = 0, out: Writable | undefined, failed: unknown;
  for await (const chunk of rows as AsyncIterable<Buffer>) {
    if (gone.aborted) continue;
    if (!out) {
      held.push(chunk);
      if ((heldBytes += chunk.length) < holdBytes) continue;
      out = begin(it, format, undefined, false);
    }
    for (const part of held.length > 0 ? held : [chunk]) {
      if (!out.write(part)) await once(out, 'drain', { signal: gone }).catch(() => undefined);
    }
    held = [];
  }
  const result = await query.catch((error: unknown) => void (failed = error));
  if (gone.aborted) return;
  if (failed !== undefined && !out) throw failed;
  out ??= begin(it, format, result ?? undefined, false);
  for (const part of held) out.write(part);
  if (failed !== undefined) out.write(exceptionBlock(fromLibrary(failed).text(backend.version), String(response.getHeader('x-clickhouse-exception-tag'))));
  out.end();
}

/** Headers, and where the rows go. */
function begin({ response, asked }: Run, format: string | undefined, result: LibraryResult | undefined, isInsert: boolean): Writable {
  common(response, asked.queryId);
  response.setHeader('content-type', contentType(format ?? 'TabSeparated'));
  response.setHeader('x-clickhouse-exception-tag', randomBytes(8).toString('hex'));
  if (format !== undefined) response.setHeader('x-clickhouse-format', format);
  const read = String(result?.rowsRead ?? 0), bytes = String(result?.bytesRead ?? 0);
  response.setHeader('x-clickhouse-summary', JSON.stringify({
    read_rows: read, read_bytes: bytes, written_rows: isInsert ? read : '0', written_bytes: isInsert ? bytes : '0', total_rows_to_read: '0', result_rows: isInsert ? read : '0',
    result_bytes: isInsert ? bytes : '0', elapsed_ns: String(Math.round((result?.elapsed ?? 0) * 1e9)),
  }));
  const encoding = format === undefined ? undefined : asked.encodings.find((name) => name === 'gzip' || name === 'deflate');
  if (encoding === undefined) return response;
  response.setHeader('content-encoding', encoding);
  const encoder = encoding === 'gzip' ? createGzip({ level: 3 }) : createDeflate({ level: 3 });
  encoder.pipe(response);
  response.on('close', () => encoder.destroy());
  return encoder;
}

function common(response: ServerResponse, queryId: string): void {
  if (queryId !== '') response.setHeader('x-clickhouse-query-id', queryId.replace(/[^\x20-\x7e]/g, '?'));
  response.setHeader('x-clickhouse-server-display-name', 'pointstream');
  response.setHeader('x-clickhouse-timezone', 'UTC');
}

function refuse(backend: Backend, response: ServerResponse, queryId: string, error: unknown): void {
  if (response.headersSent || response.destroyed) return void response.destroy();
  const failure = fromLibrary(error), text = failure.text(backend.version);
  common(response, queryId);
  response.writeHead(failure.status, {
    'content-type': 'text/plain; charset=UTF-8', 'x-clickhouse-exception-code': failure.code, 'content-length': Buffer.byteLength(text),
    ...(failure.code === 194 ? { 'www-authenticate': 'Basic realm="ClickHouse server HTTP API"' } : {}),
  });
  response.end(text);
}

/** What ClickHouse puts behind rows that are out already. */
function exceptionBlock(text: string, tag: string): string {
  return `\r\n__exception__\r\n${tag}\r\n${text}${Buffer.byteLength(text)} ${tag}\r\n__exception__\r\n`;
}

/** Ends a query in its library; it can be seen by its mark only. */
async function killMarked(library: Library, mark: string): Promise<void> {
  const connection = library.connect();
  await connection.query(`KILL QUERY WHERE Settings['log_comment'] = '${mark}' ASYNC`).catch(() => undefined);
  await connection.close();
}

function insertFrom(text: string, { infileAt, format, headEnd }: NonNullable<Statement['insert']>, path: string): string {
  const settings = format === 'Values' ? text.slice(infileAt, headEnd) + ' FORMAT Values' : text.slice(infileAt, headEnd);
  return `${text.slice(0, infileAt)} FROM INFILE '${path}' COMPRESSION 'none' ${settings}`;
}

function splice(text: string, start: number, end: number, by: string): string {
  return text.slice(0, start) + by + text.slice(end);
}
function literal(value: string): string {
  return `'${value.replace(/[\\']/g, '\\$&')}'`;
}
function utf8(text: string): string {
  return Buffer.from(text, 'latin1').toString('utf8');
}

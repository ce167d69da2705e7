/**
 * One query from request to answer:
 *
 *   who asks → what is asked → may they → an INSERT's data into a file → wait for a turn → a connection of its own, with settings and parameters → run → rows out through a pipe
 *
 * Promises: a client that goes away ends its query. The connection is closed, the turn given back and the file removed whatever happens.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isBounding, type AccessControl, type User } from './access.js';
import { exception } from './exception.js';
import { killMarked, killText, mark } from './kill.js';
import type { Lanes, Slot } from './lanes.js';
import type { Connection, Library } from './library.js';
import { sendDone, sendError, sendRows, type Reply } from './reply.js';
import { errorWithoutOutput, withOutput } from './output.js';
import { readRequest, type ClickHouseRequest } from './request.js';
import { remember, type Session, type Sessions } from './sessions.js';
import { readSource } from './source.js';
import type { Spool } from './spool.js';
import { literal, type Statement } from './statement.js';

export interface Backend {
  library: Library;
  version: string;
  access: AccessControl;
  sessions: Sessions;
  spool: Spool;
  lanes: Lanes;
  settings: { engine: [string, string][]; readers: [string, string][] };
  /** Ids of queries that run. */
  running: Set<string>;
  /** To who started this process. */
  warn(text: string): void;
}

/** The library's default for the length of a statement, and from where on SET might be longer, with up to three bytes a character. */
const QUERY_BYTES_MAX = String(2 ** 18), LONG_CHARACTERS = 2 ** 16;
/** The longest SET: all of a form, each of its characters escaped. */
const SET_BYTES_MAX = 2 ** 25;

interface Query { asked: ClickHouseRequest; user: User; statement: Statement; session: Session | undefined; dataPath: string }

export async function answer(backend: Backend, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  let asked: ClickHouseRequest | undefined;
  try {
    const read = asked = readRequest(request);
    const user = backend.access.authenticate(read.user, read.password);
    const { statement, first, body } = await readSource(read, request);
    const check = (database: string): void => backend.access.check(user, statement, database, read.parameters.map(([, value]) => value), read.settings.map(([name]) => name));
    check(read.database);
    const data = statement.insert ? await backend.spool.write(first, body) : undefined;
    try {
      await inSession(backend, user, read, async (session) => {
        // Only now: another request of the session may have said USE meanwhile.
        if (session?.database !== undefined) check(session.database);
        await run(backend, { asked: read, user, statement, session, dataPath: data?.path ?? '' }, { asked: read, response, gone: gone.signal, version: backend.version });
      });
    } finally {
      await data?.close();
    }
  } catch (error) {
    sendError(response, asked, error, backend.version);
  }
}

/** One query at a time in a session, and one with an id. */
async function inSession(backend: Backend, user: User, { queryId, session: wanted }: ClickHouseRequest, action: (session: Session | undefined) => Promise<void>): Promise<void> {
  const { running, sessions } = backend;
  if (running.has(queryId)) throw exception('QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING', `Query with id = ${queryId} is already running`);
  const session = wanted && sessions.enter(user.name, wanted, Date.now());
  running.add(queryId);
  try {
    await action(session);
  } finally {
    running.delete(queryId);
    if (session) sessions.leave(session, wanted.timeoutMs, Date.now());
  }
}

async function run(backend: Backend, asked: Query, reply: Reply): Promise<void> {
  const query = isReadonly(backend, asked) ? settingsAside(asked) : asked, { user, statement } = query, { gone } = reply;
  const lane = backend.lanes[statement.kind === 'kill' ? 'kill' : !user.isEngine ? 'readers' : statement.kind === 'insert' ? 'insert' : 'engine'];
  const slot = await lane.enter(gone), marked = mark(user, query.asked.queryId);
  const end = (): void => void killMarked(backend.library, marked).catch((error: unknown) => backend.warn(`a query whose client is gone goes on: ${String(error)}`));
  let connection: Connection | undefined;
  try {
    connection = backend.library.connect();
    await prepare(backend, connection, query, marked);
    gone.addEventListener('abort', end, { once: true });
    if (!gone.aborted) await execute(connection, query, reply, slot);
  } finally {
    gone.removeEventListener('abort', end);
    await connection?.close();
    lane.leave(slot);
  }
}

function isReadonly({ access }: Backend, { asked, user, statement }: Query): boolean {
  return asked.readonly || access.isReadonly(user, statement);
}
/** A readonly session takes no settings from the text of a query. They count as if the URL said them, with the same bounds; blanks stand in their place. */
function settingsAside(query: Query): Query {
  const { asked, statement } = query, { text, settings } = statement;
  if (!settings) return query;
  const { values, start, end } = settings;
  return { ...query, asked: { ...asked, settings: [...asked.settings, ...values] }, statement: { ...statement, text: text.slice(0, start) + ' '.repeat(end - start) + text.slice(end) } };
}

/** Database, settings and parameters of the query. A reader's session is locked with the same statement. */
async function prepare(backend: Backend, connection: Connection, query: Query, marked: string): Promise<void> {
  const { asked, user, session } = query;
  const settings = new Map(user.isEngine ? backend.settings.engine : backend.settings.readers);
  for (const [name, value] of asked.settings) {
    if (user.isEngine || !isBounding(name)) settings.set(name, value);
    else if (settings.has(name) && Number(value) > 0) settings.set(name, String(Math.min(Number(value), Number(settings.get(name)))));
  }
  settings.set('log_comment', marked);
  for (const [name, value] of asked.parameters) settings.set(`param_${name}`, value);
  if (isReadonly(backend, query)) settings.set('readonly', '1');
  for (const name of settings.keys()) if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) throw exception('BAD_ARGUMENTS', `'${name}' is no name of a setting`);
  if (asked.database !== 'default') await connection.query(`USE \`${asked.database.replace(/[\\`]/g, '\\$&')}\``);
  for (const said of session?.statements ?? []) await connection.query(said);
  const set = (): string => `SET ${[...settings].map(([name, value]) => `${name} = ${literal(value)}`).join(', ')}`;
  if (set().length > LONG_CHARACTERS) {
    // What parameters say is no part of the query, whose length is bounded.
    await connection.query(`SET max_query_size = ${SET_BYTES_MAX}`);
    if (!settings.has('max_query_size')) settings.set('max_query_size', QUERY_BYTES_MAX);
  }
  await connection.query(set());
}

async function execute(connection: Connection, { asked, user, statement, session, dataPath }: Query, reply: Reply, { pipe }: Slot): Promise<void> {
  const { text, insert, kind } = statement;
  if (kind === 'read' || kind === 'kill') {
    const format = statement.format?.name ?? asked.defaultFormat;
    const placed = withOutput(kind === 'kill' ? killText(user, statement) : text, statement, pipe, format);
    const rows = connection.query(utf8(placed.sql)).catch((error: unknown) => Promise.reject(errorWithoutOutput(error, placed)));
    return sendRows(reply, format, pipe, rows);
  }
  const sql = insert ? `${text.slice(0, insert.infileAt)} FROM INFILE ${literal(dataPath)} COMPRESSION 'none' ${text.slice(insert.infileAt, insert.settingsEnd)} FORMAT ${insert.format}` : text;
  const result = await connection.query(utf8(sql));
  if (session && (statement.verb === 'SET' || statement.verb === 'USE')) remember(session, statement);
  sendDone(reply, result, insert !== undefined);
}

function utf8(text: string): string {
  return Buffer.from(text, 'latin1').toString('utf8');
}

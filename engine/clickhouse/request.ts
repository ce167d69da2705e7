/**
 * One HTTP request in ClickHouse's protocol, read but not judged: credentials, statement, parameters, settings, how the answer shall look.
 *
 * Texts of SQL are one character for each byte (tokens.ts); settings and parameters are plain strings.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { exception } from './exception.js';

export interface ClickHouseRequest {
  user: string;
  password: string;
  /** From the URL; the body is the statement when it is empty, and an INSERT's data otherwise. */
  text: string;
  database: string;
  defaultFormat: string;
  queryId: string;
  settings: [string, string][];
  parameters: [string, string][];
  /** A GET never changes anything. */
  readonly: boolean;
  /** Hold the answer back until the statement is done. */
  waitsForEnd: boolean;
  /** What the answer may be compressed with. */
  encodings: string[];
  /** The answer, an error too, goes in ClickHouse's compressed blocks; the body comes in them. */
  compress: boolean;
  decompress: false | 'checked' | 'unchecked';
  session: { id: string; timeoutMs: number; mustExist: boolean } | undefined;
}

/** Parameters of the URL that are neither settings nor of interest here. */
const ignored = new Set(['query', 'user', 'password', 'database', 'default_format', 'query_id', 'session_id', 'session_timeout', 'session_check', 'close_session',
  'wait_end_of_query', 'http_wait_end_of_query', 'buffer_size', 'http_response_buffer_size', 'enable_http_compression', 'http_zlib_compression_level', 'compress', 'decompress',
  'stacktrace', 'quota_key', 'client_protocol_version', 'role', 'framing', 'send_progress_in_http_headers', 'http_headers_progress_interval_ms', 'add_http_cors_header',
  'cancel_http_readonly_queries_on_client_close', 'async_insert', 'wait_for_async_insert']);
const SESSION_SECONDS_MAX = 3600;

export function readRequest(request: IncomingMessage): ClickHouseRequest {
  const url = new URL(request.url ?? '/', 'http://localhost'), search = url.searchParams;
  const header = (name: string): string => {
    const value = request.headers[name];
    return (Array.isArray(value) ? value[0] : value) ?? '';
  };
  const { user, password } = credentials(header, search);
  const sessionId = search.get('session_id') ?? '';
  return {
    user, password,
    text: Buffer.from(search.get('query') ?? '', 'utf8').toString('latin1'),
    database: search.get('database') || header('x-clickhouse-database') || 'default',
    defaultFormat: formatName(search.get('default_format') || header('x-clickhouse-format') || 'TabSeparated'),
    queryId: search.get('query_id') || header('x-clickhouse-query-id') || randomUUID(),
    settings: [...search].filter(([name]) => !ignored.has(name) && !name.startsWith('param_')),
    parameters: [...search].filter(([name]) => name.startsWith('param_')).map(([name, value]) => [name.slice('param_'.length), value]),
    readonly: request.method === 'GET' || request.method === 'HEAD',
    waitsForEnd: search.get('wait_end_of_query') === '1',
    encodings: search.get('enable_http_compression') === '1' ? header('accept-encoding').toLowerCase().split(',').map((encoding) => encoding.split(';')[0]!.trim()) : [],
    compress: search.get('compress') === '1',
    decompress: search.get('decompress') !== '1' ? false : search.get('http_native_compression_disable_checksumming_on_decompress') === '1' ? 'unchecked' : 'checked',
    session: sessionId === '' ? undefined : { id: sessionId, timeoutMs: sessionTimeoutMs(search.get('session_timeout')), mustExist: search.get('session_check') === '1' },
  };
}

/** It becomes part of the statement. */
function formatName(text: string): string {
  if (!/^[A-Za-z0-9_]+$/.test(text)) throw exception('UNKNOWN_FORMAT', `Unknown format ${text}`);
  return text;
}

function credentials(header: (name: string) => string, search: URLSearchParams): { user: string; password: string } {
  const basic = /^basic\s+(\S+)$/i.exec(header('authorization'))?.[1];
  if (basic !== undefined) {
    const [user = '', ...password] = Buffer.from(basic, 'base64').toString('utf8').split(':');
    return { user: user || 'default', password: password.join(':') };
  }
  if (header('x-clickhouse-user') !== '') return { user: header('x-clickhouse-user'), password: header('x-clickhouse-key') };
  return { user: search.get('user') || 'default', password: search.get('password') ?? header('x-clickhouse-key') };
}

function sessionTimeoutMs(text: string | null): number {
  const seconds = text === null ? 60 : Number(text);
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > SESSION_SECONDS_MAX) {
    throw exception('BAD_ARGUMENTS', `Session timeout '${text}' is invalid: a whole number of seconds up to ${SESSION_SECONDS_MAX}`);
  }
  return seconds * 1000;
}

/**
 * Where a request's statement stands: in the URL, in the body, in both (one behind the other), or in a field of a form. What follows an INSERT's head is left in the body.
 */
import type { IncomingMessage } from 'node:http';
import { Body } from './body.js';
import { ClickHouseException, exception } from './exception.js';
import type { ClickHouseRequest } from './request.js';
import { readStatement, type Statement } from './statement.js';

/** Longest statement. */
const STATEMENT_BYTES_MAX = 4 * 2 ** 20;
/** What is read before it is looked whether the rest of the body are an INSERT's data. */
const HEAD_BYTES = 2 ** 16;

export interface Source {
  statement: Statement;
  /** Of an INSERT: the beginning of its data; the rest is in the body. */
  first: Buffer;
  body: Body;
}

/** Adds a form's parameters to those of the URL. */
export async function readSource(asked: ClickHouseRequest, request: IncomingMessage): Promise<Source> {
  const body = new Body(request, asked.decompress), type = request.headers['content-type'] ?? '';
  if (/^multipart\/form-data/i.test(type)) return { statement: readStatement(await readForm(asked, type, body)), first: Buffer.alloc(0), body };
  let text = asked.text;
  if (text !== '') {
    const statement = readStatement(text);
    if (statement.insert) return { statement, first: Buffer.from(text.slice(statement.insert.dataAt), 'latin1'), body };
    text += '\n';
  }
  const head = await body.read(HEAD_BYTES);
  text += head.bytes.toString('latin1');
  if (!head.complete) {
    const statement = insertIn(text);
    if (!statement) text += await readRest(body);
  }
  const statement = readStatement(text);
  return { statement, first: Buffer.from(statement.insert ? text.slice(statement.insert.dataAt) : '', 'latin1'), body };
}

async function readRest(body: Body): Promise<string> {
  const { bytes, complete } = await body.read(STATEMENT_BYTES_MAX);
  if (!complete) throw exception('QUERY_IS_TOO_LARGE', `The query is larger than ${STATEMENT_BYTES_MAX} bytes`);
  return bytes.toString('latin1');
}

/** Whether a text that is cut off somewhere is the head of an INSERT with some of its data. */
function insertIn(text: string): boolean {
  try {
    return readStatement(text).insert !== undefined;
  } catch (error) {
    // The cut is within a quote or a comment.
    if (error instanceof ClickHouseException) return false;
    throw error;
  }
}

async function readForm(asked: ClickHouseRequest, type: string, body: Body): Promise<string> {
  const form = await new Response(Buffer.from(await readRest(body), 'latin1'), { headers: { 'content-type': type } }).formData()
    .catch((error: Error) => Promise.reject(exception('BAD_ARGUMENTS', `The form cannot be read: ${error.message}`)));
  let text = asked.text;
  for (const [name, value] of form) {
    if (typeof value !== 'string') throw exception('NOT_IMPLEMENTED', 'External data are not offered here: insert them into a table');
    if (name === 'query') text += Buffer.from(value, 'utf8').toString('latin1');
    else if (name.startsWith('param_')) asked.parameters.push([name.slice('param_'.length), value]);
  }
  return text;
}

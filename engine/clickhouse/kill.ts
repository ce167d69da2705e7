/**
 * Queries that run carry `user:query id` as their log_comment, because the library numbers them itself. KILL QUERY is translated, so that clients can say the ids that they chose,
 * and nobody but the engine can end the engine's queries.
 */
import type { User } from './access.js';
import type { Connection, Library } from './library.js';
import { is, literal, outside, type Statement } from './statement.js';
import type { Token } from './tokens.js';

const MARK = "Settings['log_comment']";

export function mark(user: User, queryId: string): string {
  return `${user.name}:${queryId}`;
}

export function killText(user: User, { text, tokens, format }: Statement): string {
  const top = [...outside(tokens)];
  const where = top.find((token) => is(token, 'WHERE'));
  const last = top.findLast((token) => is(token, 'SYNC') || is(token, 'ASYNC') || is(token, 'TEST'));
  // Not translatable: the library says what is wrong with it. A bracket that closes none of the condition's own would close the one around it.
  if (!where || !closesItsOwn(tokens)) return text;
  const end = Math.min(last && last.start > where.start ? last.start : text.length, format?.start ?? text.length);
  let condition = '', position = where.end;
  for (const token of tokens) {
    if (token.start < where.end || token.end > end || (token.kind !== 'word' && token.kind !== 'quoted') || token.text !== 'query_id') continue;
    condition += `${text.slice(position, token.start)}substring(${MARK}, position(${MARK}, ':') + 1)`;
    position = token.end;
  }
  condition += text.slice(position, end);
  return `${text.slice(0, where.end)} ${user.isEngine ? '' : `startsWith(${MARK}, ${literal(mark(user, ''))}) AND `}(${condition}\n) ${text.slice(end)}`;
}

function closesItsOwn(tokens: Token[]): boolean {
  let depth = 0;
  return tokens.every(({ kind, text }) => kind !== 'symbol' || (depth += '([{'.includes(text) ? 1 : ')]}'.includes(text) ? -1 : 0) >= 0);
}

/** Ends a query whose client is gone. */
export async function killMarked(library: Library, marked: string): Promise<void> {
  const connection: Connection = library.connect();
  try {
    await connection.query(`KILL QUERY WHERE ${MARK} = ${literal(marked)} ASYNC`);
  } finally {
    await connection.close();
  }
}

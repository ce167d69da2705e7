/**
 * Sessions by `session_id`: what SET and USE said is said again before each query of the session, which otherwise has a connection of its own as any other has.
 * Never holds a connection, so temporary tables do not last (and are refused).
 */
import { exception } from './exception.js';
import type { ClickHouseRequest } from './request.js';
import type { Statement } from './statement.js';

const SESSIONS_MAX = 1000;
const STATEMENTS_MAX = 100;

export interface Session { statements: string[]; /** What USE said last. */ database?: string; locked: boolean; expiresMs: number }

export class Sessions {
  private readonly sessions = new Map<string, Session>();

  /** The session of a request, locked; to be left afterwards. */
  enter(user: string, asked: NonNullable<ClickHouseRequest['session']>, nowMs: number): Session {
    for (const [key, { locked, expiresMs }] of this.sessions) if (!locked && expiresMs < nowMs) this.sessions.delete(key);
    const key = JSON.stringify([user, asked.id]);
    let session = this.sessions.get(key);
    if (!session) {
      if (asked.mustExist) throw exception('SESSION_NOT_FOUND', `Session ${asked.id} not found`);
      if (this.sessions.size >= SESSIONS_MAX) throw exception('TOO_MANY_SIMULTANEOUS_QUERIES', `Too many sessions. Maximum: ${SESSIONS_MAX}`);
      this.sessions.set(key, session = { statements: [], locked: false, expiresMs: 0 });
    }
    if (session.locked) throw exception('SESSION_IS_LOCKED', `Session ${asked.id} is locked by a concurrent client`);
    session.locked = true;
    return session;
  }
  leave(session: Session, timeoutMs: number, nowMs: number): void {
    session.locked = false;
    session.expiresMs = nowMs + timeoutMs;
  }
}

/** After the statement went well. */
export function remember(session: Session, { text, tokens, verb }: Statement): void {
  if (session.statements.length >= STATEMENTS_MAX) throw exception('BAD_ARGUMENTS', `A session remembers ${STATEMENTS_MAX} settings at most`);
  session.statements.push(Buffer.from(text, 'latin1').toString('utf8'));
  // USE mine, or USE DATABASE mine
  if (verb === 'USE') session.database = tokens.at(-1)!.text;
}

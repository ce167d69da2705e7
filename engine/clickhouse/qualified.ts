/**
 * Whether all that a statement writes to is named with its database, `mine.t`, so that the client's own database does not matter. What is read may be named by itself.
 *
 * Promises: says so of the few forms that it knows only; whatever else may be in a statement counts as not qualified.
 */
import { is, type Statement } from './statement.js';
import type { Token } from './tokens.js';

/** Verbs, the words between them and their one target, and after which the rest of the statement only reads. */
const oneTarget: Record<string, readonly string[]> = {
  INSERT: ['INTO', 'TABLE'], CREATE: ['OR', 'REPLACE', 'TABLE', 'VIEW', 'IF', 'NOT', 'EXISTS'], ALTER: ['TABLE'], OPTIMIZE: ['TABLE'], DELETE: ['FROM'], UPDATE: [],
};
/** Verbs with lists of targets, and what stands around these. No table of the engine has such a name. */
const listed = new Set(['DROP', 'TRUNCATE', 'DETACH', 'RENAME', 'EXCHANGE']);
const around = ['TABLE', 'TABLES', 'VIEW', 'IF', 'EXISTS', 'TO', 'AND', 'PERMANENTLY', 'SYNC', 'NO', 'DELAY'];

export function isQualified(statement: Statement): boolean {
  const { tokens, verb } = statement;
  // The names of databases are looked at by themselves.
  if (is(tokens[1], 'DATABASE')) return true;
  if (isTrigger(statement)) return false;
  if (listed.has(verb)) {
    const names = tokens.slice(1).filter((token) => !around.some((word) => is(token, word)) && token.text !== ',');
    return names.length > 0 && names.length % 3 === 0 && names.every((_, place) => place % 3 !== 0 || isTarget(names, place));
  }
  const words = oneTarget[verb];
  if (!words) return false;
  const target = tokens.findIndex((token, place) => place > 0 && !words.some((word) => is(token, word)));
  // MOVE PARTITION … TO TABLE t
  return target > 0 && isTarget(tokens, target) && !(verb === 'ALTER' && tokens.slice(target).some((token) => is(token, 'TABLE')));
}

/** A materialized view becomes part of every insert into what it reads. */
export function isTrigger({ tokens, verb }: Statement): boolean {
  const has = (first: string, second: string): boolean => tokens.some((token, place) => is(token, first) && is(tokens[place + 1], second));
  return has('MATERIALIZED', 'VIEW') || (verb === 'ALTER' && has('MODIFY', 'QUERY'));
}

function isTarget(list: Token[], place: number): boolean {
  const isName = (token: Token | undefined): boolean => token?.kind === 'word' || token?.kind === 'quoted';
  return isName(list[place]) && list[place + 1]?.kind === 'symbol' && list[place + 1]?.text === '.' && isName(list[place + 2]);
}

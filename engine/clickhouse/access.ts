/**
 * Who may do what. The library knows one user without limits, so this is where access is decided:
 *
 *   engine (a secret)   everything but files of this machine
 *   default             reads; with access `full` it also writes, but never to `pointstream` and `system`
 *
 * Promises: a session that reads is also readonly for the library, so nothing here has to recognise every way to write. What readonly lets through is refused by name:
 * functions that read files or the network, output into files. Names of functions are compared with a list of what is allowed, so one that a later version adds is refused.
 */
import { timingSafeEqual } from 'node:crypto';
import { exception } from './exception.js';
import { is, outside, type Statement } from './statement.js';
import type { Token } from './tokens.js';

export type Access = 'readonly' | 'full';
export interface User { name: string; isEngine: boolean }

/** The database of the engine, and those that nobody may write to. */
const PROTECTED = new Set(['pointstream', 'system', 'information_schema']);

/** Table functions that reach nothing outside of the tables. */
const harmless = new Set(['numbers', 'numbers_mt', 'zeros', 'zeros_mt', 'values', 'view', 'merge', 'null', 'generaterandom', 'generateseries', 'generate_series', 'primes', 'format',
  'viewexplain', 'viewifpermitted', 'loop', 'mergetreeindex', 'mergetreeprojection', 'mergetreetextindex', 'mergetreeanalyzeindexes', 'dictionary', 'fuzzquery', 'fuzzjson', 'timeseriesselector']);
/** Functions that read files. */
const reachingOut = new Set(['file', 'catboostevaluate', 'input']);

/** Table engines that keep their rows in the data directory. */
const engines = /^((replacing|summing|aggregating|collapsing|versionedcollapsing|graphite|coalescing)?mergetree|memory|log|tinylog|stripelog|null|set|join|atomic|dictionary)$/;

export class AccessControl {
  private readonly secret: Buffer;
  /** `tableFunctions`: of this version of the library. */
  constructor(private readonly engineUser: string, enginePassword: string, readonly access: Access, private readonly tableFunctions: Set<string>) {
    this.secret = Buffer.from(enginePassword);
  }

  authenticate(name: string, password: string): User {
    const given = Buffer.from(password);
    if (name === 'default' && password === '') return { name, isEngine: false };
    if (name === this.engineUser && given.length === this.secret.length && timingSafeEqual(given, this.secret)) return { name, isEngine: true };
    throw exception(516, `${name}: Authentication failed: password is incorrect, or there is no user with such name`);
  }

  /** Whether the statement runs in a readonly session. */
  isReadonly(user: User, statement: Statement): boolean {
    return !user.isEngine && (this.access === 'readonly' || statement.kind === 'read');
  }

  /** Throws what a server would answer. `identifiers`: values of the request's parameters, any of which may stand for a name. */
  check(user: User, statement: Statement, database: string, identifiers: string[]): void {
    this.checkOutside(user, statement);
    if (user.isEngine || this.access === 'readonly') {
      if (!user.isEngine && statement.verb === 'SET') refuseSettings(statement.tokens);
      return;
    }
    if (statement.kind === 'read' || statement.kind === 'kill') return;
    this.checkWrite(user, statement, database, identifiers);
  }

  private checkOutside(user: User, { tokens }: Statement): void {
    tokens.forEach((token, index) => {
      const next = tokens[index + 1];
      if (is(token, 'INTO') && is(next, 'OUTFILE')) throw denied(user, 'INTO OUTFILE writes files of the machine that the engine runs on');
      if (is(token, 'FROM') && is(next, 'INFILE')) throw denied(user, 'FROM INFILE reads files of the machine that the engine runs on');
      if ((token.kind !== 'word' && token.kind !== 'quoted') || next?.text !== '(' || next.kind !== 'symbol') return;
      const name = token.text.toLowerCase();
      if (reachingOut.has(name) || (this.tableFunctions.has(name) && !harmless.has(name))) throw denied(user, `function ${token.text} reaches outside of the tables`);
    });
  }

  /** A statement that changes something. Only what follows the first SELECT may name a protected database, since that is read. */
  private checkWrite(user: User, { tokens, verb }: Statement, database: string, identifiers: string[]): void {
    if (!['INSERT', 'WITH', 'CREATE', 'ALTER', 'DROP', 'TRUNCATE', 'RENAME', 'EXCHANGE', 'OPTIMIZE', 'DELETE', 'UPDATE', 'DETACH', 'SET', 'USE', 'REPLACE', 'UNDROP', 'ATTACH'].includes(verb)) {
      throw denied(user, `${verb} is not for this user`);
    }
    if (verb === 'USE') return;
    if (verb === 'SET') return refuseSettings(tokens);
    if (PROTECTED.has(database.toLowerCase())) throw denied(user, `database ${database} is read by analysts and written by the engine; use another one`);
    if (identifiers.some((value) => PROTECTED.has(value.toLowerCase()))) throw denied(user, 'a parameter names a database that only the engine writes to');
    const select = tokens.findIndex((token) => is(token, 'SELECT'));
    const changed = select < 0 ? tokens : tokens.slice(0, select);
    const named = changed.find(({ kind, text }) => kind !== 'symbol' && kind !== 'number' && PROTECTED.has(text.toLowerCase()));
    if (named) throw denied(user, `only the engine writes to ${named.text}`);
    if (['CREATE', 'ATTACH', 'REPLACE'].includes(verb)) this.checkCreate(user, tokens);
  }

  private checkCreate(user: User, tokens: Token[]): void {
    const second = tokens.find((token, index) => index > 0 && !is(token, 'OR') && !is(token, 'REPLACE') && !is(token, 'TEMPORARY') && !is(token, 'MATERIALIZED'));
    if (!second || !['TABLE', 'VIEW', 'DATABASE'].some((word) => is(second, word))) throw denied(user, `creating ${second?.text ?? 'nothing'} is not for this user`);
    tokens.forEach((token, index) => {
      if (!is(token, 'ENGINE')) return;
      const name = tokens[tokens[index + 1]?.text === '=' ? index + 2 : index + 1];
      if (name && !engines.test(name.text.toLowerCase())) throw denied(user, `engine ${name.text} reaches outside of the data directory`);
    });
    if ([...outside(tokens)].some((token, index, all) => is(token, 'FROM') && all[index + 1]?.kind === 'string' && is(tokens[0], 'ATTACH'))) throw denied(user, 'ATTACH … FROM reads files');
  }
}

/** A session of a reader is shared with nobody, but its bounds hold. */
function refuseSettings(tokens: Token[]): void {
  const bound = tokens.find(({ kind, text }) => (kind === 'word' || kind === 'quoted') && isBounded(text));
  if (bound) throw exception(164, `Cannot modify '${bound.text}' setting in readonly mode`);
}
/** Settings that a reader may not choose. */
export function isBounded(name: string): boolean {
  return /^(readonly|allow_ddl|allow_introspection_functions|log_comment|dialect|max_memory_usage.*|max_execution_time|max_threads|implicit_select)$/.test(name);
}

function denied(user: User, why: string) {
  return exception(497, `${user.name}: Not enough privileges. ${why}`);
}

/**
 * Who may do what. The library knows one user without limits, so this is where access is decided:
 *
 *   engine (a secret)   everything but files of this machine
 *   default             reads; with access `full` it also writes its own databases, never `pointstream` and `system`
 *
 * Promises: what a reader says runs in a session that is readonly for the library too, so nothing here has to recognise every way to write. What readonly lets through is refused
 * by name: output into files, functions that reach files or the network. A statement or a table function that is not on the list of what is allowed is refused, so what a
 * later version adds is refused as well.
 */
import { timingSafeEqual } from 'node:crypto';
import { exception, type ClickHouseException } from './exception.js';
import { isQualified, isTrigger } from './qualified.js';
import { is, outside, type Statement } from './statement.js';
import type { Token } from './tokens.js';

export type Access = 'readonly' | 'full';
export interface User { name: string; isEngine: boolean }

/** Databases that only the engine writes to, or nobody. */
const guarded = new Set(['pointstream', 'system', 'information_schema']);
/** Statements that change something, or might. All but the writes of `full` are for the engine. */
const writes = words('INSERT WITH CREATE ALTER DROP TRUNCATE RENAME EXCHANGE OPTIMIZE DELETE UPDATE DETACH ATTACH REPLACE UNDROP');
const forEngine = words('SYSTEM GRANT REVOKE BACKUP RESTORE SNAPSHOT COPY EXECUTE PARALLEL BEGIN START COMMIT ROLLBACK MOVE WATCH SET USE');

/** Table functions that reach nothing outside of the tables. */
const harmless = words(`NUMBERS NUMBERS_MT ZEROS ZEROS_MT VALUES VIEW MERGE NULL GENERATERANDOM GENERATESERIES GENERATE_SERIES PRIMES FORMAT VIEWEXPLAIN VIEWIFPERMITTED LOOP
  MERGETREEINDEX MERGETREEPROJECTION MERGETREETEXTINDEX MERGETREEANALYZEINDEXES DICTIONARY FUZZQUERY FUZZJSON TIMESERIESSELECTOR`);
/** Other functions that reach files; `disk` stands in the settings of a table. */
const reachingOut = words('FILE CATBOOSTEVALUATE INPUT DISK');
/** Engines of tables and databases that keep everything in the data directory. */
const engines = /^((replacing|summing|aggregating|collapsing|versionedcollapsing|graphite|coalescing)?mergetree|memory|log|tinylog|stripelog|null|set|join|atomic)$/i;
/** Settings that name a file or an address. A server looks for such files in a folder of its own; the library takes any path, and some of them it writes. */
const reachingOutBySetting = new RegExp(`^(${['format_schema.*', 'format_template_(row|resultset)', 'output_format_schema', 'input_format_record_errors_file_path',
  'format_avro_schema_registry.*', 'ai_function.*', 'allow_experimental_ai_functions', 'rename_files_after_processing', 'url_base', 's3queue_default_zookeeper_path',
  'filesystem_cache_name', 'distributed_cache_file_cache_name'].join('|')})$`, 'i');
/** Settings that bound a reader, or that would fill the engine's log (what the library logs to a client comes out there). It may lower the numbers among them (answer.ts). */
const bounding = new RegExp(`^(${['readonly', 'allow_ddl', 'allow_introspection_functions', 'log_comment', 'dialect', 'implicit_select', 'max_memory_usage.*', 'max_execution_time',
  'max_threads', 'max_bytes_before_external_.*', 'os_thread.*', 'send_logs_.*'].join('|')})$`, 'i');

export class AccessControl {
  private readonly secret: Buffer;
  /** `tableFunctions`: all that the library has, in capitals. */
  constructor(private readonly engineUser: string, enginePassword: string, readonly access: Access, private readonly tableFunctions: ReadonlySet<string>) {
    this.secret = Buffer.from(enginePassword);
  }

  authenticate(name: string, password: string): User {
    const given = Buffer.from(password);
    if (name === 'default' && password === '') return { name, isEngine: false };
    if (name === this.engineUser && given.length === this.secret.length && timingSafeEqual(given, this.secret)) return { name, isEngine: true };
    throw exception('AUTHENTICATION_FAILED', `${name}: Authentication failed: password is incorrect, or there is no user with such name`);
  }

  /** Whether the library shall run it in a readonly session. */
  isReadonly(user: User, statement: Statement): boolean {
    return !user.isEngine && (this.access === 'readonly' || statement.kind === 'read' || statement.kind === 'kill');
  }

  /** Throws what a server would answer. `database`: of names without one. `values`: of the request's parameters, any of which may stand for a name. `settings`: names of those in the URL. */
  check(user: User, statement: Statement, database: string, values: string[], settings: string[]): void {
    for (const name of settings) checkSetting(user, name);
    this.checkReach(user, statement.tokens);
    const { verb, kind, tokens } = statement;
    if (user.isEngine) return;
    if (kind === 'read') {
      checkSettings(statement);
      return;
    }
    if (kind === 'kill') {
      if (!is(tokens[1], 'QUERY')) throw denied(user, 'only queries can be killed');
      return;
    }
    if (!writes.has(verb) && !forEngine.has(verb)) throw exception('SYNTAX_ERROR', `Syntax error: failed at position ${tokens[0]!.start + 1} (${tokens[0]!.text.slice(0, 100)})`);
    if (this.access === 'readonly') throw exception('READONLY', `${user.name}: Cannot execute query in readonly mode`);
    if (verb === 'USE') return;
    if (verb === 'SET') {
      // A session would keep it, and any later statement could name a database with it.
      if (tokens.some((token) => isName(token) && /^param_/i.test(token.text))) throw denied(user, 'parameters go with the statement that uses them');
      const bound = tokens.find((token) => isName(token) && isBounding(token.text));
      if (bound) throw exception('READONLY', `Cannot modify '${bound.text}' setting`);
      return;
    }
    if (!writes.has(verb)) throw denied(user, `${verb} is for the engine`);
    if (tokens.some((token, index) => is(token, 'PARALLEL') && is(tokens[index + 1], 'WITH'))) throw denied(user, 'send what stands behind PARALLEL WITH as a statement of its own');
    checkTarget(user, statement, database, values);
    if (verb === 'CREATE' || verb === 'ATTACH' || verb === 'REPLACE') checkCreate(user, tokens);
  }

  private checkReach(user: User, tokens: Token[]): void {
    tokens.forEach((token, index) => {
      const next = tokens[index + 1];
      if (is(token, 'INTO') && is(next, 'OUTFILE')) throw denied(user, 'INTO OUTFILE writes files of the machine that the engine runs on');
      if (is(token, 'FROM') && is(next, 'INFILE')) throw denied(user, 'FROM INFILE reads files of the machine that the engine runs on');
      if (isName(token)) checkSetting(user, token.text);
      if (!isName(token) || next?.kind !== 'symbol' || next.text !== '(') return;
      const name = token.text.toUpperCase();
      if (reachingOut.has(name) || (this.tableFunctions.has(name) && !harmless.has(name))) throw denied(user, `${token.text}() reaches outside of the tables`);
    });
  }
}

function checkSetting(user: User, name: string): void {
  if (reachingOutBySetting.test(name)) throw denied(user, `the setting ${name} names a file or an address outside of the tables`);
}
/** The library takes settings of a part of a query without a look at what bounds the session. Those of the whole query are set aside (answer.ts). */
function checkSettings({ tokens, settings }: Statement): void {
  const others = tokens.filter(({ start }) => !settings || start < settings.start || start >= settings.end);
  const clause = others.findIndex((token, index) => is(token, 'SETTINGS') && others[index + 1] !== undefined && isName(others[index + 1]!) && !isNamed(others[index - 1]));
  const bound = others.find((token, index) => clause >= 0 && index > clause && isName(token) && isBounding(token.text) && others[index + 1]?.text === '=');
  if (bound) throw exception('READONLY', `Cannot modify '${bound.text}' setting of a part of a query in readonly mode: say it at the end of the whole`);
}

/** Only what follows the first SELECT, and so is read, may name a guarded database. */
function checkTarget(user: User, statement: Statement, database: string, values: string[]): void {
  const { tokens, verb } = statement;
  if (guarded.has(database.toLowerCase()) && !isQualified(statement)) {
    throw denied(user, `only the engine writes to ${database}: name the database of each table that is written to, or choose another database for the client`);
  }
  const value = values.find((text) => guarded.has(text.toLowerCase()));
  if (value !== undefined) throw denied(user, `a parameter names ${value}, which only the engine writes to`);
  const select = tokens.findIndex((token) => is(token, 'SELECT'));
  const triggers = isTrigger(statement), changed = select < 0 || verb === 'WITH' || triggers ? tokens : tokens.slice(0, select);
  // Of several commands of an ALTER only the first may have been before a SELECT.
  const moved = tokens.filter((_, index) => verb === 'ALTER' && is(tokens[index - 2], 'TO') && is(tokens[index - 1], 'TABLE'));
  const named = [...changed, ...moved].find((token) => (isName(token) || token.kind === 'string') && guarded.has(token.text.toLowerCase()));
  if (named) throw denied(user, `only the engine writes to ${named.text}${triggers ? ', and a materialized view on it would be part of its inserts' : ''}`);
  if (tokens.slice(0, 6).some((token, index) => is(token, 'DATABASE') && tokens.slice(index + 1).some((other) => isName(other) && other.text.toLowerCase() === 'default'))) {
    throw denied(user, 'database default stays as it is');
  }
}

function checkCreate(user: User, tokens: Token[]): void {
  const what = tokens.slice(1).find((token) => !['OR', 'REPLACE', 'MATERIALIZED'].some((word) => is(token, word)));
  if (is(what, 'TEMPORARY')) throw exception('NOT_IMPLEMENTED', 'Temporary tables do not last here: create a table in a database of your own');
  if (!what || !['TABLE', 'VIEW', 'DATABASE'].some((word) => is(what, word))) throw denied(user, `${tokens[0]!.text} ${what?.text ?? ''} is for the engine`);
  tokens.forEach((token, index) => {
    if (!is(token, 'ENGINE')) return;
    const name = tokens[tokens[index + 1]?.text === '=' ? index + 2 : index + 1];
    if (name && !engines.test(name.text)) throw denied(user, `engine ${name.text} is not for tables of this user`);
  });
  const top = [...outside(tokens)];
  if (is(tokens[0], 'ATTACH') && top.some((token) => is(token, 'FROM'))) throw denied(user, 'ATTACH … FROM reads files');
}

export function isBounding(setting: string): boolean {
  return bounding.test(setting);
}

/** Whether what stands behind it is a name, whatever it is called: system.settings. */
function isNamed(before: Token | undefined): boolean {
  return before?.text === '.' || is(before, 'FROM') || is(before, 'JOIN') || is(before, 'AS');
}
function isName(token: Token): boolean {
  return token.kind === 'word' || token.kind === 'quoted';
}
function denied(user: User, why: string): ClickHouseException {
  return exception('ACCESS_DENIED', `${user.name}: Not enough privileges: ${why}`);
}
function words(text: string): ReadonlySet<string> {
  return new Set(text.split(/\s+/));
}

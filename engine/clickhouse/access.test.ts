import t from 'tap';
import { AccessControl, type Access } from './access.js';
import { killText } from './kill.js';
import { readStatement } from './statement.js';

const functions = new Set(['FILE', 'URL', 'REMOTE', 'EXECUTABLE', 'NUMBERS', 'MERGE']);
const engine = { name: 'engine', isEngine: true }, reader = { name: 'default', isEngine: false };

/** The error's name, or `readonly` or `writable` for the session that the statement gets. */
function verdict(access: Access, text: string, { user = reader, database = 'default', values = [] as string[], settings = [] as string[] } = {}): string {
  const control = new AccessControl('engine', 'secret', access, functions), statement = readStatement(text);
  try {
    control.check(user, statement, database, values, settings);
    return control.isReadonly(user, statement) ? 'readonly' : 'writable';
  } catch (error) {
    return (error as { errorName: string }).errorName;
  }
}

t.test('who is who', (t) => {
  const control = new AccessControl('engine', 'secret', 'readonly', functions);
  t.same(control.authenticate('default', ''), reader);
  t.same(control.authenticate('engine', 'secret'), engine);
  for (const [user, password] of [['default', 'x'], ['engine', ''], ['engine', 'secres'], ['nobody', '']]) t.throws(() => control.authenticate(user!, password!), /AUTHENTICATION_FAILED/);
  t.end();
});

t.test('nobody reaches files and the network', (t) => {
  const texts = ["SELECT * FROM file('x')", 'SELECT `file`(1)', 'SELECT "f\\x69le" /* */ (1)', "SELECT 1 FROM URL ('x')", "DESCRIBE remote('x')", 'SELECT 1 INTO OUTFILE \'x\'', "INSERT INTO t FROM INFILE 'x' FORMAT CSV",
    "INSERT INTO FUNCTION file('x') SELECT 1", "SELECT catboostEvaluate('x', 1)", 'CREATE TABLE a.b (c Int8) ENGINE = MergeTree ORDER BY c SETTINGS disk = disk(type = local)', "EXPLAIN SELECT * FROM executable('x')"];
  for (const text of texts) for (const user of [reader, engine]) for (const access of ['readonly', 'full'] as const) t.equal(verdict(access, text, { user }), 'ACCESS_DENIED', `${user.name} ${access}: ${text}`);
  const settings = ['format_template_row', 'format_template_resultset', 'FORMAT_SCHEMA', 'output_format_schema', 'input_format_record_errors_file_path', 'format_avro_schema_registry_url'];
  for (const name of settings) for (const user of [reader, engine]) for (const access of ['readonly', 'full'] as const) {
    t.equal(verdict(access, 'SELECT 1', { user, settings: [name] }), 'ACCESS_DENIED', `${user.name} ${access}: ${name} in the URL`);
    for (const text of [`SELECT 1 FORMAT Template SETTINGS ${name} = 'x'`, `SELECT * FROM (SELECT 1 SETTINGS \`${name}\` = 'x')`, `SET ${name} = 'x'`, `INSERT INTO a.b SETTINGS ${name} = 'x' FORMAT CSV 1`]) {
      t.equal(verdict(access, text, { user }), 'ACCESS_DENIED', `${user.name} ${access}: ${text}`);
    }
  }
  t.equal(verdict('readonly', 'SELECT 1 FORMAT Template', { settings: ['format_template_row_format'] }), 'readonly', 'a template in the request itself');
  for (const text of ["SELECT 'file(1)'", 'SELECT file FROM numbers(1)', 'SELECT 1 -- file(1)']) t.equal(verdict('readonly', text), 'readonly', text);
  t.end();
});

t.test('a reader reads', (t) => {
  const cases: Record<string, string> = {
    'SELECT 1': 'readonly', 'WITH 1 AS x SELECT x': 'readonly', 'SHOW TABLES': 'readonly', 'KILL QUERY WHERE 1': 'readonly', 'KILL MUTATION WHERE 1': 'ACCESS_DENIED', 'NONSENSE 1': 'SYNTAX_ERROR',
    'INSERT INTO a.b VALUES (1)': 'READONLY', 'CREATE TABLE a.b (c Int8) ENGINE = Memory': 'READONLY', 'SET max_threads = 1': 'READONLY', 'SYSTEM FLUSH LOGS': 'READONLY', 'USE system': 'READONLY',
    'WITH 1 AS x INSERT INTO a.b SELECT x': 'READONLY', 'BACKUP TABLE a TO Null': 'READONLY', 'EXECUTE AS engine SELECT 1': 'READONLY',
  };
  for (const [text, expected] of Object.entries(cases)) t.equal(verdict('readonly', text), expected, text);
  t.end();
});

t.test('with full access it writes what is its own', (t) => {
  const cases: Record<string, string> = {
    'SELECT 1': 'readonly', 'SELECT * FROM pointstream.lines': 'readonly', 'INSERT INTO a.b VALUES (1)': 'writable', 'INSERT INTO a.b SELECT * FROM pointstream.lines': 'writable',
    'CREATE TABLE a.b (c Int8) ENGINE = ReplacingMergeTree ORDER BY c': 'writable', 'CREATE TABLE a.b (c Int8) ORDER BY c': 'writable', 'CREATE DATABASE a': 'writable', 'DROP TABLE a.b': 'writable',
    'CREATE VIEW a.v AS SELECT * FROM pointstream.lines': 'writable', 'ALTER TABLE a.b DELETE WHERE c IN (SELECT id FROM pointstream.transactions)': 'writable', 'SET max_block_size = 1': 'writable',
    'INSERT INTO pointstream.facts VALUES (1)': 'ACCESS_DENIED', 'INSERT INTO `POINTSTREAM`.facts VALUES (1)': 'ACCESS_DENIED', 'DROP TABLE pointstream.facts': 'ACCESS_DENIED', 'DROP DATABASE "pointstream"': 'ACCESS_DENIED',
    'ALTER TABLE a.b MOVE PARTITION 1 TO TABLE pointstream.facts': 'ACCESS_DENIED', 'ALTER TABLE a.b DELETE WHERE c IN (SELECT 1), MOVE PARTITION 1 TO TABLE `pointstream`.facts': 'ACCESS_DENIED',
    'ALTER TABLE a.b DELETE WHERE c IN (SELECT 1), MOVE PARTITION 1 TO TABLE a.c': 'writable', 'EXCHANGE TABLES a.b AND pointstream.facts': 'ACCESS_DENIED', 'RENAME TABLE pointstream.facts TO a.b': 'ACCESS_DENIED',
    'CREATE MATERIALIZED VIEW a.v TO a.b AS SELECT 1 FROM pointstream.facts': 'ACCESS_DENIED', 'CREATE MATERIALIZED VIEW a.v TO pointstream.facts AS SELECT 1': 'ACCESS_DENIED',
    "CREATE TABLE a.b (c Int8) ENGINE = Buffer('pointstream', 'facts', 1, 1, 1, 1, 1, 1, 1)": 'ACCESS_DENIED', "CREATE TABLE a.b (c Int8) ENGINE = File(CSV, 'x')": 'ACCESS_DENIED',
    "CREATE TABLE a.b (c Int8) ENGINE URL('x')": 'ACCESS_DENIED', "CREATE DATABASE a ENGINE = Filesystem('/')": 'ACCESS_DENIED', 'CREATE FUNCTION f AS x -> x': 'ACCESS_DENIED', 'CREATE USER x': 'ACCESS_DENIED',
    "CREATE DICTIONARY a.d (k UInt64) PRIMARY KEY k SOURCE(FILE(path 'x' format 'CSV')) LAYOUT(FLAT()) LIFETIME(1)": 'ACCESS_DENIED', "ATTACH TABLE a.b FROM 'x' (c Int8) ENGINE = Memory": 'ACCESS_DENIED',
    'CREATE TEMPORARY TABLE b (c Int8)': 'NOT_IMPLEMENTED', 'SYSTEM SHUTDOWN': 'ACCESS_DENIED', 'SET readonly = 0': 'READONLY', 'SET `max_memory_usage` = 0': 'READONLY', 'DROP DATABASE default': 'ACCESS_DENIED',
    'WITH x AS (SELECT 1) INSERT INTO pointstream.facts SELECT 1': 'ACCESS_DENIED',
  };
  for (const [text, expected] of Object.entries(cases)) t.equal(verdict('full', text), expected, text);
  // Another statement stands behind it.
  for (const text of ['DROP TABLE a.b PARALLEL WITH DROP TABLE facts', 'CREATE TABLE a.b ENGINE = Memory AS SELECT 1 parallel /* */ with DROP VIEW pointstream.lines']) {
    for (const database of ['a', 'pointstream']) t.equal(verdict('full', text, { database }), 'ACCESS_DENIED', `${database}: ${text}`);
  }
  for (const text of ['SET param_x = 1', 'SET `param_x` = x\'70\'', 'ALTER TABLE a.v MODIFY QUERY SELECT c FROM pointstream.facts', 'ATTACH MATERIALIZED VIEW a.v TO a.b AS SELECT (SELECT 1 FROM pointstream.facts)']) {
    t.equal(verdict('full', text), 'ACCESS_DENIED', text);
  }
  t.equal(verdict('full', 'INSERT INTO {d:Identifier}.facts VALUES (1)', { values: ['pointstream'] }), 'ACCESS_DENIED');
  t.equal(verdict('full', 'INSERT INTO pointstream.facts VALUES (1)', { user: engine }), 'writable');
  t.end();
});

t.test('a client whose database is pointstream writes what it names with another database', (t) => {
  const written = ['CREATE DATABASE mine', 'CREATE DATABASE IF NOT EXISTS mine', 'DROP DATABASE mine', 'CREATE TABLE mine.t (c Int8 MATERIALIZED 1) ORDER BY c', 'CREATE TABLE IF NOT EXISTS `mine`."t" AS facts',
    'CREATE OR REPLACE VIEW mine.v AS SELECT * FROM lines', 'INSERT INTO mine.t VALUES (1)', 'INSERT INTO mine.t (c) FORMAT CSV', 'INSERT INTO TABLE mine.t SELECT 1 FROM facts', 'ALTER TABLE mine.t DELETE WHERE c = 1',
    'OPTIMIZE TABLE mine.t FINAL', 'DELETE FROM mine.t WHERE c = 1', 'DROP TABLE IF EXISTS mine.t, mine.u SYNC', 'TRUNCATE TABLE mine.t', 'RENAME TABLE mine.t TO mine.u', 'EXCHANGE TABLES mine.t AND mine.u'];
  const refused = ['INSERT INTO facts VALUES (1)', 'INSERT INTO "facts" SELECT 1', 'INSERT INTO FUNCTION merge(facts) SELECT 1', 'INSERT INTO {t:Identifier} VALUES (1)', 'INSERT INTO pointstream.facts VALUES (1)',
    'WITH 1 AS x INSERT INTO facts SELECT x', 'DROP TABLE facts', 'DROP TABLE mine.t, facts', 'DROP TABLE facts, mine.t', 'DROP VIEW IF EXISTS lines', 'DROP DATABASE pointstream', 'DROP TABLE {t:Identifier}', 'TRUNCATE facts',
    'TRUNCATE ALL TABLES FROM mine', 'RENAME TABLE mine.t TO facts2', 'RENAME TABLE facts TO mine.t', 'EXCHANGE TABLES mine.t AND facts', 'ALTER TABLE facts DELETE WHERE 1', 'ALTER TABLE mine.t MOVE PARTITION 1 TO TABLE facts',
    'ALTER TABLE mine.v MODIFY QUERY SELECT 1 FROM facts', 'OPTIMIZE TABLE facts', 'DELETE FROM facts WHERE 1', 'UPDATE facts SET c = 1 WHERE 1', 'DETACH TABLE facts', 'CREATE TABLE t (c Int8) ORDER BY c',
    'CREATE VIEW v AS SELECT 1', 'CREATE MATERIALIZED VIEW mine.v TO mine.t AS SELECT 1 FROM facts', 'CREATE MATERIALIZED VIEW mine.v TO facts AS SELECT 1 FROM mine.t', 'ATTACH TABLE facts'];
  for (const text of written) t.equal(verdict('full', text, { database: 'pointstream' }), 'writable', text);
  for (const text of refused) t.equal(verdict('full', text, { database: 'pointstream' }), 'ACCESS_DENIED', text);
  for (const text of written) t.equal(verdict('readonly', text, { database: 'pointstream' }), 'READONLY', text);
  t.end();
});

t.test('KILL names queries by the ids of their clients, and spares those of the engine', (t) => {
  const own = "startsWith(Settings['log_comment'], 'default:') AND ", id = "substring(Settings['log_comment'], position(Settings['log_comment'], ':') + 1)";
  const cases: [string, string][] = [
    ["KILL QUERY WHERE query_id = 'a' SYNC", `KILL QUERY WHERE ${own}( ${id} = 'a' \n) SYNC`],
    ['KILL QUERY WHERE 1 OR `query_id` IN (SELECT 1) FORMAT JSON', `KILL QUERY WHERE ${own}( 1 OR ${id} IN (SELECT 1) \n) FORMAT JSON`],
    ["KILL QUERY WHERE user = 'x' -- all", `KILL QUERY WHERE ${own}( user = 'x' -- all\n) `],
  ];
  for (const [text, expected] of cases) t.equal(killText(reader, readStatement(text)), expected, text);
  for (const text of ['KILL QUERY WHERE 1) OR (1 SYNC', "KILL QUERY WHERE (query_id = 'a')) OR ((1)", 'KILL QUERY WHERE 1] OR [1']) t.equal(killText(reader, readStatement(text)), text, `no SQL, and stays so: ${text}`);
  t.equal(killText(engine, readStatement('KILL QUERY WHERE 1')), 'KILL QUERY WHERE ( 1\n) ');
  t.end();
});

import t from 'tap';
import { readStatement } from './statement.js';

t.test('kinds', (t) => {
  const kinds: [string, string][] = [
    ['select 1', 'read'], ['(SELECT 1) UNION ALL SELECT 2', 'read'], ['WITH 1 AS x SELECT x', 'read'], ['WITH 1 AS x INSERT INTO t SELECT x', 'other'], ['-- c\nshow tables', 'read'],
    ['INSERT INTO t SELECT 1', 'other'], ['insert into t (a, b) values (1, 2)', 'insert'], ['INSERT INTO t FORMAT CSV', 'insert'], ['KILL QUERY WHERE 1', 'kill'], ['CREATE TABLE t (a Int8)', 'other'],
  ];
  for (const [text, kind] of kinds) t.equal(readStatement(text).kind, kind, text);
  t.end();
});

t.test('the FORMAT clause', (t) => {
  const clauses: [string, string | undefined][] = [
    ['SELECT 1 FORMAT JSON', 'FORMAT JSON'], ['SELECT 1 format TSV -- x', 'format TSV'], ['SELECT 1 FORMAT JSON SETTINGS a = 1', 'FORMAT JSON'], ['SELECT 1 SETTINGS a = 1 FORMAT JSON;', 'FORMAT JSON'],
    ["SELECT ' FORMAT x'", undefined], ['SELECT format FROM t', undefined], ['SELECT 1 AS format', undefined], ['SELECT a FROM t ORDER BY format DESC', undefined],
    ['SELECT (SELECT 1 FORMAT x)', undefined], ['SELECT format FROM t FORMAT CSV', 'FORMAT CSV'],
  ];
  for (const [text, expected] of clauses) {
    const { format } = readStatement(text);
    t.equal(format && text.slice(format.start, format.end), expected, text);
  }
  t.end();
});

t.test('the SETTINGS clause', (t) => {
  const clauses: [text: string, values: [string, string][] | undefined, clause?: string][] = [
    ['SELECT 1 SETTINGS a = 1', [['a', '1']], 'SETTINGS a = 1'], ["SELECT 1 settings a=1.5, b_c = 'it\\'s, d = 2', e = true FORMAT JSON", [['a', '1.5'], ['b_c', "it's, d = 2"], ['e', '1']]],
    ['SELECT 1 FORMAT JSON SETTINGS a = FALSE -- end', [['a', '0']], 'SETTINGS a = FALSE'], ['SELECT settings FROM t SETTINGS settings = 1', [['settings', '1']]],
    ['SELECT 1 FROM (SELECT 2 SETTINGS a = 1)', undefined], ['SELECT 1 SETTINGS a = 1 UNION ALL SELECT 2', undefined], ['SELECT 1 SETTINGS a = [1]', undefined], ['SELECT 1 SETTINGS a = -1', undefined],
    ['SELECT 1 SETTINGS a = DEFAULT', undefined], ["SELECT 1 SETTINGS a = x'41'", undefined], ['SELECT 1 SETTINGS a = 1,', undefined], ['SELECT 1 SETTINGS a = 1 b = 2', undefined], ['SELECT 1 SETTINGS a', undefined],
    ['SELECT settings = 1', undefined], ['SHOW SETTINGS LIKE 1', undefined], ["SELECT 'SETTINGS a = 1'", undefined], ['INSERT INTO t SETTINGS a = 1 FORMAT CSV', undefined],
  ];
  for (const [text, values, clause] of clauses) {
    const { settings } = readStatement(text);
    t.same(settings?.values, values, text);
    if (clause !== undefined) t.equal(text.slice(settings!.start, settings!.end), clause);
  }
  t.same(readStatement(Buffer.from("SELECT 1 SETTINGS a = 'ä'").toString('latin1')).settings?.values, [['a', 'ä']]);
  t.end();
});

t.test('where the data of an INSERT begin', (t) => {
  const cases: [text: string, head: string, settings: string, format: string, data: string][] = [
    ['INSERT INTO t FORMAT CSV\n1,2', 'INSERT INTO t ', '', 'CSV', '1,2'],
    ['INSERT INTO t FORMAT CSV \r\n 1,2', 'INSERT INTO t ', '', 'CSV', ' 1,2'],
    ['INSERT INTO t FORMAT Native\n\n\0', 'INSERT INTO t ', '', 'Native', '\n\0'],
    ['INSERT INTO t FORMAT TSV;\na', 'INSERT INTO t ', '', 'TSV', 'a'],
    ["INSERT INTO t (a, format) SETTINGS x = 'FORMAT' FORMAT JSONEachRow {\"a\":\"'\"}", 'INSERT INTO t (a, format) ', "SETTINGS x = 'FORMAT' ", 'JSONEachRow', '{"a":"\'"}'],
    ["INSERT INTO d.t VALUES ('a;'), ('b')", 'INSERT INTO d.t ', '', 'Values', " ('a;'), ('b')"],
    ['insert t values (1)', 'insert t ', '', 'Values', ' (1)'],
    ['INSERT INTO TABLE format VALUES (1)', 'INSERT INTO TABLE format ', '', 'Values', ' (1)'],
  ];
  for (const [text, head, settings, format, data] of cases) {
    const insert = readStatement(text).insert!;
    t.same([text.slice(0, insert.infileAt), text.slice(insert.infileAt, insert.settingsEnd), insert.format, text.slice(insert.dataAt)], [head, settings, format, data], text);
  }
  t.end();
});

t.test('what is refused', (t) => {
  for (const text of ['', ' -- nothing', ';', 'SELECT 1; SELECT 2', "SELECT 'a", 'SELECT 1 /*', 'SELECT 1 /* /* */']) t.throws(() => readStatement(text), /SYNTAX_ERROR/, text);
  t.doesNotThrow(() => readStatement('SELECT 1;; -- end'));
  t.end();
});

t.test('a statement that names format half a million times is read in one go', (t) => {
  t.equal(readStatement(`SELECT ${'format,'.repeat(500_000)}1`).format, undefined);
  t.end();
});

t.test('an INSERT with data is one statement, and what is put into another one is a plain name', (t) => {
  for (const text of ['INSERT INTO a.b (SELECT 1); DROP TABLE c; INSERT INTO a.b FORMAT CSV\n1', 'INSERT INTO a.b; DROP TABLE c; INSERT INTO a.b VALUES (1)', 'INSERT INTO a.b FORMAT `CSV; DROP TABLE c`\n1',
    "INSERT INTO a.b FORMAT 'CSV; DROP TABLE c'\n1"]) {
    t.throws(() => readStatement(text), /SYNTAX_ERROR/, text);
  }
  t.match(readStatement('INSERT INTO a.b FORMAT CSV;\n1;2'), { kind: 'insert', insert: { format: 'CSV' } }, 'data may hold anything');
  t.end();
});

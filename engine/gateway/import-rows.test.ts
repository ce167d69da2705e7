import t from 'tap';
import { readRow, rowsOf } from './import-rows.js';

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const read = (row: string | Uint8Array): ReturnType<typeof readRow> => readRow(typeof row === 'string' ? bytes(row) : row, 7);
const lots = (...given: object[]): string => JSON.stringify({ card: '1', balances: { points: { lots: given } } });
function refusal(row: string | Uint8Array): string {
  const account = read(row);
  return 'problem' in account ? `${account.id} ${account.problem.reason} ${account.problem.pointer}` : JSON.stringify(account.lots);
}

t.test('a row with everything', async (t) => {
  t.strictSame(read('{"cards":["1","2","1"],"program":"miles","registered":false,"balances":{"a":5,"b":{"lots":[{"points":7,"funder":"f","matures":"1970-01-02","expires":"2030-01-01"}]}}}'), {
    index: 7, id: '1', program: 'miles', cards: ['1', '2'], registered: false,
    lots: [{ currency: 'a', funder: 'import', points: 5, matures: 0, expires: -1 }, { currency: 'b', funder: 'f', points: 7, matures: 1, expires: 21_915 }],
  });
  t.match(read('{"card":"1"}'), { cards: ['1'], program: 'default', registered: true, lots: [] });
  t.match(read(lots({ points: 3, matures: '1970-01-01', expires: null, funder: 'f' })), { lots: [{ matures: 0, expires: -1 }] }, 'a lot as GET answers it');
});

t.test('days that a lot can hold: what had expired before 1970 never expired', async (t) => {
  for (const date of ['1969-12-31', '1960-01-01', '0000-01-01', '4840-11-25', '9999-12-31', '2030-02-30', '2030-1-1', 20300101]) {
    t.equal(refusal(lots({ points: 1, expires: date })), '1 invalid /balances/points/lots/0/expires', String(date));
    t.equal(refusal(lots({ points: 1 }, { points: 1, matures: date })), '1 invalid /balances/points/lots/1/matures', String(date));
  }
  t.match(read(lots({ points: 1, matures: '4840-11-24', expires: '1970-01-01' })), { lots: [{ matures: 2 ** 20 - 2, expires: 0 }] });
});

t.test('points are integers on their source text, and stay integers added up', async (t) => {
  for (const points of ['1.0', '1e3', '-1', '"1"', '4503599627370497.5', '9007199254740991.3', '9007199254740992', 'null', 'true']) {
    t.match(refusal(`{"card":"1","balances":{"points":${points}}}`), '1 invalid /balances/points', points);
    t.equal(refusal(`{"card":"1","balances":{"points":{"lots":[{"points":${points}}]}}}`), '1 invalid /balances/points/lots/0/points', points);
  }
  t.equal(refusal('{"card":"1","balances":{"a":9007199254740991,"b":1}}'), '1 overflow /balances');
});

t.test('what is wrong, and where', async (t) => {
  const cases: [row: string, problem: string][] = [
    ['[1]', ' invalid '], ['"x"', ' invalid '], ['1', ' invalid '], ['1.5', ' invalid '], ['null', ' invalid '],
    ['{"card":"1"', ' malformed '], ['{"card":"1"} x', ' malformed '], ['['.repeat(100_000), ' invalid '],
    ['{}', ' missing /card'], ['{"cards":[]}', ' invalid /cards'], ['{"card":"1","cards":["2"]}', '2 invalid /card'],
    ['{"card":"1","card":"2"}', ' invalid /card'], ['{"card":"1","balances":{"points":1,"points":2}}', ' invalid /balances/points'],
    ['{"card":"1","balances":null}', '1 invalid /balances'], ['{"card":"1","balances":[]}', '1 invalid /balances'],
    ['{"card":"1","balances":{"a/b~c":{}}}', '1 missing /balances/a~1b~0c/lots'], ['{"card":"1","balances":{"a":{"lots":[],"lot":1}}}', '1 unknown-field /balances/a/lot'],
    ['{"card":"1","balances":{"a":{"lots":[{"points":1,"expire":"2030-01-01"}]}}}', '1 unknown-field /balances/a/lots/0/expire'],
    ['{"card":"1","balances":{"a":{"lots":[5]}}}', '1 invalid /balances/a/lots/0'], [lots({ funder: 'f' }), '1 missing /balances/points/lots/0/points'],
    [lots({ points: 1, funder: '' }), '1 invalid /balances/points/lots/0/funder'], [lots(...Array.from({ length: 1001 }, () => ({ points: 1 }))), '1 invalid /balances/points/lots'],
    [`{"card":"1","x":"${'x'.repeat(1 << 20)}"}`, ' invalid '],
  ];
  for (const [row, problem] of cases) t.equal(refusal(row), problem, row.slice(0, 80));
  t.equal(refusal(Buffer.concat([Buffer.from('{"card":"k'), Buffer.of(0xff), Buffer.from('"}')])), ' malformed ', 'bytes that are no UTF-8 become no card');
});

t.test('rows are lines that are not blank, behind a byte order mark', async (t) => {
  const text = (body: string, isBeginning = true): string[] => [...rowsOf(bytes(body), isBeginning)].map((row) => Buffer.from(row).toString());
  t.strictSame(text('\ufeff{"card":"1"}\r\n\n \t\r\n{"card":"2"}'), ['{"card":"1"}\r', '{"card":"2"}']);
  t.match(read(text('\ufeff{"card":"1"}\r\n')[0]!), { cards: ['1'] });
  t.strictSame(text(''), []);
  t.strictSame(text('\ufeffx', false), ['\ufeffx'], 'only at the beginning of the body');
});

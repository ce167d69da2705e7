import t from 'tap';
import { boolean, choice, code, identifier, integer, list, number, optional, record, text, thousandths, timeZone } from './fields.js';
import { NumberText } from './decoded.js';
import { partnerFields, productFields, programFields } from './documents.js';
import { jsonSchemas } from './json-schemas.js';
import { nearestName, PROBLEMS_MAX, validateDocument } from './validate.js';

const brief = (problems: { pointer: string; reason: string }[]): string[] => problems.map(({ pointer, reason }) => `${pointer} ${reason}`);

t.test('each kind of field refuses what it must', async t => {
  const cases: [Parameters<typeof validateDocument>[0], unknown[], unknown[]][] = [
    [text(5), ['a', 'äé', '😀'], ['', 'abcdef', 'äéü', 'a\u0000', 'a\u007f', '\u0085', '\ud800', 'a\udc00b', 1, null, undefined, {}, []]],
    [code(3, 'A', 'Z'), ['EUR'], ['eur', 'EURO', 'EU', 'EU1', 978, null]],
    [choice(['a', 'b']), ['a'], ['c', '', null, ['a'], 0]],
    [integer(0, 100), [0, -0, 100], [-1, 101, 1.5, '1', NaN, Infinity, null, true, 2 ** 53, 9007199254740993n, new NumberText('1.0'), new NumberText('1e1')]],
    [thousandths(), [0, 1, 0.001, 1.25, 22640.123, new NumberText('0.1000')], [-1, 0.0001, '1', null, NaN, 2 ** 53, new NumberText('1.2345'), new NumberText('1e1'), new NumberText('-0.001')]],
    [number(-90, 90), [0, -90, 48.137], [91, '48', null, NaN]],
    [boolean(), [true, false], [0, 'true', null]],
    [timeZone(), ['UTC', 'Europe/Berlin', 'America/Argentina/Buenos_Aires'], ['Mars/Olympus', '', '+01:00', 'Europe/Berlin\n', 5]],
    [list(integer(0, 9), 1, 2), [[1], [1, 2]], [[], [1, 2, 3], {}, 'ab', null]],
    [record({ a: optional(integer(0, 9)) }), [{}, { a: 1 }], [null, [], 'a', 1, new NumberText('1e1')]],
  ];
  for (const [field, good, bad] of cases) {
    for (const value of good) t.strictSame(validateDocument(field, value), [], `${field.type} takes ${String(value)}`);
    for (const value of bad) t.equal(validateDocument(field, value)[0]?.reason, 'invalid', `${field.type} refuses ${typeof value} ${String(value)}`);
  }
});

t.test('problems have their place, and unknown fields the nearest name', async t => {
  const schema = record({ id: identifier(), lines: list(record({ sku: identifier(), amount: integer(0, 10) }), 0, 10) });
  const problems = validateDocument(schema, { lines: [{ sku: 'a', amount: 1 }, { skuu: 'b', amount: 99 }], 'a/b~c': 1 });
  t.strictSame(brief(problems), ['/lines/1/skuu unknown-field', '/lines/1/amount invalid', '/lines/1/sku missing', '/a~1b~0c unknown-field', '/id missing']);
  t.match(problems[0]?.detail, 'did you mean "sku"?');
  t.match(problems[3]?.hint, 'known fields: id, lines');
  t.equal(nearestName('ocurredat', ['occurredAt', 'currency']), 'occurredAt');
  t.equal(nearestName('x'.repeat(100_000), ['occurredAt']), undefined);
});

t.test('is bounded, whatever it gets', async t => {
  let deep: unknown = 1;
  for (let i = 0; i < 100_000; i++) deep = { deep };
  t.equal(validateDocument(record({ a: optional(integer(0, 1)) }), deep).length, 1);
  const many = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`field${i}`, 1]));
  t.equal(validateDocument(record({}), many).length, PROBLEMS_MAX);
  t.equal(validateDocument(record({}), JSON.parse('{"__proto__":1}')).length, 1, '__proto__ is a field like any other');
});

const program = { name: 'P', timeZone: 'Europe/Berlin', currencies: [{ id: 'points', scale: 0 }] };
t.test('programs, partners and products', async t => {
  const check = (...of: Parameters<typeof validateDocument>): string[] => brief(validateDocument(...of));
  t.strictSame(check(programFields, program), []);
  t.strictSame(check(programFields, { ...program, cardRanges: [{ prefix: '29', length: 13, checkDigit: 'luhn', product: 'gold' }], unregistered: { earn: true, spend: false }, expiryFrom: 'received' }), []);
  t.strictSame(check(programFields, { name: 'P', timezone: 'UTC', currencies: [] }), ['/timezone unknown-field', '/currencies invalid', '/timeZone missing']);
  const partner = { name: 'Grocer', timeZone: 'UTC', currency: 'USD' };
  t.strictSame(check(partnerFields, partner), []);
  const stores = [{ id: '1', latitude: 48.1, longitude: 11.5 }], terminals = [{ id: '1', store: '1', status: 'active' }];
  t.strictSame(check(partnerFields, { ...partner, program: 'default', latenessDays: 30, keys: [{ key: 'k'.repeat(20), scopes: ['post'] }], stores, terminals }), []);
  const wrong = { ...partner, timeZone: 'Nowhere', latenessDays: -1, stores: [{ id: '1' }, { id: '2', latitude: 91 }] };
  t.strictSame(check(partnerFields, wrong), ['/timeZone invalid', '/latenessDays invalid', '/stores/1/latitude invalid']);
  t.strictSame(check(partnerFields, null), [' invalid']);
  t.strictSame(check(productFields, { sku: '1', name: 'Bread', category: 'BREAD', gtin: '04006381333931' }), []);
  t.strictSame(check(productFields, { categorie: 'x', gtin: 5 }), ['/categorie unknown-field', '/gtin invalid', '/sku missing']);
});

t.test('JSON Schemas say the same', async t => {
  const { Ajv2020 } = await import('ajv/dist/2020.js');
  const ajv = new Ajv2020({ strict: true, strictTypes: false, formats: { 'date-time': true } });
  for (const [name, schema] of Object.entries(jsonSchemas)) t.ok(ajv.compile(schema), name);
  const check = ajv.compile(jsonSchemas.Program!);
  t.ok(check(program));
  t.notOk(check({ ...program, timezone: 1 }));
});

/** Publishing: what is taken, what is refused and where, ordinals that stay, versions that never change. */
import t from 'tap';
import type { ReferenceSet } from '../schemas/reference.js';
import { PublishError, ReferenceStore, setFromBytes, setToBytes } from './reference.js';

const program = { name: 'P', timeZone: 'Europe/Berlin', currencies: [{ id: 'points', scale: 0 }] }, partner = { name: 'Shop', timeZone: 'UTC', currency: 'EUR' };
const fixed = (id: string, more: object = {}): object => ({ id, version: 1, award: { kind: 'fixed', points: 1 }, ...more });

/** What the store answered: ok, or status and problems as "pointer reason: detail (hint)". */
function refused(put: () => unknown): { status: number; errors: string[] } {
  try {
    put();
    return { status: 200, errors: [] };
  } catch (error) {
    if (!(error instanceof PublishError)) throw error;
    return { status: error.status, errors: error.errors.map(({ pointer, reason, detail, hint }) => `${pointer} ${reason}: ${detail} (${hint})`) };
  }
}
function filled(): ReferenceStore {
  const store = new ReferenceStore();
  store.putProgram('other', { ...program, currencies: [{ id: 'miles', scale: 2 }] });
  store.putPartner('shop', partner);
  store.putPartner('elsewhere', { ...partner, program: 'other' });
  return store;
}

t.test('the start', async (t) => {
  const { set } = new ReferenceStore();
  t.match(set, { version: 0, ruleSet: 0, programs: [{ id: 'default', document: { timeZone: 'UTC' } }], currencies: [{ id: 'points', scale: 0, program: 0 }], live: [] });
});

t.test('a PUT of what is there changes nothing; ordinals stay', async (t) => {
  const store = filled(), { version } = store.set;
  const again = [
    store.putPartner('shop', { currency: 'EUR', timeZone: 'UTC', name: 'Shop' }), store.putProgram('other', { ...program, currencies: [{ scale: 2, id: 'miles' }] }),
    store.putPartner('shop', { ...partner, keys: [{ key: 'secret', scopes: ['all'] }] }),
  ];
  t.same(again.map(({ changed }) => changed), [false, false, false]);
  t.equal(store.set.version, version);
  const { set, changed } = store.putPartner('shop', { ...partner, keys: [{ key: 'secret', scopes: ['all'] }], latenessDays: 3, stores: [{ id: 's', timeZone: 'Asia/Tokyo' }] });
  t.ok(changed);
  t.equal(set.version, version + 1);
  t.same(set.partners.map(({ id, program }) => [id, program]), [['shop', 0], ['elsewhere', 1]]);
  t.same(set.partners[0]!.document, { ...partner, program: 'default', latenessDays: 3, stores: [{ id: 's', timeZone: 'Asia/Tokyo' }] }, 'keys are kept elsewhere');
  t.same(Object.keys(set.zones), ['UTC', 'Europe/Berlin', 'Asia/Tokyo']);
  t.same(set.funders, ['import', 'shop', 'elsewhere']);
});

t.test('a set has the history window of who publishes', async (t) => {
  const store = new ReferenceStore(filled().set, 30);
  t.equal(filled().set.historyDays, 400, 'the default of the setting');
  t.equal(store.putPartner('shop', partner).set.historyDays, 30, 'also when the document is there already');
  t.equal(store.putPartner('shop', partner).changed, false);
});

t.test('sets survive as bytes', async (t) => {
  const store = filled();
  store.putRules({ rules: [fixed('a', { validFrom: '2026-03-01', schedule: { from: '08:00', zone: 'Asia/Kathmandu' }, funding: [{ funder: 'brand', parts: 1 }] })] });
  t.same(setFromBytes(setToBytes(store.set)), store.set);
});

t.test('partners and programs', async (t) => {
  const store = filled();
  t.match(refused(() => store.putPartner('x', { ...partner, timezone: 'UTC', currency: 'eur', program: 'nowhere' })),
    { status: 422, errors: [/^\/currency invalid/, /^\/timezone unknown-field: .*timeZone/] });
  t.match(refused(() => store.putPartner('x', { ...partner, program: 'othr' })), { status: 422, errors: [/^\/program invalid: there is no program "othr" \(Did you mean "other"\?\)/] });
  t.match(refused(() => store.putPartner('shop', { ...partner, program: 'other' })), { status: 409, errors: [/^\/program conflict/] });
  t.match(refused(() => store.putPartner('a\nb', partner)), { status: 422 });
  t.match(refused(() => store.putPartner('x', { ...partner, stores: [{ id: 's' }, { id: 's' }] })), { status: 422, errors: [/^\/stores\/1\/id invalid: store "s" is there twice/] });
  t.match(refused(() => store.putProgram('x', { ...program, timeZone: 'Mars/Base', currencies: [] })), { status: 422, errors: [/^\/timeZone invalid/, /^\/currencies invalid/] });
  t.match(refused(() => store.putProgram('x', { ...program, cardRanges: [{ prefix: '12345', length: 4, checkDigit: 'none', product: 'x' }] })),
    { status: 422, errors: [/^\/cardRanges\/0\/length invalid/] }, 'a range that no card can be in');
  t.match(refused(() => store.putProgram('default', { ...program, currencies: [{ id: 'points', scale: 2 }] })), { status: 409, errors: [/^\/currencies\/0\/scale conflict/] });
  t.match(refused(() => store.putProgram('default', { ...program, currencies: [{ id: 'miles', scale: 0 }] })), { status: 409, errors: [/"points" is missing/, /first currency/] });
  t.match(store.putProgram('default', { ...program, currencies: [{ id: 'points', scale: 0 }, { id: 'miles', scale: 0 }] }).set.currencies,
    [{ id: 'points', program: 0 }, { id: 'miles', program: 1 }, { id: 'miles', program: 0 }], 'a currency more');
  const fresh = new ReferenceStore();
  t.match(fresh.putProgram('default', { ...program, currencies: [{ id: 'miles', scale: 2 }] }).set.currencies, [{ id: 'miles', scale: 2, program: 0 }], 'nobody uses the program yet');
});

t.test('zones that were left, for returns of purchases that were decided then', async (t) => {
  const store = new ReferenceStore(), [k, bare] = [{ id: 'k', timeZone: 'Asia/Tokyo' }, { id: 'b' }];
  store.putPartner('shop', { ...partner, timeZone: 'UTC', stores: [k, bare] });
  t.notOk('formerZones' in store.set.partners[0]!);
  store.putPartner('shop', { ...partner, timeZone: 'UTC', stores: [bare, k], name: 'other' });
  t.notOk('formerZones' in store.set.partners[0]!, 'no zone changed');
  store.putPartner('shop', { ...partner, timeZone: 'Europe/Berlin', stores: [{ ...bare, timeZone: 'UTC' }] });
  const first = [{ until: 3, timeZone: 'UTC' }, { until: 3, store: 'k', timeZone: 'Asia/Tokyo' }, { until: 3, store: 'b' }];
  t.same(store.set.partners[0]!.formerZones, first);
  store.putProgram('default', { ...program, timeZone: 'Asia/Tokyo' });
  t.same(store.set.programs[0]!.formerZones, [{ until: 4, timeZone: 'UTC' }]);
  store.putPartner('shop', { ...partner, timeZone: 'Europe/Berlin', stores: [{ ...bare, timeZone: 'UTC' }, k] });
  t.same(store.set.partners[0]!.formerZones, [...first, { until: 5, store: 'k' }], 'they are kept');
});

t.test('products', async (t) => {
  const store = filled();
  t.match(refused(() => store.putProducts('nobody', Buffer.from(''))), { status: 404 });
  const broken = '{"sku":"a"}\n\n{"sku":"b","categry":"x"}\n{"sku":1}\n{"sku"\n';
  t.match(refused(() => store.putProducts('shop', Buffer.concat([Buffer.from(broken), Buffer.from([0xff])]))),
    { status: 422, errors: [/^\/2\/categry unknown-field.*category/, /^\/3\/sku invalid/, /^\/4 malformed/, /^\/5 malformed: not UTF-8/] });
  t.same(refused(() => store.putProducts('shop', Buffer.from('\n \n\r\n{"sku":1}'))).errors.map((error) => error.split(' ')[0]), ['/3/sku'], 'blank lines count as lines');
  const sparse = store.putProducts('shop', Buffer.from('\n \n{"sku":"b"}\r\n\t\r\n  {"sku":"c"}\n\n'));
  t.same([...sparse.products.values()].map((bytes) => Buffer.from(bytes).toString()), ['{"sku":"b"}\r\n  {"sku":"c"}\n'], 'and are not kept: memory is allotted by the line');
  const marked = store.putProducts('shop', Buffer.from('\ufeff{"sku":"m"}\r\n{"sku":"é"}'));
  t.same([...marked.products.values()].map((bytes) => Buffer.from(bytes).toString()), ['{"sku":"m"}\r\n{"sku":"é"}'], 'a byte order mark is not kept: shards and ClickHouse can\'t read it');
  for (const line of ['\ufeff\ufeff{"sku":"a"}', '{"sku":"a"}\n\ufeff{"sku":"b"}', '\u00a0', '{"sku":"a"} {"sku":"b"}', '{"sku":"a",}']) {
    t.match(refused(() => store.putProducts('shop', Buffer.from(line))), { status: 422, errors: [/malformed/] }, JSON.stringify(line));
  }
  t.match(refused(() => store.putProducts('shop', Buffer.concat([Buffer.from('{"sku":"'), Buffer.of(0xff), Buffer.from('"}')]))), { errors: [/^\/0 malformed: .*UTF-8/] });
  t.match(refused(() => store.putProducts('shop', Buffer.from('{"sku":"a","name":"5\\" x 7\\""}\n{"sku":"a","sku":"b"}'))), { errors: [/^\/1\/sku invalid: the field is given twice/] }, 'ClickHouse would refuse the table');
  const first = store.putProducts('shop', Buffer.from('{"sku":"a"}')), again = store.putProducts('shop', Buffer.from('{"sku":"a"}'));
  t.same([first.changed, [...first.products.keys()], again.changed], [true, [0], false]);
});

t.test('rules of two programs are two, whatever spaces are in their names', async (t) => {
  const store = filled();
  for (const id of ['a', 'a b']) store.putProgram(id, program);
  t.equal(store.putRules({ rules: [fixed('b c', { program: 'a' }), fixed('c', { program: 'a b' })] }).set.live.length, 2);
  const multiplier = fixed('m', { program: 'a b', award: { kind: 'multiplier', factor: 2, of: ['c'], combine: 'sum' } });
  t.match(refused(() => store.putRules({ rules: [fixed('b c', { program: 'a' }), multiplier] })), { status: 422, errors: [/^\/rules\/1\/award\/of\/0 invalid: there is no rule "c"/] });
});

t.test('rule sets', async (t) => {
  const store = filled(), live = ({ rules, live }: ReferenceSet): string[] => live.map((index) => `${rules[index]!.document.id} ${rules[index]!.document.version}`);
  t.equal(store.putRules({ rules: [fixed('a'), fixed('b')] }).set.ruleSet, 1);
  t.notOk(store.putRules({ rules: [fixed('b'), fixed('a')] }).changed, 'the order does not matter');
  t.equal(store.putRules({ rules: [fixed('m', { program: 'other' })] }).set.ruleSet, 2);
  t.same(live(store.set), ['a 1', 'b 1', 'm 1'], 'each program by itself');
  store.putRules({ rules: [fixed('a', { version: 2, award: { kind: 'fixed', points: 2 } }), fixed('a')] });
  t.same(live(store.set), ['a 1', 'm 1', 'a 2']);
  t.match(refused(() => store.putRules({ rules: [fixed('c'), fixed('a', { award: { kind: 'fixed', points: 3 } })] })),
    { status: 409, errors: [/^\/rules\/1\/version conflict: .*publish version 3/] });
  t.same(live(store.set), ['a 1', 'm 1', 'a 2'], 'what is refused changes nothing');
  t.equal(store.set.ruleIds.some(({ id }) => id === 'c'), false);
  store.putRules({ rules: [] });
  t.same(live(store.set), ['m 1'], 'an empty list clears default');
  t.equal(store.set.rules.length, 4, 'published versions stay');
  store.putRules({ rules: [fixed('a')] });
  t.same(live(store.set), ['a 1', 'm 1']);
  t.equal(new ReferenceStore().putRules({ rules: [] }).set.ruleSet, 1, 'also when there was nothing');
});

t.test('a rule says the same with its defaults spelled out', async (t) => {
  const spend = { kind: 'spendThreshold', amount: 100, points: 1 }, plain = fixed('a'), threshold = fixed('s', { award: spend, lines: { skus: ['x'] } });
  const spelledOut = {
    program: 'default', phase: 0, priority: 0, scope: {}, schedule: { zone: 'store', to: '24:00', from: '00:00' }, basis: 'receipt', rounding: 'floor', caps: {},
    onReturn: 'proportional', pendingDays: 0,
  };
  const plainToo = { ...spelledOut, ...fixed('a', { award: { currency: 'points', points: 1, kind: 'fixed' } }) };
  const thresholdToo = { ...spelledOut, ...fixed('s', { lines: { exclude: {}, skus: ['x'] }, award: { period: 'ever', repeat: false, currency: 'points', ...spend } }) };
  for (const [first, second] of [[[plain, threshold], [thresholdToo, plainToo]], [[plainToo, thresholdToo], [threshold, plain]]] as const) {
    const store = filled(), { set: { rules } } = store.putRules({ rules: first });
    t.notOk(store.putRules({ rules: second }).changed);
    t.same(rules.map(({ document }) => document), first, 'it stays as it was put');
  }
  const others = [
    { phase: 1 }, { priority: -1 }, { scope: { stores: ['x'] } }, { schedule: { from: '00:01' } }, { schedule: { zone: 'program' } }, { basis: 'line' }, { rounding: 'ceiling' },
    { caps: { perTransaction: 1 } }, { onReturn: 'keep' }, { pendingDays: 1 }, { expiresAfterDays: 1 }, { lines: { skus: ['x'] } }, { promotion: 'p' },
  ];
  const store = filled();
  store.putRules({ rules: [plain] });
  for (const more of others) t.equal(refused(() => store.putRules({ rules: [fixed('a', more)] })).status, 409, JSON.stringify(more));
});

t.test('rules that are refused', async (t) => {
  const store = filled(), multiplier = (of: string[], more: object = {}): object => ({ id: 'm', version: 1, award: { kind: 'multiplier', factor: 2, of, combine: 'sum' }, ...more });
  const cases: [string, unknown[], RegExp[]][] = [
    ['unknown fields', [{ ...fixed('a'), awrd: 1 }, fixed('b', { award: { kind: 'fixed', point: 1 } })],
      [/^\/rules\/0\/awrd unknown-field.*award/, /^\/rules\/1\/award\/point unknown-field.*points/, /points missing/]],
    ['a field like no other', [{ ...fixed('a'), qqqqqqqq: 1 }], [/^\/rules\/0\/qqqqqqqq unknown-field: .*known fields: id, version, .*, award\)/]],
    ['no award', [{ id: 'a', version: 1 }], [/^\/rules\/0\/award missing/]],
    ['kind', [fixed('a', { award: { kind: 'fixd', points: 1 } })], [/^\/rules\/0\/award\/kind invalid: .*Did you mean "fixed"/]],
    ['numbers', [1.5, 2 ** 53, 0].map((points) => fixed(`p${points}`, { award: { kind: 'fixed', points } })), [/points invalid/, /passes 2\^53-1/, /at least 1/]],
    ['decimals', [fixed('a', { award: { kind: 'percent', percent: 1e-7 } }), fixed('b', { award: { kind: 'percent', percent: 1.234_567_8 } })], [/percent/, /six|6 decimals/]],
    ['factor', [fixed('a'), multiplier(['a'], { award: { kind: 'multiplier', factor: 0.5, of: ['a'], combine: 'sum' } })], [/^\/rules\/1\/award\/factor invalid/]],
    ['multiplied', [fixed('abc'), multiplier(['abd', 'm'])],
      [/^\/rules\/1\/award\/of\/0 invalid: there is no rule "abd" \(Did you mean "abc"\?\)/, /of\/1 invalid: "m" is a multiplier itself/]],
    ['currency', [fixed('a', { award: { kind: 'fixed', points: 1, currency: 'miles' } })], [/^\/rules\/0\/award\/currency invalid/]],
    ['basis', [fixed('a', { basis: 'line', award: { kind: 'everyNth', n: 2, points: 1 } })], [/^\/rules\/0\/basis invalid/]],
    ['validity', [fixed('a', { validFrom: '2026-03-02', validTo: '2026-03-02' }), fixed('b', { validFrom: '2026-02-30' })], [/never fire/, /no date/]],
    ['dates', [fixed('c', { validTo: 'soon' })], [/must be a date/]],
    ['schedule', [fixed('a', { schedule: { from: '08:00', to: '08:00' } }), fixed('b', { schedule: { zone: 'Mars' } })], [/never fire/, /zone/]],
    ['weekdays', [fixed('c', { schedule: { weekdays: ['monday'], from: '8:00' } })], [/weekdays/, /from/]],
    ['partners', [fixed('a', { scope: { partners: ['shpo'] } }), fixed('b', { scope: { partners: ['elsewhere'] } })],
      [/^\/rules\/0\/scope\/partners\/0 invalid: .*"shop"/, /there is no partner "elsewhere"/]],
    ['program', [fixed('a', { program: 'defalt' })], [/^\/rules\/0\/program invalid: .*"default"/]],
    ['conditions', [fixed('a', { condition: 'transaction.totl > 1' }), fixed('b', { lines: { condition: 'line.amount' } })],
      [/^\/rules\/0\/condition invalid: column 13: .*Did you mean total\?/, /lines\/condition invalid/]],
    ['lines', [fixed('a', { lines: { skus: ['x'], exclude: { skus: ['x', 'y'] } } })], [/^\/rules\/0\/lines\/exclude invalid/]],
    ['twice', [fixed('a'), fixed('a')], [/^\/rules\/1\/version invalid: .*first at \/rules\/0/]],
    ['no objects', [null, 'rule', []], [/^\/rules\/0 invalid/, /^\/rules\/1 invalid/, /^\/rules\/2 invalid/]],
  ];
  for (const [name, rules, errors] of cases) {
    const found = refused(() => store.putRules({ rules }));
    t.equal(found.status, 422, name);
    for (const error of errors) t.ok(found.errors.some((text) => error.test(text)), `${name}: ${error} in ${JSON.stringify(found.errors)}`);
  }
  t.match(refused(() => store.putRules([])), { status: 422 });
  t.match(refused(() => store.putRules({ rule: [] })), { status: 422, errors: [/^\/rule unknown-field/, /^\/rules missing/] });
  t.equal(store.set.ruleSet, 0);
});

t.test('what is wrong with a document as a whole is said without a place', async (t) => {
  t.throws(() => new ReferenceStore().putProducts('nobody', Buffer.from('{"sku":"1"}\n')), { status: 404, message: 'there is no partner "nobody"' });
});

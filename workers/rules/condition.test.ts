/** Conditions: what they may say, what is refused and where, and that running them is safe. (That they agree with the naive ones: test/rules/conditions.test.ts.) */
import t from 'tap';
import { Shop } from '../../test/rules/shop-fixture.js';
import { Names } from '../reference/names.js';
import { compileCondition, ConditionError } from './condition.js';

const lines = [{ sku: 'a1', quantity: 2, amount: 500, category: 'food' }, { sku: 'b1', quantity: 1, amount: 300, category: 'toys', discount: 20 }];
const holds = (condition: string, purchase = {}): boolean =>
  new Shop([{ id: 'p', condition, award: { kind: 'fixed', points: 1 } }], { partners: { shop: { timeZone: 'Europe/Berlin' } } }).buy({ lines, store: 's1', ...purchase }).length > 0;

t.test('what holds', async (t) => {
  for (const condition of [
    'transaction.total == 800', 'transaction.total - 100 >= 700 && transaction.lines == 2', 'transaction.categories == 2', 'transaction.store in ["s1", "s2"]',
    'transaction.hour == 11', 'transaction.weekday == "mon"', 'transaction.channel == ""', '!(transaction.store == "s2")', 'transaction.total / 3 == 266', '-7 % 3 == -1 || false',
    'lines.exists(l, l.category == "toys")', 'lines.all(x, x.amount > 0)', 'lines.exists_one(l, l.discount > 0)', 'lines.filter(l, l.sku.endsWith("1")).size() == 2', 'size(lines) == 2',
    'sum(lines.map(l, l.amount * l.quantity)) == 1300000', 'sum(lines.map(l, l.category == "food", l.amount)) == 500', 'lines.map(l, l.amount > 400, l.amount).size() == 1',
    'transaction.total in [1, 2, 3, 4, 5, 6, 7, 8, 9, 800]', 'transaction.currency.startsWith("EU")', 'true ? transaction.total > 0 : false',
  ]) t.ok(holds(condition), condition);
});
t.test('what does not', async (t) => {
  for (const condition of ['transaction.total > 800', 'lines.exists(l, l.category == "food" && l.amount < 500)', 'transaction.store == "s"', 'transaction.card.contains("x")']) {
    t.notOk(holds(condition), condition);
  }
});
t.test('a store of its own zone', async (t) => {
  const partners = { shop: { stores: [{ id: 's1', timeZone: 'Asia/Tokyo' }] } };
  const shop = new Shop([{ id: 'p', condition: 'transaction.hour == 19', award: { kind: 'fixed', points: 1 } }], { partners });
  t.same(shop.points({ total: 1, store: 's1' }), { p: 1 });
  t.same(shop.points({ total: 1, store: 's2' }), {});
});
t.test('an integer past 2^53-1 on the way: the condition does not hold, and that is counted', async (t) => {
  const shop = new Shop([{ id: 'p', condition: '!(transaction.total * 9007199254740991 > 5) || transaction.total * 9007199254740991 > 5', award: { kind: 'fixed', points: 1 } }]);
  t.same(shop.points({ total: 2 }), {});
  t.equal(shop.reference.rules.frame.overflows, 1);
  t.same(shop.points({ total: 1 }), { p: 1 });
  t.notOk(holds('lines.map(l, l.amount * 9007199254740991).size() == 2'), 'also in numbers that are only counted');
});
t.test('refusals name the column, and the nearest name', async (t) => {
  const refusals: [string, number, string][] = [
    ['transaction.totl > 1', 13, 'there is no field totl'], ['trans.total > 1', 1, 'nothing is named trans here'], ['lines.exists(l, l.amout > 1)', 19, 'there is no field amout'],
    ['transaction.total >', 20, 'Unexpected token'], ['transaction.total', 1, 'a condition must be true or false'], ['transaction.total > "a"', 1, 'no such overload'],
    ['transaction.total < 0', 1, 'the condition can never hold'], ['transaction.hour > 23 && transaction.total > 1', 1, 'the condition can never hold'],
    ['transaction.total / (transaction.lines - 1) > 1', 1, 'may divide by zero'], ['transaction.total > 1.5', 21, 'numbers are integers'],
    ['transaction.total > 9007199254740992', 21, 'passes 2^53-1'],
    ['9007199254740991 + 1 > transaction.total', 1, 'always passes 2^53-1'], ['lines.exists(l, lines.exists(m, m.amount > l.amount))', 17, 'one list macro inside another'],
    ['transaction.store == transaction.channel', 1, 'not with another field'], ['dyn(transaction.total) == 1', 1, 'dyn'], ['transaction.store.matches("a+")', 1, 'matches'],
    ['has(transaction.store)', 1, 'has'], ['lines[0].amount > 1', 1, "don't support"], ['transaction.store in []', 22, 'the list is empty'],
    ['line.amount > 1', 1, 'nothing is named line here'],
  ];
  for (const [condition, column, message] of refusals) {
    try {
      compileCondition(condition, 'transaction', new Names());
      t.fail(`${condition} is taken`);
    } catch (error) {
      t.type(error, ConditionError, condition);
      t.match(error, { column, message: new RegExp(message.replace(/[$()*+.?[\\\]^{|}]/g, '\\$&')) }, condition);
    }
  }
  t.throws(() => compileCondition('transaction.total > 1', 'line', new Names()), { message: /nothing is named transaction/ });
  t.throws(() => compileCondition(`${'!'.repeat(600)}true`, 'transaction', new Names()), { message: /maxAstNodes/ }, 'deep nesting is bounded');
});
t.test('conditions of one shape share their code', async (t) => {
  const names = new Names(), texts = ['transaction.total >= 1000 && transaction.store == "x"', 'transaction.total >= 5 && transaction.store == "y"'];
  const [a, b] = texts.map((text) => compileCondition(text, 'transaction', names));
  t.equal(a!.run, b!.run);
});

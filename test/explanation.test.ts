/** Why a purchase got its points, asked of the running core: awards as recorded, reasons of the other rules, counters of now. */
import t from 'tap';
import { baseRule, grocer, startCore, temporaryDirectory } from './support/core.js';

const occurredAt = new Date().toISOString();
const purchase = (id: string, more: object = {}): object => ({
  id, kind: 'purchase', partner: 'grocer', card: 'card-1', occurredAt, currency: 'USD', store: 's1', lines: [{ sku: 'milk', quantity: 2, amount: 1250 }], ...more,
});
const fixed = { kind: 'fixed', points: 5 };
const rules = [
  baseRule, { id: 'third', version: 1, award: { kind: 'everyNth', n: 3, points: 50 } },
  { id: 'bread', version: 2, award: fixed, lines: { skus: ['bread'] } }, { id: 'elsewhere', version: 1, award: fixed, scope: { stores: ['s2'] } },
  { id: 'big', version: 1, award: fixed, condition: 'transaction.total > 100000' },
  { id: 'more of third', version: 1, award: { kind: 'multiplier', factor: 2, of: ['third'], combine: 'sum' } },
  { id: 'more of bread', version: 1, award: { kind: 'multiplier', factor: 2, of: ['bread'], combine: 'sum' } },
  { id: 'daily', version: 1, award: fixed, caps: { perAccountPerDay: 5 } },
];

t.test('awards as recorded, and why the other rules gave nothing', async (t) => {
  const core = await startCore(temporaryDirectory(t));
  await core.publish((store) => store.putPartner('grocer', grocer));
  await core.publish((store) => store.putRules({ rules }));
  for (const id of ['t1', 't2', 't3']) await core.post(purchase(id));
  await core.post(purchase('anonymous', { card: undefined }));

  const first = (await core.pipeline.explainPurchase('grocer', 't1'))!;
  t.match(first, { partner: 'grocer', id: 't1', ruleSet: 1, rules: 'then', occurredAt });
  t.match(first.awards.find(({ rule }) => rule === 'base'), { version: 1, currency: 'points', points: 12, base: 1250, lines: [{ line: 1, points: 12 }] });
  t.match(first.awards.find(({ rule }) => rule === 'third'), { points: 0, counter: { before: 0, milestones: 0 } });
  t.same(Object.fromEntries(first.notAwarded.map(({ rule, why }) => [rule, why])), {
    bread: 'no line matches', elsewhere: 'the store is not in the scope', big: 'the condition does not hold',
    'more of third': 'none of the rules that it multiplies gave points', 'more of bread': 'none of the rules that it multiplies gave points',
  });

  const third = (await core.pipeline.explainPurchase('grocer', 't3'))!;
  t.match(third.awards.find(({ rule }) => rule === 'third'), { points: 50, counter: { before: 2, milestones: 1 } });
  t.match(third.notAwarded.find(({ rule }) => rule === 'daily'), { why: /a cap left nothing/, countersNow: { givenThatDay: 5 } });

  const anonymous = (await core.pipeline.explainPurchase('grocer', 'anonymous'))!;
  t.match(anonymous, { account: null, awards: [] });
  t.match(anonymous.notAwarded.find(({ rule }) => rule === 'base'), { why: 'the purchase names no card and no account' });
  t.match(anonymous.notAwarded.find(({ rule }) => rule === 'bread'), { why: 'no line matches' });
  t.equal(await core.pipeline.explainPurchase('grocer', 'nobody'), undefined);
  await core.stop();
});

t.test('an account that is not registered, of a program in which those do not earn', async (t) => {
  const core = await startCore(temporaryDirectory(t)), unregistered = { earn: false, spend: false };
  await core.publish((store) => store.putPartner('grocer', grocer));
  await core.publish((store) => store.putRules({ rules }));
  await core.publish((store) => store.putProgram('default', { ...store.set.programs[0]!.document, unregistered }));
  await core.post(purchase('t1'));
  const { awards, notAwarded } = (await core.pipeline.explainPurchase('grocer', 't1'))!;
  t.same(awards, []);
  t.match(notAwarded.find(({ rule }) => rule === 'base'), { why: /the account is not registered/ });
  t.match(notAwarded.find(({ rule }) => rule === 'bread'), { why: 'no line matches' });
  await core.stop();
});

t.test('after other rules were published, and after a restart', async (t) => {
  const directory = temporaryDirectory(t);
  let core = await startCore(directory);
  await core.publish((store) => store.putPartner('grocer', grocer));
  await core.publish((store) => store.putRules({ rules }));
  await core.post(purchase('t1'));
  await core.publish((store) => store.putRules({ rules: [{ ...baseRule, version: 2, award: fixed }] }));
  const before = (await core.pipeline.explainPurchase('grocer', 't1'))!;
  t.match(before, { ruleSet: 1, rules: 'then' });
  await core.stop();

  core = await startCore(directory);
  const after = (await core.pipeline.explainPurchase('grocer', 't1'))!;
  t.same(after.awards, before.awards, 'what was recorded stays');
  t.match(after, { ruleSet: 1, rules: 'now' });
  await core.stop();
});

/** What outsiders found at the edges of numbers and names: each is answered, changes nothing where it is refused, and stays so after a restart. */
import t from 'tap';
import { baseRule, grocer, startCore, temporaryDirectory, type Core } from './support/core.js';

const { MAX_SAFE_INTEGER } = Number;
const purchase = (id: string, total: number, more: object = {}): object => ({ id, kind: 'purchase', partner: 'grocer', card: 'c', occurredAt: new Date().toISOString(), currency: 'USD', total, ...more });
const refund = (id: string, original: string, more: object = {}): object => ({ id, kind: 'return', partner: 'grocer', occurredAt: new Date().toISOString(), original: { id: original }, ...more });
const reasonOf = async (core: Core, body: object): Promise<unknown> => (await core.post(body)).replies[0]!.items[0]?.reason;
const available = async (core: Core): Promise<number> => (await core.pipeline.readCard('default', 'c'))!.balances.points!.available;
const pointForEach = { id: 'each', version: 1, award: { kind: 'perAmount', points: 1, amount: 1 } };

t.test('an account takes no point beyond 2^53-1, however small the award, also after a restart', async (t) => {
  const directory = temporaryDirectory(t);
  let core = await startCore(directory);
  await core.publish((store) => store.putPartner('grocer', grocer));
  await core.publish((store) => store.putRules({ rules: [pointForEach] }));
  await core.post(purchase('1', MAX_SAFE_INTEGER - 5));
  t.equal(await reasonOf(core, purchase('2', 6)), 'overflow');
  t.match((await core.post(purchase('3', 5))).answer, { points: 5 });
  t.equal(await reasonOf(core, purchase('4', 1)), 'overflow');
  t.equal(await available(core), MAX_SAFE_INTEGER);
  await core.stop();
  core = await startCore(directory);
  t.equal(await reasonOf(core, purchase('5', 1)), 'overflow');
  t.match((await core.post(refund('6', '3'))).answer, { points: -5 });
  t.match((await core.post(purchase('7', 5))).answer, { points: 5 });
  t.equal(await reasonOf(core, purchase('8', 1)), 'overflow');
  t.equal(await available(core), MAX_SAFE_INTEGER);
  await core.stop();
});

t.test('more milestones than a fact can hold are an overflow; what can be held returns as it came', async (t) => {
  const core = await startCore(temporaryDirectory(t)), most = 2 ** 31 - 1;
  await core.publish((store) => store.putPartner('grocer', grocer));
  await core.publish((store) => store.putRules({ rules: [{ id: 'each', version: 1, award: { kind: 'spendThreshold', amount: 1, points: 1, period: 'ever', repeat: true } }] }));
  t.equal(await reasonOf(core, purchase('1', most + 1)), 'overflow');
  t.match((await core.post(purchase('2', most))).answer, { points: most });
  t.match((await core.post(refund('3', '2'))).answer, { points: -most });
  t.match((await core.post(purchase('4', most))).answer, { points: most });
  await core.stop();
});

t.test('a purchase that many rules and funders pay for: no part is lost, nor where all expires and where all pays debt', async (t) => {
  const FUNDERS = 100, DAY_MS = 86_400_000, funding = Array.from({ length: FUNDERS }, (_, i) => ({ funder: `f${i}`, parts: 1 }));
  const paidBy = (count: number): object[] => Array.from({ length: count }, (_, i) => ({ id: `r${i}`, version: 1, award: { kind: 'fixed', points: FUNDERS }, funding, expiresAfterDays: i + 1 }));
  let nowMs = Date.now();
  const core = await startCore(temporaryDirectory(t), { partitions: 1, shards: 1, clock: () => nowMs }), given = 327 * FUNDERS;
  await core.publish((store) => store.putPartner('grocer', grocer));
  await t.rejects(core.publish((store) => store.putRules({ rules: paidBy(328) })), { errors: [{ pointer: '/rules', detail: 'must have at most 32768 funders in all, not 32800' }] });
  await core.publish((store) => store.putRules({ rules: paidBy(327) }));
  const points = async (body: object): Promise<object> => {
    const { answer } = await core.post({ ...body, occurredAt: new Date(nowMs).toISOString() }), { debt } = (await core.pipeline.readCard('default', 'c'))!.balances.points!;
    return { points: answer!.points, available: (answer!.balances as { points: { available: number } }).points.available, debt };
  };
  t.same(await points(purchase('1', 100)), { points: given, available: given, debt: 0 });
  nowMs += 330 * DAY_MS;
  t.same(await points(refund('2', '1')), { points: -given, available: 0, debt: given }, 'after all has expired');
  t.same(await points(purchase('3', 100)), { points: given, available: 0, debt: 0 });
  t.same(await points(purchase('4', 100)), { points: given, available: given, debt: 0 });
  await core.stop();
});

t.test('currencies may be called like what every object has', async (t) => {
  const ids = ['constructor', 'toString', '__proto__'], core = await startCore(temporaryDirectory(t));
  await core.publish((store) => store.putProgram('odd', { name: 'Odd', timeZone: 'UTC', currencies: ids.map((id) => ({ id, scale: 0 })) }));
  await core.publish((store) => store.putPartner('grocer', { ...grocer, program: 'odd' }));
  await core.publish((store) => store.putRules({ rules: ids.map((currency) => ({ id: `of-${currency}`, version: 1, program: 'odd', award: { kind: 'fixed', points: 3, currency } })) }));
  const { answer } = await core.post(purchase('1', 100)), account = (await core.pipeline.readCard('odd', 'c'))!;
  for (const balances of [answer!.balances, account.balances] as Record<string, { available: number }>[]) {
    t.same(Object.keys(balances).sort(), [...ids].sort());
    for (const id of ids) t.equal(Object.entries(balances).find(([name]) => name === id)![1].available, 3);
  }
  await core.stop();
});

t.test('a return may name another card, and no payment card', async (t) => {
  const core = await startCore(temporaryDirectory(t));
  await core.publish((store) => store.putPartner('grocer', grocer));
  await core.publish((store) => store.putRules({ rules: [baseRule] }));
  await core.post(purchase('1', 1000));
  for (const card of ['4111111111111111', '4111-1111-1111-1111']) {
    t.equal(await reasonOf(core, refund(`of ${card}`, '1', { card })), 'payment-card');
    t.equal(await reasonOf(core, refund(`before ${card}`, 'nothing yet', { card })), 'payment-card', 'and does not wait');
  }
  t.equal(await available(core), 10);
  t.match((await core.post(refund('2', '1', { card: 'other' }))).answer, { points: -10 });
  await core.stop();
});

t.test('a return that states the total of a purchase with lines means all that is left, or is refused', async (t) => {
  const core = await startCore(temporaryDirectory(t)), line = (sku: string, amount: number): object => ({ sku, quantity: 1, amount });
  await core.publish((store) => store.putPartner('grocer', grocer));
  await core.publish((store) => store.putRules({ rules: [baseRule] }));
  await core.post(purchase('1', 2500, { lines: [line('a', 2000), line('b', 500)] }));
  const part = await core.post(refund('2', '1', { total: 300 }));
  t.match(part.replies[0], { items: [{ reason: 'total-mismatch', pointer: '/total', detail: /2500 are left/ }] });
  t.equal(await reasonOf(core, refund('3', '1', { total: 2501 })), 'return-exceeds');
  t.match((await core.post(refund('4', '1', { lines: [{ line: 2, quantity: 1, amount: 500 }] }))).answer, { points: -5 });
  t.equal(await reasonOf(core, refund('5', '1', { total: 2500 })), 'return-exceeds');
  t.match((await core.post(refund('6', '1', { total: 2000 }))).answer, { points: -20 });
  t.equal(await available(core), 0);
  await core.stop();
});

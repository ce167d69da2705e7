/** The core end to end on a real embedded log and real worker threads: what is posted is decided, committed, answered, and found again after a restart. */
import t from 'tap';
import { writeCommand } from '../schemas/commands.js';
import { eventually } from './end-to-end/engine.js';
import { baseRule, grocer, startCore, temporaryDirectory, type Core } from './support/core.js';

const purchase = (id: string, card: string | undefined, amount: number, more: object = {}): Record<string, unknown> => ({
  id, kind: 'purchase', partner: 'grocer', ...(card === undefined ? {} : { card }), occurredAt: new Date().toISOString(), currency: 'USD', lines: [{ sku: 'a', quantity: 1, amount }], ...more,
});
const refund = (id: string, original: string, more: object = {}): Record<string, unknown> => ({ id, kind: 'return', partner: 'grocer', occurredAt: new Date().toISOString(), currency: 'USD', original: { id: original }, ...more });

async function prepare(core: Core): Promise<void> {
  await core.publish((store) => store.putPartner('grocer', grocer));
  await core.publish((store) => store.putRules({ rules: [baseRule] }));
}
const points = async (core: Core, card: string): Promise<unknown> => {
  const account = await core.pipeline.readCard('default', card);
  return account && { available: account.balances.points!.available, debt: account.balances.points!.debt };
};

t.test('a purchase is answered with its awards, a repeat with the same, other content is a conflict', async (t) => {
  const core = await startCore(temporaryDirectory(t));
  await prepare(core);
  const first = await core.post(purchase('t1', 'card-1', 1250));
  t.match(first.answer, { status: 'processed', partner: 'grocer', id: 't1', kind: 'purchase', points: 12, awards: [{ rule: 'base', version: 1, currency: 'points', points: 12, lines: [{ line: 1, points: 12 }] }], balances: { points: { available: 12, pending: 0 } } });
  const body = purchase('t2', 'card-1', 300);
  await core.post(body);
  const again = await core.post(body);
  t.match(again.answer, { status: 'duplicate', id: 't2', points: 3, balances: { points: { available: 15 } } });
  const conflict = await core.post({ ...body, lines: [{ sku: 'a', quantity: 1, amount: 301 }] });
  t.match(conflict.replies[0], { rejected: 1, items: [{ id: 't2', status: 'rejected', reason: 'conflict' }] });
  t.same(await points(core, 'card-1'), { available: 15, debt: 0 });
  t.match(await core.pipeline.findTransaction('grocer', 't1', 'purchase'), { fact: { id: 't1', points: 12, account: String(first.answer!.account) } });
  t.equal(await core.pipeline.findTransaction('grocer', 'nobody', 'purchase'), undefined);
  await core.stop();
});

t.test('a return later than the history window after its purchase goes to review, where the partner states no window', async (t) => {
  const core = await startCore(temporaryDirectory(t)), now = Date.now(), ago = (days: number, ms = 0): string => new Date(now - days * 86_400_000 - ms).toISOString();
  await prepare(core);
  const today = { occurredAt: ago(0) };
  await core.post([purchase('kept', '1', 1000, { occurredAt: ago(400) }), purchase('past', '1', 1000, { occurredAt: ago(400, 1) })]);
  t.match((await core.post(refund('r1', 'kept', today))).answer, { status: 'processed', points: -10 });
  t.match((await core.post(refund('r2', 'past', today))).replies[0], { items: [{ reason: 'return-window' }] });
  await core.publish((store) => store.putPartner('grocer', { ...grocer, returnWindowDays: 401 }));
  t.match((await core.post(refund('r3', 'past', today))).answer, { status: 'processed', points: -10 });
  await core.stop();
});

t.test('returns go to the account of the purchase: same card, no card, another card, parts, too much, before the purchase', async (t) => {
  const core = await startCore(temporaryDirectory(t), { factCacheBytesMax: 0 });
  await prepare(core);
  for (let i = 0; i < 6; i++) await core.post(purchase(`p${i}`, 'card-r', 1000));
  t.same(await points(core, 'card-r'), { available: 60, debt: 0 });
  t.match((await core.post(refund('r0', 'p0', { card: 'card-r' }))).answer, { status: 'processed', kind: 'return', points: -10, awards: [{ rule: 'base', points: -10 }], balances: { points: { available: 50 } } });
  t.match((await core.post(refund('r1', 'p1'))).answer, { status: 'processed', points: -10 }, 'without a card');
  t.match((await core.post(refund('r2', 'p2', { card: 'card-of-somebody-else' }))).answer, { status: 'processed', points: -10 }, 'with another card');
  t.same(await points(core, 'card-of-somebody-else'), undefined, 'which opens no account');
  t.match((await core.post(refund('r3', 'p3', { card: 'card-r', lines: [{ line: 1, quantity: 0.5, amount: 550 }] }))).answer, { points: -5 });
  t.match((await core.post(refund('r4', 'p3', { card: 'card-r', lines: [{ line: 1, quantity: 0.5, amount: 450 }] }))).answer, { points: -5 });
  t.match((await core.post(refund('r5', 'p3', { card: 'card-r', lines: [{ line: 1, quantity: 0.5, amount: 1 }] }))).replies[0], { items: [{ reason: 'return-exceeds' }] });
  t.match((await core.post(refund('r6', 'p4', { card: 'card-r', lines: [{ line: 7, quantity: 1, amount: 1 }] }))).replies[0], { items: [{ reason: 'unknown-line' }] });
  t.match((await core.post(refund('r7', 'r0', { card: 'card-r' }))).replies[0], { items: [{ status: 'waiting' }] }, 'a purchase of the id of a return may still come');
  t.match((await core.post(refund('r9', 'p4', { currency: 'EUR' }))).replies[0], { items: [{ reason: 'wrong-currency', pointer: '/currency', detail: 'the purchase is in USD, the return in EUR' }] });
  t.same(await points(core, 'card-r'), { available: 20, debt: 0 });
  t.match((await core.post(refund('r9', 'p4', { currency: undefined, lines: [{ line: 1, quantity: 0.5, amount: 500 }] }))).answer, { points: -5 }, "without a currency it is the purchase's");
  t.match((await core.post(refund('r10', 'p4'))).answer, { points: -5 });
  t.same(await points(core, 'card-r'), { available: 10, debt: 0 });
  const early = refund('r8', 'later', { card: 'card-r' });
  t.match((await core.post(early)).replies[0], { items: [{ status: 'waiting' }] });
  await core.post(purchase('later', 'card-late', 700));
  const late = await eventually(() => points(core, 'card-late') as Promise<{ available: number; debt: number } | undefined>, (found) => found?.available === 0);
  t.same(late, { available: 0, debt: 0 }, 'the return that waited was executed when its purchase came');
  t.match((await core.post(early)).answer, { status: 'duplicate', points: -7 });
  await core.stop();
});

t.test("a line's discount comes back with it, in proportion, so that sums are net", async (t) => {
  const core = await startCore(temporaryDirectory(t));
  await prepare(core);
  const discounts = async (id: string): Promise<unknown> => {
    const found = await core.pipeline.findTransaction('grocer', id, 'return');
    return typeof found === 'object' && found.fact.lines.map(({ discount }) => discount);
  };
  await core.post(purchase('p', 'card', 0, { lines: [{ sku: 'a', quantity: 3, amount: 1000, discount: 100 }, { sku: 'free', quantity: 2, amount: 0, discount: 99 }, { sku: 'b', quantity: 1, amount: 5 }] }));
  await core.post(refund('r1', 'p', { lines: [{ line: 1, quantity: 1, amount: 333 }, { line: 2, quantity: 1, amount: 0 }] }));
  t.same(await discounts('r1'), [-33, -49], 'by amount, of what was free by quantity');
  await core.post(refund('r2', 'p', { lines: [{ line: 1, quantity: 1, amount: 333 }] }));
  t.same(await discounts('r2'), [-33]);
  await core.post(refund('r3', 'p'));
  t.same(await discounts('r3'), [-34, -50, 0]);

  // Of a line with neither amount nor quantity there are no parts: its discount comes back with the last of the others, however they come back.
  const lines = [{ sku: 'a', quantity: 1, amount: 10 }, { sku: 'void', quantity: 0, amount: 0, discount: 70 }, { sku: 'b', quantity: 1, amount: 0 }, { sku: 'nothing', quantity: 0, amount: 0 }];
  for (const id of ['p2', 'p3']) await core.post(purchase(id, 'card', 0, { lines }));
  await core.post(refund('r4', 'p2'));
  t.same(await discounts('r4'), [0, -70, 0], 'all at once');
  t.match((await core.post(refund('r5', 'p2'))).replies[0], { items: [{ reason: 'return-exceeds' }] }, 'once');
  await core.post(refund('r6', 'p3', { lines: [{ line: 1, quantity: 1, amount: 10 }] }));
  t.same(await discounts('r6'), [0], 'not before');
  await core.post(refund('r7', 'p3', { lines: [{ line: 3, quantity: 1, amount: 0 }] }));
  t.same(await discounts('r7'), [-70, 0], 'line by line');

  // Where there are no others the receipt comes back whole, once.
  const empty = { sku: 'void', quantity: 0, amount: 0 };
  await core.post(purchase('p4', 'card', 0, { lines: [{ ...empty, discount: 7 }, empty, { ...empty, discount: 8 }] }));
  t.match((await core.post(refund('r8', 'p4', { lines: [{ line: 1, quantity: 1, amount: 0 }] }))).replies[0], { items: [{ reason: 'return-exceeds' }] }, 'not in parts');
  await core.post(refund('r9', 'p4'));
  t.same(await discounts('r9'), [-7, -8]);
  t.match((await core.post(refund('r10', 'p4'))).replies[0], { items: [{ reason: 'return-exceeds' }] });
  await core.post(purchase('p5', 'card', 0, { lines: [empty] }));
  t.match((await core.post(refund('r11', 'p5'))).replies[0], { items: [{ reason: 'return-exceeds' }] }, 'there is nothing to return');
  await core.stop();
});

t.test('a batch with purchases, returns, duplicates and refusals is answered item by item, and survives a restart', async (t) => {
  const directory = temporaryDirectory(t);
  let core = await startCore(directory);
  await prepare(core);
  const items = Array.from({ length: 500 }, (_, i) => purchase(`b${i}`, `card-${i % 37}`, 100 * (i % 9)));
  const { replies } = await core.post([...items, items[3]!, refund('br', 'b5', { card: 'card-5' }), { ...purchase('late', 'card-1', 5), partner: 'nobody' }]);
  const sum = (name: 'accepted' | 'duplicates' | 'rejected'): number => replies.reduce((total, reply) => total + reply[name], 0);
  t.same([sum('accepted'), sum('duplicates'), sum('rejected')], [501, 1, 1]);
  t.same(replies.flatMap((reply) => reply.items).sort((a, b) => a.index - b.index).map(({ index, status, reason }) => ({ index, status, reason })), [
    { index: 500, status: 'duplicate', reason: undefined }, { index: 502, status: 'rejected', reason: 'unknown-partner' },
  ]);
  const expected = Array.from({ length: 37 }, (_, card) => items.reduce((total, _item, i) => total + (i % 37 === card ? i % 9 : 0), 0) - (card === 5 ? 5 : 0));
  const all = async (): Promise<number[]> => Promise.all(expected.map(async (_, card) => (await core.pipeline.readCard('default', `card-${card}`))!.balances.points!.available));
  t.same(await all(), expected);
  for (const graceful of [true, false]) {
    if (graceful) await core.stop();
    else {
      // Without the checkpoint of a graceful stop: everything comes back from effects.
      core.pipeline.requests.failAll('crash');
      await core.stop();
    }
    core = await startCore(directory);
    t.same(await all(), expected, graceful ? 'after a stop' : 'after a second restart');
    t.match((await core.post(items)).replies.reduce((total, reply) => total + reply.duplicates, 0), 500, 'all are known');
  }
  await core.stop();
});

t.test('anonymous receipts are facts without points; they can be returned once', async (t) => {
  const core = await startCore(temporaryDirectory(t));
  await prepare(core);
  t.match((await core.post(purchase('a1', undefined, 900))).answer, { status: 'processed', account: null, points: 0, awards: [] });
  t.match((await core.post(refund('ar1', 'a1', { lines: [{ line: 1, quantity: 1, amount: 900 }] }))).answer, { status: 'processed', account: null, points: 0 });
  t.match((await core.post(refund('ar2', 'a1'))).replies[0], { items: [{ reason: 'return-exceeds' }] });
  await core.stop();
});

t.test("a payment card's number and the partition's own account are refused, and nothing is opened", async (t) => {
  const core = await startCore(temporaryDirectory(t));
  await prepare(core);
  const { replies } = await core.post(purchase('pan', '4111111111111111', 100));
  t.match(replies, [{ rejected: 1, items: [{ id: 'pan', reason: 'payment-card' }] }]);
  t.notMatch(JSON.stringify(replies), /4111/, 'its number is not repeated');
  for (const card of ['4111 1111 1111 1111', '4111-1111-1111-1111']) {
    const written = await core.post([purchase(`pan ${card.length}`, card, 100)]);
    t.match(written.replies, [{ rejected: 1, items: [{ reason: 'payment-card' }] }], card);
    t.notMatch(JSON.stringify(written.replies), /1111/);
    t.equal(await points(core, card), undefined, 'no account was opened');
  }
  const request = core.pipeline.nextRequest(), account = { index: 0, id: '4111 1111 1111 1111', program: 'default', cards: ['4111 1111 1111 1111'], registered: true, lots: [] };
  const command = writeCommand({ type: 'import', partner: '', gateway: 'test', request, accounts: [account] });
  t.match(await core.pipeline.submit('commands', request, [{ partition: 0, bytes: command, count: 1 }], 'commit'), [{ items: [{ reason: 'payment-card' }] }], 'in an import');
  for (let partition = 0; partition < 4; partition++) {
    for (const { value } of (await core.log.read('dead-letters', partition, 0, 1 << 20)).records) t.notMatch(Buffer.from(value).toString('latin1'), /1111/, 'nor kept');
  }
  for (let partition = 0; partition < 4; partition++) {
    const own = await core.post({ ...purchase(`own-${partition}`, undefined, 100), account: `${partition}.0` });
    t.match(own.replies, [{ rejected: 1, items: [{ reason: 'unknown-account' }] }], `account ${partition}.0`);
  }
  await core.stop();
});

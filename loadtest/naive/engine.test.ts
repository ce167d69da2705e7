/**
 * Golden cases of the ledger and of returns, calculated by hand from docs/calculation.md.
 */
import t from 'tap';
import { NaivePartition, type Outcome } from './engine.js';
import { referenceOf, type FixtureOptions, type TestRule } from './fixture.js';
import { NEVER, type Lot, type Posting } from './ledger.js';
import { fromDocument, type TransactionDocument } from './transaction.js';

const DAY_MS = 86_400_000;
const NOW = Date.parse('2026-03-02T12:00:00Z'), TODAY = NOW / DAY_MS - 0.5;

class Shop {
  readonly partition = new NaivePartition(0);
  constructor(rules: TestRule[], options: FixtureOptions = {}) {
    this.partition.activate(referenceOf(rules, options));
  }
  /** A purchase of one line, unless the document says otherwise. */
  buy(id: string, document: Partial<TransactionDocument> = {}, nowMs = NOW): Outcome {
    const content = document.lines || document.total !== undefined ? {} : { total: 1000 };
    return this.partition.post(fromDocument({ id, kind: 'purchase', partner: 'shop', card: 'c', occurredAt: nowMs, currency: 'EUR', ...content, ...document }), nowMs);
  }
  bring(id: string, original: string, document: Partial<TransactionDocument> = {}, nowMs = NOW): Outcome {
    return this.partition.post(fromDocument({ id, kind: 'return', partner: 'shop', card: 'c', occurredAt: nowMs, currency: 'EUR', original: { id: original }, ...document }), nowMs);
  }
  get account(): NonNullable<NaivePartition['accounts'][number]> {
    return this.partition.accounts[1]!;
  }
  get lots(): Pick<Lot, 'funder' | 'matures' | 'expires' | 'points'>[] {
    return this.account.available.map(({ funder, matures, expires, points }) => ({ funder, matures, expires, points }));
  }
  balance(currency = 0): [available: number, pending: number, debt: number] {
    return [this.account.sum('available', currency), this.account.sum('pending', currency), this.account.debt(currency)];
  }
  postings(): [string, string, number][] {
    return this.partition.facts.splice(0).flatMap(({ postings }) => postings.map(({ kind, balance, points }: Posting): [string, string, number] => [kind, balance, points]));
  }
}
const points = (id: string, points: number, more: Partial<TestRule> = {}): TestRule => ({ id, award: { kind: 'fixed', points }, ...more });
const three: TransactionDocument['lines'] = [{ sku: 'a', quantity: 1, amount: 1000 }, { sku: 'b', quantity: 2, amount: 600 }, { sku: 'c', quantity: 1, amount: 400 }];

void t.test('refusals, in their order', (t) => {
  const shop = new Shop([points('f', 10)], {
    program: { cardRanges: [{ prefix: '1', length: 3, checkDigit: 'none', product: 'x' }] }, partners: { shop: { latenessDays: 3 } },
  });
  const reason = (document: Partial<TransactionDocument>): string | undefined => shop.buy('1', { card: '123', ...document }).reason;
  t.equal(reason({ partner: 'nobody', program: 'none' }), 'unknown-partner');
  t.equal(reason({ program: 'none' }), 'wrong-program');
  t.equal(reason({ card: '223' }), 'unknown-card');
  t.equal(shop.buy('1', { card: '', account: '0.7' }).reason, 'unknown-account');
  t.equal(shop.buy('1', { card: '', account: '0.0' }).reason, 'unknown-account', "the partition's own account is nobody's");
  t.equal(reason({ occurredAt: NOW + 600_001 }), 'future');
  t.equal(reason({ occurredAt: NOW - 3 * DAY_MS - 1 }), 'late');
  t.equal(shop.partition.accounts.length, 1, 'nothing was opened');
  t.equal(shop.buy('1', { card: '123', occurredAt: NOW + 600_000 }).status, 'processed');
  t.equal(shop.account.id, '0.1');
  t.equal(reason({ occurredAt: NOW - 4 * DAY_MS }), 'conflict', 'before lateness');
  t.equal(shop.buy('1', { card: '123', occurredAt: NOW + 600_000 }, NOW + 9 * DAY_MS).status, 'duplicate', 'also when it would be late by now');
  shop.account.blocked = true;
  t.equal(reason({}), 'blocked');
  t.same(shop.buy('2', { card: '' }), { status: 'processed', awards: [] }, 'anonymous');
  t.end();
});

void t.test('lots: funding, maturity, expiry', (t) => {
  const shop = new Shop([
    points('a', 10, { funding: [{ funder: 'brand', parts: 1 }, { funder: 'shop', parts: 2 }], expiresAfterDays: 30 }),
    points('b', 5, { pendingDays: 14 }),
    points('c', 2, { expiresAfterDays: 30 }),
  ]);
  shop.buy('1');
  t.same(shop.balance(), [12, 5, 0]);
  t.same(shop.lots, [{ funder: 1, matures: TODAY, expires: TODAY + 30, points: 3 }, { funder: 0, matures: TODAY, expires: TODAY + 30, points: 9 }], '10 over 1:2 is 3.33 and 6.67; equal lots are one');
  t.same(shop.postings(), [['accrual', 'available', 3], ['accrual', 'available', 7], ['accrual', 'pending', 5], ['accrual', 'available', 2]]);
  shop.partition.tick(NOW + 13 * DAY_MS);
  t.same(shop.balance(), [12, 5, 0]);
  shop.partition.tick(NOW + 14 * DAY_MS);
  t.same(shop.balance(), [17, 0, 0]);
  t.same(shop.postings(), [['maturity', 'pending', -5], ['maturity', 'available', 5]]);
  shop.partition.tick(NOW + 30 * DAY_MS);
  t.same(shop.balance(), [5, 0, 0]);
  t.same(shop.postings(), [['expiry', 'available', -9], ['expiry', 'available', -3]], 'by currency, funder, matures, expires');
  t.end();
});

void t.test('what is due is settled before the next purchase; late awards expire in their own command', (t) => {
  const shop = new Shop([points('a', 10, { expiresAfterDays: 5 })]);
  shop.buy('1');
  shop.buy('2', {}, NOW + 5 * DAY_MS);
  t.same(shop.partition.facts.map(({ kind, postings }) => [kind, postings.map((posting) => [posting.kind, posting.points])]),
    [['purchase', [['accrual', 10]]], ['settlement', [['expiry', -10]]], ['purchase', [['accrual', 10]]]]);
  shop.postings();
  shop.buy('3', { occurredAt: NOW }, NOW + 6 * DAY_MS);
  t.same(shop.postings(), [['accrual', 'available', 10], ['expiry', 'available', -10]]);
  const received = new Shop([points('a', 10, { expiresAfterDays: 5 })], { program: { expiryFrom: 'received' } });
  received.buy('1', { occurredAt: NOW - 100 * DAY_MS });
  t.same(received.lots, [{ funder: 0, matures: TODAY, expires: TODAY + 5, points: 10 }]);
  t.end();
});

void t.test('returns, proportional', (t) => {
  const shop = new Shop([points('f', 10)]);
  shop.buy('1', { lines: three });
  t.equal(shop.bring('r1', '1', { lines: [{ line: 4, quantity: 1, amount: 1 }] }).reason, 'unknown-line');
  t.equal(shop.bring('r1', '1', { lines: [{ line: 2, quantity: 1, amount: 601 }] }).reason, 'return-exceeds');
  t.equal(shop.bring('r1', '1', { lines: [{ line: 2, quantity: 1, amount: 300 }, { line: 2, quantity: 1.5, amount: 100 }] }).reason, 'return-exceeds', 'together too many');
  const first = shop.bring('r1', '1', { lines: [{ line: 2, quantity: 1, amount: 300 }] });
  t.same(first.awards?.map((award) => [award.points, award.shares]), [[-1, [{ line: 2, points: -1 }]]], 'floor(10 × 300 / 2000) = 1');
  t.same(shop.bring('r2', '1', { lines: [{ line: 1, quantity: 1, amount: 1000 }, { line: 3, quantity: 1, amount: 100 }] }).awards?.map((award) => [award.points, award.shares]),
    [[-6, [{ line: 1, points: -5 }, { line: 3, points: -1 }]]], 'floor(10 × 1400 / 2000) = 7, less 1; 6 × 1000/1100 = 5.45');
  t.same(shop.balance(), [3, 0, 0]);
  t.same(shop.bring('r3', '1').awards?.map((award) => award.points), [-3], 'the rest');
  t.same(shop.balance(), [0, 0, 0]);
  t.equal(shop.bring('r4', '1').reason, 'return-exceeds');
  t.equal(shop.bring('r3', '1').status, 'duplicate');
  t.equal(shop.bring('r5', 'r3').status, 'waiting', 'a purchase of the id of a return may still come');
  t.equal(shop.bring('r6', '9').status, 'waiting');
  t.equal(shop.bring('r8', '9', { card: '4111111111111111' }).reason, 'payment-card');
  shop.buy('2', { lines: three });
  t.equal(shop.bring('r7', '2', { currency: 'USD', lines: [{ line: 4, quantity: 1, amount: 1 }] }).reason, 'wrong-currency', 'before its lines are looked at');
  t.equal(shop.bring('r9', '2', { total: 1999 }).reason, 'total-mismatch');
  t.equal(shop.bring('r9', '2', { total: 2001 }).reason, 'return-exceeds');
  t.same(shop.bring('r7', '2', { currency: undefined, total: 2000 }).awards?.map((award) => award.points), [-10], "without a currency it is the purchase's");
  t.end();
});

void t.test('returns take the own lot, then others in spending order, then make a debt, which new points pay', (t) => {
  const shop = new Shop([points('soon', 10, { expiresAfterDays: 10, scope: { channels: ['a'] } }), points('late', 20, { scope: { channels: ['b'] } }), points('wait', 7, { pendingDays: 2, scope: { channels: ['c'] } })]);
  shop.buy('1', { channel: 'a' });
  shop.buy('2', { channel: 'b' });
  shop.buy('3', { channel: 'a' }, NOW + DAY_MS);
  shop.partition.tick(NOW + 10 * DAY_MS); // the award of the first expires
  t.same(shop.balance(), [30, 0, 0]);
  shop.postings();
  shop.bring('r1', '1', {}, NOW + 10 * DAY_MS);
  t.same(shop.postings(), [['reversal', 'available', -10]], 'from the lot of the third, which expires next');
  t.same(shop.lots.map((lot) => lot.points), [20]);
  shop.bring('r3', '3', {}, NOW + 10 * DAY_MS);
  shop.bring('r2', '2', {}, NOW + 10 * DAY_MS);
  t.same(shop.balance(), [0, 0, 10]);
  shop.postings();
  shop.buy('4', { channel: 'c' }, NOW + 10 * DAY_MS);
  t.same(shop.balance(), [0, 7, 10], 'pending points pay nothing');
  shop.partition.tick(NOW + 12 * DAY_MS);
  t.same(shop.postings(), [['accrual', 'pending', 7], ['maturity', 'pending', -7], ['maturity', 'available', 7], ['debt', 'available', -7], ['debt', 'debt', 7]]);
  t.same(shop.balance(), [0, 0, 3]);
  shop.buy('5', { channel: 'b' }, NOW + 12 * DAY_MS);
  t.same(shop.balance(), [17, 0, 0]);
  shop.bring('r4', '4', {}, NOW + 12 * DAY_MS);
  t.same(shop.balance(), [10, 0, 0], 'its own lot is gone');
  t.end();
});

void t.test('returns split over funders: cumulative, never shrinking', (t) => {
  const shop = new Shop([points('f', 14, { funding: [{ funder: 'x', parts: 6 }, { funder: 'y', parts: 6 }, { funder: 'shop', parts: 2 }] })]);
  shop.buy('1', { total: 1400 });
  const taken: number[][] = [];
  for (let i = 1; i <= 14; i++) {
    shop.partition.facts.splice(0);
    shop.bring(`r${i}`, '1', { total: 100 });
    taken.push(shop.partition.facts[0]!.postings.map(({ funder, points }) => funder * 100 + points));
  }
  t.same(taken.map((one) => one.length), Array(14).fill(1), 'one point, from one funder, each time');
  t.same(['x', 'y', 'shop'].map((_, i) => taken.flat().filter((value) => Math.round(value / 100) === [1, 2, 0][i]).length), [6, 6, 2]);
  t.end();
});

void t.test('returns, requalify and keep', (t) => {
  const shop = new Shop([
    points('big', 50, { onReturn: 'requalify', condition: 'transaction.total >= 1500' }),
    { id: 'amount', award: { kind: 'perAmount', points: 1, amount: 400 }, onReturn: 'requalify' },
    points('kept', 9, { onReturn: 'keep' }),
    { id: 'm', award: { kind: 'multiplier', factor: 2, of: ['amount'], combine: 'sum' }, onReturn: 'requalify' },
    { id: 'nth', award: { kind: 'everyNth', n: 1, points: 5 }, onReturn: 'requalify', lines: { skus: ['a'] } },
    { id: 'spend', award: { kind: 'spendThreshold', amount: 900, points: 10, repeat: true }, onReturn: 'requalify' },
  ]);
  const bought = shop.buy('1', { lines: three });
  t.same(bought.awards?.map((award) => [award.version.id, award.points]), [['amount', 5], ['big', 50], ['kept', 9], ['m', 5], ['nth', 5], ['spend', 20]]);
  const reversed = (outcome: Outcome): [string, number][] => (outcome.awards ?? []).map((award) => [award.version.id, award.points]);
  t.same(reversed(shop.bring('r1', '1', { lines: [{ line: 3, quantity: 1, amount: 400 }] })), [['amount', -1], ['m', -1], ['spend', -10]], '1600 remain: 4 of 5; 5 - floor(5 × 4/5); one milestone');
  t.same(reversed(shop.bring('r2', '1', { lines: [{ line: 2, quantity: 1, amount: 300 }] })), [['amount', -1], ['big', -50], ['m', -1]], '1300 remain');
  t.same(reversed(shop.bring('r3', '1', { lines: [{ line: 1, quantity: 1, amount: 1000 }] })), [['amount', -3], ['m', -3], ['nth', -5], ['spend', -10]], '300 remain, without the line that nth matched');
  t.same(shop.balance(), [9, 0, 0]);
  t.same(reversed(shop.bring('r4', '1')), []);
  t.same([...shop.account.counters.values()].filter(({ kind }) => kind !== 'rulePaid'), [], 'counters fell to zero');
  t.end();
});

void t.test('requalify: scope and schedule stay as then, whatever zones say now', (t) => {
  const schedules = [{ from: '11:00', to: '13:00' }, { from: '11:00', to: '13:00', zone: 'program' }, { weekdays: ['mon' as const] }];
  const rules = schedules.map((schedule, i) => points(`p${i}`, 10, { schedule, onReturn: 'requalify' }));
  rules.push({ id: 'spend', award: { kind: 'spendThreshold', amount: 500, points: 10, repeat: true }, schedule: schedules[0]!, onReturn: 'requalify' });
  const shop = new Shop(rules);
  t.equal(shop.buy('1').awards?.length, 4);
  shop.partition.activate(referenceOf(rules, { program: { timeZone: 'Asia/Tokyo' }, partners: { shop: { timeZone: 'Pacific/Auckland' } } }));
  t.same(shop.bring('r1', '1', { total: 100 }).awards?.map(({ version, points }) => [version.id, points]), [['spend', -10]], 'only what the threshold lost');
  t.end();
});

void t.test('counters after returns', (t) => {
  const rules: TestRule[] = [
    { id: 'nth', award: { kind: 'everyNth', n: 2, points: 100 } },
    { id: 'first', award: { kind: 'firstPurchase', points: 30 }, onReturn: 'keep' },
    { id: 'spend', award: { kind: 'spendThreshold', amount: 2000, points: 10, repeat: true } },
    points('capped', 6, { caps: { perAccountPerDay: 10 } }),
  ];
  const shop = new Shop(rules);
  const given = (outcome: Outcome): Record<string, number> => Object.fromEntries((outcome.awards ?? []).map((award) => [award.version.id, award.points]));
  t.same(given(shop.buy('1')), { capped: 6, first: 30, nth: 0, spend: 0 });
  t.same(given(shop.buy('2')), { capped: 4, first: 0, nth: 100, spend: 10 });
  t.same(given(shop.bring('r1', '1')), { capped: -6 }, 'first is kept');
  t.equal(shop.account.counter('ruleCount', 0, 0), 1);
  t.equal(shop.account.counter('ruleSpend', 2, 0), 1000);
  t.same(given(shop.buy('3')), { capped: 6, first: 0, nth: 0, spend: 0 }, 'a counter that fell does not pay again; the cap of the day has 6 again');
  t.same(given(shop.bring('r2', '2', { total: 500 })), { capped: -2, nth: -50, spend: -5 });
  t.equal(shop.account.counter('rulePaid', 0, 0), 1);
  t.same(given(shop.bring('r2b', '2')), { capped: -2, nth: -50, spend: -5 });
  t.equal(shop.account.counter('rulePaid', 0, 0), 0, 'the award was reversed whole: the milestone is free again');
  t.same(given(shop.buy('4')), { capped: 4, first: 0, nth: 100, spend: 10 });
  t.end();
});

void t.test('a negative line: the spend falls by what the award counted', (t) => {
  const shop = new Shop([{ id: 'spend', award: { kind: 'spendThreshold', amount: 800, points: 10 } }]);
  shop.buy('1', { lines: [{ sku: 'a', quantity: 1, amount: 1000 }, { quantity: 1, amount: -200, kind: 'discount' }] });
  t.same(shop.balance(), [10, 0, 0]);
  shop.bring('r', '1', { lines: [{ line: 1, quantity: 0.5, amount: 500 }] });
  t.equal(shop.account.counter('ruleSpend', 0, 0), 400);
  shop.bring('r2', '1');
  t.equal(shop.account.counter('ruleSpend', 0, 0), 0);
  t.same(shop.balance(), [0, 0, 0]);
  t.end();
});

void t.test('a line of nothing but a discount comes back with the last of the others', (t) => {
  const shop = new Shop([]), lines: TransactionDocument['lines'] = [{ sku: 'a', quantity: 1, amount: 10 }, { sku: 'void', quantity: 0, amount: 0, discount: 70 }, { quantity: 1, amount: 0, discount: 5 }];
  const discounts = (): (number[] | undefined)[] => shop.partition.facts.splice(0).map(({ receipt }) => receipt?.lines.map(({ discount }) => discount));
  shop.buy('1', { lines });
  shop.bring('r1', '1', { lines: [{ line: 3, quantity: 1, amount: 0 }] });
  shop.bring('r2', '1', { lines: [{ line: 1, quantity: 1, amount: 10 }] });
  t.same(discounts(), [[0, 70, 5], [5], [0, 70]]);
  t.equal(shop.bring('r3', '1').reason, 'return-exceeds');
  shop.buy('2', { lines: [{ quantity: 0, amount: 0, discount: 7 }, { quantity: 0, amount: 0 }] });
  shop.bring('r4', '2');
  t.same(discounts(), [[7, 0], [7]], 'also where there are no others');
  t.equal(shop.bring('r5', '2').reason, 'return-exceeds');
  t.end();
});

void t.test('anonymous purchases can be returned once', (t) => {
  const shop = new Shop([points('f', 10)]);
  shop.buy('1', { card: '' });
  t.equal(shop.bring('r1', '1', { card: '' }).status, 'processed');
  t.equal(shop.bring('r2', '1', { card: '' }).reason, 'return-exceeds');
  t.end();
});

void t.test('imported accounts', (t) => {
  const shop = new Shop([points('f', 10)], { program: { unregistered: { earn: false, spend: false } } });
  const lot = { currency: 'points', funder: 'shop', matures: 0, expires: -1, points: 70 };
  t.same(shop.partition.importAccount({ index: 0, id: 'old', program: 'default', cards: ['c', 'd'], registered: true, lots: [lot, { ...lot, expires: TODAY, points: 5 }] }, NOW), { status: 'processed', account: '0.1' });
  t.same(shop.lots, [{ funder: 0, matures: 0, expires: NEVER, points: 70 }], 'what is over expires at once');
  t.equal(shop.partition.importAccount({ index: 0, id: 'old', program: 'default', cards: ['d'], registered: true, lots: [] }, NOW).reason, 'conflict');
  t.equal(shop.buy('1', { card: 'd' }).account, '0.1');
  t.same(shop.balance(), [80, 0, 0]);
  t.same(shop.buy('2', { card: 'z' }).awards, [], 'an unregistered account may not earn');
  t.end();
});

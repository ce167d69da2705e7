/** Returns count with what was true of their purchase: zones that changed since, and lines of which only a quantity comes back. The core and the naive implementation side by side. */
import t from 'tap';
import { NaiveReference } from '../loadtest/naive/reference.js';
import type { PartnerDocument, RuleDocument } from '../schemas/reference.js';
import { readResults } from '../schemas/results.js';
import type { TransactionDocument } from '../schemas/transaction.js';
import { readFacts } from '../workers/facts/read-fact.js';
import { Bench, stateDirectory } from './simulation/bench.js';
import { Twin } from './simulation/twin.js';

const nowMs = Date.parse('2025-06-04T00:00:00Z');
type Given = [line: number, points: number];
type Test = Parameters<typeof stateDirectory>[0];
type Rule = Pick<RuleDocument, 'id' | 'award'> & Partial<RuleDocument>;

/** One partition; what it decides is compared with the naive implementation at once. */
class Counter {
  private readonly bench: Bench;
  private points = 0;
  private shares: Given[] = [];
  private posted = 0;

  constructor(t: Test, rules: Rule[], partner: Partial<PartnerDocument> = {}) {
    const references = (version: number): NaiveReference => new NaiveReference(this.bench.published.find(({ set }) => set.version === version)!.set, new Map());
    let twin: Twin | undefined;
    this.bench = new Bench({
      directory: stateDirectory(t), partitions: 1, startMs: nowMs, factCacheBytesMax: 0, committed: (result) => {
        twin ??= new Twin(0, this.bench.log, references);
        twin.follow(result);
        twin.compareState(this.bench.cells(0));
        for (const { lines, points } of readFacts(readResults(result.results!).facts)) [this.points, this.shares] = [points, lines.map((line): Given => [line.line, line.points])];
      },
    });
    t.teardown(() => this.bench.close());
    this.partner(partner);
    this.bench.publish((store) => store.putRules({ rules: rules.map((rule) => ({ version: 1, ...rule })) }));
    this.bench.drain();
  }
  program(timeZone: string): void {
    this.bench.publish((store) => store.putProgram('default', { name: 'P', timeZone, currencies: [{ id: 'points', scale: 0 }] }));
    this.bench.drain();
  }
  partner(document: Partial<PartnerDocument>): void {
    this.bench.publish((store) => store.putPartner('shop', { name: 'shop', program: 'default', timeZone: 'Europe/Berlin', currency: 'EUR', ...document }));
    this.bench.drain();
  }
  /** Its points. */
  buy(occurredAt: string, amounts: number[], more: Partial<TransactionDocument> = {}): number {
    const lines = amounts.map((amount) => ({ sku: 's', quantity: 1, amount }));
    return this.post({ id: `${++this.posted}`, kind: 'purchase', partner: 'shop', card: 'c', occurredAt, currency: 'EUR', lines, ...more } as TransactionDocument);
  }
  /** Of the first purchase, or another one; its points. */
  bring(lines?: TransactionDocument['lines'], id = '1'): number {
    return this.post({ id: `${++this.posted}`, kind: 'return', partner: 'shop', occurredAt: '2025-06-03T20:00:00Z', original: { id }, ...(lines && { lines }) } as TransactionDocument);
  }
  get lines(): Given[] {
    return this.shares;
  }
  private post(document: TransactionDocument): number {
    this.bench.post([document]);
    this.bench.drain();
    return this.points;
  }
}

const quarter = [{ line: 1, quantity: 0.25, amount: 250 }], requalify = { onReturn: 'requalify' } as const;
const ten = (condition: string): Rule => ({ id: 'ten', award: { kind: 'fixed', points: 10 }, condition, ...requalify });

t.test('hour and weekday of a condition are those of the purchase, whatever zone its partner or store has by now', (t) => {
  const monday = '2025-06-02T08:30:00+02:00';
  for (const condition of ['transaction.hour == 8', 'transaction.weekday == "mon" && transaction.hour < 9']) {
    const moved = new Counter(t, [ten(condition)]);
    t.equal(moved.buy(monday, [1000, 1000]), 10);
    t.equal(moved.bring(quarter), 0);
    moved.partner({ timeZone: 'America/Los_Angeles' });
    t.equal(moved.bring(quarter), 0, "the partner's zone");
    moved.partner({ timeZone: 'Asia/Tokyo' });
    t.equal(moved.bring(quarter), 0, 'and once more');
  }
  const either = new Counter(t, [ten('transaction.hour == 9 || transaction.total >= 1500')]);
  t.equal(either.buy(monday, [1000, 1000]), 10);
  either.partner({ timeZone: 'Europe/Helsinki' });
  t.equal(either.bring([{ line: 1, quantity: 0.75, amount: 750 }]), -10, 'it was not 9 then: what else the condition asks for decides');

  const [berlin, tokyo] = [[{ id: 'k', timeZone: 'Europe/Berlin' }], [{ id: 'k', timeZone: 'Asia/Tokyo' }]];
  const store = new Counter(t, [ten('transaction.hour == 8')], { timeZone: 'UTC', stores: berlin });
  t.equal(store.buy(monday, [1000, 1000], { store: 'k' }), 10);
  store.partner({ timeZone: 'UTC', stores: tokyo });
  t.equal(store.bring(quarter), 0, "the store's zone");
  store.partner({ timeZone: 'UTC' });
  t.equal(store.bring(quarter), 0, 'a partner that is put without its stores');
  t.equal(store.buy('2025-06-02T08:30:00Z', [1000, 1000], { store: 'k' }), 10, "then it is the partner's");
  store.partner({ timeZone: 'UTC', stores: [{ id: 'k', timeZone: 'America/New_York' }] });
  t.equal(store.bring(quarter, '4'), 0, 'of a store that stated none');
  t.end();
});

t.test('the cap of a day falls on the day that used it, whatever zone the program has by now', (t) => {
  const counter = new Counter(t, [{ id: 'capped', award: { kind: 'fixed', points: 7 }, caps: { perAccountPerDay: 10 } }]);
  t.equal(counter.buy('2025-06-02T23:00:00Z', [100]), 7);
  counter.program('Asia/Tokyo');
  t.equal(counter.bring(), -7);
  t.same([1, 2, 3].map(() => counter.buy('2025-06-02T10:00:00Z', [100])), [7, 3, 0], 'the second is free again');
  t.same([1, 2, 3].map(() => counter.buy('2025-06-03T01:00:00Z', [100])), [7, 3, 0], 'and the third is as it was');
  t.end();
});

t.test('points of a return of nothing but quantities lie on its lines', (t) => {
  const three = new Counter(t, [{ ...ten('transaction.lines >= 3'), award: { kind: 'fixed', points: 5 } }]);
  t.equal(three.buy('2025-06-02T10:00:00Z', [300, 200, 0]), 5);
  t.equal(three.bring([{ line: 3, quantity: 1, amount: 0 }]), -5);
  t.same(three.lines, [[3, -5]], 'which earned nothing: there is no other');

  const pieces = new Counter(t, [{ id: 'pieces', award: { kind: 'perUnit', points: 5 }, lines: { exclude: { skus: ['x'] } }, ...requalify }]);
  t.equal(pieces.buy('2025-06-02T10:00:00Z', [], { lines: [{ sku: 'x', quantity: 1, amount: 100 }, { sku: 'a', quantity: 3, amount: 300 }] }), 15);
  t.equal(pieces.bring([{ line: 1, quantity: 1, amount: 100 }, { line: 2, quantity: 1, amount: 0 }]), -5);
  t.same(pieces.lines, [[1, 0], [2, -5]], 'that which earned them, though only the other brings money back');
  t.end();
});

/** Competition: best, first, sum; the cap of a group; caps per transaction and per account and day. */
import t from 'tap';
import { Shop, type TestRule } from '../../test/rules/shop-fixture.js';

const fixed = (id: string, points: number, more: Partial<TestRule> = {}): TestRule => ({ id, award: { kind: 'fixed', points }, ...more });
const inGroup = (mode: 'best' | 'first' | 'sum', cap?: number): Partial<TestRule> => ({ stacking: { group: 'g', mode, ...cap === undefined ? {} : { cap } } });
const total = 1000;

t.same(new Shop([fixed('a', 5, inGroup('best')), fixed('b', 9, inGroup('best')), fixed('c', 9, inGroup('best')), fixed('free', 1)]).points({ total }),
  { b: 9, free: 1 }, 'best; the first of equals');
t.same(new Shop([fixed('a', 5, inGroup('first')), fixed('b', 9, inGroup('first'))]).points({ total }), { a: 5 });
t.same(new Shop([fixed('a', 5, { ...inGroup('first'), priority: 1 }), fixed('b', 9, { ...inGroup('first'), priority: 2 })]).points({ total }), { b: 9 }, 'higher priority first');
t.same(new Shop([fixed('a', 5, { ...inGroup('first'), phase: 1 }), fixed('b', 9, { ...inGroup('best'), phase: 0 })]).points({ total }), { b: 9 }, 'the mode is that of the first');
t.same(new Shop([fixed('a', 5, inGroup('sum')), fixed('b', 9, inGroup('sum'))]).points({ total }), { a: 5, b: 9 });
t.same(new Shop([fixed('a', 5, inGroup('sum', 10)), fixed('b', 9, inGroup('sum', 12))]).points({ total }), { a: 5, b: 5 }, 'the smallest cap, in rule order');
t.same(new Shop([fixed('a', 5, inGroup('best', 4)), fixed('b', 9, inGroup('best'))]).points({ total }), { b: 4 }, 'the cap of a loser binds the winner');
t.same(new Shop([fixed('a', 50, { caps: { perTransaction: 20 } })]).shares({ lines: [{ sku: 'x', quantity: 1, amount: 1 }, { sku: 'y', quantity: 1, amount: 2 }] }), { a: [7, 13] });

const daily = new Shop([fixed('a', 50, { caps: { perAccountPerDay: 120 } })], { program: { timeZone: 'Asia/Tokyo' } });
t.same(['10:00', '11:00', '12:00', '13:00', '15:00'].map((time) => daily.points({ total, occurredAt: `2026-03-02T${time}:00Z` })['a']),
  [50, 50, 20, undefined, 50], "the program's day");

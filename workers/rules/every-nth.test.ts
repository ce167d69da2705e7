/** everyNth: counts purchases for which it fires, for ever; a milestone pays once. */
import t from 'tap';
import { CellKind } from '../ledger/cells.js';
import { Shop } from '../../test/rules/shop-fixture.js';

const third = { id: 'p', award: { kind: 'everyNth', n: 3, points: 50 } } as const;

t.test('pays every third and records what it counted', async (t) => {
  const shop = new Shop([third]);
  t.same([1, 2, 3, 4, 5, 6].map(() => shop.points({ total: 100 })['p']), [0, 0, 50, 0, 0, 50]);
  const [award] = shop.buy({ total: 100 });
  t.match(award, { points: 0, input: 6, milestones: 0, shares: [{ line: 1, points: 0 }] }, 'recorded also with 0 points: a return has to find it');
});
t.test('a purchase that does not match does not count', async (t) => {
  const shop = new Shop([{ ...third, condition: 'transaction.total >= 100' }]);
  t.same([100, 99, 100, 100].map((total) => shop.points({ total })['p']), [0, undefined, 0, 50]);
});
t.test('a counter that fell does not pay again', async (t) => {
  const shop = new Shop([third]);
  shop.setCounter('ruleCount', 'p', 0, 2);
  shop.setCounter('rulePaid', 'p', 0, 1);
  t.equal(shop.points({ total: 100 })['p'], 0);
});
t.test('a milestone lost in competition is paid with the next purchase', async (t) => {
  const stacking = { group: 'g', mode: 'best' } as const;
  const shop = new Shop([{ ...third, stacking }, { id: 'big', award: { kind: 'perAmount', points: 100, amount: 100 }, stacking }]);
  t.same([1, 2, 3].map(() => shop.points({ total: 100 })), [{ big: 100, p: 0 }, { big: 100, p: 0 }, { big: 100, p: 0 }]);
  t.same(shop.counted().map(({ kind, change }) => [kind, change]), [[CellKind.ruleCount, 1]], 'paid did not move');
  t.equal(shop.points({ total: 99 })['p'], 50);
});

/** spendThreshold: adds spend up over a period of the program's calendar; each milestone pays once. */
import t from 'tap';
import { Period, periodCode } from '../ledger/cells.js';
import { Shop } from '../../test/rules/shop-fixture.js';

const award = { kind: 'spendThreshold', amount: 1000, points: 10 } as const;

t.test('once, or again and again', async (t) => {
  const once = new Shop([{ id: 'p', award }]), again = new Shop([{ id: 'p', award: { ...award, repeat: true } }]);
  t.same([600, 600, 2800].map((total) => once.points({ total })['p']), [0, 10, 0]);
  t.same([600, 600, 2800].map((total) => again.points({ total })['p']), [0, 10, 30], 'three milestones at once');
});
t.test('a month in the program\'s zone', async (t) => {
  const shop = new Shop([{ id: 'p', award: { ...award, period: 'month' } }], { program: { timeZone: 'America/New_York' } });
  t.equal(shop.points({ total: 900, occurredAt: '2026-03-31T12:00:00Z' })['p'], 0);
  t.equal(shop.points({ total: 900, occurredAt: '2026-04-01T03:59:59Z' })['p'], 10, 'still March in New York');
  const [april] = shop.buy({ total: 900, occurredAt: '2026-04-01T04:00:00Z' });
  t.match(april, { points: 0, input: 0, period: periodCode(Period.month, 2026 * 12 + 3) });
});
t.test('spend past 2^53-1 refuses the purchase', async (t) => {
  const shop = new Shop([{ id: 'p', award }]);
  shop.setCounter('ruleSpend', 'p', 0, Number.MAX_SAFE_INTEGER);
  t.throws(() => shop.points({ total: 1 }), { message: 'overflow' });
});

/** fixed: once for the purchase, or for each earning line. */
import t from 'tap';
import { Shop } from '../../test/rules/shop-fixture.js';

const award = { kind: 'fixed', points: 10 } as const;
const lines = [{ sku: 'a', quantity: 1, amount: 100 }, { sku: 'b', quantity: 0, amount: 50 }, { sku: 'c', quantity: 1, amount: 0 }, { sku: 'd', quantity: 2, amount: 200 }];

t.same(new Shop([{ id: 'p', award }]).shares({ lines }), { p: [3, 7] }, 'lines without quantity or amount earn nothing');
t.same(new Shop([{ id: 'p', award, basis: 'line' }]).shares({ lines }), { p: [10, 10] });
t.same(new Shop([{ id: 'p', award, lines: { condition: 'line.quantity >= 2000' } }]).shares({ lines }), { p: [10] });
t.same(new Shop([{ id: 'p', award }]).points({ total: 0 }), {}, 'nothing was paid');
t.same(new Shop([{ id: 'p', award }]).shares({ total: 5 }), { p: [10] }, 'a total alone is one line');

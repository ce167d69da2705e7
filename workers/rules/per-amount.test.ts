/** perAmount: points for each full amount, of the base amount or of each line. */
import t from 'tap';
import { Shop } from '../../test/rules/shop-fixture.js';

const award = { kind: 'perAmount', points: 3, amount: 100 } as const;
const lines = [{ sku: 'a', quantity: 1, amount: 150 }, { sku: 'b', quantity: 1, amount: 60 }];

t.same(new Shop([{ id: 'p', award }]).points({ lines }), { p: 6 });
t.same(new Shop([{ id: 'p', award, basis: 'line' }]).shares({ lines }), { p: [3, 0] }, 'every earning line has a share, also 0');
t.same(new Shop([{ id: 'p', award }]).points({ total: 99 }), {}, 'no full amount');
t.same(new Shop([{ id: 'p', award }]).points({ lines: [...lines, { kind: 'discount', quantity: 0, amount: -20 }] }), { p: 3 }, 'negative lines lower the base amount');

/** perUnit: points by quantity of the earning lines, parts of pieces in proportion. */
import t from 'tap';
import { Shop } from '../../test/rules/shop-fixture.js';

const award = { kind: 'perUnit', points: 2 } as const;
const lines = [{ sku: 'a', quantity: 1.25, amount: 100 }, { sku: 'b', quantity: 1.25, amount: 100 }, { sku: 'c', quantity: 7, amount: 0 }];

t.same(new Shop([{ id: 'p', award }]).points({ lines }), { p: 5 }, 'what was free does not earn');
t.same(new Shop([{ id: 'p', award, basis: 'line' }]).points({ lines }), { p: 4 }, 'each line rounded by itself');
t.same(new Shop([{ id: 'p', award }]).points({ total: 100 }), { p: 2 }, 'a total alone is one piece');

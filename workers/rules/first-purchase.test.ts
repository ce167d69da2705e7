/** firstPurchase: once per account, also when the first purchase came back. */
import t from 'tap';
import { Shop } from '../../test/rules/shop-fixture.js';

const shop = new Shop([{ id: 'p', award: { kind: 'firstPurchase', points: 50 }, scope: { stores: ['s1'] } }]);
t.same(['s2', 's1', 's1'].map((store) => shop.points({ store, total: 100 })['p']), [undefined, 50, 0]);
shop.setCounter('ruleCount', 'p', 0, 0);
t.equal(shop.points({ store: 's1', total: 100 })['p'], 0, 'paid stays');

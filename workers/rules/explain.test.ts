/** Why rules fired or not. */
import t from 'tap';
import { Shop, type TestRule } from '../../test/rules/shop-fixture.js';
import { explain } from './explain.js';

const fixed = (id: string, more: Partial<TestRule> = {}): TestRule => ({ id, award: { kind: 'fixed', points: 5 }, ...more });
const shop = new Shop([
  fixed('fires'), fixed('later', { validFrom: '2027-01-01' }), fixed('store', { scope: { stores: ['x'] } }),
  fixed('channel', { scope: { channels: ['web'] } }), fixed('night', { schedule: { from: '22:00', to: '04:00' } }),
  fixed('lines', { lines: { skus: ['x'] } }), fixed('condition', { condition: 'transaction.total > 5000' }),
  fixed('overflow', { condition: 'transaction.total * 9007199254740991 > 1' }),
  fixed('loser', { stacking: { group: 'g', mode: 'best' } }), { id: 'winner', award: { kind: 'fixed', points: 6 }, stacking: { group: 'g', mode: 'best' } },
  { id: 'third', award: { kind: 'everyNth', n: 3, points: 5 } }, { id: 'little', award: { kind: 'percent', percent: 1 } }, fixed('elsewhere', { scope: { partners: ['other'] } }),
  fixed('version', { version: 1 }), fixed('version', { version: 2 }), fixed('free', { lines: { skus: ['gift'] } }),
], { partners: { shop: {}, other: {} } });

const t1 = shop.transaction({ lines: [{ sku: 'a', quantity: 1, amount: 1000 }, { sku: 'gift', quantity: 1, amount: 0 }] });
const found = explain(shop.reference.rules, t1, null, shop.reference);
t.same(found.find(({ rule }) => rule === 'third')!.counters, { counted: 0, paid: 0, givenThatDay: 0 });
const why = Object.fromEntries(found.map(({ rule, version, fired, points, why }) => [`${rule} ${version}`, `${fired} ${points} ${why}`]));
t.match(why, {
  'fires 1': /^true 5 fired/, 'later 1': /^false 0 .*validFrom/, 'store 1': /store/, 'channel 1': /channel/, 'night 1': /schedule/,
  'lines 1': /no line matches/, 'condition 1': /does not hold/,
  'overflow 1': /passes 2\^53-1/, 'loser 1': /^true 0 another rule of stacking group g/, 'winner 1': /^true 6/, 'third 1': /^true 0 counted/, 'little 1': /^true 0 .*0 points/,
  'elsewhere 1': /^false 0 the partner/, 'version 1': /higher version/, 'version 2': /^true 5/, 'free 1': /no matched line earns/,
});

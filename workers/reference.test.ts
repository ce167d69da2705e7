/** Reference data as shards see it: look-ups by bytes, zones, cards, products; what is shared between versions. */
import t from 'tap';
import { ReferenceStore } from '../engine/reference.js';
import { Shop } from '../test/rules/shop-fixture.js';
import { Reference } from './reference.js';
import { NAMES_OF_LINES_MAX } from './reference/names.js';

const bytes = (text: string): [Uint8Array, number, number] => [Buffer.from(`..${text}..`), 2, Buffer.byteLength(text)];
const line = (sku: string, category?: string): { sku: string; quantity: number; amount: number; category?: string } =>
  ({ sku, quantity: 1, amount: 1, ...category === undefined ? {} : { category } });

t.test('partners, programs, lines', async (t) => {
  const products = [{ sku: 'a', category: 'food', department: 'fresh', brand: 'own' }, { sku: 'b' }, { sku: 'a', category: 'drink' }];
  const shop = new Shop([], { partners: { shop: {}, café: {} }, products: { shop: products } });
  const { reference } = shop;
  t.equal(reference.partnerOrdinal(...bytes('café')), 1);
  t.equal(reference.partnerOrdinal(...bytes('caf')), -1);
  t.equal(reference.programOrdinal(...bytes('default')), 0);
  t.same([reference.currencyOrdinal('points', 0), reference.currencyOrdinal('miles', 0), reference.firstCurrency(0)], [0, -1, 0]);
  t.same([reference.funderOrdinal('café'), reference.partnerFunder[1]], [2, 2]);
  const { lineProduct, lineCategory, lineDepartment, lineBrand } = shop.transaction({ lines: [line('a'), line('b'), line('c'), line('b', 'toys'), line('a', 'toys')] });
  const [a, b] = lineProduct;
  t.not(a, b);
  t.same([...lineProduct.subarray(0, 5)], [a, b, -1, b, a]);
  t.same([...lineCategory.subarray(0, 5)].map((name) => reference.names[name]), ['drink', '', '', 'toys', 'toys'], 'the last of two equal skus counts');
  t.same([lineDepartment[0], lineBrand[0]], [0, 0]);
});

t.test('names of lines are bounded', async (t) => {
  const shop = new Shop([]);
  for (let i = 0; i < NAMES_OF_LINES_MAX; i += 500) shop.transaction({ lines: Array.from({ length: 500 }, (_, k) => line('a', `category ${i + k}`)) });
  const { lineCategory } = shop.transaction({ lines: [line('a', 'one too many'), line('a', 'category 7')] });
  t.equal(lineCategory[0], -1);
  t.equal(shop.reference.names[lineCategory[1]!], 'category 7');
  const counting = new Shop([{ id: 'p', condition: 'transaction.categories == 3', award: { kind: 'fixed', points: 1 } }]);
  for (let i = 0; i < NAMES_OF_LINES_MAX; i += 500) counting.transaction({ lines: Array.from({ length: 500 }, (_, k) => line('a', `category ${i + k}`)) });
  t.same(counting.points({ lines: [line('a', 'new x'), line('b', 'new y'), line('c', 'new x'), line('d', 'category 1')] }), { p: 1 }, 'what is past the bound is compared as bytes');
});

t.test('local time', async (t) => {
  const partners = { shop: { timeZone: 'Europe/Berlin', stores: [{ id: 's', timeZone: 'Asia/Kathmandu' }] } };
  const { reference } = new Shop([], { program: { timeZone: 'America/New_York' }, partners });
  const [berlin, newYork, kathmandu] = ['Europe/Berlin', 'America/New_York', 'Asia/Kathmandu'].map((zone) => reference.zoneId(zone)) as [number, number, number];
  const at = (text: string): number => Date.parse(text);
  t.equal(reference.localMinuteOfWeek(berlin, at('2026-03-29T00:59:59Z')), 6 * 1440 + 119);
  t.equal(reference.localMinuteOfWeek(berlin, at('2026-03-29T01:00:00Z')), 6 * 1440 + 180, 'the clocks go from 2 to 3');
  t.equal(reference.localMinuteOfWeek(berlin, at('2026-10-25T01:00:00Z')), 6 * 1440 + 120, 'and back from 3 to 2');
  t.equal(reference.localMinuteOfWeek(kathmandu, at('2026-03-02T00:00:00Z')), 345);
  t.equal(reference.localDay(newYork, at('2026-03-02T04:59:59Z')), at('2026-03-01') / 86_400_000);
  t.equal(reference.programDay(0, at('2026-03-02T05:00:00Z')), at('2026-03-02') / 86_400_000);
  t.equal(reference.localDay(berlin, at('1970-01-02T00:00:00Z')), 1);
  t.equal(reference.localMinuteOfWeek(kathmandu, at('1985-12-31T18:29:59Z')), 1 * 1440 + 23 * 60 + 59, 'its offset was 5:30 until 1986');
  t.throws(() => reference.zoneId('Mars/Base'));
});

t.test('zones agree with Intl', async (t) => {
  const zones = ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Africa/Casablanca', 'Pacific/Apia', 'Asia/Tehran', 'America/St_Johns'];
  const { reference } = new Shop([], { partners: Object.fromEntries(zones.map((timeZone, i) => [`p${i}`, { timeZone }])) });
  for (const timeZone of zones) {
    const format = new Intl.DateTimeFormat('en', { timeZone, weekday: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
    for (let i = 0; i < 300; i++) {
      const ms = Date.UTC(1975, 0, 1) + i * 4_567_891_000, parts = Object.fromEntries(format.formatToParts(ms).map(({ type, value }) => [type, value]));
      const expected = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'].indexOf(parts['weekday']!) * 1440 + Number(parts['hour']) * 60 + Number(parts['minute']);
      if (reference.localMinuteOfWeek(reference.zoneId(timeZone), ms) !== expected) t.fail(`${timeZone} at ${new Date(ms).toISOString()}`);
    }
  }
});

t.test('cards', async (t) => {
  const any = new Shop([]).reference, takes = (reference: Reference, card: string): boolean => reference.takesCard(0, ...bytes(card));
  t.same(['900', '', 'abc', '4111111111111111', '4111111111111112', '6304000000000000', '5500005555555559', '378282246310005', '2900000000018'].map((card) => takes(any, card)),
    [true, false, true, false, true, false, false, false, true], 'all but what looks like a payment card');
  t.equal(any.whyNotTaken(...bytes('4111111111111111')), 'payment-card');
  const written = ['4111 1111 1111 1111', '4111-1111-1111-1111', '3782 822463 10005', '4111  1111 - 11111111', ' 4111111111111111-', '4111 1111 1111 1112', '4111/1111/1111/1111', '41-11', '-- -'];
  t.same(written.map((card) => takes(any, card)), [false, false, false, false, false, true, true, true, true], 'also with blanks and hyphens between the digits');
  const ranges = [{ prefix: '77', length: 8, checkDigit: 'luhn', product: 'gold' }, { prefix: '4111', length: 16, checkDigit: 'none', product: 'bank' }] as const;
  const some = new Shop([], { program: { cardRanges: [...ranges] } }).reference;
  t.same(['77000001', '77000008', '7700000', '4111111111111111', '4111111111111112', '900', '77aa0008'].map((card) => takes(some, card)),
    [false, true, false, true, true, false, false]);
  t.same(['4111 1111 1111 1111', '7700-0008'].map((card) => [takes(some, card), some.whyNotTaken(...bytes(card))]), [[false, 'payment-card'], [false, 'unknown-card']]);
  const spaced = new Shop([], { program: { cardRanges: [{ prefix: '4111', length: 19, checkDigit: 'none', product: 'bank' }] } }).reference;
  t.ok(takes(spaced, '4111 1111 1111 1111'), "unless the program's range says so");
});

t.test('money', async (t) => {
  const shop = new Shop([], { partners: { shop: { currency: 'JPY' } } });
  t.same(['EUR', 'JPY', 'KWD', 'CLF', 'ABC'].map((currency) => shop.reference.moneyExponent(shop.transaction({ total: 1, currency }))), [2, 0, 3, 4, 2]);
});

t.test('what did not change is shared by the next version', async (t) => {
  const store = new ReferenceStore();
  store.putPartner('shop', { name: 'Shop', timeZone: 'UTC', currency: 'EUR' });
  const { products } = store.putProducts('shop', Buffer.from('{"sku":"a","category":"food"}\n'));
  store.putRules({ rules: [{ id: 'p', version: 1, award: { kind: 'fixed', points: 1 } }] });
  const first = new Reference(store.set, products);
  first.rules.plan(0);
  const { set } = store.putPartner('other', { name: 'Other', timeZone: 'Europe/Berlin', currency: 'EUR' });
  const second = new Reference(set, new Map(), first);
  t.equal(second.productTable(0), first.productTable(0));
  t.equal(second.rules.rule(0), first.rules.rule(0));
  t.equal(second.names, first.names);
  t.throws(() => new Reference(set, new Map()), { message: /lacks the products of partner shop/ });
});

/** What holds of any rules and purchases: shares add up, caps hold, money and points stay integers, the order of publishing does not matter. */
import fc from 'fast-check';
import t from 'tap';
import { purchase, ruleSet, world } from './arbitrary-fixture.js';
import { Shop } from './shop-fixture.js';

const seed = Number(process.env['POINTSTREAM_SEED'] ?? 20_260_303), numRuns = Number(process.env['POINTSTREAM_RUNS'] ?? 200);
t.comment(`seed ${seed}`);
const purchases = fc.array(purchase, { minLength: 1, maxLength: 5 });

t.test('shares and caps', async () => {
  fc.assert(fc.property(ruleSet, purchases, (rules, list) => {
    const shop = new Shop(rules, world), byDay = new Map<string, number>();
    for (const document of list) {
      const given = shop.buy(document), groups = new Map<string, number>();
      for (const { rule, points, shares } of given) {
        const { caps, stacking } = rules.find(({ id }) => id === rule)!, day = shop.reference.programDay(0, shop.t.occurredAtMs);
        if (!Number.isSafeInteger(points) || points < 0) throw new Error(`${rule} gives ${points}`);
        if (shares.length === 0 || shares.reduce((sum, share) => sum + share.points, 0) !== points) throw new Error(`shares of ${rule} don't add up to ${points}`);
        if (shares.some((share) => !Number.isSafeInteger(share.points) || share.points < 0)) throw new Error(`a share of ${rule} is no amount of points`);
        if (points > (caps?.perTransaction ?? Infinity)) throw new Error(`${rule} passes its cap of a transaction`);
        byDay.set(`${rule} ${day}`, (byDay.get(`${rule} ${day}`) ?? 0) + points);
        if (byDay.get(`${rule} ${day}`)! > (caps?.perAccountPerDay ?? Infinity)) throw new Error(`${rule} passes its cap of a day`);
        if (stacking?.cap !== undefined) groups.set(stacking.group, Math.min(groups.get(stacking.group) ?? Infinity, stacking.cap));
      }
      for (const [group, cap] of groups) {
        const together = given.filter(({ rule }) => rules.find(({ id }) => id === rule)!.stacking?.group === group).reduce((sum, { points }) => sum + points, 0);
        if (together > cap) throw new Error(`group ${group} passes its cap`);
      }
    }
  }), { seed, numRuns });
});

t.test('the order of publishing', async () => {
  const shuffled = ruleSet.chain((rules) => fc.tuple(fc.constant(rules), fc.shuffledSubarray(rules, { minLength: rules.length })));
  fc.assert(fc.property(shuffled, purchases, ([rules, others], list) => {
    const a = new Shop(rules, world), b = new Shop(others, world);
    for (const document of list) if (JSON.stringify(a.buy(document)) !== JSON.stringify(b.buy(document))) throw new Error('the awards differ');
  }), { seed, numRuns });
});

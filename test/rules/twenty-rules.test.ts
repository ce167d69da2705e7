/**
 * The job that stream processors are compared by (twenty rules on a basket, a cap over all of them), as the rules that `npm run peers` publishes: the points of each purchase equal a plain
 * calculation of the job.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { PlainJob } from '../../loadtest/peers/plain-job.js';
import { categoryId, partnerId, PARTNERS } from '../../loadtest/peers/transactions.js';
import { Random } from '../../loadtest/random.js';
import { projectRoot } from '../tidy/project.js';
import { Shop, type TestRule } from './shop-fixture.js';

const { rules } = JSON.parse(readFileSync(join(projectRoot, 'loadtest/peers/rules/twenty-rules.json'), 'utf8')) as { rules: TestRule[] };
t.equal(rules.length, 19, 'the twentieth is the cap');
const shop = new Shop(rules, { partners: Object.fromEntries(Array.from({ length: PARTNERS }, (_, i) => [partnerId(i), {}])) }), random = new Random(42).at(0), job = new PlainJob();
for (let n = 0; n < 600; n++) {
  const partner = random.below(PARTNERS), occurredAtMs = Date.UTC(2026, 0, 1) + random.below(86_400_000);
  const lines = Array.from({ length: 1 + random.below(9) }, () => ({ sku: random.below(80_000), quantity: 1 + random.below(4), amount: 1 + random.below(60_000), category: random.below(100) }));
  const given = shop.points({
    partner: partnerId(partner), occurredAt: new Date(occurredAtMs).toISOString(),
    lines: lines.map(({ sku, quantity, amount, category }) => ({ sku: `${sku}`, quantity, amount, category: categoryId(category) })),
  });
  const points = Object.values(given).reduce((sum, part) => sum + part, 0), expected = job.add({ card: 'c', partner, occurredAtMs, lines });
  if (points !== expected) t.equal(points, expected, `purchase ${n} of seed 42: ${JSON.stringify(given)}`);
}
t.equal(job.accounts.get('c')!.purchases, 600);

/** A transaction that kills its worker: the shard is restored, the offender found, set aside and reported; everything else is decided as if it had not been there. */
import { unpack } from 'msgpackr';
import t from 'tap';
import type { Rejected } from '../schemas/reasons.js';
import { baseRule, grocer, startCore, temporaryDirectory } from './support/core.js';

const entry = new URL('./support/poison-worker.js', import.meta.url);
const purchase = (id: string, card: string, sku: string): object => ({ id, kind: 'purchase', partner: 'grocer', card, occurredAt: '2026-01-05T10:00:00Z', currency: 'USD', lines: [{ sku, quantity: 1, amount: 500 }] });

t.test('the offender ends in the dead letters, the others are processed once', async (t) => {
  const directory = temporaryDirectory(t);
  const core = await startCore(directory, { entry, partitions: 2, shards: 1 });
  await core.publish((store) => store.putPartner('grocer', grocer));
  await core.publish((store) => store.putRules({ rules: [baseRule] }));
  const items = Array.from({ length: 60 }, (_, i) => purchase(`t${i}`, `card-${i % 7}`, i === 23 ? 'poison' : 'bread'));
  const { replies } = await core.post(items);
  const all = replies.flatMap((reply) => reply.items);
  t.equal(replies.reduce((sum, { accepted }) => sum + accepted, 0), 59);
  t.match(all, [{ id: 't23', status: 'rejected', reason: 'poison' }]);
  t.ok(core.pipeline.owned.shardFailures > 2, 'the shard was restored again and again');
  t.ok(core.pipeline.checks().every(({ ok }) => ok), 'and is ready');
  const letters: Rejected[] = [];
  for (let partition = 0; partition < 2; partition++) for (const { value } of (await core.log.read('dead-letters', partition, 0, 1 << 20)).records) letters.push(unpack(value) as Rejected);
  t.match(letters, [{ partner: 'grocer', id: 't23', reason: 'poison' }]);
  let points = 0;
  for (let card = 0; card < 7; card++) points += (await core.pipeline.readCard('default', `card-${card}`))!.balances.points!.available;
  t.equal(points, 59 * 5);
  await core.stop();

  const again = await startCore(directory, { partitions: 2, shards: 2 });
  t.equal((await again.pipeline.readCard('default', 'card-0'))!.balances.points!.available, 9 * 5, 'the same after a restart');
  await again.stop();
});

t.test('a single post that kills its worker is answered with the reason', async (t) => {
  const core = await startCore(temporaryDirectory(t), { entry, partitions: 2, shards: 2 });
  await core.publish((store) => store.putPartner('grocer', grocer));
  const { replies } = await core.post(purchase('t1', 'card-1', 'poison'));
  t.match(replies, [{ rejected: 1, items: [{ id: 't1', reason: 'poison' }] }]);
  t.match((await core.post(purchase('t2', 'card-1', 'bread'))).answer, { status: 'processed', points: 0 });
  await core.stop();
});

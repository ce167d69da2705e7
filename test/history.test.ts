import t from 'tap';
import { pino } from 'pino';
import { baseRule, grocer, startCore, temporaryDirectory } from './support/core.js';
import { History } from '../engine/history.js';

const DAY_MS = 86_400_000;

t.test('what is older than the window goes, what recovery, the sink or a reader needs stays', async (t) => {
  let nowMs = Date.UTC(2026, 0, 1);
  const directory = temporaryDirectory(t), options = { partitions: 1, shards: 1, clock: () => nowMs, debtBytesMax: 1 };
  let core = await startCore(directory, options);
  await core.publish((store) => store.putPartner('grocer', grocer));
  await core.publish((store) => store.putRules({ rules: [baseRule] }));
  for (let day = 0; day < 20; day++) {
    nowMs += DAY_MS;
    await core.post({ id: `t${day}`, kind: 'purchase', partner: 'grocer', card: 'c', occurredAt: new Date(nowMs).toISOString(), currency: 'USD', lines: [{ sku: 'a', quantity: 1, amount: 100 }] });
  }
  await core.stop(); // a graceful stop writes the checkpoint
  core = await startCore(directory, options);
  const trim = (sink: number): Promise<void> => new History({ log: core.log, results: core.pipeline.results, flows: core.pipeline.flows, historyDays: 10, sinkPosition: () => sink, logger: pino({ level: 'silent' }) }).trim(nowMs);
  await trim(5);
  t.equal((await core.log.bounds('results', 0)).begin, 5, 'results that the sink needs stay');
  const { begin, end } = await core.log.bounds('interactive', 0);
  t.same([begin, end], [9, 20], 'commands of the last ten days stay');
  await trim(Infinity);
  t.ok((await core.log.bounds('results', 0)).begin > 5);
  t.equal((await core.pipeline.readCard('default', 'c'))!.balances.points!.available, 20);
  t.match(await core.pipeline.findTransaction('grocer', 't19', 'purchase'), { fact: { id: 't19' } });
  t.equal(await core.pipeline.findTransaction('grocer', 't0', 'purchase'), undefined, 'an old fact is gone');
  await core.stop();
  core = await startCore(directory, options);
  t.equal((await core.pipeline.readCard('default', 'c'))!.balances.points!.available, 20, 'and it starts again');
  await core.stop();
});

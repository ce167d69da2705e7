import t from 'tap';
import { pino } from 'pino';
import { chdbMissing } from './clickhouse/embedded-fixture.js';
import { eventually } from '../test/end-to-end/engine.js';
import { baseRule, grocer, startCore, temporaryDirectory } from '../test/support/core.js';
import { parseItems } from '../workers/parse/worker.js';
import { readConfig } from './config.js';
import { openEmbeddedLog } from './log/embedded.js';
import { createMetrics } from './metrics.js';
import { startEngine } from './start.js';

t.test('points of a backlog are counted under their program and currency, also those that are awarded while ClickHouse starts', { skip: chdbMissing }, async (t) => {
  const directory = temporaryDirectory(t), core = await startCore(directory);
  await core.publish((store) => store.putPartner('grocer', grocer));
  await core.publish((store) => store.putRules({ rules: [baseRule] }));
  await core.stop();

  const purchases = Array.from({ length: 20 }, (_, i) => ({ id: `p${i}`, kind: 'purchase', partner: 'grocer', card: `card-${i}`, occurredAt: '2026-01-05T10:00:00Z', currency: 'USD', total: 700 }));
  const log = await openEmbeddedLog({ directory });
  const bytes = new Uint8Array(Buffer.from(JSON.stringify(purchases)));
  const { envelopes } = parseItems({ format: 'json', bytes, firstIndex: 0, gateway: 'killed', request: 1, detailed: false, partitions: log.partitions });
  await log.append(envelopes.map((envelope) => ({ topic: 'commands', partition: envelope.partition, value: envelope.bytes })));
  await log.close();

  const metrics = createMetrics(), config = readConfig({ flags: { data: directory, clickhousePort: '0' }, environment: {} });
  const running = await startEngine(config, pino({ level: 'silent' }), metrics);
  t.teardown(() => running.stop());
  const text = await eventually(() => metrics.text(), (now) => now.includes('pointstream_transactions_processed_total 20'));
  t.same(text.match(/^pointstream_points_awarded_total.*$/gm), ['pointstream_points_awarded_total{program="default",currency="points"} 140']);
});

import { pino } from 'pino';
import t from 'tap';
import { temporaryDirectory } from '../../test/support/core.js';
import { chdbMissing } from '../clickhouse/embedded-fixture.js';
import { readConfig } from '../config.js';
import { createMetrics } from '../metrics.js';
import { startEngine } from '../start.js';
import { parseItems } from '../../workers/parse/worker.js';
import { askClickhouse } from './demo-report.js';

const WAIT_MS = 60_000;

void t.test('a promotion with two funders: its awards are counted once, what both pay is added up', { skip: chdbMissing }, async (t) => {
  const config = readConfig({ flags: { data: temporaryDirectory(t), partitions: '2', clickhousePort: '0' }, environment: {} });
  const running = await startEngine(config, pino({ level: 'silent' }), createMetrics());
  t.teardown(() => running.stop());
  const { engine, references, analytics } = running, award = { kind: 'perAmount', points: 1, amount: 100 };
  const rules = [
    { id: 'shared', version: 1, promotion: 'House brands', award, funding: [{ funder: 'brand', parts: 2 }, { funder: 'grocer', parts: 1 }] },
    { id: 'alone', version: 1, award: { kind: 'fixed', points: 5 } },
  ];
  const grocer = { name: 'Grocer', program: 'default', timeZone: 'UTC', currency: 'USD' };
  const partners = [references.putPartner('brand', { ...grocer, name: 'Brand' }), references.putPartner('grocer', grocer)];
  for (const put of [...partners, references.putRules({ rules })]) await engine.activate(put.set, put.products);
  const post = async (document: object): Promise<void> => {
    const request = engine.nextRequest(), bytes = new Uint8Array(Buffer.from(JSON.stringify({ partner: 'grocer', card: '7', occurredAt: '2026-01-05T10:00:00Z', ...document })));
    const { envelopes } = parseItems({ format: 'json', bytes, firstIndex: 0, gateway: engine.gateway, request, detailed: true, partitions: 2 });
    await engine.submit('interactive', request, envelopes, 'commit');
  };
  for (const id of ['1', '2', '3']) await post({ id, kind: 'purchase', currency: 'USD', lines: [{ sku: 'a', quantity: 1, amount: 900 }] });
  await post({ id: '4', kind: 'return', original: { id: '3' } });
  t.ok(await analytics!.caughtUp(WAIT_MS));
  const { promotions } = await askClickhouse(analytics!.client, { rules, productName: (_partner, sku) => sku });
  t.strictSame(promotions, [{ promotion: 'House brands', rule: 'shared', awards: 3, points: 18 }, { promotion: 'alone', rule: 'alone', awards: 3, points: 10 }],
    'a return takes points back and gives no award');
});

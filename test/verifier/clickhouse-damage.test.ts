/**
 * The verifier and the real embedded ClickHouse, after a small drain of the load test: everything agrees; then a row is changed, one is lost, one is
 * doubled, and each is found and named. Skipped, with the reason, where chdb is not installed.
 */
import { pino } from 'pino';
import t from 'tap';
import { chdbMissing } from '../../engine/clickhouse/embedded-fixture.js';
import { readConfig } from '../../engine/config.js';
import { createMetrics } from '../../engine/metrics.js';
import { startEngine } from '../../engine/start.js';
import { fillLog } from '../../loadtest/fill.js';
import { Generator } from '../../loadtest/generator.js';
import { loadRules } from '../../loadtest/rule-sets.js';
import { verifyRunning, verifyText, type VerifyReport } from '../../loadtest/verifier.js';
import { GeneratedWorld } from '../../loadtest/world.js';
import { temporaryDirectory } from '../support/core.js';

const seed = 11, COUNT = 1500, WAIT_MS = 60_000, DAY_MS = 86_400_000;

const problems = ({ differences }: VerifyReport): string[] => differences.map(({ check, where, expected, found }) => `${check} ${where} expected ${expected} found ${found}`);

void t.test('rows of ClickHouse that are not those of the log', { skip: chdbMissing }, async (t) => {
  t.comment(`seed ${seed}`);
  const directory = temporaryDirectory(t), world = new GeneratedWorld({ seed, partners: 3, stores: 30, products: 300 });
  const generator = new Generator({ seed, transactions: COUNT, accounts: 200, distribution: 'uniform', startMs: Date.now() - 20 * DAY_MS, days: 20 }, world);
  const program = { name: 'Test', timeZone: 'UTC', currencies: [{ id: 'points', scale: 0 }] };
  const config = readConfig({ flags: { data: directory, clickhousePort: '0', partitions: '2' }, environment: {} });
  await fillLog({ config, program, world, rules: loadRules(world, 20), generator, transactions: COUNT, progress: () => undefined });
  const running = await startEngine(config, pino({ level: 'silent' }), createMetrics());
  t.teardown(() => running.stop());
  const { client } = running.analytics!;
  const rows = async (): Promise<number> => {
    const [row] = await (await client.query({ query: 'SELECT count() AS rows FROM pointstream.facts', format: 'JSONEachRow' })).json<{ rows: string }>();
    return Number(row!.rows);
  };
  for (const endMs = Date.now() + WAIT_MS; (await rows()) < COUNT * 0.95 && Date.now() < endMs;) await running.analytics!.caughtUp(1000);
  t.ok(await running.analytics!.caughtUp(WAIT_MS));

  const good = await verifyRunning(running, {});
  if (!good.ok) t.comment(verifyText(good));
  t.match(good, { ok: true, transactions: COUNT, notes: [] });
  t.ok(good.checks.find(({ check }) => check === 'clickhouse')!.compared > COUNT * 0.95);

  const [victim] = await (await client.query({ query: "SELECT id, source_partition, batch FROM pointstream.facts WHERE kind = 'purchase' AND length(awards.points) > 0 LIMIT 1", format: 'JSONEachRow' }))
    .json<{ id: string; source_partition: number; batch: string }>();
  const place = `clickhouse partition ${victim!.source_partition}, batch ${victim!.batch}: purchase partner-\\d+/${victim!.id} of record commands \\d+\\.\\d+, account \\d\\.\\d+`;
  const damage = async (query: string): Promise<string[]> => {
    await client.command({ query, clickhouse_settings: { mutations_sync: '1', lightweight_deletes_sync: '1' } });
    const report = await verifyRunning(running, {});
    t.equal(report.ok, false);
    return problems(report);
  };
  const changed = await damage(`ALTER TABLE pointstream.facts UPDATE points = points + 1 WHERE id = '${victim!.id}'`);
  t.match(changed[0], new RegExp(`^${place}, column points expected \\d+ found \\d+`));
  t.match(changed[1], /^clickhouse view transactions: count, sums of total, points/);
  const [doubled] = await damage(`INSERT INTO pointstream.facts SELECT * FROM pointstream.facts WHERE id = '${victim!.id}'`);
  t.match(doubled, new RegExp(`^${place} expected one row found 2 rows`));
  const [lost] = await damage(`ALTER TABLE pointstream.facts DELETE WHERE id = '${victim!.id}'`);
  t.match(lost, new RegExp(`^${place} expected a row found nothing`));
});

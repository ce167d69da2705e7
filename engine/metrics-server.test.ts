import t from 'tap';
import { createMetrics } from './metrics.js';
import { startMetricsServer } from './metrics-server.js';

t.test('served on a port of its own, collected right before a scrape', async (t) => {
  const checks = [{ name: 'log', ok: true }], metrics = createMetrics({ processMetrics: true });
  metrics.onScrape(() => metrics.ruleSet.set(7));
  metrics.rejected.inc({ reason: 'late' }, 3);
  const server = await startMetricsServer(metrics, () => checks, '127.0.0.1', 0);
  t.teardown(() => server.close());
  const answer = await fetch(`${server.url}/metrics`);
  t.equal(answer.status, 200);
  const text = await answer.text();
  t.match(text, /^pointstream_rule_set 7$/m);
  t.match(text, /^pointstream_transactions_rejected_total\{reason="late"\} 3$/m);
  t.match(text, /^pointstream_nodejs_eventloop_lag_seconds /m);
  t.equal((await fetch(`${server.url}/other`)).status, 404);
  const asked = async (path: string): Promise<[number, unknown]> => {
    const { status, json } = await fetch(server.url + path).then(async (response) => ({ status: response.status, json: (await response.json()) as unknown }));
    return [status, json];
  };
  t.same(await asked('/livez'), [200, { status: 'ok' }]);
  t.same(await asked('/readyz?verbose'), [200, { status: 'ready', checks }]);
  checks.push({ name: 'partitions', ok: false });
  t.same(await asked('/readyz'), [503, { status: 'not ready', checks }]);
});

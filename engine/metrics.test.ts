import t from 'tap';
import { createMetrics, metricTable, metricsMarkdown, startMetricsServer } from './metrics.js';

t.test('names follow the conventions of Prometheus', async (t) => {
  const names = new Set<string>();
  for (const { name, type, help } of Object.values(metricTable)) {
    t.match(name, /^pointstream_[a-z_]+$/);
    t.equal(name.endsWith('_total'), type === 'counter', `${name}: _total is for counters`);
    t.notMatch(name, /_(ms|milliseconds|mb|kb)(_|$)/, 'base units');
    t.match(help, /\.$/);
    t.notOk(names.has(name));
    names.add(name);
    t.ok(metricsMarkdown().includes(`\`${name}\``));
  }
});

t.test('served on a port of its own, collected right before a scrape', async (t) => {
  const metrics = createMetrics({ processMetrics: true });
  metrics.onScrape(() => metrics.ruleSet.set(7));
  metrics.rejected.inc({ reason: 'late' }, 3);
  const server = await startMetricsServer(metrics, '127.0.0.1', 0);
  t.teardown(() => server.close());
  const answer = await fetch(`${server.url}/metrics`);
  t.equal(answer.status, 200);
  const text = await answer.text();
  t.match(text, /^pointstream_rule_set 7$/m);
  t.match(text, /^pointstream_transactions_rejected_total\{reason="late"\} 3$/m);
  t.match(text, /^pointstream_nodejs_eventloop_lag_seconds /m);
  t.equal((await fetch(`${server.url}/other`)).status, 404);
});

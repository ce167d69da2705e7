import t from 'tap';
import { metricTable, metricsMarkdown } from './metrics.js';

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

/** The dashboard shows every metric of the engine, and only metrics that there are. */
import t from 'tap';
import { createMetrics, metricTable } from '../engine/metrics.js';
import { dashboard } from './dashboard.js';

const text = JSON.stringify(dashboard());
const shown = new Set([...text.matchAll(/pointstream_[a-z0-9_]+/g)].map(([name]) => name));

t.test('shows every metric', async (t) => {
  for (const { name, type } of Object.values(metricTable)) {
    t.ok(type === 'histogram' ? shown.has(`${name}_bucket`) : shown.has(name), name);
  }
});

t.test('names no metric that the engine does not have', async (t) => {
  const exposed = await createMetrics({ processMetrics: true }).text();
  for (const name of shown) {
    const plain = name.replace(/_(bucket|sum|count)$/, '');
    t.ok(exposed.includes(`# TYPE ${name} `) || exposed.includes(`# TYPE ${plain} histogram`), name);
  }
});

t.test('every panel has a title, a description, a unit and a query', async (t) => {
  for (const panel of dashboard().panels ?? []) {
    if (panel.type === 'row') continue;
    const { title, description, targets, fieldConfig } = panel as { title?: string; description?: string; targets?: unknown[]; fieldConfig?: { defaults: { unit?: string } } };
    t.ok(title && description && targets?.length && fieldConfig?.defaults.unit, title ?? 'without a title');
  }
});

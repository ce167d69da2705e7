/**
 * The few forms of panel that the dashboards are made of, and the few forms of query in them. A query names a metric by its key in engine/metrics.ts, so that a metric which
 * is renamed or removed there is an error of types here.
 */
import { LegendDisplayMode, LegendPlacement, StackingMode, TooltipDisplayMode, SortOrder } from '@grafana/grafana-foundation-sdk/common';
import { StackingConfigBuilder, VizLegendOptionsBuilder, VizTooltipOptionsBuilder } from '@grafana/grafana-foundation-sdk/common';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as TimeSeriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries';
import { metricTable, type MetricName } from '../engine/metrics.js';

export type Unit = 'short' | 's' | 'bytes' | 'Bps' | 'ops' | 'percentunit' | 'none';
export interface Query { expression: string; legend: string }

/** The engines that are chosen at the top of the dashboard. */
const chosen = '{instance=~"$instance"}';
const series = (metric: MetricName): string => metricTable[metric].name + chosen;
const sumBy = (labels: string[], expression: string): string => (labels.length === 0 ? `sum(${expression})` : `sum by (${labels.join(', ')}) (${expression})`);
const legendOf = (labels: string[], name: string): string => (labels.length === 0 ? name : labels.map((label) => `{{${label}}}`).join(' '));

/** Additions a second of a counter (or of a histogram's count), by labels. */
export function rate(metric: MetricName, labels: string[] = [], name = 'rate'): Query {
  const counted = metricTable[metric].type === 'histogram' ? `${metricTable[metric].name}_count${chosen}` : series(metric);
  return { expression: sumBy(labels, `rate(${counted}[$__rate_interval])`), legend: legendOf(labels, name) };
}

/** The value of a gauge, put together over what the labels don't name. */
export function value(metric: MetricName, labels: string[] = [], by: 'sum' | 'max' = 'sum', name = 'now'): Query {
  const grouping = labels.length === 0 ? '' : ` by (${labels.join(', ')})`;
  return { expression: `${by}${grouping} (${series(metric)})`, legend: legendOf(labels, name) };
}

/** p50, p99 and the mean of a histogram. */
export function spread(metric: MetricName): Query[] {
  const name = metricTable[metric].name, window = `${chosen}[$__rate_interval]`;
  const quantile = (share: number): string => `histogram_quantile(${share}, sum by (le) (rate(${name}_bucket${window})))`;
  return [
    { expression: quantile(0.5), legend: 'p50' },
    { expression: quantile(0.99), legend: 'p99' },
    { expression: `sum(rate(${name}_sum${window})) / sum(rate(${name}_count${window}))`, legend: 'mean' },
  ];
}

/** A metric that Node's own collectors of prom-client add (createMetrics({ processMetrics: true })). */
export function processMetric(name: string, legend: string, perSecond = false): Query {
  const selected = `pointstream_${name}${chosen}`;
  return { expression: perSecond ? `sum(rate(${selected}[$__rate_interval]))` : `max(${selected})`, legend };
}

/** Curves over time, a third of the width. `stacked`: the parts add up to something. */
export function curves(title: string, description: string, unit: Unit, queries: Query[], { stacked = false } = {}): TimeSeriesBuilder {
  const panel = new TimeSeriesBuilder().title(title).description(description).unit(unit).min(0).span(8).height(7).fillOpacity(stacked ? 30 : 5).lineWidth(1)
    .legend(new VizLegendOptionsBuilder().displayMode(LegendDisplayMode.List).placement(LegendPlacement.Bottom).showLegend(true))
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending));
  if (stacked) panel.stacking(new StackingConfigBuilder().mode(StackingMode.Normal));
  for (const query of queries) panel.withTarget(new DataqueryBuilder().expr(query.expression).legendFormat(query.legend));
  return panel;
}

/** One number, an eighth of the width. */
export function figure(title: string, description: string, unit: Unit, query: Query): StatBuilder {
  return new StatBuilder().title(title).description(description).unit(unit).span(3).height(4).withTarget(new DataqueryBuilder().expr(query.expression).legendFormat(query.legend));
}

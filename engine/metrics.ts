/**
 * The only file that names a metric. Other parts get the typed object that `createMetrics` makes and set what they know; the table below is the documentation
 * (docs/metrics.md is generated from it, a test compares). Base units, `_total` for counters, few labels with few values.
 *
 * Promises: scraping never waits for a worker; shares of time are counters of seconds (rate() gives the share), so that no window is lost between scrapes.
 */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

const latencySeconds = [0.001, 0.0025, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const batchSizes = [1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000];

const counter = <const L extends readonly string[] = []>(name: string, help: string, labels?: L) => ({ type: 'counter', name, help, labels: labels ?? ([] as unknown as L) }) as const;
const gauge = <const L extends readonly string[] = []>(name: string, help: string, labels?: L) => ({ type: 'gauge', name, help, labels: labels ?? ([] as unknown as L) }) as const;
const histogram = <const L extends readonly string[] = []>(name: string, help: string, buckets: number[], labels?: L) =>
  ({ type: 'histogram', name, help, buckets, labels: labels ?? ([] as unknown as L) }) as const;

export const metricTable = {
  // doors
  requestSeconds: histogram('pointstream_http_request_seconds', 'Time from the head of a request to the end of its answer.', latencySeconds, ['method', 'route', 'status']),
  receivedBytes: counter('pointstream_http_received_bytes_total', 'Bytes of bodies, after decompression.'),
  accepted: counter('pointstream_transactions_accepted_total', 'Transactions that doors acknowledged as accepted.', ['lane']),
  duplicates: counter('pointstream_transactions_duplicate_total', 'Transactions that had been posted before with the same content.'),
  rejected: counter('pointstream_transactions_rejected_total', 'Refused transactions by reason code (docs/reasons.md).', ['reason']),
  doorErrors: counter('pointstream_door_errors_total', 'Requests that were not answered with 2xx, by problem code.', ['code']),
  bodyBytesInFlight: gauge('pointstream_http_body_in_flight_bytes', 'Bytes of bodies between arrival and commit.'),

  // router
  routerRecords: counter('pointstream_router_records_total', "Records of partners' topics that were handed on or refused.", ['topic']),
  routerTransactions: counter('pointstream_router_transactions_total', "Transactions of partners' topics that were handed on to be evaluated, repeats included.", ['topic']),
  routerLagRecords: gauge('pointstream_router_lag_records', "Records of partners' topics that wait to be handed on.", ['topic']),
  routerLagSeconds: gauge('pointstream_router_lag_seconds', "Age of the oldest record that is being handed on, by the clock of the topic's records; 0 when nothing waits.", ['topic']),
  routerPartitions: gauge('pointstream_router_partitions', "Partitions of partners' topics that are read here; a topic of which nobody reads one is missing or may not be read.", ['topic']),
  routerRetries: counter('pointstream_router_retries_total', 'Attempts to hand records on that failed and were repeated.'),

  // log and pipeline
  lagRecords: gauge('pointstream_lag_records', 'Records of the log that wait to be evaluated.', ['partition']),
  lagSeconds: gauge('pointstream_lag_seconds', 'Age of the oldest record that waits to be evaluated.', ['partition']),
  batchTransactions: histogram('pointstream_batch_transactions', 'Transactions of one batch of one partition.', batchSizes),
  commits: counter('pointstream_commits_total', 'Commits that took effect.'),
  commitSeconds: histogram('pointstream_commit_seconds', 'Time of one commit, until it survives a crash.', latencySeconds),
  processed: counter('pointstream_transactions_processed_total', 'Transactions that were evaluated and committed.'),
  loggedBytes: counter('pointstream_log_written_bytes_total', 'Bytes written to the log.'),
  busySeconds: counter('pointstream_busy_seconds_total', 'Time that a part spent working; its rate is the busy share.', ['part']),
  workerRestarts: counter('pointstream_worker_restarts_total', 'Worker threads that ended and whose partitions were restored.'),
  deadLetters: counter('pointstream_dead_letters_total', 'Records written to the dead letters.'),

  // rules and ledger
  ruleSet: gauge('pointstream_rule_set', 'Number of the rule set that is live.'),
  referenceVersion: gauge('pointstream_reference_version', 'Version of the reference data that is live.'),
  rulesEvaluated: counter('pointstream_rules_evaluated_total', 'Rules that were candidates for a transaction, after the index.'),
  pointsAwarded: counter('pointstream_points_awarded_total', "Points awarded, in the currency's smallest unit; reversals are counted apart.", ['program', 'currency']),
  pointsReversed: counter('pointstream_points_reversed_total', "Points taken back by returns, in the currency's smallest unit.", ['program', 'currency']),
  ledgerImbalance: gauge('pointstream_ledger_imbalance_points', 'Points that balances gained less what postings say, since the start; anything but 0 is a bug.'),

  // state
  replayedBatches: counter('pointstream_replayed_batches_total', 'Batches whose effects were applied again after a start, a fault or a take-over.'),
  snapshotBytes: counter('pointstream_snapshot_written_bytes_total', 'Bytes of checkpoints written to the log for other machines; part of the bytes written to the log.'),
  replayDebtSeconds: gauge('pointstream_replay_debt_seconds', 'How long the replay of effects after the checkpoints would take now.', ['partition']),
  checkpointAgeSeconds: gauge('pointstream_checkpoint_age_seconds', 'Age of the oldest bucket that is checkpointed.', ['partition']),
  cacheAccounts: gauge('pointstream_cache_accounts', 'Accounts in memory.', ['shard']),
  cacheBytes: gauge('pointstream_cache_bytes', 'Memory of the accounts in memory.', ['shard']),
  accounts: gauge('pointstream_accounts', 'Accounts that exist.', ['partition']),

  // sink
  sinkLagRecords: gauge('pointstream_sink_lag_records', 'Committed results records that are not in ClickHouse yet.', ['partition']),
  sinkLagSeconds: gauge('pointstream_sink_lag_seconds', 'Age of the oldest committed results record that is not in ClickHouse yet.', ['partition']),
  sinkRows: counter('pointstream_sink_rows_total', 'Facts that ClickHouse acknowledged.'),
  sinkInsertSeconds: histogram('pointstream_sink_insert_seconds', 'Time of one insert into ClickHouse.', latencySeconds),
  sinkRetries: counter('pointstream_sink_retries_total', 'Inserts that were repeated after an error.'),
  clickhouseRestarts: counter('pointstream_clickhouse_restarts_total', 'Times the embedded ClickHouse was started again.'),
} as const;

export type MetricName = keyof typeof metricTable;
type Definition = (typeof metricTable)[MetricName];
type LabelOf<D extends Definition> = D['labels'][number];
type MetricOf<D extends Definition> = D['type'] extends 'counter' ? Counter<LabelOf<D>> : D['type'] extends 'gauge' ? Gauge<LabelOf<D>> : Histogram<LabelOf<D>>;
type TypedMetrics = { readonly [N in MetricName]: MetricOf<(typeof metricTable)[N]> };

export type Metrics = TypedMetrics & {
  /** Called right before each scrape: for gauges whose value somebody holds anyway. */
  onScrape(collect: () => void): void;
  /** The text that Prometheus reads. */
  text(): Promise<string>;
};

/** `processMetrics`: also Node's own (heap, event loop, garbage collection); off in tests, because it starts observers. */
export function createMetrics({ processMetrics = false } = {}): Metrics {
  const registry = new Registry();
  if (processMetrics) collectDefaultMetrics({ register: registry, prefix: 'pointstream_' });
  const collectors: (() => void)[] = [];
  const made = Object.fromEntries(Object.entries(metricTable).map(([key, definition]) => [key, create(definition, registry)])) as unknown as TypedMetrics;
  return Object.assign(made, {
    onScrape: (collect: () => void) => void collectors.push(collect),
    text: () => {
      for (const collect of collectors) collect();
      return registry.metrics();
    },
  });
}

function create(definition: Definition, registry: Registry): Counter | Gauge | Histogram {
  const options = { name: definition.name, help: definition.help, labelNames: [...definition.labels], registers: [registry] };
  if (definition.type === 'counter') return new Counter(options);
  if (definition.type === 'gauge') return new Gauge(options);
  return new Histogram({ ...options, buckets: [...definition.buckets] });
}

/** The table of docs/metrics.md. */
export function metricsMarkdown(): string {
  const rows = Object.values(metricTable).map(({ name, type, labels, help }) => `| \`${name}\` | ${type} | ${labels.join(', ')} | ${help} |`);
  return ['| metric | type | labels | what |', '|---|---|---|---|', ...rows, ''].join('\n');
}

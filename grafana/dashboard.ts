/**
 * The dashboard of the engine, as code: what an operator looks at first, from the doors to ClickHouse, in the order in which a transaction passes.
 * `npm run generate` writes it to grafana/dashboards/pointstream.json; a test fails when that file is not current, or when a metric of engine/metrics.ts is shown nowhere.
 */
import { DashboardBuilder, DashboardCursorSync, DatasourceVariableBuilder, QueryVariableBuilder, RowBuilder, VariableRefresh, type Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { metricTable } from '../engine/metrics.js';
import { curves, figure, processMetric, rate, spread, value } from './panels.js';

export function dashboard(): Dashboard {
  const builder = new DashboardBuilder('Pointstream').uid('pointstream').tags(['pointstream']).description('From the doors to ClickHouse, in the order in which a transaction passes.')
    .refresh('10s').time({ from: 'now-30m', to: 'now' }).timezone('browser').tooltip(DashboardCursorSync.Crosshair).readonly()
    .withVariable(new DatasourceVariableBuilder('datasource').label('Data source').type('prometheus'))
    .withVariable(new QueryVariableBuilder('instance').label('Engine').datasource({ type: 'prometheus', uid: '$datasource' })
      .query(`label_values(${metricTable.ruleSet.name}, instance)`).refresh(VariableRefresh.OnTimeRangeChanged).multi(true).includeAll(true).allValue('.+'));
  for (const { title, panels } of rows()) {
    builder.withRow(new RowBuilder(title));
    for (const panel of panels) builder.withPanel(panel.datasource({ type: 'prometheus', uid: '$datasource' }));
  }
  return builder.build();
}

function rows(): { title: string; panels: ReturnType<typeof curves | typeof figure>[] }[] {
  return [
    { title: 'At a glance', panels: [
      figure('Processed', 'Transactions evaluated and committed.', 'ops', rate('processed')),
      figure('Refused', 'Transactions refused, for whatever reason.', 'ops', rate('rejected')),
      figure('Lag', 'Age of the oldest record that waits to be evaluated.', 's', value('lagSeconds', [], 'max')),
      figure('Sink lag', 'Age of the oldest fact that is not in ClickHouse yet.', 's', value('sinkLagSeconds', [], 'max')),
      figure('Imbalance', 'Sum of all postings; anything but 0 is a bug: stop and run pointstream verify.', 'short', value('ledgerImbalance', [], 'max')),
      figure('Rule set', 'Number of the rule set that is live.', 'none', value('ruleSet', [], 'max')),
      figure('Reference data', 'Version of the reference data that is live.', 'none', value('referenceVersion', [], 'max')),
      figure('Accounts', 'Accounts that exist.', 'short', value('accounts')),
    ] },
    { title: 'Doors: rate, errors, duration', panels: [
      curves('Requests', 'By route and status.', 'ops', [rate('requestSeconds', ['method', 'route', 'status'])]),
      curves('Time to answer', 'From the head of a request to the end of its answer, which comes after the commit.', 's', spread('requestSeconds')),
      curves('Errors', 'Requests that were not answered with 2xx, by problem.', 'ops', [rate('doorErrors', ['code'])]),
      curves('Accepted and repeated', 'Transactions by lane; repeats had been posted before with the same content.', 'ops', [rate('accepted', ['lane']), rate('duplicates', [], 'repeated')]),
      curves('Refused by reason', 'docs/reasons.md says what each means and what to do.', 'ops', [rate('rejected', ['reason'])], { stacked: true }),
      curves('Bodies', 'Bytes that arrive, and that wait between arrival and commit.', 'bytes', [rate('receivedBytes', [], 'a second'), value('bodyBytesInFlight', [], 'sum', 'in flight')]),
    ] },
    { title: "Router: partners' topics on Kafka", panels: [
      curves('Routed', 'Transactions handed on to be evaluated, repeats included, by topic.', 'ops', [rate('routerTransactions', ['topic'])]),
      curves('Records', 'Handed on or refused, by topic; attempts that failed and were repeated.', 'ops', [rate('routerRecords', ['topic']), rate('routerRetries', [], 'attempts repeated')]),
      curves('Partitions', 'That are read, by topic: 0 for a topic that is missing or may not be read.', 'short', [value('routerPartitions', ['topic'])]),
      curves('Router lag in records', 'What waits to be handed on, by topic.', 'short', [value('routerLagRecords', ['topic'])]),
      curves('Router lag in time', 'Age of what is being handed on, by topic.', 's', [value('routerLagSeconds', ['topic'], 'max')]),
    ] },
    { title: 'Pipeline', panels: [
      curves('Processed', 'By kind.', 'ops', [rate('processed', ['kind'])], { stacked: true }),
      curves('Lag in records', 'What waits to be evaluated, by partition.', 'short', [value('lagRecords', ['partition'])]),
      curves('Lag in time', 'Age of the oldest record that waits, by partition.', 's', [value('lagSeconds', ['partition'], 'max')]),
      curves('Commit', 'Time of a commit, until it survives a crash.', 's', spread('commitSeconds')),
      curves('Commits', 'A second.', 'ops', [rate('commits', [], 'commits')]),
      curves('Batch', 'Transactions of one batch of one partition.', 'short', spread('batchTransactions')),
      curves('Busy', 'Share of time that each part works; the one at 100 % is the bottleneck.', 'percentunit', [rate('busySeconds', ['part'])]),
      curves('Log', 'Bytes written a second, and what of them are checkpoints for other machines.', 'Bps', [rate('loggedBytes', [], 'written'), rate('snapshotBytes', [], 'checkpoints')]),
      curves('Set aside and restored', 'Worker threads that ended, and records written to the dead letters.', 'ops', [
        rate('workerRestarts', [], 'workers restored'), rate('deadLetters', [], 'dead letters')]),
    ] },
    { title: 'Points', panels: [
      curves('Awarded', "By program and currency, in the currency's smallest unit.", 'short', [rate('pointsAwarded', ['program', 'currency'])]),
      curves('Taken back by returns', "By program and currency, in the currency's smallest unit.", 'short', [rate('pointsReversed', ['program', 'currency'])]),
      curves('Rules evaluated', 'Candidates, after the index.', 'ops', [rate('rulesEvaluated', [], 'rules')]),
    ] },
    { title: 'State', panels: [
      curves('Replay debt', 'How long a restart would replay effects, by partition; ingest slows down at its bound.', 's', [value('replayDebtSeconds', ['partition'], 'max')]),
      curves('Checkpoint age', 'Of the oldest bucket, by partition.', 's', [value('checkpointAgeSeconds', ['partition'], 'max')]),
      curves('Replayed', 'Batches whose effects were applied again after a start, a fault or a take-over.', 'ops', [rate('replayedBatches', [], 'batches')]),
      curves('Cache', 'Memory of the accounts in memory, by shard.', 'bytes', [value('cacheBytes', ['shard'])]),
      curves('Accounts', 'That exist, and in memory.', 'short', [value('accounts', [], 'sum', 'exist'), value('cacheAccounts', [], 'sum', 'in memory')]),
      curves('Memory', 'Of the process of the engine; the embedded ClickHouse has its own.', 'bytes', [
        processMetric('process_resident_memory_bytes', 'resident'), processMetric('nodejs_heap_size_used_bytes', 'heap'), processMetric('nodejs_external_memory_bytes', 'buffers')]),
      curves('Main thread', 'Delay of the event loop, and CPU seconds a second of the whole process.', 's', [
        processMetric('nodejs_eventloop_lag_p99_seconds', 'event loop p99'), processMetric('process_cpu_seconds_total', 'CPU', true)]),
    ] },
    { title: 'Sink', panels: [
      curves('Facts in ClickHouse', 'Acknowledged a second.', 'ops', [rate('sinkRows', [], 'facts')]),
      curves('Insert', 'Time of one insert.', 's', spread('sinkInsertSeconds')),
      curves('Repeated inserts and restarts', 'Inserts repeated after an error; restarts of the embedded ClickHouse.', 'ops', [
        rate('sinkRetries', [], 'repeated'), rate('clickhouseRestarts', [], 'restarts')]),
      curves('Sink lag in records', 'Committed and not in ClickHouse yet, by partition.', 'short', [value('sinkLagRecords', ['partition'])]),
      curves('Sink lag in time', 'By partition.', 's', [value('sinkLagSeconds', ['partition'], 'max')]),
    ] },
  ];
}

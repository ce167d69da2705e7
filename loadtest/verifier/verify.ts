/**
 * The verifier: evaluates the log of an engine from its start with the naive second implementation, and compares everything that the engine holds:
 * facts and postings of the results, effects, the live accounts, ClickHouse up to the sink's position. Each difference is named. It changes nothing;
 * the engine may go on meanwhile.
 *
 *   log ──▶ naive implementation ──▶ facts, changes ──╳── results records (facts, effects)
 *                                └─▶ accounts ────────╳── cells of the shards
 *                facts of the results ────────────────╳── pointstream.facts and its views
 *
 * Partition after partition, each in a thread, as many at a time as there are cores; this thread only reads for them.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { compareViews, ClickHouseCheck, type ViewSums } from './clickhouse.js';
import { Findings, type VerifyReport } from './report.js';
import { callSource, type VerifySource } from './source.js';
import type { FromWorker, PartitionReport, ToWorker, WorkerSetup } from './verify-partition.js';

export async function verify(source: VerifySource, progress: (line: string) => void = () => undefined, threadsMax = availableParallelism()): Promise<VerifyReport> {
  const beganMs = performance.now(), findings = new Findings(), { partitions } = source.log;
  if (!source.cells) findings.note('live accounts were not compared: no engine runs here');
  if (!source.rows) findings.note('ClickHouse was not compared: it is off');
  const sums = ClickHouseCheck.noSums(), open = Array.from({ length: partitions }, (_, partition) => partition);
  let complete = true, done = 0, factRows = 0;
  const take = (report: PartitionReport): void => {
    findings.add(report.report);
    addSums(sums, report.sums);
    complete &&= report.complete;
    factRows += report.factRows;
    progress(`${++done} of ${partitions} partitions: ${findings.transactions} transactions evaluated, ${findings.count} differences`);
  };
  await Promise.all(Array.from({ length: Math.min(threadsMax, partitions) }, () => runThread(source, () => open.shift(), take)));
  const compared = source.rows && complete && await compareViews(source.rows, { sums, factRows, partitions }, findings);
  if (source.rows && !compared) findings.note('the views were not compared: ClickHouse was being filled meanwhile');
  return findings.report((performance.now() - beganMs) / 1000);
}

/** One thread, partition after partition, until there is none. */
async function runThread(source: VerifySource, next: () => number | undefined, take: (report: PartitionReport) => void): Promise<void> {
  const setup: WorkerSetup = { partitions: source.log.partitions, cells: source.cells !== undefined, rows: source.rows !== undefined };
  const worker = new Worker(new URL('./verify-partition.js', import.meta.url), { workerData: { verifier: setup } });
  const send = (message: ToWorker): void => worker.postMessage(message);
  try {
    await new Promise<void>((resolve, reject) => {
      const go = (): void => {
        const partition = next();
        if (partition === undefined) resolve();
        else send({ partition });
      };
      worker.on('error', reject);
      worker.on('exit', (code) => reject(new Error(`a thread of the verifier ended with ${code}`)));
      worker.on('message', (message: FromWorker) => {
        if ('number' in message) {
          const { number: answer } = message;
          callSource(source, message.call).then((value) => send({ answer, value }), (error: unknown) => send({ answer, failure: (error as Error).message }));
        } else if ('failure' in message) reject(new Error(`partition ${message.partition} can't be verified: ${message.failure}`));
        else {
          take(message.done);
          go();
        }
      });
      go();
    });
  } finally {
    worker.removeAllListeners('exit');
    await worker.terminate();
  }
}

function addSums(sums: ViewSums, more: ViewSums): void {
  for (const view of Object.keys(sums) as (keyof ViewSums)[]) for (const [i, value] of more[view].entries()) sums[view][i]! += value;
}

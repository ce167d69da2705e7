/**
 * `pointstream verify`: what is verified where. The comparing itself is in verifier/verify.ts.
 */
import type { Config } from '../engine/config.js';
import type { Logger } from '../engine/logger.js';
import { createMetrics } from '../engine/metrics.js';
import { startEngine, type RunningEngine } from '../engine/start.js';
import type { VerifyReport } from './verifier/report.js';
import { verify } from './verifier/verify.js';

export { verifyText, type VerifyReport } from './verifier/report.js';

const SINK_MS = 60_000, QUERY_SECONDS_MAX = 600;

type Progress = (line: string) => void;

/** An engine in this process. */
export async function verifyRunning({ engine, log, analytics }: RunningEngine, { progress }: { progress?: Progress }): Promise<VerifyReport> {
  const rows = analytics && (async (query: string, parameters: Record<string, unknown>): Promise<Record<string, string>[]> => {
    const answer = await analytics.client.query({ query, query_params: parameters, format: 'JSONEachRow', clickhouse_settings: { max_execution_time: QUERY_SECONDS_MAX } });
    return answer.json<Record<string, string>>();
  });
  return verify({ log, cells: (partition, from, count) => engine.cells(partition, from, count), ...(rows && { rows }) }, progress);
}

/** A data directory: starts an engine on it without doors, and stops it again. */
export async function verifyDirectory({ config, logger, progress }: { config: Config; logger: Logger; progress?: Progress }): Promise<VerifyReport> {
  const running = await startEngine({ ...config, port: 0, clickhousePort: 0, metricsPort: 0 }, logger, createMetrics());
  try {
    await running.analytics?.caughtUp(SINK_MS);
    return await verifyRunning(running, progress ? { progress } : {});
  } finally {
    await running.stop();
  }
}

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

/** An engine in this process. */
export async function verifyRunning({ engine, log, analytics }: RunningEngine, { progress }: { config?: Config; progress?: (line: string) => void } = {}): Promise<VerifyReport> {
  return verify({
    log, cells: (partition, from, count) => engine.cells(partition, from, count), ...(analytics && { clickhouse: analytics.client }), ...(progress && { progress }),
  });
}

/** A data directory: starts an engine on it without doors, and stops it again. */
export async function verifyDirectory({ config, logger, progress }: { config: Config; logger: Logger; progress?: (line: string) => void }): Promise<VerifyReport> {
  const running = await startEngine({ ...config, port: 0, clickhousePort: 0, metricsPort: 0 }, logger, createMetrics());
  try {
    await running.analytics?.caughtUp(60_000);
    return await verifyRunning(running, { ...(progress && { progress }) });
  } finally {
    await running.stop();
  }
}

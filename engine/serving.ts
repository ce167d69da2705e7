/**
 * A whole engine with its doors in one process. Stops in the order in which requests flow: the doors close and let what is under way finish, then the engine commits
 * what it has, then the log closes. What is not done in half the time that a stop may take is given up, so that it ends by itself also while the log or ClickHouse is away.
 */
import { rename, rm, writeFile } from 'node:fs/promises';
import { rolesOf, type Config } from './config.js';
import { makeDataDirectory } from './data-directory.js';
import { endpointsPath, type Endpoints } from './endpoints.js';
import { queryEntriesOf } from './entries.js';
import { startGateway } from './gateway/gateway.js';
import { startParsers } from './gateway/parser-pool.js';
import { adminKey, isShort, Keys, makeOperatorKey, operatorKeyPath } from './keys.js';
import { listening } from './listening.js';
import type { Logger } from './logger.js';
import { createMetrics } from './metrics.js';
import { startMetricsServer } from './metrics-server.js';
import { queryRejectedOf } from './rejected.js';
import { startEngine, type RunningEngine } from './start.js';

/** What was given up may be answered so long, then connections are cut. */
const ANSWER_MS_MAX = 500;
/** So soon a gateway knows keys that another one was given, or that were taken away there. */
const LOOK_MS = 1000;

/** The verifier, which lies outside engine/ and is handed in. */
export type VerifyEngine = (running: RunningEngine, progress: (line: string) => void) => Promise<object>;
export interface Serving { endpoints: Endpoints; running: RunningEngine; adminKey: string; /** Resolves when a part has failed for good, with why. */ failed: Promise<Error>; stop(): Promise<void> }

/** Resolves when everything answers and DIR/endpoints.json is written. When a part cannot start, those that did are stopped again. */
export async function startServing(config: Config, logger: Logger, verify?: VerifyEngine): Promise<Serving> {
  makeDataDirectory(config.data);
  const path = endpointsPath(config.data);
  const key = await adminKey(config.adminKey, config.data);
  if (isShort(key)) logger.warn('the admin key is short enough to be guessed, and whoever has it may do everything: use 16 random characters or more');
  const metrics = createMetrics({ processMetrics: true });
  /** What to undo, last first. */
  const stops: (() => Promise<void>)[] = [];
  let giveUp: (() => void) | undefined;
  const stop = async (): Promise<void> => {
    const late = setTimeout(() => giveUp?.(), config.stopTimeoutMs / 2);
    for (const each of stops.splice(0).reverse()) {
      // A log that was closed under it is no reason to leave the rest open.
      await each().catch((error: unknown) => logger.error({ error: String(error) }, 'a part could not be stopped in order'));
    }
    clearTimeout(late);
  };
  try {
    const running = await startEngine(config, logger, metrics);
    stops.push(() => running.stop());
    giveUp = () => running.giveUp();
    // Of a run that was killed: now that the directory is ours, not before, nobody else answers there.
    await rm(path, { force: true });
    const { engine, references, log, analytics } = running;
    let fail!: (error: Error) => void;
    const failed = new Promise<Error>((resolve) => { fail = resolve; });
    void running.failed.then(fail);
    const metricsServer = await listening('metricsPort', 'host', startMetricsServer(metrics, () => engine.checks(), config.host, config.metricsPort));
    stops.push(() => metricsServer.close());
    stops.push(() => rm(operatorKeyPath(config.data), { force: true }));
    const roles = rolesOf(config), parser = startParsers(config.parsers, metrics);
    stops.push(() => parser.close());
    const keys = await Keys.open(key, log, await makeOperatorKey(config.data));
    const gateway = roles.has('gateway') ? await startGateway({
      parser, engine, references, keys, config, logger, metrics,
      queryEntries: queryEntriesOf(analytics?.client), queryRejected: queryRejectedOf(log), ...(verify === undefined ? {} : { verify: (progress) => verify(running, progress) }),
    }) : undefined;
    if (gateway) {
      stops.push(() => gateway.close());
      giveUp = () => {
        running.giveUp();
        setTimeout(() => gateway.cutOff(), ANSWER_MS_MAX).unref();
      };
    }
    if (gateway && log.shared) {
      const end = every(LOOK_MS, async () => {
        await keys.refresh();
        references.learn(await engine.newestReference());
      });
      stops.push(end);
    }
    if (roles.has('router') && config.routerTopics !== '') {
      // Loaded when it is asked for, as the log on Kafka is.
      const { startRouter } = await import('./router/router.js');
      const router = await startRouter({ config, engine, parser, metrics, logger, failed: fail });
      stops.push(() => router.stop());
    }
    const endpoints: Endpoints = { pid: process.pid, http: gateway?.url ?? '', clickhouse: analytics?.url ?? null, metrics: metricsServer.url };
    stops.push(() => rm(path, { force: true }));
    await writeFile(`${path}.new`, `${JSON.stringify(endpoints)}\n`);
    await rename(`${path}.new`, path);
    return { endpoints, running, adminKey: key, failed, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Again and again, until the function that it returns is called. What fails is tried the next time: when the log does not answer, that is told elsewhere. */
function every(milliseconds: number, action: () => Promise<void>): () => Promise<void> {
  let running = Promise.resolve(), idle = true;
  const timer = setInterval(() => {
    if (!idle) return;
    idle = false;
    running = action().catch(() => undefined).then(() => { idle = true; });
  }, milliseconds);
  return async () => {
    clearInterval(timer);
    await running;
  };
}

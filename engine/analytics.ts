/**
 * ClickHouse and everything that brings facts there: the embedded child or a server, its tables, the sink, the dimensions, the reconciler.
 *
 *   committed results ─▶ sink ─▶ pointstream.facts         reference data ─▶ dimensions ─▶ partners, stores, products
 *
 * Promises: a child that dies is started again, and the sink goes on where it was; a server that is away is waited for. Never slows the engine down, never stops it:
 * facts wait in the log.
 */
import { join } from 'node:path';
import { ClickHouseLogLevel, createClient, type ClickHouseClient } from '@clickhouse/client';
import { migrate } from '../schemas/clickhouse/migrations.js';
import type { BatchResult } from '../workers/messages.js';
import { startEmbeddedClickHouse } from './clickhouse/child.js';
import type { Config } from './config.js';
import type { ReadyCheck } from './engine.js';
import type { Log } from './log/log.js';
import type { Logger } from './logger.js';
import type { Metrics } from './metrics.js';
import type { Pipeline } from './pipeline.js';
import { Reconciler } from './reconciler.js';
import { Restarts } from './restarts.js';
import type { SpareBuffers } from './spare-buffers.js';
import { Dimensions } from './sink/dimensions.js';
import { startSink, type Sink } from './sink/sink.js';

const RECONCILE_MS = 60_000;
/** An insert or a query that takes longer has lost its server. */
const REQUEST_MS_MAX = 60_000;
const RETRY_MS = 1000;
/** How long a stop waits for ClickHouse to have everything; what is left goes there after the next start. */
const STOP_MS = 10_000;

export interface AnalyticsOptions { config: Config; logger: Logger; metrics: Metrics; log: Log; pipeline: Pipeline; spareBuffers: SpareBuffers }

export interface Analytics {
  url: string;
  /** The engine's own, who may write. */
  user: string;
  password: string;
  client: ClickHouseClient;
  /** Of the embedded child. */
  readonly pid: number | undefined;
  sink: Sink;
  /** Whether ClickHouse gets everything that is committed now within the time. */
  caughtUp(timeoutMs: number): Promise<boolean>;
  committed(results: BatchResult[]): void;
  collect(metrics: Metrics): void;
  check(): ReadyCheck;
  stop(): Promise<void>;
}

interface Endpoint { url: string; user: string; password: string; child: Restarts | undefined }

/** Resolves when the embedded ClickHouse has its tables; a server is not waited for. */
export async function startAnalytics({ config, logger, metrics, log, pipeline, spareBuffers }: AnalyticsOptions): Promise<Analytics> {
  const { child, ...endpoint } = await openEndpoint(config, logger);
  const client = createClient({
    url: endpoint.url, username: endpoint.user, password: endpoint.password, request_timeout: REQUEST_MS_MAX, log: { level: ClickHouseLogLevel.OFF },
    application: 'pointstream',
  });
  let stopping = false;
  const reconciler = new Reconciler({ client, log, append: (records) => pipeline.append(records), intervalMs: RECONCILE_MS, logger });
  const dimensions = new Dimensions({ client, log, logger, reference: () => pipeline.reference });
  const prepare = async (): Promise<void> => {
    await migrate(client);
    dimensions.update();
    reconciler.start();
  };
  try {
    if (child) await prepare();
    else void retried(prepare, () => stopping, (error) => logger.warn({ error: String(error) }, 'ClickHouse has no tables yet; facts wait in the log'));
    const sink = await startSink({
      log, client, partitions: log.partitions, logger, rowsMax: config.sinkRowsMax, bytesMax: config.sinkBytesMax,
      release: (record) => spareBuffers.give(record),
      onInsert: (milliseconds) => metrics.sinkInsertSeconds.observe(milliseconds / 1000),
    });
    const counted = { rows: 0, retries: 0, restarts: 0 };
    return {
      ...endpoint, client, sink,
      get pid() {
        return child?.pid;
      },
      caughtUp: (timeoutMs) => sink.caughtUp(timeoutMs),
      committed(results) {
        for (const { partition, batch, offset, results: record, rows, activated } of results) {
          sink.offer(partition, { batch, offset, record: record!, rows });
          if (activated !== undefined) dimensions.update();
        }
      },
      collect() {
        const { rows, retries, lagRecords, lagSeconds } = sink.stats, restarts = child?.count ?? 0;
        metrics.sinkRows.inc(rows - counted.rows);
        metrics.sinkRetries.inc(retries - counted.retries);
        metrics.clickhouseRestarts.inc(restarts - counted.restarts);
        Object.assign(counted, { rows, retries, restarts });
        for (const [partition, records] of lagRecords.entries()) metrics.sinkLagRecords.set({ partition: String(partition) }, records);
        for (const [partition, seconds] of lagSeconds.entries()) metrics.sinkLagSeconds.set({ partition: String(partition) }, seconds);
      },
      check() {
        const detail = child?.failure ?? sink.failure;
        // Tills go on without analytics: a failing insert is said, but only a child that is down makes the engine not ready while it is started again.
        return { name: 'clickhouse', ok: child?.failure === undefined, ...(detail === undefined ? {} : { detail }) };
      },
      async stop() {
        stopping = true;
        await reconciler.stop();
        await dimensions.stop();
        if (child?.failure === undefined && sink.failure === undefined) await sink.caughtUp(STOP_MS);
        await sink.stop();
        await client.close();
        await child?.stop();
      },
    };
  } catch (error) {
    stopping = true;
    await reconciler.stop();
    await client.close();
    await child?.stop();
    throw error;
  }
}

async function openEndpoint(config: Config, logger: Logger): Promise<Endpoint> {
  if (config.clickhouse === 'server') return { url: config.clickhouseUrl, user: config.clickhouseUser, password: config.clickhousePassword, child: undefined };
  const started = await startEmbeddedClickHouse({
    directory: join(config.data, 'clickhouse'), port: config.clickhousePort, host: config.host, memoryBytesMax: config.clickhouseMemoryBytesMax, access: config.clickhouseAccess, logger,
  });
  return { url: started.url, user: started.engineUser, password: started.enginePassword, child: new Restarts(started, logger) };
}

async function retried(action: () => Promise<void>, ended: () => boolean, failed: (error: unknown) => void): Promise<void> {
  while (!ended()) {
    try {
      return await action();
    } catch (error) {
      failed(error);
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS).unref());
    }
  }
}

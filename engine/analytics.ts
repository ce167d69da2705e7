/**
 * ClickHouse and everything that brings facts there: the embedded child or a server, its tables, the sink, the dimensions, the reconciler.
 *
 *   committed results ─▶ sink ─▶ pointstream.facts         reference data ─▶ dimensions ─▶ partners, stores, products
 *
 * Promises: a child that dies is started again, and the sink goes on where it was; a server that is away is waited for. Never slows the engine down, never stops it:
 * facts wait in the log.
 */
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { ClickHouseClient } from '@clickhouse/client';
import { migrate, pendingMigrations } from '../schemas/clickhouse/migrations.js';
import type { BatchResult } from '../workers/messages.js';
import { startEmbeddedClickHouse, type EmbeddedClickHouse } from './clickhouse/child.js';
import { atServer, connect, embeddedEndpoint, serverEndpoint, type Endpoint } from './clickhouse-endpoint.js';
import { ConfigError, isServer, type Config } from './config.js';
import type { ReadyCheck } from './engine.js';
import { FactsHome } from './facts-home.js';
import { listening } from './listening.js';
import type { Log } from './log/log.js';
import type { Logger } from './logger.js';
import type { Metrics } from './metrics.js';
import type { Pipeline } from './pipeline.js';
import { Reconciler } from './reconciler.js';
import { Restarts } from './restarts.js';
import type { SpareBuffers } from './spare-buffers.js';
import { Dimensions } from './sink/dimensions.js';
import { startSink, type Sink } from './sink/sink.js';
import { within } from './within.js';

const RECONCILE_MS = 60_000;
/** How often a server is asked whether it has the tables by now. */
const RETRY_MS = 1000;
/** How long a stop waits for ClickHouse to have everything; what is left goes there after the next start. */
const STOP_MS = 10_000;
/** How long a stop waits for a server that was asked whether it has the tables; and a start, which can still say that it is the wrong one. */
const ASK_MS_MAX = 1000, FIRST_MS_MAX = 5000;

export interface AnalyticsOptions { config: Config; logger: Logger; metrics: Metrics; log: Log; pipeline: Pipeline; spareBuffers: SpareBuffers }

export interface Analytics extends Endpoint {
  client: ClickHouseClient;
  /** Of the embedded child. */
  readonly pid: number | undefined;
  sink: Sink;
  /** Whether ClickHouse gets everything that is committed now within the time. */
  caughtUp(timeoutMs: number): Promise<boolean>;
  committed(results: BatchResult[]): void;
  /** Sets its metrics. */
  collect(): void;
  check(): ReadyCheck;
  stop(): Promise<void>;
}

/**
 * Resolves when the embedded ClickHouse has its tables, which are made here; a server's are made by `pointstream migrate`, and not waited for. Throws ConfigError when the facts of the
 * installation are elsewhere; a server that is away at that moment is told so later, and gets nothing.
 */
export async function startAnalytics({ config, logger, metrics, log, pipeline, spareBuffers }: AnalyticsOptions): Promise<Analytics> {
  const child = isServer(config.clickhouse) ? undefined : await startChild(config, logger);
  if (child && log.shared) logger.warn('facts of the partitions that are processed here go to the embedded ClickHouse of this process, and stay there: several engines need a server');
  const endpoint = child ? embeddedEndpoint(child.embedded) : serverEndpoint(config), client = connect(endpoint);
  const reconciler = new Reconciler({ client, log, append: (records) => pipeline.append(records), intervalMs: RECONCILE_MS, logger });
  const dimensions = new Dimensions({ client, log, logger, place: endpoint, reference: () => pipeline.reference });
  // Several engines with an embedded ClickHouse each have been warned: there is no one place.
  const home = child && log.shared ? undefined : new FactsHome(log, endpoint);
  const preparation = new Preparation(endpoint, home, logger, () => {
    dimensions.update();
    reconciler.start();
  });
  try {
    await (child ? preparation.make() : preparation.begin());
    if (preparation.isElsewhere) throw new ConfigError(`clickhouse: ${preparation.lacking}`);
    const sink = await startSink({
      log, client, partitions: log.partitions, logger, refusal: () => home?.refusal, rowsMax: config.sinkRowsMax, bytesMax: config.sinkBytesMax,
      release: (record) => spareBuffers.give(record),
      onInsert: (milliseconds) => metrics.sinkInsertSeconds.observe(milliseconds / 1000),
    });
    const counted = { rows: 0, retries: 0, restarts: 0 };
    return {
      ...endpoint, client, sink,
      get pid() {
        return child?.restarts.pid;
      },
      caughtUp: (timeoutMs) => sink.caughtUp(timeoutMs),
      committed(results) {
        for (const { partition, batch, offset, results: record, rows, activated } of results) {
          sink.offer(partition, { batch, offset, record: record!, rows });
          if (activated !== undefined) dimensions.update();
        }
      },
      collect() {
        const { rows, retries, lagRecords, lagSeconds } = sink.stats, restarts = child?.restarts.count ?? 0;
        metrics.sinkRows.inc(rows - counted.rows);
        metrics.sinkRetries.inc(retries - counted.retries);
        metrics.clickhouseRestarts.inc(restarts - counted.restarts);
        Object.assign(counted, { rows, retries, restarts });
        for (const [partition, records] of lagRecords.entries()) metrics.sinkLagRecords.set({ partition: String(partition) }, records);
        for (const [partition, seconds] of lagSeconds.entries()) metrics.sinkLagSeconds.set({ partition: String(partition) }, seconds);
      },
      check() {
        const down = child?.restarts.failure, detail = down ?? preparation.lacking ?? sink.failure;
        // Tills go on without analytics: a failing insert is said, but only a child that is down makes the engine not ready while it is started again.
        return { name: 'clickhouse', ok: down === undefined, ...(detail === undefined ? {} : { detail }) };
      },
      async stop() {
        await within(ASK_MS_MAX, preparation.stop());
        await reconciler.stop();
        await dimensions.stop();
        if (child?.restarts.failure === undefined && preparation.lacking === undefined && sink.failure === undefined) await within(STOP_MS, sink.caughtUp(STOP_MS));
        await sink.stop();
        await client.close();
        await child?.restarts.stop();
      },
    };
  } catch (error) {
    await preparation.stop();
    await reconciler.stop();
    await dimensions.stop();
    await client.close();
    await child?.restarts.stop();
    throw error;
  }
}

/** Whether facts may go to ClickHouse: it has its tables, and the facts of the installation are there and nowhere else. */
class Preparation {
  /** Why nothing can go there yet. */
  lacking: string | undefined;
  /** Nothing ever may, with these settings. */
  isElsewhere = false;
  private readonly stopped = new AbortController();
  private waiting = Promise.resolve();

  /** `ready` is called once, when facts may go there. */
  constructor(private readonly endpoint: Endpoint, private readonly home: FactsHome | undefined, private readonly logger: Logger, private readonly ready: () => void) {}

  /** Makes the tables, of the embedded one. */
  async make(): Promise<void> {
    await atServer(this.endpoint, migrate);
    this.lacking = await this.lookAtHome();
    if (!this.isElsewhere) this.ready();
  }
  /** Looks until a server has them. Resolves after the first look, or when that takes long. */
  async begin(): Promise<void> {
    const looked = new Promise<void>((resolve) => { this.waiting = this.wait(resolve).finally(resolve); });
    await within(FIRST_MS_MAX, looked);
  }
  /** Resolves when nobody looks any more. */
  stop(): Promise<void> {
    this.stopped.abort();
    return this.waiting;
  }

  private async wait(looked: () => void): Promise<void> {
    const { signal } = this.stopped;
    while (!signal.aborted) {
      const lacking = await lackingTables(this.endpoint) ?? await this.lookAtHome().catch((error: Error) => error.message);
      if (signal.aborted) return;
      const isNews = lacking !== this.lacking;
      this.lacking = lacking;
      if (lacking === undefined) return this.ready();
      if (isNews) this.logger.warn({ reason: lacking }, 'nothing can go to ClickHouse yet; facts wait in the log');
      looked();
      await pause(RETRY_MS, undefined, { signal }).catch(() => undefined);
    }
  }
  private async lookAtHome(): Promise<string | undefined> {
    const elsewhere = await this.home?.look();
    this.isElsewhere = elsewhere !== undefined;
    return elsewhere;
  }
}

async function startChild(config: Config, logger: Logger): Promise<{ embedded: EmbeddedClickHouse; restarts: Restarts }> {
  const embedded = await listening('clickhousePort', 'host', startEmbeddedClickHouse({
    directory: join(config.data, 'clickhouse'), port: config.clickhousePort, host: config.host, memoryBytesMax: config.clickhouseMemoryBytesMax, access: config.clickhouseAccess, logger,
  }));
  return { embedded, restarts: new Restarts(embedded, logger) };
}

/** What a server lacks before facts can go there; undefined: nothing. */
async function lackingTables(endpoint: Endpoint): Promise<string | undefined> {
  try {
    const pending = await atServer(endpoint, pendingMigrations);
    if (pending.length === 0) return undefined;
    return `database ${endpoint.database} lacks ${pending.map(({ number, name }) => `step ${number} (${name})`).join(', ')}: run pointstream migrate`;
  } catch (error) {
    return (error as Error).message;
  }
}

/**
 * The reconciler (docs/calculation.md): finds the same (partner, id, kind) posted under two homes, which no partition can see, by a query over the facts, and has the later
 * postings taken back by a command to their partitions. Asking twice does no harm: a partition takes a posting back once.
 *
 * Goes over the facts window by window of their processing time, a bounded number of rows each, and remembers how far it came.
 */
import type { ClickHouseClient } from '@clickhouse/client';
import { writeCommand } from '../schemas/commands.js';
import type { Append, Log } from './log/log.js';
import type { Logger } from './logger.js';

const ROWS_PER_ROUND = 500_000;
/** Partitions reach ClickHouse at different times: each round looks back that far for postings that came behind the last one's end. */
const OVERLAP_MINUTES = 10;
const PLACE = 'reconciler';

export interface ReconcilerOptions {
  client: ClickHouseClient;
  log: Log;
  append(records: Append[]): Promise<unknown>;
  /** How often it looks, ms. */
  intervalMs: number;
  logger: Logger;
}
interface Found { partner: string; id: string; kind: 'purchase' | 'return'; /** in the order of its postings */ partitions: [first: number, ...later: number[]] }

export class Reconciler {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<number> = Promise.resolve(0);
  private readonly stopped = new AbortController();
  /** Postings that were sent to be taken back. */
  found = 0;

  constructor(private readonly options: ReconcilerOptions) {}

  start(): void {
    this.timer = setInterval(() => void this.look(), this.options.intervalMs);
  }
  async stop(): Promise<void> {
    clearInterval(this.timer);
    this.stopped.abort();
    await this.running;
  }
  /** Looks at what came since the last time; resolves with the number of postings sent to be taken back. */
  look(): Promise<number> {
    this.running = this.running.then(() => this.round()).catch((error: unknown) => {
      if (!this.stopped.signal.aborted) this.options.logger.warn({ error: String(error) }, 'the reconciler could not look; it tries again');
      return 0;
    });
    return this.running;
  }

  private async round(): Promise<number> {
    const { log, append } = this.options;
    const saved = await log.getValue(PLACE);
    const from = saved ? Buffer.from(saved).toString('utf8') : '1970-01-01 00:00:00.000';
    const [window] = await this.query<{ to: string; rows: string }>(
      `SELECT toString(max(processed_at)) AS to, count() AS rows FROM (
         SELECT processed_at FROM transactions WHERE processed_at > {from:DateTime64(3, 'UTC')} ORDER BY processed_at LIMIT ${ROWS_PER_ROUND})`, { from });
    const isNew = window !== undefined && Number(window.rows) > 0;
    if (!isNew && Date.now() - Date.parse(`${from.replace(' ', 'T')}Z`) > OVERLAP_MINUTES * 60_000) return 0;
    const to = isNew ? window.to : from;
    const found = await this.query<Found>(
      `SELECT partner, id, kind,
         arrayMap(place -> place.2, arraySort(groupArray((toUnixTimestamp64Milli(processed_at), source_partition, source_offset)))) AS partitions
       FROM transactions
       WHERE cityHash64(partner, id, kind) IN (
         SELECT cityHash64(partner, id, kind) FROM transactions
         WHERE processed_at > {from:DateTime64(3, 'UTC')} - INTERVAL ${OVERLAP_MINUTES} MINUTE AND processed_at <= {to:DateTime64(3, 'UTC')})
       GROUP BY partner, id, kind HAVING count() > 1`, { from, to });
    const commands = found.flatMap(({ partner, id, kind, partitions: [first, ...later] }) => {
      const value = writeCommand({ type: 'reconcile', partner, id, kind, first: Number(first) });
      return later.map((partition): Append => ({ topic: 'internal', partition: Number(partition), value }));
    });
    if (commands.length > 0) {
      await append(commands);
      this.found += commands.length;
    }
    await log.putValue(PLACE, Buffer.from(to, 'utf8'));
    return commands.length;
  }
  private async query<T>(query: string, parameters: Record<string, string>): Promise<T[]> {
    this.stopped.signal.throwIfAborted(); // the client hears only of what is aborted later
    const answer = await this.options.client.query({ query, query_params: parameters, format: 'JSONEachRow', abort_signal: this.stopped.signal });
    return answer.json<T>();
  }
}

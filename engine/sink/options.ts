/** What a sink is given, and what it says of itself. */
import type { ClickHouseClient } from '@clickhouse/client';
import type { Log } from '../log/log.js';
import type { Logger } from '../logger.js';

export interface SinkOptions {
  log: Log;
  client: ClickHouseClient;
  partitions: number;
  logger: Logger;
  /** Of one insert; whole results records, so that it may be a little more. */
  rowsMax: number;
  bytesMax: number;
  /** Of results that wait in memory; beyond it they are read from the log again. */
  memoryBytesMax?: number;
  /** Why nothing may be inserted yet; undefined: it may. */
  refusal?(): string | undefined;
  /** A record that was offered is not needed here any more. */
  release?(record: Uint8Array): void;
  onInsert?(milliseconds: number, rows: number): void;
  /** How it waits before it tries again; for tests, whose hours are short. */
  pause?(milliseconds: number, signal: AbortSignal): Promise<void>;
}

export interface SinkStats {
  /** Rows that ClickHouse acknowledged since the start. */
  rows: number;
  inserts: number;
  retries: number;
  /** Time of the last insert. */
  insertMs: number;
  /** By partition: committed results records that are not in ClickHouse, and the age of the oldest. */
  lagRecords: number[];
  lagSeconds: number[];
}

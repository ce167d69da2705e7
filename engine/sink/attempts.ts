/**
 * One range of results into ClickHouse, whatever becomes of the attempts (delivery.ts says what is decided of each).
 *
 * What ClickHouse acknowledges at the first attempt is there. A repeat may only be taken for one: a table without replication remembers a token before it has the part, and a server that is
 * killed between the two refuses the rows as known for ever after, without a word. So after a repeat the rows are counted; a token that was acknowledged again and again while nothing came
 * is used up, and the range gets another one. Replicated tables remember part and token in one step (and a replica may not have yet what another one took): there the word counts.
 */
import type { ClickHouseClient } from '@clickhouse/client';
import { randomUUID } from 'node:crypto';
import { verdict, type Intent } from './delivery.js';
import type { Range } from './feed.js';
import { countRows } from './insert.js';

const RETRY_MS = 100;
export const RETRY_MS_MAX = 2000;
/** So often a token is acknowledged without rows before it is taken for used up: some seconds, in which an attempt that is still at work would have ended. */
const ACKNOWLEDGED_MAX = 7;

export interface Attempts {
  client: ClickHouseClient;
  partition: number;
  signal: AbortSignal;
  insert(range: Range, token: string): Promise<void>;
  /** Writes an intent into the log. */
  note(intent: Intent): Promise<void>;
  pause(milliseconds: number, signal: AbortSignal): Promise<void>;
  /** An attempt failed. Throws when there is to be no further one. */
  failed(error: unknown): void;
}

/** `attempted`: by an earlier run. Resolves when all rows are in the table, with the intent that brought them; throws only when `failed` or `note` does. */
export async function insertUntilThere({ client, partition, signal, insert, note, pause, failed }: Attempts, range: Range, first: Intent, attempted: boolean): Promise<Intent> {
  let intent = first, acknowledged = 0;
  for (let attempt = attempted ? 1 : 0; ; attempt++) {
    if (acknowledged === ACKNOWLEDGED_MAX) {
      intent = { ...intent, token: newToken(partition, intent) };
      await note(intent);
      acknowledged = 0;
    }
    try {
      const found = attempt === 0 ? undefined : await countRows(client, partition, range, signal), decided = verdict(range.rows, found?.rows);
      if (decided === 'refuse') throw new Error(`ClickHouse has ${found!.rows} of the ${range.rows} rows of partition ${partition}, batches ${range.firstBatch} to ${range.lastBatch}`);
      if (decided === 'skip') return intent;
      await insert(range, intent.token);
      if (!found || found.isReplicated) return intent;
      if (acknowledged++ === 0) continue; // most often it is there now
    } catch (error) {
      failed(error);
    }
    await pause(Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** Math.min(attempt, 10)), signal);
  }
}

export const newToken = (partition: number, { from, to }: Pick<Intent, 'from' | 'to'>): string => `${partition}.${from}.${to}.${randomUUID()}`;

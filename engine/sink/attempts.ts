/**
 * One insert into ClickHouse, whatever becomes of the attempts (delivery.ts says what is decided of each).
 *
 * What ClickHouse acknowledges at the first attempt is there. A repeat may only be taken for one: a table without replication remembers a token before it has the part, and a server that is
 * killed between the two refuses the rows as known for ever after, without a word. So after a repeat the rows are counted; a token that was acknowledged again and again while nothing came
 * is used up, and what is ours of the insert gets another one (whoever has the rest does the same). Replicated tables remember part and token in one step (and a replica may not have yet what
 * another one took): there the word counts.
 */
import type { ClickHouseClient } from '@clickhouse/client';
import { randomUUID } from 'node:crypto';
import { verdict } from './delivery.js';
import type { Range } from './feed.js';
import { countRows } from './insert.js';

const RETRY_MS = 100;
export const RETRY_MS_MAX = 2000;
/** So often a token is acknowledged without rows before it is taken for used up: some seconds, in which an attempt that is still at work would have ended. */
const ACKNOWLEDGED_MAX = 7;

export interface Attempts {
  client: ClickHouseClient;
  signal: AbortSignal;
  insert(ranges: Range[], token: string): Promise<void>;
  /** Writes into the log that our ranges alone are about to be inserted under this token. */
  note(token: string): Promise<void>;
  pause(milliseconds: number, signal: AbortSignal): Promise<void>;
  /** An attempt failed. Throws when there is to be no further one. */
  failed(error: unknown): void;
}
/** `all`: what the token stands for, our ranges and those of partitions that others may have by now. Undefined: this run has noted it, and nothing but ours. */
export interface Sending { ours: Range[]; token: string; all?: () => Promise<Range[]> }

/** Resolves when all of our rows are in the table; throws only when `failed` or `note` does. */
export async function insertUntilThere({ client, signal, insert, note, pause, failed }: Attempts, sending: Sending): Promise<void> {
  const { ours } = sending, rows = ours.reduce((sum, range) => sum + range.rows, 0);
  let { token, all } = sending, acknowledged = 0;
  for (let attempt = all ? 1 : 0; ; attempt++) {
    if (acknowledged === ACKNOWLEDGED_MAX) {
      [token, all, acknowledged] = [newToken(ours), undefined, 0];
      await note(token);
    }
    try {
      const found = attempt === 0 ? undefined : await countRows(client, ours, signal), decided = verdict(rows, found?.rows);
      if (decided === 'refuse') throw new Error(`ClickHouse has ${found!.rows} of the ${rows} rows of ${ours.map(described).join('; ')}`);
      if (decided === 'skip') return;
      const whole = await all?.() ?? ours, others = whole.filter((range) => !ours.includes(range));
      if (found && !found.isReplicated && others.length > 0 && (await countRows(client, others, signal)).rows > 0) {
        // It was used up, and others have inserted their part under a token of their own. ClickHouse may have forgotten it since, and would take all of it.
        acknowledged = ACKNOWLEDGED_MAX;
        continue;
      }
      await insert(whole, token);
      if (!found || found.isReplicated) return;
      if (acknowledged++ === 0) continue; // most often it is there now
    } catch (error) {
      failed(error);
    }
    await pause(Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** Math.min(attempt, 10)), signal);
  }
}

/** Unlike any other, and it says where it comes from. */
export function newToken([first]: Range[]): string {
  return `${first!.partition}.${first!.from}.${first!.to}.${randomUUID()}`;
}
function described({ partition, firstBatch, lastBatch }: Range): string {
  return `partition ${partition}, batches ${firstBatch} to ${lastBatch}`;
}

/**
 * What is done with a range of results: a pure decision, so that every case can be drawn and tested.
 *
 * The sink keeps one record per partition in the log's values. It is written before the first attempt at a range and again when the range is in ClickHouse:
 *
 *   results of a partition   ──────────────●═══════════●─────────────▶
 *                             in the table from        to    not looked at yet
 *
 *   record: done             everything before `to` is in the table           → the next range begins at `to`, with an intent of its own
 *   record: not done         [from, to) was attempted, nobody knows its end   → that very range again, same bytes, same token
 *
 * Before an attempt that is not the first the table is asked for the rows of the range. An insert is one part of the table, so there are all or none:
 *
 *   first attempt            → insert
 *   none there               → insert again; the token covers an attempt that is still on its way, and is replaced when it is used up (attempts.ts)
 *   all there                → skip
 *   some there               → refuse: somebody else wrote or deleted; repeating would double rows
 *   no rows in the range     → skip
 *
 * Never guesses from the newest row of the table: the record alone says how far the sink is.
 */
export interface Intent {
  /** Offsets of results records, `to` not included. */
  from: number;
  to: number;
  /** Unique for ever, whatever else is written to the same table. */
  token: string;
  done: boolean;
}

export type Verdict = 'insert' | 'skip' | 'refuse';

/** `present`: rows of the range in the table; undefined before the first attempt. */
export function verdict(rows: number, present: number | undefined): Verdict {
  if (rows === 0 || present === rows) return 'skip';
  return present === undefined || present === 0 ? 'insert' : 'refuse';
}

export const intentName = (partition: number): string => `sink/${partition}`;

export function writeIntent(intent: Intent): Uint8Array {
  return Buffer.from(JSON.stringify(intent), 'utf8');
}
export function readIntent(bytes: Uint8Array): Intent {
  return JSON.parse(Buffer.from(bytes).toString('utf8')) as Intent;
}

/**
 * What is done with results that were sent: a pure decision, so that every case can be drawn and tested.
 *
 * An insert holds a range of results of each of some partitions. The sink keeps one record per partition in the log's values. Those of an insert are written together before it is first
 * attempted, and again when it is in ClickHouse:
 *
 *   results of a partition   ──────────────●═══════════●─────────────▶
 *                             in the table from        to    not looked at yet
 *
 *   record: done             everything before `to` is in the table           → the next range begins at `to`, with an intent of its own
 *   record: not done         its insert was attempted, nobody knows its end   → that very insert again, all its pieces, same bytes, same token, whoever's the other partitions are by now
 *
 * Before an attempt that is not the first the table is asked for the rows of the ranges that are ours. An insert is one part of the table, so there are all or none:
 *
 *   first attempt            → insert
 *   none there               → insert again; the token covers an attempt that is still on its way, and is replaced when it is used up (attempts.ts)
 *   all there                → skip
 *   some there               → refuse: somebody else wrote or deleted; repeating would double rows
 *   no rows in the ranges    → skip
 *
 * Never guesses from the newest row of the table: the record alone says how far the sink is.
 */

/** Results of one partition in an insert: offsets, `to` not included. */
export interface Piece { partition: number; from: number; to: number }
export interface Intent extends Omit<Piece, 'partition'> {
  /** Unique for ever, whatever else is written to the same table. Empty once it is done. */
  token: string;
  done: boolean;
  /** What the insert holds, in its order. Of one that is done, or was written before inserts had several: the partition's own. */
  pieces: Piece[];
}

export type Verdict = 'insert' | 'skip' | 'refuse';

/** `present`: rows of the range in the table; undefined before the first attempt. */
export function verdict(rows: number, present: number | undefined): Verdict {
  if (rows === 0 || present === rows) return 'skip';
  return present === undefined || present === 0 ? 'insert' : 'refuse';
}

export const intentName = (partition: number): string => `sink/${partition}`;

/** As short as it can be: each of many partitions names all pieces. */
interface StoredIntent { from: number; to: number; token: string; done: boolean; pieces?: [partition: number, from: number, to: number][] }

export function writeIntent({ from, to, token, done, pieces }: Intent): Uint8Array {
  const stored: StoredIntent = { from, to, token, done, ...(done ? {} : { pieces: pieces.map((piece) => [piece.partition, piece.from, piece.to]) }) };
  return Buffer.from(JSON.stringify(stored), 'utf8');
}
export function readIntent(bytes: Uint8Array, partition: number): Intent {
  const { pieces, ...intent } = JSON.parse(Buffer.from(bytes).toString('utf8')) as StoredIntent;
  return { ...intent, pieces: (pieces ?? [[partition, intent.from, intent.to]]).map(([of, from, to]) => ({ partition: of, from, to })) };
}

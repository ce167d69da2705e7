/**
 * The results of one partition on their way to ClickHouse. Fresh ones are handed over in memory after their commit; what is older, or came when memory was full, is
 * read from the log, which has all of them.
 *
 *   log        ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒│
 *              ↑ next to collect    ▓▓▓▓▓▓│ fresh: consecutive batches up to `end`, or nothing
 *
 * Promises: a range is collected in order, without a gap, and the same range again gives the same bytes. Never holds more than the budget shared by all feeds.
 */
import type { Log } from '../log/log.js';
import { readResults } from '../../schemas/results.js';

/** How much is read from the log at once: some records, since a read keeps the main thread from its work. */
const READ_BYTES = 2 * 2 ** 20;

/** Bytes of fresh records that all feeds together may hold. */
export class Budget {
  constructor(public bytesLeft: number) {}
}

/** A results record that was committed. The record may not change afterwards. */
export interface Offered { batch: number; offset: number; record: Uint8Array; rows: number }
/** `from`: there is no other results record between it and `offset`. */
interface Fresh extends Offered { from: number; atMs: number }

/** A range of results records, ready to be inserted. */
export interface Range {
  partition: number;
  from: number;
  to: number;
  rows: number;
  bytes: number;
  /** Blocks of Native, one after the other. */
  blocks: Uint8Array[];
  /** Records that were handed over in memory and hold blocks of it. */
  held: Uint8Array[];
  /** Numbers of the first and the last batch that has rows. */
  firstBatch: number;
  lastBatch: number;
  /** When its newest record was committed, ms. */
  untilMs: number;
}

export interface Limits { rowsMax: number; bytesMax: number; /** Offset to stop before. */ to: number }

export class Feed {
  /** Everything before it is in ClickHouse. */
  position = 0;
  /** The offset after the last committed record known here. */
  end = 0;
  /** When the oldest record that is not in ClickHouse was committed, ms. Meaningless when there is none. */
  sinceMs = 0;
  /** Somebody waits for what is before this offset. */
  hurryTo = 0;
  busy = false;
  /** Why it can't go on, until it can. */
  failure: string | undefined;
  private fresh: Fresh[] = [];
  private offered: { batch: number; offset: number } | undefined;
  freshRows = 0;
  private freshBytes = 0;

  /** `release` hears of each offered record that is not needed any more. */
  constructor(readonly partition: number, private readonly log: Log, private readonly budget: Budget, private readonly release: (record: Uint8Array) => void) {}

  get waiting(): boolean {
    return this.position < this.end;
  }
  /** More waits than is in memory, so it has waited long enough. */
  get behind(): boolean {
    return this.waiting && !(this.fresh[0] && this.fresh[0].from <= this.position);
  }
  /** Bytes in memory of what waits. */
  get bytes(): number {
    return this.freshBytes;
  }

  /** A record that has just been committed. Dropped when there is no room: it will be read from the log. */
  offer({ batch, offset, record, rows }: Offered, nowMs: number): void {
    const follows = this.offered?.batch === batch - 1, from = follows ? this.offered!.offset + 1 : offset;
    this.offered = { batch, offset };
    if (offset < this.end) return this.release(record);
    if (!this.waiting) this.sinceMs = nowMs;
    this.end = offset + 1;
    const last = this.fresh.at(-1);
    if (record.byteLength > this.budget.bytesLeft || (last && last.batch !== batch - 1)) return this.release(record);
    this.fresh.push({ batch, offset, record, rows, from, atMs: nowMs });
    this.freshRows += rows;
    this.freshBytes += record.byteLength;
    this.budget.bytesLeft -= record.byteLength;
  }
  /** Records exist up to `end`, whoever wrote them. */
  extend(end: number, nowMs: number): void {
    if (end <= this.end) return;
    if (!this.waiting) this.sinceMs = nowMs;
    this.end = end;
  }

  /** Whole records from `position` on, at least one; to be called when some wait. */
  async collect({ rowsMax, bytesMax, to }: Limits): Promise<Range> {
    const range: Range = { partition: this.partition, from: this.position, to: this.position, rows: 0, bytes: 0, blocks: [], held: [], firstBatch: 0, lastBatch: 0, untilMs: this.sinceMs };
    while (range.to < to && range.rows < rowsMax && range.bytes < bytesMax) {
      const fresh = this.take(range.to, to);
      if (fresh) {
        add(range, fresh.record, fresh.atMs);
        range.held.push(fresh.record);
        range.to = fresh.offset + 1;
        continue;
      }
      const batch = await this.log.read('results', this.partition, range.to, READ_BYTES);
      if (batch.records.length === 0) {
        range.to = Math.min(to, Math.max(range.to, batch.nextOffset));
        break;
      }
      for (const { offset, timestampMs, value } of batch.records) {
        if (range.rows >= rowsMax || range.bytes >= bytesMax) return range;
        if (offset >= to) {
          range.to = to;
          return range;
        }
        add(range, value, timestampMs);
        range.to = offset + 1;
      }
      range.to = batch.nextOffset;
    }
    return range;
  }
  /** Gives back what it holds. */
  clear(): void {
    this.budget.bytesLeft += this.freshBytes;
    this.fresh = [];
    this.freshRows = this.freshBytes = 0;
  }
  /** The range is in ClickHouse. */
  delivered(range: Range): void {
    for (const record of range.held.splice(0)) this.release(record);
    this.position = range.to;
    const next = this.fresh[0];
    this.sinceMs = next && next.from <= range.to ? next.atMs : range.untilMs;
    this.failure = undefined;
  }

  /** The fresh record at an offset and before `to`; those before it have been read from the log. Offsets have gaps where the log keeps its own marks. */
  private take(offset: number, to: number): Fresh | undefined {
    while (this.fresh.length > 0 && this.fresh[0]!.from <= offset && this.fresh[0]!.offset < to) {
      const first = this.fresh.shift()!;
      this.freshRows -= first.rows;
      this.freshBytes -= first.record.byteLength;
      this.budget.bytesLeft += first.record.byteLength;
      if (first.offset >= offset) return first;
      this.release(first.record);
    }
    return undefined;
  }
}

function add(range: Range, record: Uint8Array, committedMs: number): void {
  range.untilMs = committedMs;
  const { header, facts } = readResults(record);
  if (header.rows === 0) return;
  if (range.rows === 0) range.firstBatch = header.batch;
  range.lastBatch = header.batch;
  range.rows += header.rows;
  range.bytes += facts.byteLength;
  range.blocks.push(facts);
}

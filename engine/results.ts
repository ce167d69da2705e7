/**
 * Finds the results record of a batch. Batches of a partition are numbered without a gap, offsets only grow: the embedded log's are the same numbers, Kafka's have gaps where
 * transactions end. So the place is searched from what is known nearby: an offset is at least as far on as the batch number is.
 *
 *   known ●───────────── guess ▲ ──────────────● known        each look gives a batch, and narrows the places between which the wanted one is
 *
 * Promises: on the embedded log the first look finds it; on Kafka about two do. Remembers one place in SPARSE batches, and never holds a record.
 */
import { readResults, type ResultsHeader } from '../schemas/results.js';
import type { Log, LogRecord } from './log/log.js';

const SPARSE = 256;

interface Place { batch: number; offset: number }
export interface Found { offset: number; header: ResultsHeader; effects: Uint8Array; facts: Uint8Array }

export class Results {
  private readonly places = new Map<number, Place[]>();

  constructor(private readonly log: Pick<Log, 'read' | 'bounds'>) {}

  /** The results of a batch; undefined when they are not kept (any more). */
  async find(partition: number, batch: number): Promise<Found | undefined> {
    const { begin, end } = await this.log.bounds('results', partition);
    let low = this.before(partition, batch) ?? { batch: -1, offset: -1 }, high: Place | undefined, highOffset = end;
    for (;;) {
      // The wanted one is at or after `least` and before `highOffset`.
      const least = Math.max(begin, low.offset + (batch - low.batch));
      if (least >= highOffset) return undefined;
      const guess = high ? low.offset + Math.floor(((high.offset - low.offset) * (batch - low.batch)) / (high.batch - low.batch)) : least;
      const look = Math.min(Math.max(guess, least), highOffset - 1);
      const record = await this.first(partition, look);
      if (!record || record.offset >= highOffset) {
        highOffset = look;
        continue;
      }
      const found = readResults(record.value);
      if (found.header.batch === batch) {
        this.note(partition, batch, record.offset);
        return { offset: record.offset, ...found };
      }
      if (found.header.batch < batch) low = { batch: found.header.batch, offset: record.offset };
      else {
        high = { batch: found.header.batch, offset: record.offset };
        highOffset = look === least ? least : Math.min(look, record.offset - (found.header.batch - batch));
      }
    }
  }
  /** Where to read on so that the batch comes first: its offset, or the end when it has not been decided yet. */
  async offsetOf(partition: number, batch: number): Promise<number> {
    if (batch === 0) return (await this.log.bounds('results', partition)).begin;
    const found = await this.find(partition, batch);
    return found ? found.offset : (await this.log.bounds('results', partition)).end;
  }
  /** The newest results; undefined when there are none. */
  async last(partition: number): Promise<Found | undefined> {
    const { begin, end } = await this.log.bounds('results', partition);
    for (let back = 1, to = end; to > begin; back *= 2) {
      const from = Math.max(begin, to - back);
      let last: LogRecord | undefined;
      for (let next = from; next < end;) {
        const { records, nextOffset } = await this.log.read('results', partition, next, 1);
        last = records.at(-1) ?? last;
        if (records.length === 0) break;
        next = nextOffset;
      }
      if (last) return { offset: last.offset, ...readResults(last.value) };
      to = from;
    }
    return undefined;
  }
  /** A batch's place that is known anyway. */
  note(partition: number, batch: number, offset: number): void {
    let places = this.places.get(partition);
    if (!places) this.places.set(partition, (places = []));
    const index = upperBound(places, batch);
    const before = places[index - 1], after = places[index];
    if (before && batch - before.batch < SPARSE) return;
    if (after && after.batch - batch < SPARSE) return;
    places.splice(index, 0, { batch, offset });
  }

  private before(partition: number, batch: number): Place | undefined {
    const places = this.places.get(partition) ?? [];
    return places[upperBound(places, batch) - 1];
  }
  private async first(partition: number, offset: number): Promise<LogRecord | undefined> {
    return (await this.log.read('results', partition, offset, 1)).records[0];
  }
}

/** How many places have at most this batch. */
function upperBound(places: Place[], batch: number): number {
  let low = 0, high = places.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (places[middle]!.batch <= batch) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The results of one partition, batch after batch from the first on, and where each was. */
import { readResults } from '../../schemas/results.js';
import type { ReadableLog } from './source.js';

const READ_BYTES = 8 * 2 ** 20;

export class ResultsReader {
  private next = 0;
  private readonly offsets: number[] = [];

  constructor(private readonly log: ReadableLog, private readonly partition: number) {}

  /** Those that came since the last time. */
  async *read(): AsyncGenerator<ReturnType<typeof readResults>> {
    const { end } = await this.log.bounds('results', this.partition);
    while (this.next < end) {
      const { records, nextOffset } = await this.log.read('results', this.partition, this.next, READ_BYTES);
      for (const { offset, value } of records) {
        const results = readResults(value), batch = this.offsets.length;
        if (results.header.batch !== batch) throw new Error(`partition ${this.partition}: results of batch ${batch} are not kept any more, so the log can't be evaluated from its start`);
        this.offsets.push(offset);
        yield results;
      }
      if (records.length === 0) return;
      this.next = nextOffset;
    }
  }
  /** The results of a batch that has been read. */
  async again(batch: number): Promise<ReturnType<typeof readResults>> {
    return readResults((await this.log.read('results', this.partition, this.offsets[batch]!, 1)).records[0]!.value);
  }
  /** How many of the batches lie before an offset. */
  batchesBefore(offset: number): number {
    const place = this.offsets.findIndex((other) => other >= offset);
    return place < 0 ? this.offsets.length : place;
  }
}

/** Reads the ranges of input that batches consumed, decoded; reads each record of the log once, also when batches share it. */
import { inputTopics, type LogRecord } from '../../engine/log/log.js';
import type { InputRange } from '../../schemas/results.js';
import { readInput, type InputRecord } from './records.js';
import type { ReadableLog } from './source.js';

const READ_BYTES = 4 * 2 ** 20;

/** A record of which items fromItem … toItem - 1 were consumed. */
export interface ReadRecord { topic: number; offset: number; timestampMs: number; input: InputRecord; fromItem: number; toItem: number }

export class InputReader {
  /** By topic: what was read ahead, and the record that a batch ended in. */
  private readonly ahead = inputTopics.map((): LogRecord[] => []);
  private readonly last: (Omit<ReadRecord, 'fromItem' | 'toItem'> | undefined)[] = [];

  constructor(private readonly log: ReadableLog, private readonly partition: number) {}

  async read({ topic, from, fromItem, next, nextItem }: InputRange): Promise<ReadRecord[]> {
    const records: ReadRecord[] = [];
    for (let offset = from; offset < next || (offset === next && nextItem > 0);) {
      const record = await this.record(topic, offset);
      offset = record.offset;
      if (offset > next || (offset === next && nextItem === 0)) throw new Error(`partition ${this.partition}: records of ${inputTopics[topic]!} up to ${next} are not there any more`);
      records.push({ ...record, fromItem: offset === from ? fromItem : 0, toItem: offset === next ? nextItem : Infinity });
      offset++;
    }
    return records;
  }
  /** The record at the offset, or the next one. */
  private async record(topic: number, offset: number): Promise<Omit<ReadRecord, 'fromItem' | 'toItem'>> {
    const last = this.last[topic];
    if (last?.offset === offset) return last;
    const ahead = this.ahead[topic]!;
    while (ahead.length > 0 && ahead[0]!.offset < offset) ahead.shift();
    if (ahead.length === 0) this.ahead[topic] = (await this.log.read(inputTopics[topic]!, this.partition, offset, READ_BYTES)).records;
    const record = this.ahead[topic]![0];
    if (!record) throw new Error(`partition ${this.partition}: record ${offset} of ${inputTopics[topic]!} is not there any more`);
    return (this.last[topic] = { topic, offset: record.offset, timestampMs: record.timestampMs, input: readInput(record.value) });
  }
}

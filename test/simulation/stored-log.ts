/**
 * What a log holds, in memory: committed records, positions, named values. It survives whatever the engine above it does; faults and delays are its
 * user's (fake-log.ts).
 */
import { topics, type Commit, type InputTopic, type LogRecord, type Topic } from '../../engine/log/log.js';

export class StoredLog {
  readonly values = new Map<string, Uint8Array>();
  bytesAppended = 0;
  private readonly streams: Map<Topic, LogRecord[][]>;
  private readonly positions = new Map<string, number>();
  private readonly lastAppendMs: number[];

  constructor(readonly partitions: number) {
    this.streams = new Map(topics.map((topic) => [topic, Array.from({ length: partitions }, () => [])]));
    this.lastAppendMs = Array.from({ length: partitions }, () => 0);
  }

  /** One atomic step; the append times of a partition never go backwards, whatever the clock says. */
  write({ outputs, positions }: Commit, nowMs: number): number[] {
    for (const { topic, partition, offset } of positions) this.positions.set(`${topic}/${partition}`, offset);
    return outputs.map(({ topic, partition, value, key }) => {
      const records = this.records(topic, partition);
      const timestampMs = (this.lastAppendMs[partition] = Math.max(nowMs, this.lastAppendMs[partition]!));
      this.bytesAppended += value.byteLength;
      return records.push({ offset: records.length, timestampMs, value: Uint8Array.from(value), ...(key === undefined ? {} : { key }) }) - 1;
    });
  }
  records(topic: Topic, partition: number): LogRecord[] {
    return this.streams.get(topic)![partition]!;
  }
  /** Copies, which the reader may transfer. */
  read(topic: Topic, partition: number, fromOffset: number, bytesMax: number): LogRecord[] {
    const found: LogRecord[] = [], records = this.records(topic, partition);
    for (let bytes = 0, offset = fromOffset; offset < records.length && (bytes < bytesMax || found.length === 0); offset++) {
      const { value } = records[offset]!;
      found.push({ ...records[offset]!, value: Uint8Array.from(value) });
      bytes += value.byteLength;
    }
    return found;
  }
  position(topic: InputTopic, partition: number): number {
    return this.positions.get(`${topic}/${partition}`) ?? 0;
  }
}

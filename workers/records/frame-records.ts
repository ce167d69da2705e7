/**
 * The records of a frame: single ones as they are, those of Kafka's record batches opened here, in the shard. Places in bytes and parallel arrays, filled again for each frame: a topic of
 * trusted producers has a transaction a record, so an object for each would cost what deciding it costs.
 *
 * Promises: never throws because of the bytes of a batch. One that can't be opened is a record without content for each of its offsets, which is refused and kept with the
 * dead letters like anything unreadable, so that it holds nothing up.
 */
import { unpackFrame, type FrameChunk } from '../../schemas/frame.js';
import { readBatchHeader, RecordBatchReader } from './record-batch.js';
import { Room } from './room.js';

const FIRST_RECORDS = 1024;

/** Record i is bytes[i] from starts[i] to ends[i]; good until the next frame is opened. */
export class FrameRecords {
  count = 0;
  /** Places in inputTopics. */
  topics = new Uint8Array(FIRST_RECORDS);
  offsets = new Float64Array(FIRST_RECORDS);
  timestampsMs = new Float64Array(FIRST_RECORDS);
  readonly bytes: Uint8Array[] = [];
  starts = new Int32Array(FIRST_RECORDS);
  ends = new Int32Array(FIRST_RECORDS);
  private readonly room = new Room();
  private readonly reader = new RecordBatchReader(this.room);

  /** At most `recordsMax` of them. */
  open(frame: Uint8Array, recordsMax = Infinity): void {
    this.count = this.bytes.length = 0;
    this.room.clear();
    for (const chunk of unpackFrame(frame)) {
      if (this.count >= recordsMax) return;
      if (chunk.batch) this.openBatch(chunk, recordsMax);
      else this.add(chunk, chunk.offset, chunk.value, 0, chunk.value.length);
    }
  }
  value(i: number): Uint8Array {
    return this.bytes[i]!.subarray(this.starts[i]!, this.ends[i]!);
  }

  private openBatch(chunk: FrameChunk, recordsMax: number): void {
    const { reader, count: before } = this, { offset: from, value: batch } = chunk;
    try {
      reader.open(batch);
      while (this.count < recordsMax && reader.next()) {
        if (reader.offset >= from) this.add(chunk, reader.offset, reader.bytes, reader.valueStart < 0 ? reader.valueEnd : reader.valueStart, reader.valueEnd);
      }
    } catch {
      this.count = this.bytes.length = before;
      const { lastOffset } = readBatchHeader(batch, 0)!;
      for (let offset = from; offset <= lastOffset && this.count < recordsMax; offset++) this.add(chunk, offset, batch, 0, 0);
    }
  }
  private add({ topic, timestampMs }: FrameChunk, offset: number, bytes: Uint8Array, start: number, end: number): void {
    const i = this.count++;
    if (i === this.offsets.length) this.grow();
    this.topics[i] = topic;
    this.offsets[i] = offset;
    this.timestampsMs[i] = timestampMs;
    this.bytes[i] = bytes;
    this.starts[i] = start;
    this.ends[i] = end;
  }
  private grow(): void {
    const grown = <T extends Uint8Array | Int32Array | Float64Array>(larger: T, from: T): T => {
      larger.set(from);
      return larger;
    };
    const size = 2 * this.offsets.length;
    this.topics = grown(new Uint8Array(size), this.topics);
    this.offsets = grown(new Float64Array(size), this.offsets);
    this.timestampsMs = grown(new Float64Array(size), this.timestampsMs);
    this.starts = grown(new Int32Array(size), this.starts);
    this.ends = grown(new Int32Array(size), this.ends);
  }
}

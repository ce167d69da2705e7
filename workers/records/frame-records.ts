/**
 * The records of a frame: single ones as they are, those of Kafka's record batches opened here, in the shard.
 *
 * Promises: never throws because of the bytes of a batch. One that can't be opened is a record without content for each of its offsets, which is refused and kept with the
 * dead letters like anything unreadable, so that it holds nothing up.
 */
import { unpackFrame, type FrameChunk, type FrameRecord } from '../../schemas/frame.js';
import { readBatchHeader, RecordBatchReader } from './record-batch.js';

const reader = new RecordBatchReader();
const nothing = new Uint8Array(0);

/** At most `recordsMax`. */
export function frameRecords(frame: Uint8Array, recordsMax = Infinity): FrameRecord[] {
  const records: FrameRecord[] = [];
  for (const chunk of unpackFrame(frame)) {
    if (chunk.batch) openBatch(chunk, records, recordsMax);
    else records.push(chunk);
    if (records.length >= recordsMax) return records.slice(0, recordsMax);
  }
  return records;
}

function openBatch({ topic, offset: from, timestampMs, value: batch }: FrameChunk, records: FrameRecord[], recordsMax: number): void {
  const before = records.length;
  try {
    reader.open(batch);
    while (reader.next()) {
      if (reader.offset < from) continue;
      records.push({ topic, offset: reader.offset, timestampMs, value: reader.value });
      if (records.length >= recordsMax) return;
    }
  } catch {
    records.length = before;
    const { lastOffset } = readBatchHeader(batch, 0)!;
    for (let offset = from; offset <= lastOffset; offset++) records.push({ topic, offset, timestampMs, value: nothing });
  }
}

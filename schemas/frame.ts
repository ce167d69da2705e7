/**
 * Records of one partition on their way from the main thread to its shard: one buffer that is transferred, not copied. What Kafka delivers goes as Kafka compressed it, a
 * whole record batch at a time; the shard opens it (workers/records/).
 *
 *   chunk = ┌ u8 topic ┬ f64 offset ┬ f64 append time, ms ┬ u32 length ┬ bytes ┐      topic: place in inputTopics, plus 128 when the bytes are a record batch;
 *                                                                                     offset: of the record, or the first one wanted of the batch
 */
const HEADER_BYTES = 21, BATCH = 0x80;

/** `batch`: the value is a whole record batch of Kafka's, of which the records from `offset` on are wanted; else one record. */
export interface FrameChunk { topic: number; offset: number; timestampMs: number; value: Uint8Array; batch: boolean }

export function packFrame(chunks: FrameChunk[]): Uint8Array {
  let size = 0;
  for (const chunk of chunks) size += HEADER_BYTES + chunk.value.byteLength;
  const out = new Uint8Array(size);
  const view = new DataView(out.buffer);
  let at = 0;
  for (const { topic, offset, timestampMs, value, batch } of chunks) {
    view.setUint8(at, batch ? topic | BATCH : topic);
    view.setFloat64(at + 1, offset, true);
    view.setFloat64(at + 9, timestampMs, true);
    view.setUint32(at + 17, value.byteLength, true);
    out.set(value, at + HEADER_BYTES);
    at += HEADER_BYTES + value.byteLength;
  }
  return out;
}

/** Values are views into `frame`. */
export function* unpackFrame(frame: Uint8Array): Generator<FrameChunk> {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  let at = 0;
  while (at < frame.byteLength) {
    const length = view.getUint32(at + 17, true), start = at + HEADER_BYTES, topic = view.getUint8(at);
    yield {
      topic: topic & ~BATCH, batch: (topic & BATCH) !== 0, offset: view.getFloat64(at + 1, true), timestampMs: view.getFloat64(at + 9, true),
      value: frame.subarray(start, start + length),
    };
    at = start + length;
  }
}

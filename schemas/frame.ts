/**
 * Records of one partition on their way from the main thread to its shard: one buffer that is transferred, not copied.
 *
 *   record = ┌ u8 topic ┬ f64 offset ┬ f64 append time, ms ┬ u32 length ┬ bytes ┐      topic: place in inputTopics
 */
const HEADER_BYTES = 21;

export interface FrameRecord { topic: number; offset: number; timestampMs: number; value: Uint8Array }

export function packFrame(records: FrameRecord[]): Uint8Array {
  let size = 0;
  for (const record of records) size += HEADER_BYTES + record.value.byteLength;
  const out = new Uint8Array(size);
  const view = new DataView(out.buffer);
  let at = 0;
  for (const { topic, offset, timestampMs, value } of records) {
    view.setUint8(at, topic);
    view.setFloat64(at + 1, offset, true);
    view.setFloat64(at + 9, timestampMs, true);
    view.setUint32(at + 17, value.byteLength, true);
    out.set(value, at + HEADER_BYTES);
    at += HEADER_BYTES + value.byteLength;
  }
  return out;
}

/** Values are views into `frame`. */
export function* unpackFrame(frame: Uint8Array): Generator<FrameRecord> {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  let at = 0;
  while (at < frame.byteLength) {
    const length = view.getUint32(at + 17, true);
    const start = at + HEADER_BYTES;
    yield { topic: view.getUint8(at), offset: view.getFloat64(at + 1, true), timestampMs: view.getFloat64(at + 9, true), value: frame.subarray(start, start + length) };
    at = start + length;
  }
}

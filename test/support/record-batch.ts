/** Record batches as Kafka's documentation draws them, for tests that have no broker, and what a shard makes of them. */
import { FrameRecords } from '../../workers/records/frame-records.js';

export interface GivenRecord { key?: string; value: string | Uint8Array | null; headers?: [string, string][] }

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = ((value << 1) ^ (value >> 31)) >>> 0;
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  return Buffer.from([...bytes, rest]);
}
const sized = (value: string | Uint8Array | null | undefined): Buffer => (value === null || value === undefined ? varint(-1) : Buffer.concat([varint(Buffer.byteLength(value)), Buffer.from(value)]));

/** Offsets are consecutive. `codec`: the number of the compression that `compress` does. */
export function recordBatch(firstOffset: number, given: GivenRecord[], codec = 0, compress: (bytes: Buffer) => Uint8Array = (bytes) => bytes, attributes = 0): Buffer {
  const records = Buffer.concat(given.map(({ key, value, headers = [] }, i) => {
    const body = Buffer.concat([
      Buffer.from([0]), varint(1000 * i), varint(i), sized(key), sized(value), varint(headers.length), ...headers.map(([name, content]) => Buffer.concat([sized(name), sized(content)])),
    ]);
    return Buffer.concat([varint(body.length), body]);
  }));
  const compressed = compress(records), header = Buffer.alloc(61);
  header.writeBigInt64BE(BigInt(firstOffset), 0);
  header.writeInt32BE(49 + compressed.length, 8);
  header.writeInt8(2, 16);
  header.writeInt16BE(codec | attributes, 21);
  header.writeInt32BE(given.length - 1, 23);
  header.writeBigInt64BE(1_700_000_000_000n, 35);
  header.writeBigInt64BE(77n, 43);
  header.writeInt32BE(given.length, 57);
  return Buffer.concat([header, compressed]);
}

/** The records of a frame as a shard opens it, each as an object of its own. */
export function openedFrame(frame: Uint8Array, recordsMax?: number): { topic: number; offset: number; timestampMs: number; value: Uint8Array }[] {
  const records = new FrameRecords();
  records.open(frame, recordsMax);
  return Array.from({ length: records.count }, (_, i) => ({ topic: records.topics[i]!, offset: records.offsets[i]!, timestampMs: records.timestampsMs[i]!, value: records.value(i) }));
}

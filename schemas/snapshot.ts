/**
 * What a checkpoint is made of when it travels: records with a key and a value, of which the newest of a key counts. A sweep hands them out, the topic `snapshots` keeps them, another
 * machine loads them. One after the other in one array, so that they cross threads as one piece:
 *
 *   record = ┌ u32 length of the key ┬ u32 length of the value ┬ key ┬ value ┐        key = "meta" | "bucket/N" | "page/RUN/N" | "due/DAY/N"
 */
import { Packr } from 'msgpackr';

export interface SnapshotRecord { key: string; value: Uint8Array }

/** The record that ends a checkpoint: what was written before it counts from here on. */
export const META = 'meta';
/** A record without a value and of no checkpoint: by its place it says in which order others were written (engine/log/kafka/succession.ts). */
export const FENCE = 'fence';
/** The value of what is not there any more; on Kafka no value at all, so that compaction forgets the key. */
export const REMOVED = new Uint8Array(0);
const packr = new Packr({ useRecords: false });

export function packSnapshot(records: SnapshotRecord[]): Uint8Array {
  const keys = records.map(({ key }) => Buffer.from(key, 'latin1'));
  const out = new Uint8Array(records.reduce((sum, { value }, i) => sum + 8 + keys[i]!.length + value.length, 0)), view = new DataView(out.buffer);
  let at = 0;
  for (const [i, { value }] of records.entries()) {
    const key = keys[i]!;
    view.setUint32(at, key.length, true);
    view.setUint32(at + 4, value.length, true);
    out.set(key, at + 8);
    out.set(value, at + 8 + key.length);
    at += 8 + key.length + value.length;
  }
  return out;
}

/** Values are views into `bytes`. */
export function unpackSnapshot(bytes: Uint8Array): SnapshotRecord[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), records: SnapshotRecord[] = [];
  for (let at = 0; at < bytes.length;) {
    const keyEnd = at + 8 + view.getUint32(at, true), end = keyEnd + view.getUint32(at + 4, true);
    records.push({ key: Buffer.from(bytes.buffer, bytes.byteOffset + at + 8, keyEnd - at - 8).toString('latin1'), value: bytes.subarray(keyEnd, end) });
    at = end;
  }
  return records;
}

/** The batch after which recovery from this checkpoint begins. */
export function floorOf(meta: Uint8Array): number {
  return (packr.unpack(meta) as { floor: number }).floor;
}

/**
 * Kafka's record batches (format 2, https://kafka.apache.org/documentation/#recordbatch), as they lie in a topic.
 *
 *   ┌ i64 first offset ┬ i32 length ┬ i32 leader epoch ┬ i8 format ┬ u32 checksum ┬ i16 attributes ┬ i32 last offset, relative ┬ i64 first time ┬ i64 last time ┬
 *   └ i64 producer ┬ i16 producer epoch ┬ i32 sequence ┬ i32 number of records ┬ records, compressed as the attributes say
 *     record = varint length, i8 attributes, varint time, varint offset (both relative), bytes key, bytes value, headers     bytes = varint length (-1: null), then they
 *
 * The main thread reads headers only; shards open the batches. Nothing is copied: values are views of what was decompressed. The checksum is left to TCP and the broker,
 * as Kafka's own clients do unless told otherwise.
 */
import { decompress } from './decompress.js';
import type { Room } from './room.js';

export const BATCH_HEADER_BYTES = 61;
const CONTROL = 0x20, TRANSACTIONAL = 0x10, CODEC = 0x07;

export interface BatchHeader {
  firstOffset: number;
  lastOffset: number;
  /** Of the whole batch, its header included. */
  bytes: number;
  records: number;
  /** The time of its newest record; with append times that of all. */
  timestampMs: number;
  producer: bigint;
  transactional: boolean;
  /** Not records, but the end of a transaction. */
  control: boolean;
}

/** The header at `at`; undefined when the batch does not end within `bytes` (a fetch cuts the last one off). */
export function readBatchHeader(bytes: Uint8Array, at: number): BatchHeader | undefined {
  if (at + BATCH_HEADER_BYTES > bytes.length) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset + at), length = 12 + view.getInt32(8);
  if (at + length > bytes.length) return undefined;
  if (view.getInt8(16) !== 2) throw new Error(`a record batch of format ${view.getInt8(16)}: only topics written since Kafka 0.11 can be read`);
  const attributes = view.getInt16(21), firstOffset = Number(view.getBigInt64(0));
  return {
    firstOffset, lastOffset: firstOffset + view.getInt32(23), bytes: length, records: view.getInt32(57), timestampMs: Number(view.getBigInt64(35)),
    producer: view.getBigInt64(43), transactional: (attributes & TRANSACTIONAL) !== 0, control: (attributes & CONTROL) !== 0,
  };
}

/** The records of one batch, one after the other, without an object for each. */
export class RecordBatchReader {
  /** Of the record that `next` read; `bytes` are the decompressed records. A null is as long as nothing, and starts at -1. */
  offset = 0;
  bytes: Uint8Array = new Uint8Array(0);
  keyStart = 0;
  keyEnd = 0;
  valueStart = 0;
  valueEnd = 0;
  private firstOffset = 0;
  private left = 0;
  private at = 0;

  /** With `room` records that were compressed lie there, and are good until it is cleared; else they are the reader's. */
  constructor(private readonly room?: Room) {}

  /** Throws when the batch can't be decompressed. */
  open(batch: Uint8Array): void {
    const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength);
    this.firstOffset = Number(view.getBigInt64(0));
    this.left = view.getInt32(57);
    this.bytes = decompress(view.getInt16(21) & CODEC, batch.subarray(BATCH_HEADER_BYTES), this.room);
    this.at = 0;
  }
  /** False after the last. */
  next(): boolean {
    if (this.left === 0) return false;
    this.left--;
    const length = this.varint(), end = this.at + length;
    if (length < 0 || end > this.bytes.length) throw new Error('a record batch is damaged');
    this.at++; // attributes
    this.skipVarint(); // time
    this.offset = this.firstOffset + this.varint();
    const keyLength = this.varint();
    this.keyStart = keyLength < 0 ? -1 : this.at;
    this.keyEnd = this.at += Math.max(0, keyLength);
    const valueLength = this.varint();
    this.valueStart = valueLength < 0 ? -1 : this.at;
    this.valueEnd = this.at + Math.max(0, valueLength);
    if (this.valueEnd > end) throw new Error('a record batch is damaged');
    this.at = end;
    return true;
  }
  get value(): Uint8Array {
    return this.bytes.subarray(this.valueStart < 0 ? this.valueEnd : this.valueStart, this.valueEnd);
  }
  get key(): Uint8Array | undefined {
    return this.keyStart < 0 ? undefined : this.bytes.subarray(this.keyStart, this.keyEnd);
  }

  /** A signed 32-bit number in zigzag form. */
  private varint(): number {
    let value = 0, shift = 0, byte;
    do {
      byte = this.bytes[this.at++]!;
      value |= (byte & 0x7f) << shift;
      shift += 7;
    } while (byte > 0x7f && shift < 35);
    return (value >>> 1) ^ -(value & 1);
  }
  private skipVarint(): void {
    while (this.bytes[this.at++]! > 0x7f);
  }
}

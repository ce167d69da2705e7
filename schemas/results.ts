/**
 * A record of the `results` topic: what one batch of one partition decided. Written by the shard, committed as it is, read by recovery, sink, verifier and by
 * whoever needs a fact again.
 *
 *   ┌ u32 magic ┬ u32 header length ┬ header (MessagePack map) ┬ effects ┬ facts ┐
 *
 * effects: workers/effects.ts; facts: blocks of ClickHouse's Native format (workers/facts). Batch numbers of a partition count from 0 without a gap.
 */
import { Packr } from 'msgpackr';

/** Consumed from item `fromItem` of record `from` up to, but not including, item `nextItem` of record `next` (a batch may end within an envelope). */
export interface InputRange { topic: number; from: number; fromItem: number; next: number; nextItem: number }

export interface ResultsHeader {
  partition: number;
  batch: number;
  epoch: number;
  /** The partition's clock at the end of the batch, ms. */
  clockMs: number;
  /** What the batch consumed, in the order in which it was evaluated. */
  inputs: InputRange[];
  /** Where each input topic (place in inputTopics) is read on after the batch: [offset, items of that record that are done]. */
  positions: [offset: number, item: number][];
  /** Version of the reference set after the batch. */
  reference: number;
  processed: number;
  duplicates: number;
  rejected: number;
  effectsLength: number;
  factsLength: number;
  /** Rows in the facts part. */
  rows: number;
}

const MAGIC = 0x31525350; // "PSR1"
const WORD_BYTES = 8;
/** Copied at once by way of `straight`: it stays in the processor's first cache. A multiple of words. */
const STRAIGHT_BYTES = 1 << 13;
const straight = new Uint8Array(STRAIGHT_BYTES + WORD_BYTES);
const packr = new Packr({ useRecords: false });

/** `allocate` gives the room for it: a new array when left out. */
export function writeResults(header: ResultsHeader, effects: Uint8Array, facts: Uint8Array, allocate = (length: number): Uint8Array => new Uint8Array(length)): Uint8Array {
  const packed = packr.pack(header);
  const out = allocate(8 + packed.length + effects.length + facts.length);
  const view = new DataView(out.buffer, out.byteOffset, out.byteLength);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, packed.length, true);
  out.set(packed, 8);
  copyByWords(effects, out, 8 + packed.length);
  copyByWords(facts, out, 8 + packed.length + effects.length);
  return out;
}

/**
 * Puts `source` at `at` of `target`. V8 copies to and from shared memory word by word only when both begin at the same place of a word, else byte by byte: bytes
 * that don't go by way of memory that is not shared, where they are put straight.
 */
function copyByWords(source: Uint8Array, target: Uint8Array, at: number): void {
  const place = (target.byteOffset + at) % WORD_BYTES;
  if (!(target.buffer instanceof SharedArrayBuffer) || source.byteOffset % WORD_BYTES === place) return target.set(source, at);
  for (let done = 0; done < source.length; done += STRAIGHT_BYTES) {
    const part = source.subarray(done, done + STRAIGHT_BYTES);
    straight.set(part, place);
    target.set(straight.subarray(place, place + part.length), at + done);
  }
}

/** What recovery needs of a record, in a buffer of its own: facts are most of it. */
export function withoutFacts(bytes: Uint8Array): Uint8Array {
  const { header, effects } = readResults(bytes);
  return writeResults({ ...header, factsLength: 0, rows: 0 }, effects, new Uint8Array(0));
}

/** Parts are views into `bytes`. Throws when the bytes are not a results record. */
export function readResults(bytes: Uint8Array): { header: ResultsHeader; effects: Uint8Array; facts: Uint8Array } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.byteLength < 8 || view.getUint32(0, true) !== MAGIC) throw new Error('not a results record');
  const effectsStart = 8 + view.getUint32(4, true);
  const header = packr.unpack(bytes.subarray(8, effectsStart)) as ResultsHeader;
  const factsStart = effectsStart + header.effectsLength;
  if (factsStart + header.factsLength !== bytes.byteLength) throw new Error('a results record is cut off');
  return { header, effects: bytes.subarray(effectsStart, factsStart), facts: bytes.subarray(factsStart) };
}

/**
 * LZ4 frames, decompressed: what Kafka's batches are compressed with by default. Written here because the packages either bring memory of their own that stays with the process (a
 * shard's thread kept half a GiB) or are slower; the format is small and fixed (lz4_Frame_format.md, lz4_Block_format.md).
 *
 *   magic 4 │ flags 1 │ block size 1 │ [content size 8] │ [dictionary 4] │ checksum 1 │ blocks: size 4, bytes, [checksum 4] … │ 0 │ [checksum 4]
 *   block: token (literals << 4 | match - 4) │ [more literals] │ literals │ distance 2 │ [more match] …
 *
 * Promises: damaged bytes throw, nothing outside of the given bytes is read, nothing is written but what was reserved. Checksums are not looked at: Kafka's batch has one over all of it.
 */
import { Room } from './room.js';

const MAGIC = 0x184d2204, STORED = 0x80000000, MATCH_MIN = 4;
/** Up to so many bytes are copied four at a time, beyond what is wanted too, where the next bytes will be written over it: that is faster than a call. */
const COPIED_BY_FOUR_MAX = 48;
const Flag = { dictionary: 1, contentChecksum: 4, contentSize: 8, blockChecksum: 16 } as const;
/** Most bytes of a block, decompressed, by what the frame says of it: 4 to 7. */
const BLOCK_BYTES_MAX = [0, 0, 0, 0, 1 << 16, 1 << 18, 1 << 20, 1 << 22];
/** Of what a frame gives at most: a batch of Kafka's is never as large. */
const BYTES_MAX = 256 * 2 ** 20;

const own = new Room();

/** What the frame holds: in `room`, behind what is used of it, or (without one) in memory of its own. */
export function decompressLz4Frame(frame: Uint8Array, room?: Room): Uint8Array {
  if (room) return decompressFrame(frame, room);
  own.clear();
  return decompressFrame(frame, own).slice();
}

function decompressFrame(frame: Uint8Array, room: Room): Uint8Array {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (frame.length < 7 || view.getUint32(0, true) !== MAGIC) throw new Error('these bytes are no LZ4 frame');
  const flags = frame[4]!, blockBytesMax = BLOCK_BYTES_MAX[(frame[5]! >>> 4) & 7]!;
  if (flags >>> 6 !== 1 || flags & Flag.dictionary || blockBytesMax === 0) throw new Error('an LZ4 frame of another version, or with a dictionary');
  const checksumBytes = flags & Flag.blockChecksum ? 4 : 0;
  let first = room.used, end = first;
  for (let at = 7 + (flags & Flag.contentSize ? 8 : 0); ;) {
    if (at + 4 > frame.length) throw new Error('an LZ4 frame ends too early');
    const size = view.getUint32(at, true), length = size & ~STORED, from = at + 4;
    if (size === 0) break;
    if (from + length + checksumBytes > frame.length) throw new Error('an LZ4 block ends after its frame');
    if (end - first + blockBytesMax > BYTES_MAX) throw new Error('an LZ4 frame is too large');
    if (end + blockBytesMax > room.bytes.length) {
      // Blocks refer to those before: all of the frame moves.
      const before = room.bytes;
      room.reserve(end - first + blockBytesMax);
      room.bytes.set(before.subarray(first, end), room.used);
      [first, end] = [room.used, room.used + end - first];
    }
    if ((size & STORED) === 0) end = decompressBlock(frame, view, from, from + length, room.bytes, room.view, first, end, end + blockBytesMax);
    else {
      if (length > blockBytesMax) throw new Error('an LZ4 block is damaged');
      room.bytes.set(frame.subarray(from, from + length), end);
      end += length;
    }
    at = from + length + checksumBytes;
  }
  room.used = end;
  return room.bytes.subarray(first, end);
}

/** Into `out` from `begin` on, up to `limit` at most; matches reach back to `first`. `view` and `outView` are of the same bytes. Returns where the output ends. */
function decompressBlock(bytes: Uint8Array, view: DataView, from: number, to: number, out: Uint8Array, outView: DataView, first: number, begin: number, limit: number): number {
  const lastFour = bytes.length - COPIED_BY_FOUR_MAX - 4, lastFourOut = out.length - COPIED_BY_FOUR_MAX - 4;
  let end = begin;
  for (let at = from; at < to;) {
    const token = bytes[at++]!;
    let literals = token >>> 4, match = (token & 15) + MATCH_MIN;
    if (literals === 15) for (let more = 255; more === 255 && at < to;) literals += more = bytes[at++]!;
    if (at + literals > to || end + literals > limit) break;
    if (literals > COPIED_BY_FOUR_MAX) out.set(bytes.subarray(at, at + literals), end);
    else if (at <= lastFour && end <= lastFourOut) for (let i = 0; i < literals; i += 4) outView.setInt32(end + i, view.getInt32(at + i, true), true);
    else for (let i = 0; i < literals; i++) out[end + i] = bytes[at + i]!;
    at += literals;
    end += literals;
    if (at === to) return end;
    if (at + 2 > to) break;
    const distance = bytes[at]! | (bytes[at + 1]! << 8);
    at += 2;
    if (match === 15 + MATCH_MIN) for (let more = 255; more === 255 && at < to;) match += more = bytes[at++]!;
    const source = end - distance;
    if (distance === 0 || source < first) throw new Error('an LZ4 block refers to what is not there');
    if (end + match > limit) break;
    if (match > COPIED_BY_FOUR_MAX && distance >= match) out.copyWithin(end, source, source + match);
    else if (distance >= 4 && match <= COPIED_BY_FOUR_MAX && end <= lastFourOut) for (let i = 0; i < match; i += 4) outView.setInt32(end + i, outView.getInt32(source + i, true), true);
    else for (let i = 0; i < match; i++) out[end + i] = out[source + i]!;
    end += match;
  }
  throw new Error('an LZ4 block is damaged');
}

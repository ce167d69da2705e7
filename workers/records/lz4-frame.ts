/**
 * LZ4 frames, decompressed: what Kafka's batches are compressed with by default. Written here because the packages either bring memory of their own that stays with the process (a
 * shard's thread kept half a GiB) or are slower; the format is small and fixed (lz4_Frame_format.md, lz4_Block_format.md).
 *
 *   magic 4 │ flags 1 │ block size 1 │ [content size 8] │ [dictionary 4] │ checksum 1 │ blocks: size 4, bytes, [checksum 4] … │ 0 │ [checksum 4]
 *   block: token (literals << 4 | match - 4) │ [more literals] │ literals │ distance 2 │ [more match] …
 *
 * Promises: damaged bytes throw, nothing outside of the given bytes is read. Checksums are not looked at: Kafka's batch has one over all of it.
 */
const MAGIC = 0x184d2204, UNCOMPRESSED = 0x80000000, MATCH_MIN = 4, COPIED_ONE_BY_ONE_MAX = 24;
const Flag = { dictionary: 1, contentChecksum: 4, contentSize: 8, blockChecksum: 16 } as const;
/** Of what a frame gives at most: a batch of Kafka's is never as large. */
const BYTES_MAX = 256 * 2 ** 20;

export function decompressLz4Frame(frame: Uint8Array): Uint8Array {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (frame.length < 7 || view.getUint32(0, true) !== MAGIC) throw new Error('these bytes are no LZ4 frame');
  const flags = frame[4]!;
  if (flags >>> 6 !== 1 || flags & Flag.dictionary) throw new Error('an LZ4 frame of another version, or with a dictionary');
  const first = 7 + (flags & Flag.contentSize ? 8 : 0), checksumBytes = flags & Flag.blockChecksum ? 4 : 0;
  const blocks: { from: number; to: number; stored: boolean }[] = [];
  let bytes = 0;
  for (let at = first; ;) {
    if (at + 4 > frame.length) throw new Error('an LZ4 frame ends too early');
    const size = view.getUint32(at, true), length = size & ~UNCOMPRESSED, from = at + 4;
    if (size === 0) break;
    if (from + length + checksumBytes > frame.length) throw new Error('an LZ4 block ends after its frame');
    blocks.push({ from, to: from + length, stored: (size & UNCOMPRESSED) !== 0 });
    bytes += size & UNCOMPRESSED ? length : decompressedLength(frame, from, from + length);
    if (bytes > BYTES_MAX) throw new Error('an LZ4 frame is too large');
    at = from + length + checksumBytes;
  }
  const out = new Uint8Array(bytes);
  let end = 0;
  for (const { from, to, stored } of blocks) {
    if (!stored) end = decompressBlock(frame, from, to, out, end);
    else {
      out.set(frame.subarray(from, to), end);
      end += to - from;
    }
  }
  return out;
}

/** Reads the lengths only. */
function decompressedLength(bytes: Uint8Array, from: number, to: number): number {
  let length = 0;
  for (let at = from; at < to;) {
    const token = bytes[at++]!;
    let literals = token >>> 4, match = token & 15;
    if (literals === 15) for (let more = 255; more === 255 && at < to;) literals += more = bytes[at++]!;
    at += literals;
    length += literals;
    if (at === to) return length;
    at += 2;
    if (match === 15) for (let more = 255; more === 255 && at < to;) match += more = bytes[at++]!;
    length += match + MATCH_MIN;
    if (at > to) break;
  }
  throw new Error('an LZ4 block is damaged');
}

/** Its lengths have been looked at by decompressedLength, so that they fit. Returns where the output ends. */
function decompressBlock(bytes: Uint8Array, from: number, to: number, out: Uint8Array, begin: number): number {
  let end = begin;
  for (let at = from; at < to;) {
    const token = bytes[at++]!;
    let literals = token >>> 4, match = (token & 15) + MATCH_MIN;
    if (literals === 15) for (let more = 255; more === 255;) literals += more = bytes[at++]!;
    if (literals > COPIED_ONE_BY_ONE_MAX) {
      out.set(bytes.subarray(at, at + literals), end);
      at += literals;
      end += literals;
    } else for (const stop = at + literals; at < stop;) out[end++] = bytes[at++]!;
    if (at === to) return end;
    const distance = bytes[at]! | (bytes[at + 1]! << 8);
    at += 2;
    if (match === 15 + MATCH_MIN) for (let more = 255; more === 255;) match += more = bytes[at++]!;
    let source = end - distance;
    if (distance === 0 || source < 0) throw new Error('an LZ4 block refers to what is not there');
    if (match > COPIED_ONE_BY_ONE_MAX && distance >= match) {
      out.copyWithin(end, source, source + match);
      end += match;
    } else for (const stop = end + match; end < stop;) out[end++] = out[source++]!;
  }
  return end;
}

/**
 * The four codecs of Kafka's record batches, synchronously, for worker threads and the main thread alike.
 *
 * gzip is node's; lz4 is ours (lz4-frame.ts); snappy comes as a package; zstd is node's where it has it (22.15 and later), else a package in plain JavaScript, several times slower: no topic of ours
 * is written with it, only a partner may.
 */
import * as zlib from 'node:zlib';
import { decompress as zstdInJavaScript } from 'fzstd';
import { uncompress as uncompressSnappy } from 'snappyjs';
import { decompressLz4Frame } from './lz4-frame.js';
import type { Room } from './room.js';

const zstd = (zlib as { zstdDecompressSync?: (bytes: Uint8Array) => Uint8Array }).zstdDecompressSync ?? zstdInJavaScript;
/** snappy-java's own framing: this, two numbers, then blocks, each with its length before it. librdkafka writes one block without any of it. */
const SNAPPY_JAVA = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0]);
const SNAPPY_JAVA_HEADER_BYTES = 16;

/** `codec` as in a batch's attributes. What it gives lies in `room` where the codec can do that. Throws when the bytes are damaged. */
export function decompress(codec: number, bytes: Uint8Array, room?: Room): Uint8Array {
  switch (codec) {
    case 0: return bytes;
    case 1: return zlib.gunzipSync(bytes);
    case 2: return snappy(bytes);
    case 3: return decompressLz4Frame(bytes, room);
    case 4: return zstd(bytes);
    default: throw new Error(`no codec has the number ${codec}`);
  }
}

function snappy(bytes: Uint8Array): Uint8Array {
  if (bytes.length < SNAPPY_JAVA_HEADER_BYTES || !SNAPPY_JAVA.equals(bytes.subarray(0, SNAPPY_JAVA.length))) return uncompressSnappy(bytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), blocks: Uint8Array[] = [];
  for (let at = SNAPPY_JAVA_HEADER_BYTES; at < bytes.length;) {
    const length = view.getInt32(at);
    blocks.push(uncompressSnappy(bytes.subarray(at + 4, at + 4 + length)));
    at += 4 + length;
  }
  return Buffer.concat(blocks);
}

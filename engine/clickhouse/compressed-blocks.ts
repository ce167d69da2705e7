/**
 * ClickHouse's own compression (compress=1, decompress=1): blocks one after the other, as many as there are.
 *
 *   ┌ CityHash128 of what follows: 16 bytes ┬ method: 1 ┬ bytes from the method on: 4 ┬ bytes of content: 4 ┬ content, compressed ┐
 *
 * Writes LZ4; reads LZ4, what was not compressed, and ZSTD where node has it. Integers are little-endian.
 *
 * Promises: a block that is damaged, cut off, or larger than BLOCK_BYTES_MAX is an error, never other content. Holds one block at a time.
 */
import { Transform, type TransformCallback } from 'node:stream';
import zlib from 'node:zlib';
import { compressSync, uncompressSync } from 'lz4-napi';
import { cityHash128 } from './city-hash.js';
import { exception } from './exception.js';

const Method = { none: 0x02, lz4: 0x82, zstd: 0x90 } as const;
const CHECKSUM_BYTES = 16, HEAD_BYTES = 9;
/** Content of the blocks that are written, as a server makes them. */
const BLOCK_BYTES = 2 ** 20;
/** Of those that are read: more than any client's default; a server takes 1 GiB. */
const BLOCK_BYTES_MAX = 64 * 2 ** 20;
/** Node 22.15 and newer. */
const { zstdDecompressSync } = zlib as { zstdDecompressSync?: (bytes: Buffer, options: { maxOutputLength: number }) => Buffer };

export function compressedBlock(content: Buffer): Buffer {
  // The package puts the length in front.
  const packed = compressSync(content).subarray(4), block = Buffer.allocUnsafe(CHECKSUM_BYTES + HEAD_BYTES + packed.length);
  block[CHECKSUM_BYTES] = Method.lz4;
  block.writeUInt32LE(HEAD_BYTES + packed.length, CHECKSUM_BYTES + 1);
  block.writeUInt32LE(content.length, CHECKSUM_BYTES + 5);
  packed.copy(block, CHECKSUM_BYTES + HEAD_BYTES);
  const [low, high] = cityHash128(block.subarray(CHECKSUM_BYTES));
  block.writeBigUInt64LE(low, 0);
  block.writeBigUInt64LE(high, 8);
  return block;
}

/** Gathers chunks to whole blocks. */
export class BlockCompressor extends Transform {
  private held: Buffer[] = [];
  private bytes = 0;

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.held.push(chunk);
    this.bytes += chunk.length;
    if (this.bytes >= BLOCK_BYTES) this.putBlocks(BLOCK_BYTES);
    done();
  }
  override _flush(done: TransformCallback): void {
    if (this.bytes > 0) this.putBlocks(1);
    done();
  }
  /** Blocks out of what is held, as long as there is that much for another one. */
  private putBlocks(wanted: number): void {
    const all = Buffer.concat(this.held);
    let at = 0;
    for (; all.length - at >= wanted; at += BLOCK_BYTES) this.push(compressedBlock(all.subarray(at, at + BLOCK_BYTES)));
    this.held = at < all.length ? [all.subarray(at)] : [];
    this.bytes = Math.max(0, all.length - at);
  }
}

/** `checked` false: whoever sent it asked not to look at the checksums. */
export class BlockDecompressor extends Transform {
  private held: Buffer[] = [];
  private bytes = 0;
  private wanted = CHECKSUM_BYTES + HEAD_BYTES;

  constructor(private readonly checked: boolean) {
    super();
  }
  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.held.push(chunk);
    this.bytes += chunk.length;
    try {
      if (this.bytes >= this.wanted) this.takeBlocks();
      done();
    } catch (error) {
      done(error as Error);
    }
  }
  override _flush(done: TransformCallback): void {
    done(this.bytes === 0 ? null : exception('CANNOT_READ_ALL_DATA', `Cannot read all data: the last compressed block has ${this.bytes} of ${this.wanted} bytes`));
  }
  private takeBlocks(): void {
    let all = Buffer.concat(this.held);
    for (;;) {
      this.wanted = all.length < CHECKSUM_BYTES + HEAD_BYTES ? CHECKSUM_BYTES + HEAD_BYTES : blockBytes(all);
      if (all.length < this.wanted) break;
      this.push(contentOf(all.subarray(0, this.wanted), this.checked));
      all = all.subarray(this.wanted);
    }
    this.held = [all];
    this.bytes = all.length;
  }
}

function blockBytes(block: Buffer): number {
  const compressed = block.readUInt32LE(CHECKSUM_BYTES + 1), content = block.readUInt32LE(CHECKSUM_BYTES + 5);
  if (compressed < HEAD_BYTES) throw exception('CANNOT_DECOMPRESS', `Cannot decompress: a block of ${compressed} bytes. Most likely the data is not compressed`);
  if (compressed > BLOCK_BYTES_MAX || content > BLOCK_BYTES_MAX) {
    throw exception('TOO_LARGE_SIZE_COMPRESSED', `Too large size of a block: ${compressed} bytes, ${content} decompressed; at most ${BLOCK_BYTES_MAX}. Most likely corrupted data`);
  }
  return CHECKSUM_BYTES + compressed;
}

function contentOf(block: Buffer, checked: boolean): Buffer {
  const inner = block.subarray(CHECKSUM_BYTES), method = inner[0]!, size = inner.readUInt32LE(5), packed = inner.subarray(HEAD_BYTES);
  const [low, high] = checked ? cityHash128(inner) : [block.readBigUInt64LE(0), block.readBigUInt64LE(8)];
  if (low !== block.readBigUInt64LE(0) || high !== block.readBigUInt64LE(8)) throw exception('CHECKSUM_DOESNT_MATCH', 'Checksum doesn\'t match: corrupted data');
  let content: Buffer;
  try {
    content = unpack(method, packed, size);
  } catch (error) {
    if ((error as { errorName?: string }).errorName !== undefined) throw error;
    throw exception('CANNOT_DECOMPRESS', `Cannot decompress: ${(error as Error).message}`);
  }
  if (content.length !== size) throw exception('CANNOT_DECOMPRESS', `Cannot decompress: a block of ${size} bytes has ${content.length}`);
  return content;
}

function unpack(method: number, packed: Buffer, size: number): Buffer {
  if (method === Method.none) return packed;
  if (method === Method.lz4) {
    const sized = Buffer.allocUnsafe(4 + packed.length);
    sized.writeUInt32LE(size, 0);
    packed.copy(sized, 4);
    return uncompressSync(sized);
  }
  if (method === Method.zstd && zstdDecompressSync) return zstdDecompressSync(packed, { maxOutputLength: Math.max(1, size) });
  throw exception('UNKNOWN_COMPRESSION_METHOD', `Unknown compression method 0x${method.toString(16)}: use LZ4`);
}

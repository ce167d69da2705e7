/** The body of a request, decompressed, piece by piece. */
import type { IncomingMessage } from 'node:http';
import { pipeline, type Transform } from 'node:stream';
import zlib from 'node:zlib';
import { BlockDecompressor } from './compressed-blocks.js';
import { exception } from './exception.js';
import type { ClickHouseRequest } from './request.js';

/** Node 22.15 and newer. */
type WithZstd = typeof zlib & { createZstdDecompress?: () => Transform };

export class Body {
  private readonly chunks: AsyncIterator<Buffer>;
  private ended = false;

  /** `blocks`: it comes in ClickHouse's compressed blocks, whatever else it is compressed with. */
  constructor(request: IncomingMessage, blocks: ClickHouseRequest['decompress']) {
    const bytes = decompressed(request), content = blocks === false ? bytes : pipeline(bytes, new BlockDecompressor(blocks === 'checked'), () => undefined);
    this.chunks = (content as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  }

  /** The next chunks, about so many bytes; undefined after the end. */
  async pieces(bytesMax: number): Promise<Buffer[] | undefined> {
    const found: Buffer[] = [];
    for (let size = 0; size < bytesMax && !this.ended;) {
      const { value, done } = await this.chunks.next().catch((error: NodeJS.ErrnoException) => Promise.reject(/^Z_|^ERR__?ERROR|^ZSTD_/.test(error.code ?? '')
        ? exception('ZLIB_INFLATE_FAILED', `inflate failed: ${error.message}`) : error));
      if (done) this.ended = true;
      else {
        found.push(value);
        size += value.length;
      }
    }
    return found.length === 0 ? undefined : found;
  }
  /** Up to about so many bytes, and whether that was all. */
  async read(bytesMax: number): Promise<{ bytes: Buffer; complete: boolean }> {
    const pieces = await this.pieces(bytesMax);
    return { bytes: Buffer.concat(pieces ?? []), complete: this.ended };
  }
}

function decompressed(request: IncomingMessage): NodeJS.ReadableStream {
  const encoding = (request.headers['content-encoding'] ?? 'identity').toLowerCase();
  if (encoding === 'identity' || encoding === '') return request;
  const decoder = encoding === 'gzip' || encoding === 'x-gzip' ? zlib.createGunzip() : encoding === 'deflate' ? zlib.createInflate() : encoding === 'br' ? zlib.createBrotliDecompress()
    : encoding === 'zstd' ? (zlib as WithZstd).createZstdDecompress?.() : undefined;
  if (!decoder) throw exception('NOT_IMPLEMENTED', `Content-Encoding ${encoding} is not offered here: use gzip, deflate or br`);
  // An error of either side reaches who reads the decoder.
  return pipeline(request, decoder, () => undefined);
}

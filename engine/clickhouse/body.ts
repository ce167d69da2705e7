/**
 * The body of a request: decompressed, read as a statement's text, or written to a file for an INSERT's data.
 *
 * Promises: data are complete before the INSERT begins, so a connection that breaks never leaves half of them. In memory there is never more than a piece; the file has no
 * name any more while it is used (where the system allows it), so that nothing is left behind by kill -9.
 */
import { constants } from 'node:fs';
import { open, unlink, type FileHandle } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { exception } from './exception.js';

/** Longest statement, and where an INSERT's data must have begun. */
export const STATEMENT_BYTES_MAX = 4 * 2 ** 20;
const PIECE_BYTES = 2 ** 20;

export class Body {
  private readonly chunks: AsyncIterator<Buffer>;
  private ended = false;

  constructor(request: IncomingMessage) {
    this.chunks = decompressed(request)[Symbol.asyncIterator]();
  }

  /** The next bytes; undefined at the end. */
  async next(): Promise<Buffer | undefined> {
    if (this.ended) return undefined;
    const { value, done } = await this.chunks.next();
    if (done) this.ended = true;
    return done ? undefined : value;
  }
  /** Up to about so many bytes, and whether that was all. */
  async read(bytesMax: number): Promise<{ bytes: Buffer; complete: boolean }> {
    const parts: Buffer[] = [];
    for (let size = 0; size < bytesMax;) {
      const part = await this.next();
      if (!part) return { bytes: Buffer.concat(parts), complete: true };
      parts.push(part);
      size += part.length;
    }
    return { bytes: Buffer.concat(parts), complete: false };
  }
}

function decompressed(request: IncomingMessage): Readable {
  const encoding = (request.headers['content-encoding'] ?? 'identity').toLowerCase();
  if (encoding === 'identity' || encoding === '') return request;
  const decoder = encoding === 'gzip' ? createGunzip() : encoding === 'deflate' ? createInflate() : encoding === 'br' ? createBrotliDecompress() : undefined;
  if (!decoder) throw exception(415, `Unknown Content-Encoding ${encoding}: gzip, deflate and br are known`);
  request.on('error', (error) => decoder.destroy(error));
  return request.pipe(decoder);
}

/** Data of an INSERT in a file that the library can open by `path`. */
export interface Spooled { path: string; bytes: number; close(): Promise<void> }

export class Spool {
  private count = 0;
  /** `fast`: a directory in memory, or undefined; files above `fastBytesMax` go to `large`. */
  constructor(private readonly fast: string | undefined, private readonly large: string, private readonly fastBytesMax: number, private readonly bytesMax: number) {}

  async write(first: Buffer, body: Body): Promise<Spooled> {
    let place = this.fast ?? this.large, file = await this.create(place), bytes = 0;
    let piece: Buffer[] = first.length > 0 ? [first] : [], pieceBytes = first.length;
    try {
      for (;;) {
        const chunk = await body.next();
        if (chunk) {
          piece.push(chunk);
          pieceBytes += chunk.length;
          if (pieceBytes < PIECE_BYTES) continue;
        }
        if (place !== this.large && bytes + pieceBytes > this.fastBytesMax) {
          place = this.large;
          file = await this.move(file, bytes);
        }
        await writeAll(file, piece, bytes);
        bytes += pieceBytes;
        if (bytes > this.bytesMax) throw exception(223, `The data of an INSERT are larger than ${this.bytesMax} bytes`);
        [piece, pieceBytes] = [[], 0];
        if (!chunk) break;
      }
    } catch (error) {
      await file.close();
      throw (error as NodeJS.ErrnoException).code === 'ENOSPC' ? exception(243, 'Cannot keep the data of an INSERT: no space left on device') : error;
    }
    return { path: file.path, bytes, close: () => file.close() };
  }

  private async create(directory: string): Promise<SpoolFile> {
    const path = join(directory, `${process.pid}-${++this.count}`);
    const handle = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
    if (process.platform !== 'linux') return new SpoolFile(handle, path, () => unlink(path));
    await unlink(path);
    return new SpoolFile(handle, `/proc/self/fd/${handle.fd}`, () => Promise.resolve());
  }
  /** What was written so far, to the larger place. */
  private async move(from: SpoolFile, bytes: number): Promise<SpoolFile> {
    const to = await this.create(this.large), piece = Buffer.allocUnsafe(PIECE_BYTES);
    for (let position = 0; position < bytes;) {
      const { bytesRead } = await from.handle.read(piece, 0, piece.length, position);
      await writeAll(to, [piece.subarray(0, bytesRead)], position);
      position += bytesRead;
    }
    await from.close();
    return to;
  }
}

class SpoolFile {
  constructor(readonly handle: FileHandle, readonly path: string, private readonly remove: () => Promise<void>) {}
  async close(): Promise<void> {
    await this.handle.close();
    await this.remove();
  }
}

async function writeAll(file: SpoolFile, pieces: Buffer[], position: number): Promise<void> {
  const size = pieces.reduce((sum, { length }) => sum + length, 0);
  if (size === 0) return;
  const { bytesWritten } = await file.handle.writev(pieces, position);
  if (bytesWritten < size) {
    const rest = Buffer.concat(pieces).subarray(bytesWritten);
    const again = await file.handle.write(rest, 0, rest.length, position + bytesWritten);
    if (again.bytesWritten < rest.length) throw exception(243, 'Cannot keep the data of an INSERT: no space left on device');
  }
}

/**
 * Data of an INSERT in a file, since the library reads data of every format from files only.
 *
 * Promises: data are complete before the INSERT begins, so a connection that breaks never leaves half of them. In memory is never more than a piece of them. A file has no name
 * (where the system allows that), so nothing is left behind by kill -9.
 */
import { constants } from 'node:fs';
import { open, unlink, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { Body } from './body.js';
import { exception } from './exception.js';

const PIECE_BYTES = 2 ** 20;
/** Linux: a file that never has a name. Node.js does not know it. */
const O_TMPFILE = 0o20000000 | (constants.O_DIRECTORY ?? 0);

export interface SpoolOptions {
  /** A directory in memory, if there is one. */
  fast: string | undefined;
  /** Where files go that are larger than fastBytesMax, or for which there is no room. */
  large: string;
  fastBytesMax: number;
  bytesMax: number;
}

/** A file that the library can open by its path. */
export class SpoolFile {
  bytes = 0;
  constructor(private readonly handle: FileHandle, readonly path: string, private readonly isNamed: boolean) {}

  async append(pieces: Buffer[]): Promise<void> {
    for (let rest = pieces; rest.length > 0;) {
      const { bytesWritten } = await this.handle.writev(rest, this.bytes);
      this.bytes += bytesWritten;
      rest = after(rest, bytesWritten);
    }
  }
  async appendFrom(other: SpoolFile): Promise<void> {
    const piece = Buffer.allocUnsafe(PIECE_BYTES);
    while (this.bytes < other.bytes) {
      const { bytesRead } = await other.handle.read(piece, 0, piece.length, this.bytes);
      await this.append([piece.subarray(0, bytesRead)]);
    }
  }
  async close(): Promise<void> {
    await this.handle.close();
    if (this.isNamed) await unlink(this.path);
  }
}

export class Spool {
  private count = 0;
  constructor(private readonly options: SpoolOptions) {}

  /** All of a body, behind what has been read of it already. */
  async write(first: Buffer, body: Body): Promise<SpoolFile> {
    const { fast, large, fastBytesMax, bytesMax } = this.options;
    let file = await this.create(fast ?? large), isFast = fast !== undefined;
    try {
      for (let piece: Buffer[] | undefined = [first]; piece; piece = await body.pieces(PIECE_BYTES)) {
        const size = file.bytes + piece.reduce((sum, { length }) => sum + length, 0);
        if (size > bytesMax) throw exception('TOO_MANY_BYTES', `The data of an INSERT are larger than ${bytesMax} bytes`);
        const written = file.bytes;
        if (!isFast || size <= fastBytesMax) {
          const failure = await file.append(piece).catch((error: NodeJS.ErrnoException) => error);
          if (!failure) continue;
          if (failure.code !== 'ENOSPC') throw failure;
          if (!isFast) throw exception('NOT_ENOUGH_SPACE', 'Cannot keep the data of an INSERT: no space left on device');
        }
        const small = file;
        small.bytes = written;
        [file, isFast] = [await this.create(large), false];
        await file.appendFrom(small);
        await small.close();
        await file.append(piece);
      }
      return file;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  private async create(directory: string): Promise<SpoolFile> {
    if (process.platform === 'linux') {
      // Not every file system can: there the file has a name for a moment.
      const nameless = await open(directory, constants.O_RDWR | O_TMPFILE, 0o600).catch(() => undefined);
      if (nameless) return new SpoolFile(nameless, pathOf(nameless), false);
    }
    const path = join(directory, `pointstream-${process.pid}-${++this.count}`);
    const handle = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
    if (process.platform !== 'linux') return new SpoolFile(handle, path, true);
    await unlink(path);
    return new SpoolFile(handle, pathOf(handle), false);
  }
}

function pathOf({ fd }: FileHandle): string {
  return `/proc/self/fd/${fd}`;
}

function after(pieces: Buffer[], bytes: number): Buffer[] {
  let index = 0;
  for (; index < pieces.length && bytes >= pieces[index]!.length; index++) bytes -= pieces[index]!.length;
  return index === pieces.length ? [] : [pieces[index]!.subarray(bytes), ...pieces.slice(index + 1)];
}

/**
 * A file that a user names, as chunks, decompressed when its name ends in .gz. One that breaks off, is damaged or isn't gzip at all is a CommandError that says in which row; what came
 * before has been given out by then, perhaps without its last chunk.
 */
import { createReadStream } from 'node:fs';
import { pipeline, Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { createGunzip, type Gunzip } from 'node:zlib';
import { CommandError, exitCodes } from './command.js';

const CHUNK_BYTES = 1 << 18;
/** With an error the output of one call is lost: so near to it comes the row that is said. */
const NEAR_BYTES = 1024;
const LINE_END = 10;

export function openFile(file: string, chunkBytes = CHUNK_BYTES): Readable {
  return file.endsWith('.gz') ? Readable.from(inflated(file, chunkBytes)) : createReadStream(file, { highWaterMark: chunkBytes });
}

async function* inflated(file: string, chunkBytes: number): AsyncGenerator<Buffer> {
  try {
    yield* gunzip(file, chunkBytes) as AsyncIterable<Buffer>;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code?.startsWith('Z_') !== true) throw error;
    throw new CommandError(exitCodes.usage, `${file}: ${await explain(file, code, message)}`);
  }
}

function gunzip(file: string, chunkBytes: number, outputBytes = chunkBytes): Gunzip {
  const stream = createGunzip({ chunkSize: outputBytes });
  // Who reads the stream gets its errors.
  pipeline(createReadStream(file, { highWaterMark: chunkBytes }), stream, () => undefined);
  return stream;
}

async function explain(file: string, code: string, message: string): Promise<string> {
  const { bytes, lines } = await readable(file);
  if (code === 'Z_BUF_ERROR') return `breaks off in row ${lines + 1}, after ${bytes} bytes of what it decompresses to; the file is not complete, get it again`;
  if (bytes === 0 && /header|compression method/.test(message)) return `is not gzip (${message}), though its name ends in .gz; rename it if it is not compressed, else get it again`;
  return `is damaged near row ${lines + 1}, about ${bytes} bytes into what it decompresses to (${message}); get it again`;
}

/** Counted in a second reading that nothing holds up: when a stream ends by an error, what waits in it is lost. */
async function readable(file: string): Promise<{ bytes: number; lines: number }> {
  const stream = gunzip(file, CHUNK_BYTES, NEAR_BYTES), found = { bytes: 0, lines: 0 };
  stream.on('data', (chunk: Buffer) => {
    found.bytes += chunk.length;
    for (let at = chunk.indexOf(LINE_END); at >= 0; at = chunk.indexOf(LINE_END, at + 1)) found.lines++;
  });
  await finished(stream).catch(() => undefined);
  return found;
}

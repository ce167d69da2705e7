/**
 * Rows on their way out: the library writes a query's output into a named pipe (INTO OUTFILE), whatever its format, and this reads the other end. So answers are streamed and
 * a reader that is slow slows its query down, instead of filling memory.
 *
 * Promises: the stream ends when the query has ended and every byte is read. The reading end stays open until then, as the library would wait for ever to open a pipe that nobody reads.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';

/** Paths of so many new pipes in a directory of our own. */
export function createPipes(directory: string, name: string, count: number): string[] {
  const paths = Array.from({ length: count }, (_, index) => join(directory, `${name}-${index}`));
  execFileSync('mkfifo', ['-m', '600', ...paths]);
  return paths;
}

/** `query` resolves when the library has closed its end. The stream never fails by itself: whether the query did says `query`. */
export function readPipe(path: string, query: Promise<unknown>): Socket {
  const socket = new Socket({ fd: openSync(path, constants.O_RDONLY | constants.O_NONBLOCK), readable: true, writable: false });
  const end = (): void => {
    // Opening and closing makes an end for queries that never opened the pipe.
    if (!socket.destroyed && !socket.readableEnded) closeSync(openSync(path, constants.O_WRONLY | constants.O_NONBLOCK));
  };
  query.then(end, end);
  return socket;
}

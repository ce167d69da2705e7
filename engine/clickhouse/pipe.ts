/**
 * Rows on their way out: the library writes a query's output into a named pipe (INTO OUTFILE), whatever its format, and this reads the other end. So answers are streamed and
 * a reader that is slow slows its query down, instead of filling memory.
 *
 *   query ─▶ pipe ─▶ socket ─▶ rows
 *              └──▶ keeper, which reads nothing
 *
 * Promises: the rows end when the query has ended and all of them are read. Until then somebody has the reading end open (the keeper), since the library would wait for ever to
 * open a pipe that nobody reads, and after some errors it opens it a second time.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';

const READ = constants.O_RDONLY | constants.O_NONBLOCK;

/** Paths of so many new pipes in a directory of our own. */
export function createPipes(directory: string, name: string, count: number): string[] {
  const paths = Array.from({ length: count }, (_, index) => join(directory, `${name}-${index}`));
  execFileSync('mkfifo', ['-m', '600', ...paths]);
  return paths;
}

/** What a query writes. `query` settles when the query has ended; when it fails, so does what is still in the pipe: who wants to know the error asks `query`. */
export async function* readPipe(path: string, query: Promise<unknown>): AsyncGenerator<Buffer, void> {
  const keeper = openSync(path, READ);
  const socket = new Socket({ fd: openSync(path, READ), readable: true, writable: false });
  let failed = false;
  query.then(() => {
    // Opening and closing makes an end for queries that never opened the pipe.
    closeSync(openSync(path, constants.O_WRONLY | constants.O_NONBLOCK));
    closeSync(keeper);
  }, () => {
    // The library may close its end no sooner than the connection is closed.
    failed = true;
    socket.destroy();
    closeSync(keeper);
  });
  try {
    yield* socket as AsyncIterable<Buffer>;
  } catch (error) {
    if (!failed) throw error;
  }
}

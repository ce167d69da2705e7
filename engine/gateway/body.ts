/**
 * Bodies as bytes: read from the connection, bounded in size (also after decompression) and in time, cut into pieces at line ends. Never looks at what the
 * bytes mean: that is the parsers' work.
 *
 * Pieces own their memory, so that it can be transferred to a parser. Throws Problem; a sender that goes away ends the reading with the connection's error.
 */
import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { createGunzip, createInflate } from 'node:zlib';
import { EngineError } from '../engine.js';
import type { Metrics } from '../metrics.js';
import { Problem } from './problems.js';

const LINE_END = 10;

export interface BodyBounds { bodyBytesMax: number; bodyIdleMsMax: number }

const tooLarge = (bytesMax: number): Problem => new Problem('body-too-large', `a body may have at most ${bytesMax} bytes`);

/**
 * Chunks as they arrive, decompressed. `onBytes` is told of each chunk's size before it is yielded and may throw. Whatever ends the reading (the bound, the reader, the sender
 * that leaves) also ends the decompression: a few bytes may stand for minutes of it.
 */
export async function* readChunks(request: IncomingMessage, bounds: BodyBounds, onBytes?: (bytes: number) => void): AsyncGenerator<Buffer> {
  const declared = Number(request.headers['content-length'] ?? 0);
  if (declared > bounds.bodyBytesMax) throw tooLarge(bounds.bodyBytesMax);
  const stream = decompress(request), iterator = stream.iterator({ destroyOnReturn: false })[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let total = 0, isWaiting = false;
  try {
    for (;;) {
      isWaiting = true;
      const next = await withinMs(bounds.bodyIdleMsMax, readNext(iterator));
      isWaiting = false;
      if (next.done === true) return;
      total += next.value.length;
      if (total > bounds.bodyBytesMax) throw tooLarge(bounds.bodyBytesMax);
      onBytes?.(next.value.length);
      yield next.value;
    }
  } finally {
    // Nobody reads the rest here any more, so that the gateway can read it away: a connection closed under its sender would be reset, answer and all.
    // An iterator that waits for a chunk (of a sender that fell silent) returns only after it.
    if (!isWaiting) await iterator.return?.();
    if (stream !== request) {
      request.unpipe();
      stream.destroy();
    }
  }
}

/** The whole body in memory of its own. */
export async function readWhole(request: IncomingMessage, bounds: BodyBounds, onBytes?: (bytes: number) => void): Promise<Uint8Array> {
  return readRest([], readChunks(request, bounds, onBytes));
}

/** The chunks up to the one in which `find` sees the first byte that counts, and that byte (-1: there is none in all of them). Looks at each chunk once and copies nothing. */
export async function readBeginning(chunks: AsyncIterator<Buffer>, find: (chunk: Uint8Array, offset: number) => number): Promise<{ first: number; beginning: Buffer[] }> {
  const beginning: Buffer[] = [];
  let first = -1, offset = 0;
  while (first < 0) {
    const next = await chunks.next();
    if (next.done === true) break;
    beginning.push(next.value);
    first = find(next.value, offset);
    offset += next.value.length;
  }
  return { first, beginning };
}
export async function readRest(beginning: Buffer[], chunks: AsyncIterable<Buffer>): Promise<Uint8Array> {
  const all = [...beginning];
  for await (const chunk of chunks) all.push(chunk);
  return join(all);
}

/**
 * Reads away what is left of a refused body, so that the sender gets to the answer; one that goes on and on is cut off. Twice of what a body may have: many look for an answer only when
 * they have sent all, and of one that is too large they would see a broken connection.
 *
 * Resolves when it may be answered: at once where the connection is kept. Else node closes it as soon as that is done, also under one who still sends.
 */
export function readAway(request: IncomingMessage, isKept: boolean, { bodyBytesMax, bodyIdleMsMax }: BodyBounds): Promise<void> {
  if (request.complete || request.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      resolve();
    };
    const timer = isKept ? undefined : setTimeout(done, bodyIdleMsMax);
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= 2 * bodyBytesMax) timer?.refresh();
      else if (isKept) request.destroy();
      else done();
    });
    request.on('error', done).once('end', done).once('close', done);
    request.resume();
    if (isKept) resolve();
  });
}

/** Pieces of about `pieceBytes`, each ending at a line end (the last one at the end of the body); a longer line makes a longer piece. */
export async function* cutAtLines(chunks: AsyncIterable<Buffer>, pieceBytes: number): AsyncGenerator<Uint8Array> {
  let held: Buffer[] = [], heldBytes = 0;
  for await (const chunk of chunks) {
    const end = heldBytes + chunk.length < pieceBytes ? 0 : chunk.lastIndexOf(LINE_END) + 1;
    if (end === 0) {
      held.push(chunk);
      heldBytes += chunk.length;
      continue;
    }
    held.push(chunk.subarray(0, end));
    yield join(held);
    held = [chunk.subarray(end)];
    heldBytes = chunk.length - end;
  }
  if (heldBytes > 0) yield join(held);
}

/** Bytes of one request that are in memory: what its `open` gave, returned at the latest by `close`. */
export interface HeldBytes { take(bytes: number): void; give(bytes: number): void; close(): void }

/** Counts the bytes of all bodies between arrival and commit against their bound. */
export class BodyMemory {
  private total = 0;

  constructor(private readonly bytesMax: number, private readonly metrics: Pick<Metrics, 'receivedBytes' | 'bodyBytesInFlight'>) {}

  open(): HeldBytes {
    let own = 0;
    const add = (bytes: number): void => {
      own += bytes;
      this.total += bytes;
      this.metrics.bodyBytesInFlight.set(this.total);
    };
    return {
      take: (bytes) => {
        if (this.total + bytes > this.bytesMax) throw new EngineError('unavailable', 'too many bodies are under way', 1);
        this.metrics.receivedBytes.inc(bytes);
        add(bytes);
      },
      give: (bytes) => add(-bytes),
      close: () => add(-own),
    };
  }
}

function decompress(request: IncomingMessage): Readable {
  const encoding = (request.headers['content-encoding'] ?? 'identity').trim().toLowerCase();
  if (encoding === 'identity' || encoding === '') return request;
  if (encoding !== 'gzip' && encoding !== 'deflate') {
    throw new Problem('unsupported-media-type', `content-encoding ${encoding}; known: gzip, deflate`, { headers: { 'accept-encoding': 'gzip, deflate' } });
  }
  const inflated = encoding === 'gzip' ? createGunzip() : createInflate();
  // pipe and not pipeline: pipeline would destroy the connection before the sender has been told that the compressed data is broken.
  request.pipe(inflated);
  request.once('error', (error) => inflated.destroy(error));
  // The request is silent about a sender that leaves after its last byte; the socket isn't.
  const { socket } = request, leave = (): void => void inflated.destroy(new Error('the sender left'));
  if (socket.destroyed) leave();
  socket.once('close', leave);
  inflated.once('close', () => socket.off('close', leave));
  return inflated;
}

async function readNext(iterator: AsyncIterator<Buffer>): Promise<IteratorResult<Buffer>> {
  try {
    return await iterator.next();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code?.startsWith('Z_') === true) throw new Problem('malformed', `the compressed body is broken: ${message}`);
    throw error;
  }
}

function withinMs<T>(ms: number, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const problem = (): void => reject(new Problem('request-timeout', `nothing of the body arrived for ${ms} ms`, { headers: { connection: 'close' } }));
    const timer = setTimeout(problem, ms);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** In memory of its own: not in a slice of the shared pool, which could not be transferred. */
export function join(chunks: Uint8Array[]): Uint8Array {
  const size = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  const out = Buffer.allocUnsafeSlow(size);
  let at = 0;
  for (const chunk of chunks) {
    out.set(chunk, at);
    at += chunk.length;
  }
  return out;
}

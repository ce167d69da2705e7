/**
 * How far a feed has come: a small file beside the fed one, replaced atomically after each answered batch. It belongs to one content (size and hash of the
 * head), one partner and one engine; for any other it does not count.
 */
import { createHash } from 'node:crypto';
import { open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';

const HEAD_BYTES = 1 << 16;

/** Bytes of the uncompressed file and rows that are done. */
export interface Place { byte: number; row: number }
export interface FeedCounts { accepted: number; duplicates: number; rejected: number; waiting: number }
interface Stored { identity: string; place: Place; counts: FeedCounts; reasons: Record<string, number> }

export class FeedState {
  private constructor(private readonly path: string, private readonly stored: Stored, readonly resumed: boolean) {}

  static async open(file: string, target: string, restart: boolean): Promise<FeedState> {
    const path = `${file}.feed`;
    const identity = `${await identify(file)} ${target}`;
    const found = restart ? undefined : await readStored(path);
    if (found?.identity === identity) return new FeedState(path, found, true);
    return new FeedState(path, { identity, place: { byte: 0, row: 0 }, counts: { accepted: 0, duplicates: 0, rejected: 0, waiting: 0 }, reasons: {} }, false);
  }

  get place(): Place {
    return this.stored.place;
  }
  get counts(): FeedCounts {
    return this.stored.counts;
  }
  get reasons(): Record<string, number> {
    return this.stored.reasons;
  }

  async reached(place: Place): Promise<void> {
    this.stored.place = place;
    await writeFile(`${this.path}.new`, JSON.stringify(this.stored));
    await rename(`${this.path}.new`, this.path);
  }

  async finish(): Promise<void> {
    await rm(this.path, { force: true });
  }
}

async function identify(file: string): Promise<string> {
  const { size } = await stat(file);
  const handle = await open(file);
  try {
    const head = Buffer.alloc(Math.min(size, HEAD_BYTES));
    await handle.read(head, 0, head.length, 0);
    return `${size}-${createHash('sha256').update(head).digest('hex').slice(0, 32)}`;
  } finally {
    await handle.close();
  }
}

async function readStored(path: string): Promise<Stored | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Stored;
  } catch (error) {
    // A file that isn't there or was not written by us: the feed begins with the first row, which is harmless.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

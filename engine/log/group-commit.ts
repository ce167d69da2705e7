/**
 * Writes of many callers, one LMDB transaction after the other: while one is written and synced, what arrives waits and goes into the next one,
 * together.
 *
 *   write()  write()  write()            write() …
 *      │        └────────┴──────┐           │
 *      ▼                        ▼           ▼
 *   [ transaction 1 ── sync ][ transaction 2 ── sync ][ …          each caller hears of it after the sync of its transaction
 *
 * Promises: writes take effect in the order of the calls, each wholly or not at all, and nobody is told before it survives a crash. After a
 * transaction has failed nothing is written any more: what waits and what comes is refused with the same error, since it may build on what was lost.
 * The values are not copied here: lmdb's thread reads them while it writes, so they must not change until the promise resolves.
 * Never limits what waits: its callers do.
 */
import { statfs } from 'node:fs/promises';
import { constants } from 'node:os';
import type { RootDatabase } from 'lmdb';
import { LogError } from './log.js';

/** Collects the promises of lmdb's put and remove of one write. */
export type Put = (done: Promise<boolean>) => void;

interface Write {
  bytes: number;
  /** Issues the operations when the transaction is put together. Must not throw: what others issued before could not be taken back. */
  issue(put: Put): void;
  /** Called once when they survive a crash, before anybody is told. */
  durable(): void;
  settle(error?: LogError): void;
}

export class GroupCommit {
  private waiting: Write[] = [];
  private running: Promise<void> | undefined;
  private refusal: LogError | undefined;

  /** `groupBytesMax` bounds the pages of a transaction, which lmdb holds in memory until they are written; a single larger write is a group of its own. */
  constructor(private readonly root: RootDatabase, private readonly directory: string, private readonly groupBytesMax: number) {}

  /** `issue` calls put for each lmdb operation, returns the result, and must not throw; `bytes` is about what it writes. */
  write<T>(bytes: number, issue: (put: Put) => T, durable: (result: T) => void): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.refusal) return reject(this.refusal);
      let result: T;
      this.waiting.push({
        bytes,
        issue: (put) => { result = issue(put); },
        durable: () => durable(result),
        settle: (error) => (error ? reject(error) : resolve(result)),
      });
      this.running ??= this.run();
    });
  }

  /** Refuses what comes from now on and waits for what was accepted. */
  async stop(): Promise<void> {
    this.refusal ??= new LogError('closed', `the log in ${this.directory} is closed`);
    await this.running;
  }

  private async run(): Promise<void> {
    await Promise.resolve(); // lets what the caller does next join the first group
    for (let group = this.nextGroup(); group.length > 0; group = this.nextGroup()) {
      const error = await this.transact(group);
      if (error) {
        this.refusal = error;
        for (const write of [...group, ...this.waiting.splice(0)]) write.settle(error);
      } else {
        for (const write of group) write.durable();
        for (const write of group) write.settle();
      }
    }
    this.running = undefined;
  }

  private nextGroup(): Write[] {
    let count = 0, bytes = 0;
    while (count < this.waiting.length && (count === 0 || bytes + this.waiting[count]!.bytes <= this.groupBytesMax)) bytes += this.waiting[count++]!.bytes;
    return this.waiting.splice(0, count);
  }

  private async transact(group: Write[]): Promise<LogError | undefined> {
    const operations: Promise<boolean>[] = [];
    const put: Put = (done) => { operations.push(done); };
    const transaction = this.root.batch(() => {
      for (const write of group) write.issue(put);
    });
    try {
      // Without overlappingSync lmdb resolves after data and meta page were synced, and readers see the transaction no earlier.
      const [, ...done] = await Promise.all([transaction, ...operations]);
      return done.every(Boolean) ? undefined : new LogError('failed', `${this.directory} was written by somebody else: an offset exists already`);
    } catch (error) {
      return this.explain(error);
    }
  }

  /** lmdb says "Commit failed", and why in a second promise. A full disk is ENOSPC or EDQUOT there, or EIO after a write that was cut short. */
  private async explain(error: unknown): Promise<LogError> {
    const cause = await Promise.resolve((error as { commitError?: Promise<unknown> }).commitError).then(() => error, (reason: unknown) => reason);
    const { code, message } = cause as { code?: unknown; message?: unknown };
    const freeBytes = await statfs(this.directory).then(({ bavail, bsize }) => bavail * bsize, () => NaN);
    if (code === constants.errno.ENOSPC || code === constants.errno.EDQUOT || freeBytes < this.groupBytesMax) {
      return new LogError('full', `the disk of ${this.directory} is full (${freeBytes} bytes free): make room, then start again`, { cause });
    }
    return new LogError('failed', `the log in ${this.directory} cannot be written: ${String(message)}`, { cause });
  }
}

/**
 * The data directory: made when it isn't there, and tried out before anything is started in it. Throws ConfigError, which says what is wrong with it; then nothing was left behind
 * but directories above it.
 *
 * Not by node's own `recursive`: where a file system refuses a name with ENOENT, as /proc does, that tries again for ever.
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { ConfigError } from './config.js';

const PAGE_BYTES = 4096;
/** What partners posted is in there as it came, numbers of payment cards too. One that is there already has the rights that its owner gave it. */
const OWNER_ONLY = 0o700;

export function makeDataDirectory(directory: string): void {
  const refuse = (what: string, error: unknown): never => {
    throw new ConfigError(`data: ${directory} ${what}: ${(error as Error).message}; ${isFull(error) ? 'make room, or ' : ''}choose another directory with --data`);
  };
  try {
    make(resolve(directory), OWNER_ONLY);
  } catch (error) {
    refuse('cannot be made', error);
  }
  if (!statSync(directory).isDirectory()) throw new ConfigError(`data: ${directory} is a file; choose a directory with --data`);
  try {
    tryToWrite(directory);
  } catch (error) {
    refuse('cannot be written to', error);
  }
}

/** What may be written is known only by writing: rights, quota, a file system that is full or read-only. */
function tryToWrite(directory: string): void {
  const tried = mkdtempSync(join(directory, '.try-'));
  try {
    writeFileSync(join(tried, 'page'), Buffer.alloc(PAGE_BYTES));
  } finally {
    rmSync(tried, { recursive: true, force: true });
  }
}

function make(path: string, mode?: number): void {
  if (existsSync(path)) return;
  const parent = dirname(path);
  if (!existsSync(parent)) make(parent);
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    // Somebody else was faster.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !existsSync(path)) throw error;
  }
}

const isFull = (error: unknown): boolean => ['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '');

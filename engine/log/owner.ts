/**
 * Who owns a directory: at most one living process at a time.
 *
 * Node has no file locks, LMDB has: each process that reads an environment holds an operating-system lock for its entry in the table of readers.
 * So the owner keeps a read transaction open in a small environment of its own, and whoever finds the entry of another living process there is
 * refused. The lock dies with its process, however that dies, so nothing is left behind by kill -9 and no process id is mistaken for another's.
 *
 * Promises: never two owners. Two processes that start in the same instant may both be refused.
 */
import { mkdirSync, realpathSync } from 'node:fs';
import { open } from 'lmdb';
import { LogError } from './log.js';

export interface Owner { release(): Promise<void> }

/** Locks are per process, and opening the same environment twice in one would drop them: so the own directories are known here. */
const owned = new Set<string>();

/** Owns `directory`, by files in `tableDirectory`. Throws LogError `fenced` when another owner lives. */
export async function own(directory: string, tableDirectory: string): Promise<Owner> {
  mkdirSync(tableDirectory, { recursive: true });
  const path = realpathSync(tableDirectory);
  if (owned.has(path)) throw new LogError('fenced', `${directory} is already open in this process (${process.pid})`);
  owned.add(path);
  const table = open({ path, mapSize: 2 ** 20, maxDbs: 1, overlappingSync: false, noSync: true });
  const entry = table.useReadTransaction();
  const release = async () => {
    entry.done();
    await table.close();
    owned.delete(path);
  };
  try {
    table.get('owner'); // the entry is made by the first read
    table.readerCheck(); // forgets entries of dead processes
    const others = processesIn(table.readerList()).filter((id) => id !== process.pid);
    if (others.length > 0) throw new LogError('fenced', `${directory} is open in process ${others.join(' and ')}: stop that first`);
  } catch (error) {
    await release();
    throw error;
  }
  return { release };
}

/** The list is a heading, then a line "pid thread transaction" for each reader. */
function processesIn(readers: string): number[] {
  return [...readers.matchAll(/^\s*(\d+)\s/gm)].map((match) => Number(match[1]));
}

/** An engine's name in the group and its transactions: made once, kept in its data directory. A lost directory is another engine; the old name's rights end with its session. */
import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

export function instanceOf(file: string): string {
  try {
    const name = readFileSync(file, 'utf8').trim();
    if (name !== '') return name;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const name = randomUUID();
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.new`, `${name}\n`);
  renameSync(`${file}.new`, file);
  return name;
}

/**
 * Files that a user names on the command line, looked at before anything is started: what is wrong with one is said with the argument or option, the path and what to do, not with the operating
 * system's words for a call that nobody asked for. Leaves everything as it was.
 */
import { constants, existsSync } from 'node:fs';
import { access, open, rm, stat } from 'node:fs/promises';
import { CommandError, exitCodes } from './command.js';

/** `what`: the argument or option, as the user knows it. Throws CommandError. */
export async function expectReadable(what: string, file: string): Promise<void> {
  try {
    await expectFile(file, constants.R_OK);
  } catch (error) {
    refuse(what, file, error, { ENOENT: 'no such file; look at its name and at the directory it is in', EACCES: 'it may not be read; give yourself the right to' });
  }
}

/** Without opening it: it may be a pipe, which can be opened once. */
async function expectFile(file: string, mode: number): Promise<void> {
  if ((await stat(file)).isDirectory()) throw Object.assign(new Error(), { code: 'EISDIR' });
  await access(file, mode);
}

/** Else a long run would be lost at its end. Throws CommandError. */
export async function expectWritable(what: string, file: string): Promise<void> {
  try {
    if (existsSync(file)) return await expectFile(file, constants.W_OK);
    await open(file, 'wx').then((handle) => handle.close());
    await rm(file);
  } catch (error) {
    refuse(what, file, error, { ENOENT: 'its directory is not there; make it, or name another file', EACCES: 'it may not be written; give yourself the right to, or name another file' });
  }
}

/** `--json FILE`, where `-` is the standard output. */
export async function expectReportWritable({ json }: Record<string, unknown>): Promise<void> {
  if (typeof json === 'string' && json !== '-') await expectWritable('--json', json);
}

function refuse(what: string, file: string, error: unknown, plain: Record<string, string>): never {
  const { code = '', message } = error as NodeJS.ErrnoException;
  const always: Record<string, string> = {
    EISDIR: 'it is a directory; name a file', ENOTDIR: 'a part of the path is a file, and no directory', EROFS: 'nothing can be written there; name another file',
  };
  throw new CommandError(exitCodes.usage, `${what}: ${JSON.stringify(file)}: ${plain[code] ?? always[code] ?? message}`);
}

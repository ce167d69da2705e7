/** A data directory that can't be one is refused at once, with exit code 2 and what is wrong; one that can be is there. */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { pointstream } from '../test/support/command-line.js';
import { smallDisk } from '../test/support/small-disk.js';
import { makeDataDirectory } from './data-directory.js';

const root = mkdtempSync(join(tmpdir(), 'data-directory-')), at = (name: string): string => join(root, name);
t.teardown(() => rmSync(root, { recursive: true }));
/** The user of that name. */
const NOBODY = 65_534;
const hasProc = existsSync('/proc/self') ? false : 'there is no /proc here';

t.test('made where it is missing, and left as it was', async (t) => {
  for (const name of ['a/b/c', 'a/b/c', 'a/b/c/']) makeDataDirectory(at(name));
  t.same(readdirSync(at('a/b/c')), []);
  const modeOf = (name: string): number => statSync(at(name)).mode & 0o777;
  t.equal(modeOf('a/b/c'), 0o700, 'other users of the machine do not read the log');
  t.equal(modeOf('a'), 0o777 & ~process.umask(), 'what is above it is as usual');
  mkdirSync(at('shared'), { mode: 0o755 });
  makeDataDirectory(at('shared'));
  t.equal(modeOf('shared'), 0o755 & ~process.umask(), 'and one that was there stays as it was');
});

t.test('a file, a link to nowhere', async (t) => {
  writeFileSync(at('file'), '');
  symlinkSync(at('nowhere/at/all'), at('link'));
  t.throws(() => makeDataDirectory(at('file')), { message: /^data: .*file is a file; choose a directory with --data$/ });
  t.throws(() => makeDataDirectory(at('file/x')), { message: /^data: .*x cannot be made: ENOTDIR.*--data$/ });
  t.throws(() => makeDataDirectory(at('link')), { message: /cannot be made/ });
  t.notOk(existsSync(at('nowhere')));
});

/** Root may write everywhere: for as long as this takes the process is nobody. */
function asNobody(run: () => void): void {
  if (process.getuid?.() !== 0) return run();
  process.seteuid!(NOBODY);
  try {
    run();
  } finally {
    process.seteuid!(0);
  }
}
t.test('not writable', async (t) => {
  mkdirSync(at('locked'));
  chmodSync(at('locked'), 0o555);
  chmodSync(root, 0o755);
  asNobody(() => {
    t.throws(() => makeDataDirectory(at('locked')), { message: /locked cannot be written to: EACCES/ });
    t.throws(() => makeDataDirectory(at('locked/x')), { message: /x cannot be made: EACCES/ });
  });
});

t.test('a file system that takes no files', { skip: hasProc }, async (t) => {
  t.throws(() => makeDataDirectory('/proc'), { message: /\/proc cannot be written to: / });
  for (const command of [['serve'], ['demo', '--transactions', '10', '--exit']]) {
    const { code, stderr, stdout } = await pointstream(root, ...command, '--data', '/proc/x');
    t.match({ code, stdout, stderr }, { code: 2, stdout: '', stderr: /^error: data: \/proc\/x cannot be made: .*--data$/m }, command[0]);
  }
});

t.test('a disk that is full before anything is there', async (t) => {
  const full = smallDisk(t, '64k');
  if (full === undefined) return;
  t.throws(() => writeFileSync(join(full, 'ballast'), Buffer.alloc(2 ** 20)), { code: 'ENOSPC' });
  t.throws(() => makeDataDirectory(join(full, 'data')), { message: /data cannot be written to: ENOSPC.*; make room, or choose another directory with --data$/ });
  t.same(readdirSync(join(full, 'data')), [], 'nothing is left of the attempt');
});

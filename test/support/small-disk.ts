/** A disk that is soon full. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test as Tap } from 'tap';

/** A directory on a disk of its own, of a size as `mount` takes it, until the test ends. Undefined, which is said, where none can be mounted: that takes root on Linux. */
export function smallDisk(t: Tap, size: string): string | undefined {
  const directory = mkdtempSync(join(tmpdir(), 'pointstream-small-disk-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', directory], { stdio: 'pipe' });
  } catch (error) {
    t.comment(`skipped, no tmpfs can be mounted here: ${(error as Error).message.trim()}`);
    return undefined;
  }
  // Before it is removed: what was begun last is ended first. Lazily, as a process that was killed may still have a file open.
  t.teardown(() => void execFileSync('umount', ['-l', directory]));
  return directory;
}

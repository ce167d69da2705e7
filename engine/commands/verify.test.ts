import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { pointstream } from '../../test/support/command-line.js';
import { openEmbeddedLog } from '../log/embedded.js';
import { refusal } from './client.js';

// A process for each command: slow on a machine that is busy with other tests.
t.setTimeout(590_000);

t.test('a directory without a log is refused, and nothing is made there', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'verify-'));
  t.teardown(() => rm(directory, { recursive: true }));
  await writeFile(join(directory, 'file'), '');
  for (const data of ['typo', '.', 'file']) {
    const ended = await pointstream(directory, 'verify', '--data', data);
    t.match(ended, { code: 2, stderr: /has no log, so there is nothing to verify: .*--data DIR/, stdout: '' }, data);
    t.notMatch(ended.stderr, /^\s+at /m, 'no stack');
  }
  t.match(await pointstream(directory, 'doctor', '--data', 'typo/data'), { stdout: /typo\/data is not there yet; .* is writable/ });
  t.same(await readdir(directory), ['file']);
});

t.test('another number of partitions than the log has is a mistake of the settings', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'verify-'));
  t.teardown(() => rm(directory, { recursive: true }));
  await openEmbeddedLog({ directory, partitions: 4 }).then((log) => log.close());
  for (const command of ['serve', 'verify']) {
    const ended = await pointstream(directory, command, '--data', '.', '--partitions', '3', '--clickhouse', 'off');
    t.match(ended, { code: 2, stderr: /partitions 4, not 3; .*: leave the setting partitions out, or choose another --data/ }, command);
    t.notMatch(ended.stderr, /^\s+at /m, 'no stack');
  }
});

t.test('a quota is no mistake of usage: later it is taken', async (t) => {
  t.equal(refusal(429, { type: '/problems/quota', title: 'Too many requests', status: 429 }).exitCode, 3);
  t.equal(refusal(403, { type: '/problems/forbidden', title: 'Forbidden', status: 403 }).exitCode, 2);
});

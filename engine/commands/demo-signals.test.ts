import { existsSync, readdirSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { chdbMissing } from '../clickhouse/embedded-fixture.js';
import { pointstreamUntil } from '../../test/support/command-line.js';

t.setTimeout(590_000);

t.test('demo: a signal to the process group while it starts leaves nothing behind, and is no bug', { skip: chdbMissing }, async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'demo-'));
  t.teardown(() => rm(directory, { recursive: true }));
  // What is there when the signal comes: the directory alone, the log, the embedded ClickHouse's directory (its process is opening it) and files.
  for (const [index, file] of ['.', 'log/data.mdb', 'state', 'clickhouse', 'clickhouse/data/store'].entries()) {
    const temporary = join(directory, String(index));
    await mkdir(temporary);
    const isTime = (): boolean => readdirSync(temporary).some((name) => name.startsWith('pointstream-demo-') && existsSync(join(temporary, name, file)));
    const signal = index % 2 === 0 ? 'SIGTERM' : 'SIGINT';
    const ended = await pointstreamUntil(isTime, signal, { TMPDIR: temporary }, directory, 'demo', '--transactions', '100', '--exit', '--port', '0', '--clickhouse-port', '0', '--metrics-port', '0');
    t.match(ended, { code: 1, stderr: `error: ended by ${signal}` }, file);
    t.notMatch(ended.stderr, /a bug/);
    t.same(await readdir(temporary), [], 'nothing is left');
  }
});

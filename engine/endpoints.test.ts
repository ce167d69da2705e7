/** Where an engine serves: known once it is ready, and never from what another one left behind. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { pointstream } from '../test/support/command-line.js';
import { endpointsOf, runningEndpoints } from './endpoints.js';

const goneProcess = (): number => spawnSync(process.execPath, ['--version']).pid;

function ownDirectory(t: { teardown(action: () => unknown): void }): string {
  const directory = mkdtempSync(join(tmpdir(), 'endpoints-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  return directory;
}

t.test('endpoints of a process, of one that was killed before it, and none', async (t) => {
  const directory = ownDirectory(t), endpoints = { pid: 4711, http: 'http://127.0.0.1:1', clickhouse: null, metrics: 'http://127.0.0.1:2' };
  // As while it starts: a file of before may go at any moment, also between two looks at it.
  t.equal(endpointsOf(directory, 4711), undefined);
  t.equal(runningEndpoints(directory), undefined);
  writeFileSync(join(directory, 'endpoints.json'), JSON.stringify(endpoints));
  t.equal(endpointsOf(directory, 4712), undefined);
  t.same(endpointsOf(directory, 4711), endpoints);
  t.throws(() => endpointsOf(join(directory, 'endpoints.json'), 4711), { code: 'ENOTDIR' }, 'what is wrong otherwise is not taken for that');
  for (const [pid, runs] of [[process.pid, true], [1, true], [goneProcess(), false]] as const) {
    writeFileSync(join(directory, 'endpoints.json'), JSON.stringify({ ...endpoints, pid }));
    t.equal(runningEndpoints(directory)?.pid, runs ? pid : undefined, runs ? 'also of somebody else' : 'killed');
  }
});

t.test('commands on the directory of a killed engine do not go to another one that has its port now', async (t) => {
  const directory = ownDirectory(t), asked: string[] = [];
  const other = createServer((request, response) => {
    asked.push(request.url!);
    response.end('{}');
  });
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  t.teardown(() => other.close());
  const http = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
  writeFileSync(join(directory, 'endpoints.json'), JSON.stringify({ pid: goneProcess(), http, clickhouse: null, metrics: http }));
  writeFileSync(join(directory, 'admin-key'), 'key');
  writeFileSync(join(directory, 'operator-key'), 'key');
  writeFileSync(join(directory, 'rules.yaml'), '- { id: base, version: 1, award: { kind: perAmount, points: 1, amount: 100 } }');
  t.match(await pointstream(directory, 'verify', '--data', directory), { code: 2, stderr: /has no log, so there is nothing to verify/ });
  t.match(await pointstream(directory, 'rules', 'publish', 'rules.yaml', '--data', directory), { code: 3, stderr: /no engine runs on .*pointstream serve/ });
  t.same(asked, []);
});

/** Where an engine serves: known once it is ready, and never from what another one left behind. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { endpointsOf } from './engine-process.js';

t.test('endpoints of a process, of one that was killed before it, and none', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'endpoints-')), endpoints = { pid: 4711, http: 'http://127.0.0.1:1', clickhouse: null, metrics: 'http://127.0.0.1:2' };
  t.teardown(() => rmSync(directory, { recursive: true }));
  // As while it starts: a file of before may go at any moment, also between two looks at it.
  t.equal(endpointsOf(directory, 4711), undefined);
  writeFileSync(join(directory, 'endpoints.json'), JSON.stringify(endpoints));
  t.equal(endpointsOf(directory, 4712), undefined);
  t.same(endpointsOf(directory, 4711), endpoints);
  t.throws(() => endpointsOf(join(directory, 'endpoints.json'), 4711), { code: 'ENOTDIR' }, 'what is wrong otherwise is not taken for that');
});

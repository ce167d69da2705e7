/** Which engine a command goes to, and with which key: flag over environment over file over default. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { pointstreamWith } from '../../test/support/command-line.js';

t.setTimeout(590_000);

t.test('flags, an explicit --data, the environment, the data of environment and file', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'client-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, 'rules.yaml'), '- { id: base, version: 1, award: { kind: perAmount, points: 1, amount: 100 } }');
  writeFileSync(join(directory, 'settings.yaml'), 'data: of-file\n');
  // Nobody listens there; who was asked is what is said.
  for (const [place, name] of ['of-flag', 'of-environment', 'of-file', 'data'].entries()) {
    const http = `http://127.0.0.1:${place + 1}`;
    mkdirSync(join(directory, name));
    writeFileSync(join(directory, name, 'admin-key'), 'key');
    writeFileSync(join(directory, name, 'endpoints.json'), JSON.stringify({ pid: process.pid, http, clickhouse: null, metrics: http }));
  }
  const url = { POINTSTREAM_URL: 'http://127.0.0.1:9', POINTSTREAM_KEY: 'key' }, data = { POINTSTREAM_DATA: 'of-environment' }, file = { POINTSTREAM_CONFIG: 'settings.yaml' };
  const cases: [argv: string[], environment: NodeJS.ProcessEnv, port: number][] = [
    [['--url', 'http://127.0.0.1:7', '--key', 'key', '--data', 'of-flag'], url, 7], [['--data', 'of-flag'], { ...url, ...data, ...file }, 1],
    [[], { ...url, ...data }, 9], [[], { ...data, ...file }, 2], [[], file, 3], [[], {}, 4],
  ];
  for (const [argv, environment, port] of cases) {
    const ended = await pointstreamWith(environment, directory, 'rules', 'publish', 'rules.yaml', ...argv);
    t.match(ended, { code: 3, stderr: new RegExp(`nobody answers at http://127\\.0\\.0\\.1:${port}:`) }, `port ${port}`);
  }
});

t.test('a directory that has no key, or one of before the engine was given another, is told', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'client-'));
  const engine = createServer((request, response) => response.writeHead(request.url === '/livez' ? 200 : 401, { 'content-type': 'application/problem+json' }).end('{"title": "No key"}'));
  await new Promise<void>((resolve) => engine.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    engine.close();
    rmSync(directory, { recursive: true });
  });
  const http = `http://127.0.0.1:${(engine.address() as AddressInfo).port}`;
  writeFileSync(join(directory, 'rules.yaml'), '- { id: base, version: 1, award: { kind: perAmount, points: 1, amount: 100 } }');
  writeFileSync(join(directory, 'endpoints.json'), JSON.stringify({ pid: process.pid, http, clickhouse: null, metrics: http }));
  const publish = (...argv: string[]) => pointstreamWith({}, directory, 'rules', 'publish', 'rules.yaml', ...argv);
  t.match(await publish('--data', '.'), { code: 2, stderr: /a key is needed: \. has none, .*--key KEY or POINTSTREAM_KEY/ });
  writeFileSync(join(directory, 'admin-key'), 'of-before');
  t.match(await publish('--data', '.'), { code: 2, stderr: /the key of admin-key; .*POINTSTREAM_ADMIN_KEY.*--key KEY/ });
  t.match(await publish('--data', '.', '--key', 'wrong'), { code: 2, stderr: /401 No key/ });
});

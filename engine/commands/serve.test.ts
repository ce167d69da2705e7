import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { chdbMissing } from '../clickhouse/embedded-fixture.js';
import { pointstream, serve, serveUntil } from '../../test/support/command-line.js';

const off = ['--clickhouse', 'off'];
const purchase = (id: number): string => JSON.stringify({
  id: String(id), kind: 'purchase', partner: 'grocer', card: `c${id % 5}`, occurredAt: '2025-01-01T10:00:00Z', currency: 'EUR', total: 1000,
});

// Whole engines in processes of their own: minutes on a machine that is busy with other tests.
t.setTimeout(590_000);

t.test('serve: endpoints, the admin key, one engine a directory, kill -9, verify, graceful stop', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'serve-'));
  t.teardown(() => rm(directory, { recursive: true }));
  const first = await serve(directory, off);
  t.match(first.endpoints, { http: /^http:\/\/127\.0\.0\.1:\d+$/, clickhouse: null, metrics: /^http:/ });
  t.equal((await stat(join(directory, 'admin-key'))).mode & 0o777, 0o600);
  const key = (await readFile(join(directory, 'admin-key'), 'utf8')).trim();

  const call = async (url: string, method: string, path: string, body: string, type = 'application/json'): Promise<unknown> =>
    (await fetch(url + path, { method, headers: { authorization: `Bearer ${key}`, 'content-type': type }, body })).json();
  await call(first.endpoints.http, 'PUT', '/v1/partners/grocer', JSON.stringify({ name: 'Grocer', timeZone: 'UTC', currency: 'EUR' }));
  await writeFile(join(directory, 'rules.yaml'), '- { id: base, version: 1, award: { kind: perAmount, points: 1, amount: 100 } }');
  t.match(await pointstream(directory, 'rules', 'publish', 'rules.yaml', '--data', directory), { code: 0 }, 'commands find address and key in the directory');
  const batch = Array.from({ length: 50 }, (_, i) => purchase(i)).join('\n');
  t.match(await call(first.endpoints.http, 'POST', '/v1/transactions', batch, 'application/x-ndjson'), { accepted: 50, rejected: 0 });
  t.match(await fetch(`${first.endpoints.metrics}/metrics`).then((answer) => answer.text()), /^pointstream_transactions_processed_total 50$/m);
  t.match(await pointstream(directory, 'verify', '--data', directory, '--json'), { code: 0, stdout: /"ok": true/ }, 'verify asks the running engine');

  const second = await pointstream(directory, 'serve', '--data', directory, '--port', '0', '--metrics-port', '0', ...off);
  t.match(second, { code: 3, stderr: /is open in process/ });
  t.notMatch(second.stderr, /^\s+at /m);
  t.ok((await stat(join(directory, 'endpoints.json'))).isFile(), 'and leaves the first one alone');

  await first.kill('SIGKILL');
  t.match(await pointstream(directory, 'verify', '--data', directory, ...off), { code: 0 }, 'verify starts what it needs');

  const third = await serve(directory, off);
  t.match(await call(third.endpoints.http, 'POST', '/v1/transactions', batch, 'application/x-ndjson'), { accepted: 0, duplicates: 50 }, 'after kill -9 everything is there');
  const taken = new URL(third.endpoints.http).port;
  const ports: [name: string, argv: string[]][] = [
    ['port', ['--port', taken, '--metrics-port', '0', ...off]], ['metrics-port', ['--port', '0', '--metrics-port', taken, ...off]],
    ...(!chdbMissing ? [['clickhouse-port', ['--port', '0', '--metrics-port', '0', '--clickhouse-port', taken]] as [string, string[]]] : []),
  ];
  for (const [name, argv] of ports) {
    const refused = await pointstream(directory, 'serve', '--data', join(directory, 'other'), ...argv);
    t.match(refused, { code: 2, stderr: new RegExp(`^error: \\w+: .*EADDRINUSE.*:${taken}: .*--${name}, 0 picks a free one$`, 'm'), stdout: '' }, name);
    t.notMatch(refused.stderr, /a bug|^\s+at /m);
  }
  t.match(await third.kill('SIGTERM'), { code: 0 });
  await t.rejects(stat(join(directory, 'endpoints.json')));
  await t.rejects(stat(join(directory, 'operator-key')));
});

t.test('serve: a signal before it is ready', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'serve-'));
  t.teardown(() => rm(directory, { recursive: true }));
  for (const file of ['log/data.mdb', 'operator-key']) {
    const data = join(directory, file.replaceAll('/', '-'));
    await mkdir(data);
    const { code, stderr } = await serveUntil(file, 'SIGTERM', data, off);
    t.equal(code, 0, `${file} ${stderr}`);
    for (const left of ['endpoints.json', 'operator-key']) await t.rejects(stat(join(data, left)));
    const again = await serve(data, off);
    t.match(await again.kill('SIGTERM'), { code: 0 }, 'and the next start is as if nothing had been');
  }
  const guessed = await serve(join(directory, 'operator-key'), off, { POINTSTREAM_ADMIN_KEY: 'short' });
  t.match(await guessed.kill('SIGTERM'), { code: 0, stderr: /"level":"warn".*the admin key is short enough to be guessed/ });
});

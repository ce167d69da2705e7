import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { chdbMissing } from '../clickhouse/embedded-fixture.js';
import type { ReferenceSet } from '../../schemas/reference.js';
import { pointstream, pointstreamWith, type Ended } from '../../test/support/command-line.js';
import { baseRule, grocer, startCore, type Core } from '../../test/support/core.js';
import type { DemoReport } from './demo-report.js';

// Whole engines in processes of their own: minutes on a machine that is busy with other tests.
t.setTimeout(590_000);

t.test('demo: generated purchases, then a file, each with its summary', { skip: chdbMissing }, async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'demo-'));
  t.teardown(() => rm(directory, { recursive: true }));
  const free = ['--port', '0', '--clickhouse-port', '0', '--metrics-port', '0', '--exit', '--json', 'report.json'];
  const generated = await pointstream(directory, 'demo', '--transactions', '3000', ...free);
  t.equal(generated.code, 0, generated.stderr);
  t.match(generated.stdout, /Promotions by cost[^]*Bought together[^]*Settlement by partner/);
  const report = JSON.parse(await readFile(join(directory, 'report.json'), 'utf8')) as DemoReport;
  t.equal(report.accepted + report.duplicates + report.rejected + report.waiting, 3000);
  t.equal(report.verified, true);
  t.ok(report.rejected > 0 && Object.keys(report.reasons).length > 2, 'broken ones are refused for their reasons');
  t.ok(report.promotions!.length >= 10);
  t.equal(report.settlement!.reduce((sum, { pointsAwarded }) => sum + pointsAwarded, 0), report.settlement!.reduce((sum, { pointsFunded }) => sum + pointsFunded, 0), 'what is awarded is funded');

  const lines = Array.from({ length: 300 }, (_, i) => JSON.stringify({
    id: String(i), kind: 'purchase', store: '1', card: String(i % 20), occurredAt: '2017-01-01T11:53:26Z', currency: 'USD',
    lines: [{ sku: 'a', quantity: 1, amount: 250 }, { sku: 'b', quantity: 0, amount: 0 }],
  }));
  await writeFile(join(directory, 'sales.ndjson'), lines.join('\n'));
  await writeFile(join(directory, 'products.ndjson'), '{"sku":"a","name":"Bread"}\n');
  const real = await pointstream(directory, 'demo', '--input', 'sales.ndjson', '--products', 'products.ndjson', '--partner', 'shop', ...free);
  t.equal(real.code, 0, real.stderr);
  const second = JSON.parse(await readFile(join(directory, 'report.json'), 'utf8')) as DemoReport;
  t.match(second, { accepted: 300, rejected: 0, verified: true });
  t.match(second.settlement!.find(({ partner }) => partner === 'shop'), { transactions: 300, amount: 75_000 });
});

t.test('demo: an installation that is in use is refused and stays as it is; one that a demo made goes on', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'demo-'));
  t.teardown(() => rm(directory, { recursive: true }));
  const run = (data: string, ...more: string[]): Promise<Ended> => (
    pointstream(directory, 'demo', '--data', data, '--transactions', '50', '--clickhouse', 'off', '--no-verify', '--port', '0', '--metrics-port', '0', '--exit', ...more));
  /** Publishes on the directory as an engine does; resolves with the set that is there then. */
  const publish = async (data: string, ...puts: Parameters<Core['publish']>[0][]): Promise<ReferenceSet> => {
    const core = await startCore(join(directory, data), { partitions: 8 });
    for (const put of puts) await core.publish(put);
    await core.stop();
    return core.references.set;
  };
  const refused = async (data: string, names: string, more: string[] = []): Promise<void> => {
    const before = await publish(data), ended = await run(data, ...more);
    t.match(ended, { code: 2, stdout: '', stderr: `${data} is in use: ${names} not the demo's, and a demo replaces the live rules and books purchases of its own: say another --data` });
    t.notMatch(ended.stderr, /starting on|^\s+at /m);
    t.same(await publish(data), before);
  };
  await publish('used', (store) => store.putPartner('grocer', grocer), (store) => store.putRules({ rules: [baseRule] }));
  await refused('used', 'partner "grocer", rule "base" are');
  await publish('bare', (store) => store.putPartner('grocer', { ...grocer, name: 'grocer' }));
  await refused('bare', 'partner "grocer" is');
  await publish('empty');
  t.match(await run('empty'), { code: 0 }, 'where nothing was published');

  const row = { id: '1', kind: 'purchase', card: '7', occurredAt: '2017-01-01T11:53:26Z', currency: 'USD', lines: [{ sku: 'a', quantity: 1, amount: 250 }] };
  await writeFile(join(directory, 'sales.ndjson'), JSON.stringify(row));
  await writeFile(join(directory, 'products.ndjson'), '{"sku":"a","name":"Bread"}\n');
  for (const more of [[], ['--input', 'sales.ndjson', '--products', 'products.ndjson', '--partner', 'grocer']]) {
    const data = `demo${more.length}`;
    for (const time of more.length > 0 ? ['first', 'second'] : ['first']) t.match(await run(data, ...more), { code: 0 }, `${more.join(' ')}, the ${time} time`);
    await publish(data, (store) => store.putRules({ rules: [...store.set.live.map((place) => store.set.rules[place]!.document), { ...baseRule, id: 'own' }] }));
    await refused(data, 'rule "own" is', more);
  }
});

t.test('demo: where a demo of other partners has been, another one is refused before anything starts', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'demo-'));
  t.teardown(() => rm(directory, { recursive: true }));
  await writeFile(join(directory, 'sales.ndjson'), '{"id":"1","kind":"purchase","card":"7","occurredAt":"2017-01-01T11:53:26Z","currency":"USD","total":250}\n');
  const run = (data: string, ...more: string[]): Promise<Ended> => (
    pointstream(directory, 'demo', '--data', data, '--transactions', '50', '--clickhouse', 'off', '--no-verify', '--port', '0', '--metrics-port', '0', '--exit', ...more));
  const file = ['--input', 'sales.ndjson', '--partner', 'shop'];
  t.match(await run('generated'), { code: 0 });
  t.match(await run('file', ...file), { code: 0 });
  const cases: [data: string, argv: string[], partners: RegExp][] = [['generated', file, /generated has a demo of "[a-z-]+", "[a-z-]+", "[a-z-]+" and \d+ more, /], ['file', [], /file has a demo of "shop", /]];
  for (const [data, argv, partners] of cases) {
    const ended = await run(data, ...argv);
    t.match(ended, { code: 2, stdout: '', stderr: partners }, `${argv.join(' ')} on ${data}`);
    t.match(ended.stderr, /whose rules are published, and this demo's say otherwise \(version 1 of rule "[^"]+" is published with other content\): say another --data, or leave it out\n$/);
    t.notMatch(ended.stderr, /starting on|^\s+at |409/m);
  }
  t.match(await run('file', '--input', 'sales.ndjson', '--partner', 'other'), { code: 0 }, 'nothing was changed, and the rules are the same');
});

t.test('demo: what the user has to mend is said before anything starts', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'demo-'));
  t.teardown(() => rm(directory, { recursive: true }));
  await writeFile(join(directory, 'sales.gz'), '');
  await writeFile(join(directory, 'sales.csv'), 'id,crd,occurredAt,currency,total\n1,5,2025-01-01T00:00:00Z,EUR,700\n');
  await writeFile(join(directory, 'sales.ndjson'), '{"id":"1"}\n');
  await writeFile(join(directory, 'products.ndjson'), '{"sku":"a"}\nsku,name\n');
  const cases: [argv: string[], message: RegExp][] = [
    [['--transactions', '0'], /--transactions: 0 is not a number of transactions/],
    [['--input', 'sales.ndjson'], /--input needs --partner ID/],
    [['--input', 'sales.gz', '--partner', 'p'], /sales\.gz: the name does not say whether it is NDJSON or CSV; the demo goes by the name: call it .*\.ndjson\.gz/],
    [['--input', 'sales.csv', '--partner', 'p'], /unknown column "crd"; did you mean card\? \(the demo takes no mapping/],
    [['--input', 'sales.ndjson', '--products', 'products.ndjson', '--partner', 'p'], /products\.ndjson, line 2: .*NDJSON/],
    [['--input', 'missing.ndjson', '--partner', 'p'], /no such file/],
  ];
  for (const [argv, message] of cases) {
    const ended = await pointstreamWith({ TMPDIR: directory }, directory, 'demo', '--exit', ...argv);
    t.match(ended, { code: 2, stderr: message, stdout: '' }, argv.join(' '));
    t.notMatch(ended.stderr, /starting on|^\s+at /m);
  }
  t.same((await readdir(directory)).filter((name) => name.startsWith('pointstream-demo-')), []);
  t.match(await pointstream(directory, 'demo', '--help'), { code: 0, stdout: /--data <text>[^-]*Default: a\s+temporary\s+directory/ });
});

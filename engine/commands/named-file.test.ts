import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { pointstream } from '../../test/support/command-line.js';
import { expectReportWritable, expectWritable } from './named-file.js';

// A process for each command: slow on a machine that is busy with other tests.
t.setTimeout(590_000);

t.test('what is wrong with a file is said with the argument or option, the path and what to do', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'named-file-'));
  t.teardown(() => rm(directory, { recursive: true }));
  await writeFile(join(directory, 'sales.ndjson'), '{"id":"1"}\n');
  await writeFile(join(directory, 'rules.yaml'), '[]');
  const door = ['--url', 'http://127.0.0.1:1', '--key', 'k'], partner = ['--partner', 'p', ...door];
  const missing = (what: string, file: string): RegExp => new RegExp(`^error: ${what}: "${file}": no such file`, 'm');
  const isDirectory = (what: string): RegExp => new RegExp(`^error: ${what}: ".": it is a directory; name a file`, 'm');
  const cases: [argv: string[], message: RegExp][] = [
    [['feed', '.', ...partner], isDirectory('<file>')], [['feed', 'nofile', ...partner], missing('<file>', 'nofile')],
    [['feed', 'sales.ndjson', '--rejects', 'nope/x', ...partner], /^error: --rejects: "nope\/x": its directory is not there/m],
    [['feed', 'sales.ndjson', '--format', 'xml', ...partner], /^error: --format: xml is neither ndjson nor csv/m],
    [['import', 'products', '.', ...partner], isDirectory('<file>')], [['import', 'accounts', '.', ...door], isDirectory('<file>')],
    [['rules', 'check', '.'], isDirectory('<file>')], [['rules', 'check', 'nofile'], missing('<file>', 'nofile')],
    [['serve', '--config', 'nofile'], missing('--config', 'nofile')], [['serve', '--data', ''], /^error: data: is empty.*--data/m],
    [['demo', '--products', 'sales.ndjson'], /--products .*give it with --input/], [['demo', '--json', 'nope/x'], /^error: --json: "nope\/x": its directory is not there/m],
    [['loadtest', 'drain', '--transactions', '10', '--json', '.'], isDirectory('--json')],
    [['loadtest', 'drain', '--transactions', '10', '--seed', 'x'], /^error: --seed: "x" is not an integer of at least 0/m],
  ];
  for (const [argv, message] of cases) {
    const ended = await pointstream(directory, ...argv);
    t.match(ended, { code: 2, stderr: message, stdout: '' }, argv.join(' '));
    t.notMatch(ended.stderr, /starting on|^\s+at /m);
  }
  t.same((await readdir(directory)).sort(), ['rules.yaml', 'sales.ndjson'], 'nothing was made');
});

t.test('looking whether a file can be written changes nothing', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'named-file-')), there = join(directory, 'there');
  t.teardown(() => rm(directory, { recursive: true }));
  await writeFile(there, 'before');
  for (const file of [there, join(directory, 'new')]) await expectWritable('--json', file);
  for (const json of [undefined, true, '-']) await expectReportWritable({ json });
  t.equal(await readFile(there, 'utf8'), 'before');
  t.same(await readdir(directory), ['there']);
});

/** Style as a test: each check names the place, what is wrong there and what to do instead. The second half proves that each check bites. */
import t from 'tap';
import { headers, names, noAny, noLeftOvers, sizes, workersArePure } from './code-rules.js';
import { format, type Finding } from './finding.js';
import { importDirection, noCodeForTheComparison, orphans, workersWithoutInputOutput } from './import-rules.js';
import { machinePaths } from './text-rules.js';
import { readSources, readTexts, sourceFile, type SourceFile } from './project.js';

type Check = (files: SourceFile[]) => Finding[];
const checks = { importDirection, workersWithoutInputOutput, noCodeForTheComparison, orphans, workersArePure, noAny, noLeftOvers, sizes, names, headers } satisfies Record<string, Check>;

/** One failure for each finding, so that a report reads as a list of what to do. */
function report(name: string, findings: Finding[]): void {
  for (const finding of findings) t.fail(`${name}: ${format(finding)}`, { diagnostic: false });
  if (findings.length === 0) t.pass(name);
}

const sources = readSources();
for (const [name, check] of Object.entries(checks)) report(name, check(sources));
report('machinePaths', machinePaths(readTexts()));

const header = '/** Does. */\n';
const bites: [keyof typeof checks, string, string, string][] = [
  ['importDirection', 'schemas/a.ts', "import { b } from '../workers/b.js';", 'imports workers/b.ts'],
  ['importDirection', 'workers/a.ts', "const b = await import('../engine/b.js');", 'imports engine/b.ts'],
  ['importDirection', 'engine/a.ts', "export * from '../test/b.js';", 'imports test/b.ts'],
  ['importDirection', 'loadtest/naive/a.ts', "import type { B } from '../../workers/b.js';", 'imports workers/b.ts'],
  ['workersWithoutInputOutput', 'workers/a.ts', "import { readFileSync } from 'node:fs';", 'imports node:fs'],
  ['workersWithoutInputOutput', 'workers/a.ts', "import { open } from 'lmdb';", 'imports lmdb'],
  ['noCodeForTheComparison', 'engine/commands/a.ts', "import { b } from '../../loadtest/peers/b.js';", 'imports loadtest/peers/b.ts'],
  ['noCodeForTheComparison', 'workers/rules/a.ts', "if (rule === 'seventh-partners') b();", 'names seventh-partners'],
  ['workersArePure', 'workers/a.ts', 'export const a = Date.now();', 'calls Date.now'],
  ['workersArePure', 'workers/state/a.ts', 'export const a = new Date();', 'reads the clock with new Date()'],
  ['workersArePure', 'workers/a.ts', 'export const a = Math.random();', 'calls Math.random'],
  ['workersArePure', 'workers/a.ts', 'export const a = performance.now();', 'calls performance.now'],
  ['workersArePure', 'workers/a.ts', 'export async function a() {}', 'is asynchronous'],
  ['workersArePure', 'workers/a.ts', 'for await (const a of b) a();\nawait c;', 'is asynchronous'],
  ['workersArePure', 'workers/a.ts', 'new Intl.DateTimeFormat();', 'uses Intl'],
  ['noAny', 'engine/a.ts', 'export const a = 1 as any;', 'says any'],
  ['noLeftOvers', 'engine/a.ts', '// TODO later', 'has TODO'],
  ['noLeftOvers', 'engine/a.ts', '// eslint-disable-next-line no-empty', 'has eslint-disable'],
  ['sizes', 'engine/a.ts', 'a();\n'.repeat(301), 'has 302 lines'],
  ['sizes', 'engine/a.ts', `a('${'b'.repeat(200)}');`, 'is 206 characters wide'],
  ['names', 'engine/string-utils.ts', '', 'has a name that says nothing'],
  ['names', 'engine/common/a.ts', '', 'has a name that says nothing'],
  ['names', 'engine/someFile.ts', '', 'is not named in kebab-case'],
  ['names', 'engine/a.ts', 'export class LogManager {}', 'declares LogManager'],
  ['orphans', 'engine/a.ts', '', 'is imported by nobody'],
];
for (const [name, path, text, what] of bites) {
  t.match(checks[name]([sourceFile(path, header + text)]).map((finding) => finding.what), [what], `${name} bites: ${text.slice(0, 60) || path}`);
}
t.match(headers([sourceFile('engine/a.ts', 'export const a = 1;')]), [{ what: 'has no header comment' }], 'headers bites');
t.match(orphans([sourceFile('engine/a.ts', header), sourceFile('engine/a.test.ts', "import './a.js';")]).map((finding) => finding.what), ['is used by tests only'], 'orphans bites');
t.match(machinePaths([{ path: 'README.md', text: `see /${'home'}/somebody/notes` }]), [{ line: 1 }], 'machinePaths bites');

const fine = sourceFile('workers/a.ts', `${header}// Date.now() and Math.random() may stand in comments\nexport const a = new Date(0), b = 'await TODAY';\n`);
for (const check of [workersArePure, noAny, noLeftOvers, headers, names, sizes]) {
  t.strictSame(check([fine]).filter((finding) => finding.path === fine.path), [], `${check.name} leaves alone what is fine`);
}

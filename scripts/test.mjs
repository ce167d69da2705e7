/**
 * Runs what has to be true before a change is merged: types (the build that scripts/install.mjs did just before), lint, then the tests with tap on the compiled files.
 *
 *   npm test                      everything but files named *.nightly.test.ts
 *   npm test -- ledger gateway    only the test files whose path contains one of these words; no lint
 *   npm run test:nightly          everything, with NIGHTLY=1 (tests use it to try more seeds)
 *
 * Prints one line for each file, the details of what failed, and as its last line `N passed, N failed`, which counts assertions (a crashed or empty file counts as one that
 * failed; lint counts as one). A `todo` fails. A skipped test prints its reason, and fails when POINTSTREAM_REQUIRE (names, separated by commas) has a name that the reason
 * contains: so a build machine can insist on optional parts, for example POINTSTREAM_REQUIRE=chdb.
 */
import { spawn, spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const nightly = process.argv.includes('--nightly');
const words = process.argv.slice(2).filter((word) => !word.startsWith('--'));
const required = (process.env.POINTSTREAM_REQUIRE ?? '').split(',').map((name) => name.trim()).filter((name) => name !== '');

const counts = { passed: 0, failed: 0 };
if (words.length === 0) lint();
const testFiles = findTests();
if (testFiles.length === 0) fail('no test file fits');
else await runTests(testFiles);
console.log(`${counts.passed} passed, ${counts.failed} failed`);
process.exitCode = counts.failed === 0 ? 0 : 1;

function lint() {
  const begun = Date.now();
  const { status } = spawnSync(process.execPath, [join(root, 'node_modules/eslint/bin/eslint.js'), '.'], { cwd: root, stdio: ['ignore', 1, 2] });
  if (status === 0) pass('lint', begun);
  else fail('lint');
}

/** Compiled test files, the largest first: a long one that starts last would run alone at the end. */
function findTests() {
  return readdirSync(join(root, 'dist'), { recursive: true })
    .filter((file) => file.endsWith('.test.js') && (nightly || !file.endsWith('.nightly.test.js')))
    .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
    .map((file) => ({ file: `dist/${file}`, rank: (file.startsWith('test/') ? 1e9 : 0) + statSync(join(root, 'dist', file)).size }))
    .sort((a, b) => b.rank - a.rank)
    .map(({ file }) => file);
}

async function runTests(files) {
  const tap = spawn(process.execPath, [join(root, 'node_modules/tap/dist/esm/run.mjs'), '--disable-coverage', '--reporter=tap', '--allow-empty-coverage', ...files], {
    cwd: root, stdio: ['ignore', 'pipe', 'inherit'], env: nightly ? { ...process.env, NIGHTLY: '1' } : process.env, detached: true,
  });
  // A process group of its own: whatever a failing test left running ends with it, and can't keep our output open.
  const end = () => {
    try {
      process.kill(-tap.pid, 'SIGKILL');
    } catch (error) {
      if (error.code !== 'ESRCH') throw error;
    }
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => { end(); process.exit(1); });
  const ended = new Promise((resolve) => tap.once('exit', (code) => { end(); resolve(code); }));
  let block = [], totals;
  for await (const line of createInterface({ input: tap.stdout })) {
    // Only what stands at the left margin belongs to tap's own run; a file's own lines are indented below its "# Subtest".
    const file = /^(not )?ok \d+ - (.*?)(?: # time=([\d.]+)ms)?$/.exec(line);
    const total = /^# \{ (total: .*) \}$/.exec(line);
    if (file) {
      console.log(`${file[1] ? 'FAIL' : 'ok  '}  ${file[2]}${file[3] ? `  ${(Number(file[3]) / 1000).toFixed(1)} s` : ''}`);
      if (file[1]) console.log(block.join('\n'));
      block = [];
    } else if (total) {
      totals = Object.fromEntries(total[1].split(', ').map((part) => part.split(': ')));
    } else {
      block.push(line);
      exception(line);
    }
  }
  const status = await ended;
  counts.passed += Number(totals?.pass ?? 0);
  counts.failed += Number(totals?.fail ?? 0);
  if (!totals) fail('tap ended without its totals');
  else if (status !== 0 && counts.failed === 0) fail(`tap ended with ${status}`);
}

/** Skips and todos, inside files: said aloud, and failed where they may not be. */
function exception(line) {
  const found = /^\s*(?:not )?ok \d+ - (.*?) # (SKIP|TODO)\b ?(.*)$/i.exec(line);
  if (!found) return;
  const [, name, what, reason] = found;
  if (what.toUpperCase() === 'TODO') fail(`todo: ${name}`);
  else if (required.some((part) => reason.includes(part))) fail(`skipped although POINTSTREAM_REQUIRE asks for it: ${name} (${reason})`);
  else console.log(`skip  ${name}: ${reason || 'no reason given'}`);
}

function pass(what, begunMs) {
  counts.passed++;
  console.log(`ok    ${what}  ${((Date.now() - begunMs) / 1000).toFixed(1)} s`);
}

function fail(what) {
  counts.failed++;
  console.log(`FAIL  ${what}`);
}

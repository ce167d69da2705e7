/**
 * Runs what has to be true before a change is merged: types (the build that scripts/install.mjs did just before), lint, then the tests (tap, on the compiled files).
 *
 *   npm test                      everything but files named *.nightly.test.ts
 *   npm test -- ledger gateway    only the test files whose path contains one of these words; no lint
 *   npm run test:nightly          everything, with NIGHTLY=1 (tests use it to try more seeds)
 *
 * Prints one line for each file, the details of what failed, and as its last line `N passed, N failed`, which counts assertions; lint counts as one, and so does whatever else is
 * wrong with a file: it crashed, asserted nothing, took too long, left a process running, has a `todo`. A skipped test prints its reason, and fails when POINTSTREAM_REQUIRE
 * (names, separated by commas) has a name that the reason contains: so a build machine insists on optional parts, for example POINTSTREAM_REQUIRE=chdb. Where CI is set, it also fails
 * when the reason is not the want of an optional part.
 *
 * Files run by plain node, a few at a time (some mostly wait), and not by the command `tap`: its loaders cost a second of CPU a file and get into every worker thread and child, and after a file
 * that takes too long it leaves out others.
 */
import { spawn } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FILES_AT_ONCE = 3;
/** What hangs is ended by then. The longest file by day takes up to 145 s on two cores, and a shared machine may be three times slower. */
const SECONDS_MAX = 600, SECONDS_MAX_NIGHTLY = 3600;
/** How a reason begins that a machine may have for skipping a test. */
const OPTIONAL_PART = /^(chdb|kafka|peers): /;
const OUTPUT_BYTES_MAX = 16 * 2 ** 20;

const root = fileURLToPath(new URL('..', import.meta.url));
const nightly = process.argv.includes('--nightly');
const secondsMax = nightly ? SECONDS_MAX_NIGHTLY : SECONDS_MAX;
const words = process.argv.slice(2).filter((word) => !word.startsWith('--'));
const required = (process.env.POINTSTREAM_REQUIRE ?? '').split(',').map((name) => name.trim()).filter((name) => name !== '');
const counts = { passed: 0, failed: 0 };
const running = new Set();

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, () => {
    for (const child of running) endGroup(child);
    process.exit(1);
  });
}
const files = findTests();
if (files.length === 0) fail('no test file fits');
await Promise.all(Array.from({ length: FILES_AT_ONCE }, async (_, lane) => {
  if (lane === 0 && words.length === 0) await lint();
  for (let file = files.shift(); file !== undefined; file = files.shift()) report(file, await run('--enable-source-maps', file));
}));
console.log(`${counts.passed} passed, ${counts.failed} failed`);
process.exitCode = counts.failed === 0 ? 0 : 1;

async function lint() {
  const begunMs = Date.now();
  const { code, lines } = await run('node_modules/eslint/bin/eslint.js', '.');
  if (code !== 0) {
    console.log(lines.join('\n'));
    return fail('lint');
  }
  counts.passed++;
  console.log(`ok    lint  ${((Date.now() - begunMs) / 1000).toFixed(1)} s`);
}

/** Compiled test files; those on a real broker first, then others that cross folders, then the largest: a long one that starts last would run alone at the end. */
function findTests() {
  return readdirSync(join(root, 'dist'), { recursive: true })
    .filter((file) => file.endsWith('.test.js') && (nightly || !file.endsWith('.nightly.test.js')))
    .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
    .map((file) => ({ file: `dist/${file}`, rank: (file.startsWith('test/kafka/') ? 2e9 : file.startsWith('test/') ? 1e9 : 0) + statSync(join(root, 'dist', file)).size }))
    .sort((a, b) => b.rank - a.rank)
    .map(({ file }) => file);
}

/** Runs a program of node in a process group of its own, so that everything it started can be found and ended. */
function run(...argv) {
  const begunMs = Date.now();
  const environment = { ...process.env, TAP_TIMEOUT: String(secondsMax - 5), ...(nightly ? { NIGHTLY: '1' } : {}) };
  const child = spawn(process.execPath, argv, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], env: environment, detached: true });
  running.add(child);
  const output = [];
  let bytes = 0, tookTooLong = false;
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      bytes += chunk.length;
      if (bytes <= OUTPUT_BYTES_MAX) output.push(chunk);
    });
  }
  const deadline = setTimeout(() => {
    tookTooLong = true;
    endGroup(child);
  }, secondsMax * 1000);
  return new Promise((resolve) => {
    let leftRunning = false;
    child.once('exit', () => {
      leftRunning = endGroup(child);
    });
    child.once('close', (code, signal) => {
      clearTimeout(deadline);
      running.delete(child);
      resolve({ code, signal, tookTooLong, leftRunning: leftRunning && !tookTooLong, lines: Buffer.concat(output).toString().split('\n'), seconds: (Date.now() - begunMs) / 1000 });
    });
  });
}

/** True when there was somebody to end. */
function endGroup(child) {
  try {
    process.kill(-child.pid, 'SIGKILL');
    return true;
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
    return false;
  }
}

function report(file, { code, signal, tookTooLong, leftRunning, lines, seconds }) {
  // tap's own totals: the assertions of all depths, without those points that only sum up a subtest.
  const totals = lines.map((line) => /^# \{ (total: .*) \}$/.exec(line)?.[1]).findLast((found) => found !== undefined);
  const { pass = 0, fail: failed = 0, todo = 0 } = Object.fromEntries((totals ?? '').split(', ').map((part) => part.split(': ')));
  counts.passed += Number(pass);
  counts.failed += Number(failed);
  const wrong = [];
  if (tookTooLong) wrong.push(`took longer than ${secondsMax} s`);
  else if (totals === undefined) wrong.push(`ended (${signal ?? code}) without having asserted anything`);
  else if (code !== 0 && Number(failed) === 0) wrong.push(`ended with ${signal ?? code}`);
  if (leftRunning) wrong.push('left a process running');
  if (Number(todo) > 0) wrong.push('has a todo');
  for (const [, name, reason] of lines.map((line) => /^\s*ok \d+ - (.*?) # SKIP ?(.*)$/i.exec(line)).filter((found) => found !== null)) {
    if (required.some((part) => reason.includes(part))) wrong.push(`skipped ${name} (${reason}), but POINTSTREAM_REQUIRE asks for it`);
    else if (process.env.CI && !OPTIONAL_PART.test(reason)) wrong.push(`skipped ${name} (${reason || 'no reason given'})`);
    else console.log(`skip  ${name}: ${reason || 'no reason given'}`);
  }
  const well = wrong.length === 0 && Number(failed) === 0;
  console.log(`${well ? 'ok  ' : 'FAIL'}  ${file}  ${pass} passed${Number(failed) > 0 ? `, ${failed} failed` : ''}  ${seconds.toFixed(1)} s`);
  if (well) return;
  console.log(lines.filter((line) => !/^\s*(ok \d+ |\d+\.\.\d+$|# time=|$)/.test(line)).join('\n'));
  for (const what of wrong) fail(`${file} ${what}`);
}

function fail(what) {
  counts.failed++;
  console.log(`FAIL  ${what}`);
}

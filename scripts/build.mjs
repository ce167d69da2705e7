/**
 * Builds dist/: compiles the TypeScript, copies the files beside it that the program reads (SQL and the like), removes what has no source any more, and makes the command
 * line executable (npx runs it by a link, and tsc writes files without that right).
 *
 * Promises: does nothing when no source changed since the last build that passed. Writes to stderr only.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const sourceFolders = ['engine', 'workers', 'schemas', 'loadtest', 'grafana', 'test'];
/** Folders whose other files (not TypeScript) are read at run time, from beside the compiled code. */
const assetFolders = ['engine', 'workers', 'schemas', 'loadtest'];

/** True when dist/ holds what the sources say. */
export function build(root) {
  const dist = join(root, 'dist'), stampFile = join(dist, '.built'), compiler = join(root, 'node_modules/typescript/bin/tsc');
  const sources = sourceFolders.flatMap((folder) => files(join(root, folder)));
  const inputs = [...sources, join(root, 'tsconfig.json'), join(root, 'package-lock.json'), fileURLToPath(import.meta.url)];
  const wanted = fingerprint(root, inputs);
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === wanted) return true;
  if (!existsSync(compiler)) {
    // npm ci --omit=dev beside a dist/ that was built elsewhere (Dockerfile) is fine.
    if (existsSync(join(dist, 'engine/cli.js'))) return true;
    console.error('There is no dist/ and no compiler: run npm ci with the development packages.');
    return false;
  }
  console.error('Building …');
  rmSync(stampFile, { force: true });
  removeOrphans(root, dist);
  const compiled = spawnSync(process.execPath, [compiler, '-p', root], { cwd: root, stdio: ['ignore', 2, 2] });
  for (const source of assetFolders.flatMap((folder) => files(join(root, folder))).filter((file) => !file.endsWith('.ts'))) {
    const target = join(dist, relative(root, source));
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(source, target);
  }
  if (existsSync(join(dist, 'engine/cli.js'))) chmodSync(join(dist, 'engine/cli.js'), 0o755);
  if (compiled.status !== 0) return false;
  writeFileSync(stampFile, wanted);
  return true;
}

function files(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath ?? entry.path, entry.name)).sort();
}

function fingerprint(root, inputs) {
  const hash = createHash('sha256');
  for (const file of inputs) {
    const { size, mtimeMs } = statSync(file);
    hash.update(`${relative(root, file)} ${size} ${mtimeMs}\n`);
  }
  return hash.digest('hex');
}

/** A test that was deleted or renamed must not go on running from dist/. */
function removeOrphans(root, dist) {
  for (const file of files(dist)) {
    const source = join(root, relative(dist, file));
    if (relative(dist, file).startsWith('.')) continue;
    const origin = source.replace(/\.js(\.map)?$/, '.ts');
    if (!existsSync(origin) && !existsSync(source)) rmSync(file);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = build(fileURLToPath(new URL('..', import.meta.url))) ? 0 : 1;

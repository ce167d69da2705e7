/**
 * Brings the native part of the optional Kafka client (@confluentinc/kafka-javascript) into node_modules: from the cache, or by its own install script, which downloads a prebuilt
 * one where it can and compiles else (70 s, and needs the libraries that `pointstream doctor` names). npm would compile again at each `npm ci`, and drop the package without a word
 * when it can't; so scripts/install.mjs keeps npm from running install scripts and calls this.
 *
 * Promises: builds only when Kafka is asked for (POINTSTREAM_REQUIRE names kafka, or CKJS_LINKING is set), and once for each version of client, node and system; what comes from the
 * cache has been loaded before it is trusted. Without it everything but Kafka works. Writes to stderr only.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const NAME = '@confluentinc/kafka-javascript';
/** What is needed at run time, below the package's folder `build`. The libraries are there only when they were linked dynamically. */
const PARTS = ['Release/confluent-kafka-javascript.node', 'deps/librdkafka.so.1', 'deps/librdkafka++.so.1'];

export const cacheDirectory = (name) => join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'pointstream', name);

/** True when nothing is wrong: it is there, or nobody asks for it. */
export function installKafkaClient(root) {
  const folder = join(root, 'node_modules', NAME), required = (process.env.POINTSTREAM_REQUIRE ?? '').split(',').includes('kafka');
  const wanted = required || (process.env.CKJS_LINKING ?? '') !== '';
  if (!existsSync(folder)) {
    if (wanted) console.error(`${NAME} is not in node_modules: run npm ci again.`);
    return !required;
  }
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const cached = cacheDirectory(`kafka-client-${version}-node${process.versions.modules}-${process.platform}-${process.arch}`);
  if (loads(root)) {
    if (!existsSync(cached)) copy(join(folder, 'build'), cached);
    return true;
  }
  if (existsSync(cached)) {
    copy(cached, join(folder, 'build'));
    if (loads(root)) return true;
    // Libraries of the system have changed since.
    rmSync(cached, { recursive: true });
    rmSync(join(folder, 'build'), { recursive: true });
  }
  if (!wanted) return true;
  console.error('Building the Kafka client (about a minute) …');
  const environment = { ...process.env, CKJS_LINKING: process.env.CKJS_LINKING || 'dynamic' };
  const npm = process.env.npm_execpath ?? '', parameters = ['run', 'install', '--foreground-scripts'];
  const options = { cwd: folder, stdio: ['ignore', 2, 2], env: environment };
  const { status } = npm.endsWith('npm-cli.js') ? spawnSync(process.execPath, [npm, ...parameters], options) : spawnSync('npm', parameters, options);
  if (status === 0 && loads(root)) {
    copy(join(folder, 'build'), cached);
    return true;
  }
  console.error('The Kafka client could not be built; pointstream doctor says what it needs.');
  return !required;
}

/** In a process of its own: a library that does not fit may end it. */
function loads(root) {
  return spawnSync(process.execPath, ['-e', `require(${JSON.stringify(NAME)})`], { cwd: root, stdio: 'ignore' }).status === 0;
}

function copy(from, to) {
  const fresh = `${to}.${process.pid}`;
  for (const part of PARTS) if (existsSync(join(from, part))) cpSync(join(from, part), join(fresh, part), { dereference: true });
  rmSync(to, { recursive: true, force: true });
  mkdirSync(join(to, '..'), { recursive: true });
  renameSync(fresh, to);
}

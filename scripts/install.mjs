/**
 * Makes a checkout ready to run: dependencies as the lock file says, then the build. `npm test`, `npm start` and `npm run demo` begin with it, so a bare clone needs no step
 * before them; `npm ci` ends with it (as `prepare`, with --installed).
 *
 * Promises: does nothing when nothing changed (a stamp in node_modules holds the hash of the lock file and the version of node); writes to stderr only, so that the data of
 * the command that follows stand alone on stdout. Needs node and npm, no package. Never changes the lock file.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from './build.mjs';
import { installKafkaClient } from './kafka-client.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const stampFile = `${root}node_modules/.pointstream-installed`;
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) fail(`Pointstream needs node 20.19 or newer; this is ${process.version}.`);

const lock = createHash('sha256').update(readFileSync(`${root}package-lock.json`)).digest('hex');
const wanted = `${lock} ${process.version} ${process.platform} ${process.arch}\n`;

if (process.argv.includes('--installed')) {
  writeFileSync(stampFile, wanted);
} else if (!existsSync(stampFile) || readFileSync(stampFile, 'utf8') !== wanted) {
  console.error('Installing packages (npm ci) …');
  installPackages();
  writeFileSync(stampFile, wanted);
}
if (!installKafkaClient(root)) fail('POINTSTREAM_REQUIRE asks for kafka, whose client is not there.');
process.exitCode = build(root) ? 0 : 1;

/**
 * The development packages are needed to build, also where NODE_ENV=production or a setting of npm would leave them out. No package needs its install script but the Kafka
 * client, which comes by kafka-client.mjs.
 */
function installPackages() {
  const options = { cwd: root, stdio: ['ignore', 2, 2], env: { ...process.env, NODE_ENV: 'development' } };
  const parameters = ['ci', '--include=dev', '--include=optional', '--ignore-scripts', '--no-audit', '--no-fund'];
  const npm = process.env.npm_execpath ?? '';
  const result = npm.endsWith('npm-cli.js') ? spawnSync(process.execPath, [npm, ...parameters], options) : spawnSync('npm', parameters, options);
  if (result.error) fail(`npm could not be started: ${result.error.message}`);
  if (result.status !== 0) fail('npm ci failed; what it wrote above says why.');
}

function fail(message) {
  console.error(message);
  process.exit(1);
}

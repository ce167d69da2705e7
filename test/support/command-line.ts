/** The real command line, in processes of their own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { endWithUs } from '../../engine/end-process.js';
import { endpointsOf, type Endpoints } from '../../engine/endpoints.js';

const cli = fileURLToPath(new URL('../../engine/cli.js', import.meta.url));
const READY_MS_MAX = 120_000;
const LOOK_MS = 20;

/** `signal`: what ended it, instead of a code. */
export interface Ended { code: number | null; signal: NodeJS.Signals | null; stdout: string; stderr: string }

function start(directory: string, argv: string[], environment: NodeJS.ProcessEnv, detached = false): { child: ChildProcess; ended: Promise<Ended> } {
  // Nothing of the environment of whoever runs the tests may decide.
  const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('POINTSTREAM_')));
  const child = spawn(process.execPath, [cli, ...argv], { cwd: directory, env: { ...clean, ...environment }, stdio: ['ignore', 'pipe', 'pipe'], detached });
  endWithUs(child); // also when a test ends early
  const output = { stdout: '', stderr: '' };
  child.stdout!.on('data', (chunk) => { output.stdout += chunk; });
  child.stderr!.on('data', (chunk) => { output.stderr += chunk; });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ ...output, code, signal }));
  });
  return { child, ended };
}

/** Runs a command to its end. */
export function pointstream(directory: string, ...argv: string[]): Promise<Ended> {
  return pointstreamWith({}, directory, ...argv);
}
/** The same with an environment, for what has no flag. */
export function pointstreamWith(environment: NodeJS.ProcessEnv, directory: string, ...argv: string[]): Promise<Ended> {
  return start(directory, argv, environment).ended;
}

/** Runs a command in a process group of its own; the whole group gets the signal as soon as it is time. */
export async function pointstreamUntil(isTime: () => boolean, signal: NodeJS.Signals, environment: NodeJS.ProcessEnv, directory: string, ...argv: string[]): Promise<Ended> {
  const { child, ended } = start(directory, argv, environment, true);
  while (!isTime() && child.exitCode === null && child.signalCode === null) await pause(1);
  process.kill(-child.pid!, signal);
  return ended;
}

export interface Served { endpoints: Endpoints; ended: Promise<Ended>; kill(signal: NodeJS.Signals): Promise<Ended> }

const startServe = (directory: string, more: string[], environment: NodeJS.ProcessEnv = {}): ReturnType<typeof start> => (
  start(directory, ['serve', '--data', directory, '--port', '0', '--metrics-port', '0', '--clickhouse-port', '0', ...more], environment));

/** `serve` that gets a signal as soon as a file of its directory is there. */
export async function serveUntil(file: string, signal: NodeJS.Signals, directory: string, more: string[] = []): Promise<Ended> {
  const { child, ended } = startServe(directory, more);
  while (!existsSync(join(directory, file)) && child.exitCode === null && child.signalCode === null) await pause(1);
  child.kill(signal);
  return ended;
}
/** `serve` on free ports; resolves when DIR/endpoints.json is there. */
export async function serve(directory: string, more: string[] = [], environment: NodeJS.ProcessEnv = {}): Promise<Served> {
  const { child, ended } = startServe(directory, more, environment);
  const until = Date.now() + READY_MS_MAX;
  for (;;) {
    const endpoints = endpointsOf(directory, child.pid!);
    if (endpoints) return { endpoints, ended, kill: (signal) => { child.kill(signal); return ended; } };
    if (child.exitCode !== null || child.signalCode !== null || Date.now() > until) {
      child.kill('SIGKILL');
      throw new Error(`serve did not become ready: ${(await ended).stderr}`);
    }
    await pause(LOOK_MS);
  }
}

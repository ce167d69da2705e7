/**
 * An engine as its users run it: `pointstream serve` in a process of its own, which can be killed, frozen and started again on the same directory. It does not outlive who started it.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { environmentName, flagName, flagSettings, type Config } from '../engine/config.js';
import { endWithUs } from '../engine/end-process.js';
import { endpointsOf, type Endpoints } from '../engine/endpoints.js';

const READY_MS_MAX = 120_000, LOOK_MS = 20;
const cli = fileURLToPath(new URL('../engine/cli.js', import.meta.url));

export class EngineProcess {
  private child: ChildProcess | undefined;

  /** Of its configuration secrets go by environment, as they have no flag. */
  constructor(private readonly config: Config) {}

  get running(): boolean {
    return this.child !== undefined && this.child.exitCode === null && this.child.signalCode === null;
  }
  /** Undefined until it is ready. */
  get endpoints(): Endpoints | undefined {
    return this.running ? endpointsOf(this.config.data, this.child!.pid!) : undefined;
  }
  /** Resolves when it is ready; when it throws, nothing runs. */
  async start(): Promise<Endpoints> {
    const flags = flagSettings().flatMap(([name]) => [`--${flagName(name)}`, String(this.config[name])]), secrets = ['adminKey', 'kafkaPassword', 'clickhousePassword'] as const;
    const environment = Object.fromEntries(secrets.filter((name) => this.config[name] !== '').map((name) => [environmentName(name), this.config[name]]));
    this.child = spawn(process.execPath, [cli, 'serve', ...flags], { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, ...environment } });
    endWithUs(this.child);
    for (const untilMs = performance.now() + READY_MS_MAX; performance.now() < untilMs; await pause(LOOK_MS)) {
      const { endpoints } = this;
      if (endpoints) return endpoints;
      if (!this.running) throw new Error(`an engine ended before it was ready, with ${this.child.exitCode ?? this.child.signalCode}`);
    }
    await this.end('SIGKILL');
    throw new Error('an engine was not ready in time');
  }
  /** kill -9 and SIGTERM resolve when it has ended, with whether it did so as it was asked to: without an error, or by that signal. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<boolean> {
    if (!this.running) return true;
    const ended = once(this.child!, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
    this.child!.kill(signal);
    const [code, by] = await ended;
    return code === 0 || by === signal;
  }
  freeze(): void {
    this.child!.kill('SIGSTOP');
  }
  thaw(): void {
    this.child!.kill('SIGCONT');
  }
  /** The sum over a metric's labels; 0 while the engine is not ready. */
  async metrics(): Promise<(name: string) => number> {
    const { endpoints } = this;
    if (!endpoints) return () => 0;
    const lines = (await (await fetch(`${endpoints.metrics}/metrics`)).text()).split('\n');
    return (name) => lines.filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`)).reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  }
}

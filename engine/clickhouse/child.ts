/**
 * The embedded ClickHouse as the engine sees it: a process of its own that can be started, stopped, started again, and that says when it is gone.
 *
 * Promises: resolves when it answers; its address and its secret stay the same over restarts; it never outlives the engine. Never starts it again by itself: the engine does, and
 * says so.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { resolve as resolvePath } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { endWithUs } from '../end-process.js';
import type { Logger } from '../logger.js';
import type { Access } from './access.js';
import { WORKER_THREADS } from './tuning.js';

/** It ends itself at once, unless it is stuck. */
const STOP_MS = 1000;
const ENGINE_USER = 'engine';
const LINE_CHARACTERS_MAX = 1000;

export interface EmbeddedOptions {
  /** For its tables alone. */
  directory: string;
  /** 0: a free one. */
  port: number;
  host: string;
  memoryBytesMax: number;
  /** What user `default` may do. */
  access: Access;
  logger: Logger;
}
export interface EmbeddedClickHouse {
  readonly url: string;
  readonly engineUser: string;
  readonly enginePassword: string;
  readonly pid: number;
  /** Called when the process ends without having been asked to. */
  onExit(callback: (reason: string) => void): void;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export type ToChild =
  | { type: 'start'; directory: string; port: number; host: string; memoryBytesMax: number; access: Access; engineUser: string; enginePassword: string }
  | { type: 'stop' };
export type FromChild = { type: 'ready'; port: number } | { type: 'failed'; detail: string; code?: string };

export async function startEmbeddedClickHouse(options: EmbeddedOptions): Promise<EmbeddedClickHouse> {
  const embedded = new Embedded(options);
  await embedded.start();
  return embedded;
}

class Embedded implements EmbeddedClickHouse {
  readonly engineUser = ENGINE_USER;
  readonly enginePassword = randomBytes(24).toString('hex');
  private child: ChildProcess | undefined;
  private port: number;
  private callbacks: ((reason: string) => void)[] = [];

  constructor(private readonly options: EmbeddedOptions) {
    this.port = options.port;
  }

  get url(): string {
    const { host } = this.options;
    return `http://${host.includes(':') ? `[${host}]` : host}:${this.port}`;
  }
  get pid(): number {
    return this.child?.pid ?? 0;
  }
  onExit(callback: (reason: string) => void): void {
    this.callbacks.push(callback);
  }

  async start(): Promise<void> {
    const { directory, host, memoryBytesMax, access, logger } = this.options;
    const child = fork(fileURLToPath(new URL('./server.js', import.meta.url)), [], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      execArgv: [],
      // Each running query keeps a thread of libuv's pool busy. Times without a zone are UTC, as everywhere in the engine.
      env: { ...process.env, UV_THREADPOOL_SIZE: String(WORKER_THREADS), TZ: 'UTC' },
    });
    endWithUs(child); // also when the engine's process ends without a stop
    // The library's last words, which are more than its errors say.
    let said = '';
    createInterface({ input: child.stderr! }).on('line', (line) => {
      if (line !== said) logger.warn({ line: line.slice(0, LINE_CHARACTERS_MAX) }, 'ClickHouse says');
      said = line;
    });
    child.on('error', (error) => logger.error({ error: String(error) }, 'the process of the embedded ClickHouse'));
    // ClickHouse takes a relative path of a table as relative to its own directory.
    const message: ToChild = { type: 'start', directory: resolvePath(directory), port: this.port, host, memoryBytesMax, access, engineUser: this.engineUser, enginePassword: this.enginePassword };
    // A process that has ended already (a signal to the whole group) can't be told: that it ended, and why, is what is said. One that hung up is of no use.
    child.send(message, (error) => { if (error) child.kill('SIGKILL'); });
    try {
      this.port = await ready(child);
    } catch (error) {
      child.kill('SIGKILL');
      const { code, message } = error as NodeJS.ErrnoException;
      throw Object.assign(new Error(`the embedded ClickHouse does not start: ${message}${said === '' ? '' : ` (${said.slice(0, LINE_CHARACTERS_MAX)})`}`), { code });
    }
    this.child = child;
    child.on('exit', (code, signal) => {
      if (this.child !== child) return;
      this.child = undefined;
      for (const callback of this.callbacks) callback(signal ?? `exit code ${code}`);
    });
  }
  async stop(): Promise<void> {
    const { child } = this;
    this.child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    child.send({ type: 'stop' } satisfies ToChild, () => undefined);
    await exited;
    clearTimeout(late);
  }
  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }
}

function ready(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    const exited = (code: number | null, signal: string | null): void => reject(new Error(signal ?? `exit code ${code}`));
    child.once('exit', exited).once('error', reject).once('message', (message: FromChild) => {
      child.off('exit', exited);
      if (message.type === 'ready') resolve(message.port);
      else reject(Object.assign(new Error(message.detail), { code: message.code }));
    });
  });
}

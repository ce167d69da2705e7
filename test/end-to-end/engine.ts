/**
 * A real engine for end-to-end tests: `pointstream serve` as a process of its own with the real embedded ClickHouse, asked as a partner's program and an analyst would, over HTTP.
 *
 * Promises: directories of its own, free ports, nothing left behind. Never looks inside the engine.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { pointstreamWith, serve, type Ended, type Served } from '../support/command-line.js';

export const NDJSON = 'application/x-ndjson';
export const ADMIN_KEY = 'end-to-end-admin-key-0000';
/** Nothing that comes takes that long, on whatever machine. */
const WAIT_MS_MAX = 120_000;
const LOOK_MS = 50;

export interface Tap { teardown(end: () => Promise<void> | void): void }
export interface Answer { status: number; type: string; headers: Headers; body: Record<string, unknown> }
export interface Asked { body?: unknown; type?: string | null; key?: string | null; headers?: Record<string, string> }
export interface Problem { pointer: string; reason: string; detail: string; hint?: string }
/** `environment`: for settings that have no flag, of every command. */
export interface Start { flags?: string[]; directory?: string; environment?: NodeJS.ProcessEnv }

export function ownDirectory(t: Tap): string {
  const directory = mkdtempSync(join(tmpdir(), 'pointstream-end-to-end-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }));
  return directory;
}

export class TestEngine {
  private served!: Served;
  /** Process ids are used again: whoever has ended is not looked for any more. */
  private running = false;

  private constructor(readonly directory: string, private readonly flags: string[], private readonly environment: NodeJS.ProcessEnv) {}

  static async start(t: Tap, { flags = [], directory = ownDirectory(t), environment = {} }: Start = {}): Promise<TestEngine> {
    const engine = new TestEngine(directory, flags, environment);
    await engine.start();
    t.teardown(async () => {
      const { children } = engine;
      await engine.kill();
      // A killed ClickHouse takes a moment to give its memory back.
      await eventually(async () => children.some(isRunning), (some) => !some);
    });
    return engine;
  }
  get http(): string {
    return this.served.endpoints.http;
  }
  get clickhouse(): string {
    return this.served.endpoints.clickhouse!;
  }
  get metrics(): string {
    return this.served.endpoints.metrics;
  }
  get pid(): number {
    return this.served.endpoints.pid;
  }
  get ended(): Promise<Ended> {
    return this.served.ended;
  }

  /** Its ClickHouse. */
  get children(): number[] {
    return this.running ? childrenOf(this.pid) : [];
  }

  /** kill -9; `all` also its children (ClickHouse), else these have to notice by themselves. */
  async kill(which: 'engine' | 'all' = 'all'): Promise<Ended> {
    const children = which === 'all' ? this.children : [];
    const ended = this.served.kill('SIGKILL');
    for (const child of children) killProcess(child);
    return ended;
  }
  stop(): Promise<Ended> {
    return this.served.kill('SIGTERM');
  }
  /** Starts it again and kills it before it may be ready. */
  async killWhileStarting(afterMs: number): Promise<void> {
    const before = new Set(childrenOf(process.pid));
    const ended = this.run('serve', '--data', this.directory, '--port', '0', '--metrics-port', '0', '--clickhouse-port', '0', ...this.flags);
    await pause(afterMs);
    for (const child of childrenOf(process.pid)) if (!before.has(child)) killProcess(child);
    await ended;
  }
  async start(): Promise<void> {
    const served = await serve(this.directory, this.flags, { ...this.environment, POINTSTREAM_ADMIN_KEY: ADMIN_KEY });
    this.served = served;
    this.running = true;
    void served.ended.then(() => { this.running = false; });
  }

  /** One request; with the admin key and as JSON unless said otherwise. */
  async call(method: string, path: string, { body, type = 'application/json', key = ADMIN_KEY, headers = {} }: Asked = {}): Promise<Answer> {
    const bytes = body === undefined ? undefined : typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body);
    const response = await fetch(this.http + path, {
      method, headers: { ...(key === null ? {} : { authorization: `Bearer ${key}` }), ...(bytes === undefined || type === null ? {} : { 'content-type': type }), ...headers },
      ...(bytes === undefined ? {} : { body: bytes }),
    });
    const text = await response.text();
    return { status: response.status, type: response.headers.get('content-type') ?? '', headers: response.headers, body: (text === '' ? {} : JSON.parse(text)) as Record<string, unknown> };
  }
  /** A request that prepares the test and has to succeed. */
  async put(path: string, body: unknown, type = 'application/json'): Promise<Record<string, unknown>> {
    const answer = await this.call('PUT', path, { body, type });
    if (answer.status >= 300) throw new Error(`PUT ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  }
  post(transactions: object[], asked: Asked = {}): Promise<Answer> {
    return this.call('POST', '/v1/transactions', { body: ndjson(transactions), type: NDJSON, ...asked });
  }
  run(...argv: string[]): Promise<Ended> {
    return pointstreamWith(this.environment, this.directory, ...argv);
  }

  async query<Row>(sql: string): Promise<Row[]> {
    const response = await fetch(`${this.clickhouse}/?default_format=JSONEachRow&output_format_json_quote_64bit_integers=0`, { method: 'POST', body: sql });
    const text = await response.text();
    if (response.status !== 200) throw new Error(text);
    return text.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Row);
  }
  /** Waits until a number that ClickHouse answers is the expected one; the last answer when it never is. */
  async settled(sql: string, expected: number): Promise<number> {
    const look = async (): Promise<number> => Number(Object.values((await this.query<Record<string, unknown>>(sql))[0]!)[0]);
    return eventually(look, (found) => found >= expected);
  }
  ready(): Promise<Answer> {
    return this.call('GET', '/readyz', { key: null });
  }
}

/** Looks again until it is as it should be; what it was last when that takes too long. Looking that fails counts as not yet. */
export async function eventually<T>(look: () => Promise<T>, good: (found: T) => boolean): Promise<T> {
  for (const until = Date.now() + WAIT_MS_MAX; ;) {
    try {
      const found = await look();
      if (good(found) || Date.now() > until) return found;
    } catch (error) {
      if (Date.now() > until) throw error;
    }
    await pause(LOOK_MS);
  }
}

export const ndjson = (items: object[]): string => items.map((item) => `${JSON.stringify(item)}\n`).join('');

/** Processes that the process started. */
export function childrenOf(pid: number): number[] {
  const tasks = `/proc/${pid}/task`;
  if (!existsSync(tasks)) return [];
  return readdirSync(tasks).flatMap((task) => readFileSync(`${tasks}/${task}/children`, 'utf8').split(' ').filter((text) => text !== '').map(Number));
}

/** One that has ended may stay listed (state Z) until somebody collects it. */
function isRunning(pid: number): boolean {
  const status = `/proc/${pid}/status`;
  return existsSync(status) && !readFileSync(status, 'utf8').includes('\nState:\tZ');
}

export function killProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    // It has ended by itself.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

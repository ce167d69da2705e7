/**
 * The API as commands call it: address and key from flags, the environment, or DIR/endpoints.json and DIR/admin-key of an engine on this machine.
 *
 * Promises: one request at a time; what can be repeated (429, 503, a lost connection) is repeated with growing pauses until retrySeconds have passed without
 * success; other refusals become a CommandError that says what the server said.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Command } from 'commander';
import { runningEndpoints } from '../endpoints.js';
import type { ProblemError } from '../gateway/problems.js';
import { CommandError, exitCodes, say, type Options } from './command.js';
import { loadSettings } from './settings.js';

export interface Answer { status: number; body: unknown }
export interface ProblemBody { type: string; title: string; status: number; detail?: string; errors?: ProblemError[] }

const URL_DEFAULT = 'http://127.0.0.1:8080';
const PAUSE_MS_FIRST = 200;
const PAUSE_MS_MAX = 5000;
const ERRORS_SHOWN_MAX = 10;
/** The server answers or refuses within its own bounds; this one is for networks that swallow packets. */
const REQUEST_TIMEOUT_MS = 300_000;

export function addClientOptions(command: Command): void {
  command
    .option('--url <url>', `address of the engine (POINTSTREAM_URL; default: what --data says, or ${URL_DEFAULT})`)
    .option('--key <key>', 'API key (POINTSTREAM_KEY)')
    .option('--data <dir>', 'data directory of an engine on this machine: gives address and admin key')
    .option('--retry-seconds <n>', 'how long to try again without success', '60');
}

export class Client {
  /** `keyFile`: where the key was read; an engine that was given another one leaves it there. */
  private constructor(readonly url: string, private readonly key: string, private readonly retryMs: number, private readonly keyFile: string | undefined) {}

  static async open(options: Options): Promise<Client> {
    const { url, key, data, retrySeconds = '60' } = options as { url?: string; key?: string; data?: string; retrySeconds?: string };
    if (!/^\d{1,6}$/.test(retrySeconds)) throw new CommandError(exitCodes.usage, `--retry-seconds: ${retrySeconds} is not a number of seconds`);
    const { address, own, file } = url !== undefined && key !== undefined ? { address: url, own: key } : await findEngine(url, key, data);
    if (own === undefined) {
      const ofDirectory = `${data} has none, since its engine was given one (POINTSTREAM_ADMIN_KEY); say it with --key KEY or POINTSTREAM_KEY`;
      throw new CommandError(exitCodes.usage, `a key is needed: ${data === undefined ? '--key KEY, POINTSTREAM_KEY, or --data DIR' : ofDirectory}`);
    }
    if (!URL.canParse(address)) throw new CommandError(exitCodes.usage, `--url: ${address} is not an address`);
    return new Client(address.replace(/\/$/, ''), own, Number(retrySeconds) * 1000, file);
  }

  /** Ends the command early when nobody listens there, instead of trying for a minute. */
  async expectServer(): Promise<void> {
    try {
      await fetch(`${this.url}/livez`, { signal: AbortSignal.timeout(10_000) });
    } catch (error) {
      throw new CommandError(exitCodes.unavailable, `nobody answers at ${this.url}: ${reasonOf(error)}`);
    }
  }

  /** The answer when it is 2xx, or one of `expected`. */
  async call(method: 'GET' | 'PUT' | 'POST', path: string, body?: { type: string; bytes: Uint8Array | string }, expected: number[] = []): Promise<Answer> {
    const beganMs = Date.now();
    let pauseMs = PAUSE_MS_FIRST;
    for (;;) {
      const { answer, failure, retryAfterMs } = await this.attempt(method, path, body);
      if (answer !== undefined) {
        if (answer.status < 300 || expected.includes(answer.status)) return answer;
        if (answer.status === 401 && this.keyFile !== undefined) {
          throw new CommandError(exitCodes.usage, `401: the engine does not know the key of ${this.keyFile}; it was given another one (POINTSTREAM_ADMIN_KEY): say it with --key KEY`);
        }
        throw refusal(answer.status, answer.body as ProblemBody);
      }
      if (Date.now() - beganMs > this.retryMs) throw new CommandError(exitCodes.unavailable, `${method} ${this.url}${path}: ${failure}`);
      say(`${failure}; trying again`);
      await pause(retryAfterMs ?? pauseMs);
      pauseMs = Math.min(PAUSE_MS_MAX, pauseMs * 2);
    }
  }

  /** The lines of an answer that takes its time, as they come. Not repeated. */
  async *lines(method: string, path: string): AsyncGenerator<string> {
    const response = await fetch(this.url + path, { method, headers: { authorization: `Bearer ${this.key}` } });
    if (response.status !== 200) throw refusal(response.status, parse(await response.text()) as ProblemBody);
    let rest = '';
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      const lines = (rest + decoder.decode(chunk as Uint8Array, { stream: true })).split('\n');
      rest = lines.pop()!;
      yield* lines;
    }
    if (rest !== '') yield rest;
  }

  private async attempt(method: string, path: string, body?: { type: string; bytes: Uint8Array | string }): Promise<{ answer?: Answer; failure?: string; retryAfterMs?: number }> {
    const headers: Record<string, string> = { authorization: `Bearer ${this.key}`, ...(body === undefined ? {} : { 'content-type': body.type }) };
    try {
      const response = await fetch(this.url + path, { method, headers, body: body?.bytes ?? null, signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) });
      const text = await response.text();
      if (response.status === 429 || response.status === 503) {
        const seconds = Number(response.headers.get('retry-after') ?? NaN);
        return { failure: `${response.status}: ${detailOf(text)}`, ...(Number.isFinite(seconds) ? { retryAfterMs: Math.min(60, seconds) * 1000 } : {}) };
      }
      return { answer: { status: response.status, body: parse(text) } };
    } catch (error) {
      return { failure: `no connection (${reasonOf(error)})` };
    }
  }
}

/** Flags, then the environment's address and key, then the directory of the environment or the file. A directory's key goes to another address than its own only where --data and --url say both. */
async function findEngine(url: string | undefined, key: string | undefined, data: string | undefined): Promise<Found> {
  const { POINTSTREAM_URL, POINTSTREAM_KEY } = process.env;
  if (data !== undefined) {
    const address = url ?? urlOf(data), ofFile = key === undefined ? await keyOf(data) : {};
    return ofFile.own === undefined ? { address, own: key ?? POINTSTREAM_KEY } : { address, ...ofFile };
  }
  const address = url ?? POINTSTREAM_URL, own = key ?? POINTSTREAM_KEY;
  if (address !== undefined) return { address, own };
  const { config, given } = await loadSettings({});
  return { address: given.has('data') ? urlOf(config.data) : runningEndpoints(config.data)?.http ?? URL_DEFAULT, ...(own === undefined ? await keyOf(config.data) : { own }) };
}

/** `file`: where the key was read. */
interface Found { address: string; own?: string | undefined; file?: string }

async function keyOf(directory: string): Promise<Pick<Found, 'own' | 'file'>> {
  const file = join(directory, 'admin-key');
  try {
    return { own: (await readFile(file, 'utf8')).trim(), file };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return {};
  }
}

function urlOf(directory: string): string {
  const endpoints = runningEndpoints(directory);
  if (endpoints === undefined) throw new CommandError(exitCodes.unavailable, `no engine runs on ${directory}: start one with pointstream serve --data ${directory}, or say where it is, --url URL`);
  return endpoints.http;
}

/** A refusal as one readable message, with every error's place. */
export function refusal(status: number, problem: ProblemBody): CommandError {
  const errors = problem.errors ?? [];
  const lines = errors.slice(0, ERRORS_SHOWN_MAX).map(describeError);
  if (errors.length > lines.length) lines.push(`… and ${errors.length - lines.length} more`);
  const message = [`${status} ${problem.title ?? ''}${lines.length === 0 && problem.detail !== undefined ? `: ${problem.detail}` : ''}`, ...lines].join('\n  ');
  return new CommandError(status >= 500 || status === 429 ? exitCodes.unavailable : status === 422 || status === 409 ? exitCodes.failed : exitCodes.usage, message);
}

export const describeError = ({ pointer, detail, hint }: ProblemError): string => `${pointer === '' ? '(document)' : pointer}: ${detail ?? ''}${hint === undefined ? '' : `  [${hint}]`}`;

function parse(text: string): unknown {
  try {
    return text === '' ? null : JSON.parse(text);
  } catch {
    // Something else than an engine answered, or a proxy in front of it.
    return { title: text.slice(0, 200) };
  }
}
const detailOf = (text: string): string => (parse(text) as { detail?: string } | null)?.detail ?? 'not available';
const reasonOf = (error: unknown): string => {
  const { cause, message } = error as Error & { cause?: { code?: string; message?: string } };
  return cause?.code ?? cause?.message ?? message;
};

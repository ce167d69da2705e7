/**
 * The process of the embedded ClickHouse: libchdb behind an HTTP server that speaks ClickHouse's protocol. Started by child.ts, which tells it by IPC what to do.
 *
 * Promises: ends when its parent does, however that ends, and so gives the data directory free. Waits for a directory whose former owner is still dying.
 * Never listens before it can answer.
 */
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { availableParallelism, setPriority } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { AccessControl } from './access.js';
import { answer, type Backend } from './answer.js';
import type { FromChild, ToChild } from './child.js';
import { Lane } from './lanes.js';
import { Library } from './library.js';
import { createPipes } from './pipe.js';
import { Sessions } from './sessions.js';
import { Spool } from './spool.js';
import { lanes, serverSettings, sessionSettings, spoolLimits } from './tuning.js';

/** How long a former owner of the directory may take to die. */
const OPEN_MS_MAX = 20_000;
const OPEN_RETRY_MS = 250;
/** Files in memory, on Linux. */
const MEMORY_DIRECTORY = '/dev/shm';
/** Longest URL: statements may stand in it. */
const HEADER_BYTES_MAX = 2 ** 20;

/** Where cores are scarce, tills go before inserts and merges, which get a third of what another thread gets. Set before there are other threads: they inherit it. */
const NICE = 5;
setPriority(NICE);

type Start = Extract<ToChild, { type: 'start' }>;

process.on('message', (message: ToChild) => void (message.type === 'start' ? start(message) : stop()));
// The parent is gone: nothing that is still running here matters, and tables survive a crash by themselves.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
// Ctrl-C goes to the whole process group; the parent stops the engine in order and then this process.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);

let stop = (): void => process.exit(0);

async function start(options: Start): Promise<void> {
  try {
    const library = await open(options), run = join(options.directory, 'run');
    const backend = await createBackend(options, library, run);
    const server = await listen(options, backend);
    stop = () => {
      server.close();
      server.closeAllConnections();
      // No orderly exit: it would wait for queries that run, and the library's own clean-up crashes while its merges do (seen: a segfault in libchdb at one stop in three). An
      // insert is either whole or not there, and what was answered is on disk.
      process.kill(process.pid, 'SIGKILL');
    };
    say({ type: 'ready', port: (server.address() as AddressInfo).port });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    say({ type: 'failed', detail: error instanceof Error ? message : String(error), ...(code === undefined ? {} : { code }) });
  }
}

function say(message: FromChild): void {
  process.send!(message);
}

async function open({ directory, memoryBytesMax }: Start): Promise<Library> {
  const data = join(directory, 'data');
  mkdirSync(data, { recursive: true });
  for (const giveUp = Date.now() + OPEN_MS_MAX;;) {
    try {
      return new Library(data, serverSettings(memoryBytesMax));
    } catch (error) {
      // The library says why on stderr only (child.ts has it); nearly always the directory is locked.
      if (Date.now() > giveUp || !/Failed to create connection/.test(String(error))) throw error;
      await pause(OPEN_RETRY_MS);
    }
  }
}

async function createBackend(options: Start, library: Library, run: string): Promise<Backend> {
  const one = async (sql: string): Promise<string> => Buffer.from((await library.main.query(sql)).bytes).toString('utf8').trim();
  // The library lays the files of the machine over its database default, as tables named by their paths. Attached anew, the database has its tables only.
  const uuid = await one("SELECT uuid FROM system.databases WHERE name = 'default'");
  await one('DETACH DATABASE default');
  await one(`ATTACH DATABASE default UUID '${uuid}' ENGINE = Atomic`);
  const version = await one('SELECT version()');
  const functions = new Set((await one('SELECT upper(name) FROM system.table_functions')).split('\n'));
  rmSync(run, { recursive: true, force: true });
  mkdirSync(run, { recursive: true, mode: 0o700 });
  const lane = (name: keyof typeof lanes): Lane => new Lane(name, createPipes(run, name, lanes[name].slots), lanes[name].waitingMax);
  return {
    library, version, running: new Set(), sessions: new Sessions(),
    access: new AccessControl(options.engineUser, options.enginePassword, options.access, functions),
    spool: new Spool({ fast: existsSync(MEMORY_DIRECTORY) ? MEMORY_DIRECTORY : undefined, large: run, ...spoolLimits(options.memoryBytesMax) }),
    lanes: { insert: lane('insert'), engine: lane('engine'), readers: lane('readers'), kill: lane('kill') },
    settings: sessionSettings(options.memoryBytesMax, availableParallelism()),
    warn: (text) => process.stderr.write(`${text}\n`),
  };
}

async function listen({ host, port }: Start, backend: Backend): Promise<Server> {
  const server = createServer({ maxHeaderSize: HEADER_BYTES_MAX, keepAliveTimeout: 10_000, requestTimeout: 0, noDelay: true }, (request, response) => {
    const path = request.url?.split('?')[0];
    if (path === '/ping' || path === '/replicas_status' || (path === '/' && request.method === 'GET' && !request.url?.includes('?'))) {
      response.writeHead(200, { 'content-type': 'text/html; charset=UTF-8' }).end('Ok.\n');
    } else if (path === '/' || path === '/query') {
      void answer(backend, request, response);
    } else {
      response.writeHead(404, { 'content-type': 'text/plain; charset=UTF-8' }).end(`There is no handle ${path}\n\nSend queries with POST / or GET /?query=…; /ping says whether it lives.\n`);
    }
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve));
  return server;
}

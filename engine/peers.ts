/**
 * What engines on several machines say to one another outside the log: reads go to the owner of their partition. Each engine that takes a partition writes its address under
 * `owner/PARTITION` into the log's values, by the commit that only the owner may make; whoever is asked for a partition that is not here asks that address.
 *
 *   POST /ask   authorization: Bearer KEY   body: MessagePack { partition, task }   →   200 MessagePack { answer }, 409: not mine (any more), 503: not now
 *
 * Promises: an answer comes from the owner, behind everything that its partition had queued, or it is EngineError `unavailable`. The key is a value of the log, so that only engines of
 * this installation are answered. Never carries a command: those go through the log.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { pack, unpack } from 'msgpackr';
import type { ShardTask } from '../workers/messages.js';
import { EngineError } from './engine.js';
import type { Log } from './log/log.js';

const KEY_NAME = 'peer-key', OWNER = 'owner/';
/** The facts of a whole batch go along with the question why a purchase got its points. */
const BODY_BYTES_MAX = 128 * 2 ** 20;
const ASK_MS_MAX = 5000, LOOK_MS = 50;
/** So long a partition may be on its way from one engine to another. */
const MOVE_MS_MAX = 15_000;

const EVERYWHERE = new Set(['0.0.0.0', '::']);

export interface PeersOptions {
  log: Log;
  /** Where others reach this engine. */
  host: string;
  port: number;
  /** Answers a task of a partition that is here; undefined when it is not. */
  answer(partition: number, task: ShardTask): Promise<{ value: unknown } | undefined>;
}

export class Peers {
  private constructor(private readonly options: PeersOptions, private readonly server: Server, private readonly key: Buffer) {}

  static async start(options: PeersOptions): Promise<Peers> {
    const { log, host, port } = options;
    // Added, not put: of engines that begin at the same time one gives the key for all of them.
    await log.addValue(KEY_NAME, randomBytes(32));
    const key = Buffer.from((await log.getValue(KEY_NAME))!), server = createServer({ requestTimeout: ASK_MS_MAX });
    const peers = new Peers(options, server, key);
    server.on('request', (request, response) => void peers.serve(request, response));
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve));
    return peers;
  }
  get address(): string {
    const host = reachable(this.options.host);
    return `http://${host.includes(':') ? `[${host}]` : host}:${(this.server.address() as AddressInfo).port}`;
  }
  /** The partition is here from now on. */
  async announce(partition: number): Promise<void> {
    await this.options.log.putOwnValues([{ partition, name: `${OWNER}${partition}`, value: Buffer.from(this.address) }]);
  }
  /** Asks whoever owns the partition, also when that changes meanwhile. Throws EngineError. */
  async ask<T>(partition: number, task: ShardTask): Promise<T> {
    let reason = 'nobody has taken it';
    for (const untilMs = performance.now() + MOVE_MS_MAX; performance.now() < untilMs; await pause(LOOK_MS)) {
      const here = await this.options.answer(partition, task);
      if (here) return here.value as T;
      const owner = await this.options.log.getValue(`${OWNER}${partition}`), address = owner && Buffer.from(owner).toString();
      if (!address || address === this.address) continue;
      try {
        const response = await fetch(`${address}/ask`, {
          method: 'POST', headers: { authorization: `Bearer ${this.key.toString('base64url')}` }, body: pack({ partition, task }), signal: AbortSignal.timeout(ASK_MS_MAX),
        });
        const bytes = Buffer.from(await response.arrayBuffer());
        if (response.status === 200) return (unpack(bytes) as { answer: T }).answer;
        reason = `${address} answers ${response.status}`;
      } catch (error) {
        reason = `${address} does not answer: ${(error as Error).message}`;
      }
    }
    throw new EngineError('unavailable', `partition ${partition} is on its way to another engine: ${reason}`, 1);
  }
  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.server.close(() => resolve());
      this.server.closeAllConnections();
    });
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      if (request.method !== 'POST' || request.url !== '/ask') return void response.writeHead(404).end();
      if (!this.knows(request.headers.authorization ?? '')) return void response.writeHead(401).end();
      const pieces: Buffer[] = [];
      let bytes = 0;
      for await (const piece of request as AsyncIterable<Buffer>) {
        if ((bytes += piece.length) > BODY_BYTES_MAX) return void response.writeHead(413).end();
        pieces.push(piece);
      }
      const { partition, task } = unpack(Buffer.concat(pieces)) as { partition: number; task: ShardTask };
      const answer = await this.options.answer(partition, task);
      if (answer) response.writeHead(200, { 'content-type': 'application/msgpack' }).end(pack({ answer: answer.value }));
      else response.writeHead(409).end();
    } catch (error) {
      if (!response.headersSent) response.writeHead(503, { 'content-type': 'text/plain' }).end((error as Error).message);
    }
  }
  private knows(authorization: string): boolean {
    const given = Buffer.from(authorization), wanted = Buffer.from(`Bearer ${this.key.toString('base64url')}`);
    return given.length === wanted.length && timingSafeEqual(given, wanted);
  }
}

/** Listening on all addresses is no address to ask: the first one of this machine that others may reach is. */
function reachable(host: string): string {
  if (!EVERYWHERE.has(host)) return host;
  const own = Object.values(networkInterfaces()).flatMap((addresses = []) => addresses);
  return own.find(({ internal, family }) => !internal && family === 'IPv4')?.address ?? '127.0.0.1';
}

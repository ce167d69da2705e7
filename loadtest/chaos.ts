/**
 * Everything goes wrong at random: three engines on one log, fed all the time, of which one after the other is killed, frozen for longer than its session, or stopped and started again, while
 * the broker and ClickHouse are killed and come again (chaos-ends.ts); now and then a record that nobody can read is put among the purchases. Each body is posted until it is answered, to
 * whichever engine answers. In the end every purchase that was sent has to be processed once, refused, or waiting for its original, and be in ClickHouse once; the verifier has to agree, and
 * each engine that was asked to stop has to have done so in time.
 *
 * The seed decides what happens in which order; when it happens depends on the machine.
 */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Config } from '../engine/config.js';
import type { Log } from '../engine/log/log.js';
import { openLog } from '../engine/log/open.js';
import type { Logger } from '../engine/logger.js';
import { createMetrics } from '../engine/metrics.js';
import { startEngine } from '../engine/start.js';
import { temporaryInstallation } from '../engine/temporary.js';
import { untilReached } from '../engine/until-reached.js';
import { readResults } from '../schemas/results.js';
import { Ends, type EndName } from './chaos-ends.js';
import { EngineProcess } from './engine-process.js';
import { Generator } from './generator.js';
import { Random } from './random.js';
import { loadRules } from './rule-sets.js';
import { verifyRunning, type VerifyReport } from './verifier.js';
import { GeneratedWorld } from './world.js';

const ENGINES = 3, BODY_TRANSACTIONS = 100, LANES = 2, ACCOUNTS = 5000, RULES = 14, DAYS = 28, TRANSACTIONS_MAX = 50_000_000, READ_BYTES = 8 * 2 ** 20;
const START_TRIES = 3, QUIET_MS = 500, RETRY_MS = 100, POST_MS_MAX = 20_000, SINK_MS_MAX = 60_000;
const engineActions = ['kill', 'kill', 'freeze', 'stop', 'poison'] as const;
type Action = (typeof engineActions)[number] | EndName;
/** How long ClickHouse is kept away, beyond what its start takes: several of the sink's attempts. The broker: longer than a session, and not. */
const AWAY_MS_MAX = 5000;

export interface ChaosOptions { minutes: number; seed: number; config: Config; logger: Logger; progress(line: string): void }
export interface ChaosReport {
  seed: number;
  seconds: number;
  /** Different ones; each may have been posted several times. */
  sent: number;
  processed: number;
  rejected: number;
  waiting: number;
  /** Posts that were not answered, or not with 200, and were repeated. */
  repeatedPosts: number;
  actions: Record<Action, number>;
  /** Engines that were asked to stop and had to be ended, or failed at it. */
  badStops: number;
  ok: boolean;
  verified: Pick<VerifyReport, 'ok' | 'transactions' | 'differences'>;
}

export async function runChaos({ minutes, seed, config: given, logger, progress }: ChaosOptions): Promise<ChaosReport> {
  const directory = await mkdtemp(join(tmpdir(), 'pointstream-chaos-')), ends = await Ends.open(given, logger), actions: Action[] = [...engineActions, ...ends.names];
  const temporary = await temporaryInstallation(ends.config).catch(async (error: unknown) => {
    await ends.close();
    throw error;
  });
  const base: Config = { ...temporary.config, port: 0, metricsPort: 0, clickhousePort: 0, adminKey: `chaos-${randomUUID()}` };
  const at = (name: string): Config => ({ ...base, data: join(directory, name) });
  const engines = Array.from({ length: ENGINES }, (_, n) => new EngineProcess(at(String(n))));
  const began = performance.now(), happened: Record<Action, number> = { kill: 0, freeze: 0, stop: 0, poison: 0, broker: 0, clickhouse: 0 };
  let outsider: Log | undefined, badStops = 0;
  const stop = async (engine: EngineProcess): Promise<void> => { if (!(await engine.end('SIGTERM'))) badStops++; };
  try {
    for (const engine of engines) await engine.start();
    const log = (outsider = await openLog({ ...at('outsider'), roles: 'gateway' }));
    const world = new GeneratedWorld({ seed, partners: 1, stores: 12, products: 300 }), feed = new Feed(engines, base.adminKey, world, seed);
    await feed.publish();
    const endMs = performance.now() + minutes * 60_000; // engines that start slowly take nothing of it
    let isBroken = false;
    const feeding = Promise.all(Array.from({ length: LANES }, () => feed.run(() => performance.now() > endMs)));
    feeding.catch(() => { isBroken = true; }); // thrown when it is awaited
    const random = new Random(seed).at(0);
    const disturb = async (): Promise<void> => {
      while (performance.now() < endMs && !isBroken) {
        await pause(QUIET_MS + random.below(2 * QUIET_MS));
        const action = actions[random.below(actions.length)]!, engine = engines[random.below(ENGINES)]!;
        happened[action]++;
        progress(`${action} after ${feed.answered} transactions`);
        if (action === 'poison') await poison(log, random.below(log.partitions));
        else if (action === 'broker' || action === 'clickhouse') ends.takeAway(action, random.below(AWAY_MS_MAX));
        else if (action === 'freeze') {
          engine.freeze();
          await pause(base.kafkaSessionMs + random.below(base.kafkaSessionMs));
          engine.thaw();
        } else {
          if (action === 'stop') await stop(engine);
          else await engine.end('SIGKILL');
          await pause(random.below(base.kafkaSessionMs));
        }
        // One that found itself fenced ends by itself.
        for (const each of engines) if (!each.running) await startAgain(each, progress);
      }
    };
    await Promise.race([disturb(), ends.lost]);
    await ends.settled();
    await feeding;
    await Promise.all(engines.map(stop));
    const running = await startEngine(at('last'), logger, createMetrics());
    try {
      while (running.engine.flows.size < running.log.partitions) await pause(RETRY_MS);
      await running.analytics?.caughtUp(SINK_MS_MAX);
      const { ok, transactions, differences } = await verifyRunning(running, { progress });
      const processed = await processedOf(running.log), waiting = [...running.engine.flows.values()].reduce((sum, { status }) => sum + status.waiting, 0);
      const { sent, rejected, repeats } = feed;
      return {
        seed, seconds: Math.round(performance.now() - began) / 1000, sent: sent.size, processed, rejected: rejected.size, waiting, repeatedPosts: repeats, actions: happened,
        badStops, ok: ok && badStops === 0 && sent.size === processed + rejected.size + waiting, verified: { ok, transactions, differences },
      };
    } finally {
      await running.stop();
    }
  } finally {
    await Promise.all(engines.map((engine) => engine.end('SIGKILL')));
    await outsider?.close();
    await ends.settled().finally(() => temporary.remove()).finally(() => ends.close());
    await rm(directory, { recursive: true, force: true });
  }
}

/** Again, while the broker is away: one that is there twice is refused twice. */
function poison(outsider: Log, partition: number): Promise<unknown> {
  return untilReached(() => outsider.append([{ topic: 'commands', partition, value: Buffer.from('nobody can read this') }]));
}

/** As whoever watches over engines does it: one that ends because what it needs is away begins once more. */
async function startAgain(engine: EngineProcess, progress: (line: string) => void): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await engine.start();
      return;
    } catch (error) {
      if (tries === START_TRIES) throw error;
      progress(`${(error as Error).message}; started again`);
    }
  }
}

/** Purchases and returns that became facts. */
async function processedOf(log: Log): Promise<number> {
  let processed = 0;
  for (let partition = 0; partition < log.partitions; partition++) {
    const { begin, end } = await log.bounds('results', partition);
    for (let next = begin; next < end;) {
      const { records, nextOffset } = await log.read('results', partition, next, READ_BYTES);
      for (const { value } of records) processed += readResults(value).header.processed;
      next = nextOffset;
    }
  }
  return processed;
}

/** The partners: each body goes to some engine, again and again until one has answered it. */
class Feed {
  /** By kind and id. */
  readonly sent = new Set<string>();
  readonly rejected = new Set<string>();
  answered = 0;
  repeats = 0;
  private next = 0;
  private turn = 0;
  private readonly generator: Generator;

  constructor(private readonly engines: EngineProcess[], private readonly key: string, private readonly world: GeneratedWorld, seed: number) {
    this.generator = new Generator({ seed, transactions: TRANSACTIONS_MAX, accounts: ACCOUNTS, distribution: 'zipf', startMs: Date.UTC(2026, 0, 1), days: DAYS }, world);
  }
  async publish(): Promise<void> {
    const partner = this.world.partnerIds[0]!, put = (path: string, body: string, type?: string): Promise<unknown> => this.ask('PUT', path, Buffer.from(body), type);
    await put('/v1/programs/default', JSON.stringify({ name: 'Chaos', timeZone: 'Europe/Berlin', currencies: [{ id: 'points', scale: 0 }], expiryFrom: 'received' }));
    await put(`/v1/partners/${partner}`, JSON.stringify(this.world.partnerDocument(0)));
    await put(`/v1/partners/${partner}/products`, this.world.productDocuments(0).map((product) => JSON.stringify(product)).join('\n'), 'application/x-ndjson');
    await put('/v1/rules', JSON.stringify({ rules: loadRules(this.world, RULES) }));
  }
  async run(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      const documents = Array.from({ length: BODY_TRANSACTIONS }, () => this.generator.document(this.next++));
      for (const { kind, id } of documents) this.sent.add(`${kind} ${id}`);
      const items = await this.post(Buffer.from(documents.map((document) => `${JSON.stringify(document)}\n`).join('')), documents.length);
      for (const { status, index } of items) if (status === 'rejected') this.rejected.add(`${documents[index]!.kind} ${documents[index]!.id}`);
    }
  }
  async post(body: Uint8Array, count: number): Promise<{ index: number; status: string }[]> {
    const { items } = await this.ask('POST', '/v1/transactions', body, 'application/x-ndjson') as { items?: { index: number; status: string }[] };
    this.answered += count;
    return items ?? [];
  }

  private async ask(method: string, path: string, body: Uint8Array, type = 'application/json'): Promise<unknown> {
    for (;; this.repeats++) {
      // What is published is known where it was published at once, and elsewhere a moment later.
      const url = this.engines[method === 'PUT' ? 0 : this.turn++ % this.engines.length]!.endpoints?.http;
      if (url !== undefined) {
        try {
          const answer = await fetch(url + path, { method, headers: { authorization: `Bearer ${this.key}`, 'content-type': type }, body, signal: AbortSignal.timeout(POST_MS_MAX) });
          const text = await answer.text();
          if (answer.ok || answer.status === 400) return text === '' ? {} : JSON.parse(text) as unknown;
          // 408: the engine was frozen while it took the body.
          if (answer.status !== 429 && answer.status !== 408 && answer.status < 500) throw new Error(`${method} ${path}: ${answer.status} ${text.slice(0, 500)}`);
        } catch (error) {
          // Nobody there, cut off, or not in time.
          if (!(error instanceof TypeError || (error as Error).name === 'TimeoutError')) throw error;
        }
      }
      await pause(RETRY_MS);
    }
  }
}

export function chaosText({ seed, seconds, sent, processed, rejected, waiting, repeatedPosts, actions: happened, badStops, ok, verified }: ChaosReport): string {
  return [
    `seed ${seed}, ${Math.round(seconds)} s: ${Object.entries(happened).map(([action, times]) => `${action} ${times}`).join(', ')}; ${repeatedPosts} posts repeated, ${badStops} stops not in time`,
    `${sent} sent = ${processed} processed + ${rejected} refused + ${waiting} waiting`,
    ok ? 'everything agrees' : verified.ok ? 'the verifier agrees, and yet it is not well: see the numbers above' : `DIFFERENCES: ${JSON.stringify(verified.differences)}`,
  ].join('\n');
}

/**
 * Pointstream at the peers' job: an installation of its own on the broker, the twenty rules published like any others, the real `serve` in a process of its own, and in the end
 * the balance of every account.
 *
 * Nothing here reaches into the engine while it is measured: it is watched at the broker and at its ClickHouse. The settings of a variant are flags of `serve`.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Client } from '../../engine/commands/client.js';
import { readConfig, type Config } from '../../engine/config.js';
import { endWithUs } from '../../engine/end-process.js';
import { createLogger } from '../../engine/logger.js';
import { removeTopics } from '../../engine/log/kafka/topics.js';
import { createMetrics } from '../../engine/metrics.js';
import { startServing } from '../../engine/serving.js';
import { startEngine } from '../../engine/start.js';
import { endpointsOf, type Endpoints } from '../../engine/endpoints.js';
import type { Kafka } from './kafka.js';
import { PARTNERS, partnerId } from './transactions.js';

/** As users start it, by its file. */
const cli = join(fileURLToPath(new URL('../../engine/', import.meta.url)), 'cli.js'), rules = new URL('./rules/twenty-rules.json', import.meta.url);
const READY_MS_MAX = 60_000, STOP_MS_MAX = 40_000, LOOK_MS = 20, READS_AT_ONCE = 256, STDERR_CHARACTERS_MAX = 20_000, FIRST_ORDINAL = 1;
const ADMIN_KEY = 'peers-admin-key-0000000000';

export interface Variant { variant: string; flags: string[] }
/** What the job does not ask for is off in `lean`: ClickHouse, and the doors. */
export const variants: Variant[] = [
  { variant: 'full', flags: [] },
  { variant: 'lean', flags: ['--clickhouse', 'off', '--roles', 'engine'] },
];

export class Installation {
  private constructor(readonly kafka: Kafka, readonly prefix: string, readonly partitions: number, private readonly config: Config) {}

  /** With partners and rules, and without transactions. */
  static async make(kafka: Kafka, prefix: string, partitions: number, directory: string): Promise<Installation> {
    mkdirSync(directory, { recursive: true });
    const config = { ...settingsOf(directory, kafka.address, prefix), partitions, clickhouse: 'off' } as Config;
    const serving = await startServing(config, createLogger('error'));
    try {
      const client = await Client.open({ url: serving.endpoints.http, key: ADMIN_KEY }), type = 'application/json';
      for (let partner = 0; partner < PARTNERS; partner++) {
        const id = partnerId(partner);
        await client.call('PUT', `/v1/partners/${id}`, { type, bytes: JSON.stringify({ name: id, program: 'default', timeZone: 'UTC', currency: 'EUR' }) });
      }
      await client.call('PUT', '/v1/rules', { type, bytes: readFileSync(rules) });
    } finally {
      await serving.stop();
    }
    const installation = new Installation(kafka, prefix, partitions, config);
    for (const topic of [installation.commands, installation.results, installation.control]) await kafka.learn(topic, topic === installation.control ? 1 : partitions);
    return installation;
  }
  get commands(): string {
    return `${this.prefix}commands`;
  }
  get results(): string {
    return `${this.prefix}results`;
  }
  private get control(): string {
    return `${this.prefix}control`;
  }
  /** Transactions whose results are committed. */
  async done(): Promise<number> {
    return sum(await this.kafka.committed(`${this.prefix}engines`, this.commands, this.partitions));
  }
  /** When an engine that was started then had its first partition and began to read: its announcement, by the broker's clock. */
  async begunMs(startedMs: number): Promise<number> {
    let begunMs = Infinity;
    for await (const { header } of this.kafka.batches(this.control, 0)) if (header.timestampMs >= startedMs) begunMs = Math.min(begunMs, header.timestampMs);
    return begunMs;
  }
  serve(flags: string[]): Promise<ServingProcess> {
    return ServingProcess.start(this.config.data, ['--kafka', this.kafka.address, '--kafka-prefix', this.prefix, ...flags]);
  }
  /** The balance of every account, by card, as an engine reads them that is started on what the measured one left. */
  async balances(): Promise<Map<string, number>> {
    const running = await startEngine({ ...this.config, roles: 'engine' }, createLogger('error'), createMetrics());
    try {
      const balances = new Map<string, number>();
      for (let partition = 0; partition < this.partitions; partition++) {
        for (let from = FIRST_ORDINAL, last = false; !last; from += READS_AT_ONCE) {
          const accounts = await Promise.all(Array.from({ length: READS_AT_ONCE }, (_, i) => running.engine.readAccount(`${partition}.${from + i}`)));
          for (const account of accounts) {
            if (!account) last = true;
            else for (const card of account.cards) balances.set(card, account.balances.points?.available ?? 0);
          }
        }
      }
      return balances;
    } finally {
      await running.stop();
    }
  }
  remove(): Promise<void> {
    return removeTopics({ brokers: this.kafka.address.split(','), clientId: 'pointstream-peers' }, this.prefix);
  }
}

export class ServingProcess {
  private said = '';
  private readonly ended: Promise<unknown>;

  private constructor(private readonly child: ChildProcess, private readonly directory: string) {
    child.stderr!.on('data', (chunk) => { this.said = `${this.said}${chunk}`.slice(-STDERR_CHARACTERS_MAX); });
    this.ended = once(child, 'close');
  }
  static async start(directory: string, flags: string[]): Promise<ServingProcess> {
    const argv = ['serve', '--data', directory, '--port', '0', '--metrics-port', '0', '--clickhouse-port', '0', '--log-level', 'warn', ...flags];
    const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('POINTSTREAM_')));
    const child = spawn(process.execPath, [cli, ...argv], { cwd: directory, env: { ...clean, POINTSTREAM_ADMIN_KEY: ADMIN_KEY }, stdio: ['ignore', 'ignore', 'pipe'] });
    endWithUs(child);
    return new ServingProcess(child, directory);
  }
  get pid(): number {
    return this.child.pid!;
  }
  async ready(): Promise<Endpoints> {
    for (const untilMs = Date.now() + READY_MS_MAX; Date.now() < untilMs; await pause(LOOK_MS)) {
      this.check();
      const endpoints = endpointsOf(this.directory, this.pid);
      if (endpoints) return endpoints;
    }
    throw new Error(`serve did not become ready: ${this.said}`);
  }
  /** Throws when it has ended. */
  check(): void {
    if (this.child.exitCode !== null || this.child.signalCode !== null) throw new Error(`serve ended with ${this.child.exitCode ?? this.child.signalCode}: ${this.said}`);
  }
  async stop(): Promise<void> {
    const late = setTimeout(() => this.child.kill('SIGKILL'), STOP_MS_MAX);
    this.child.kill('SIGTERM');
    await this.ended;
    clearTimeout(late);
  }
}

export async function factsIn({ clickhouse }: Endpoints): Promise<number> {
  const response = await fetch(clickhouse!, { method: 'POST', body: 'SELECT count() FROM pointstream.transactions' }), text = await response.text();
  if (response.status !== 200) throw new Error(text);
  return Number(text);
}

const settingsOf = (directory: string, kafka: string, kafkaPrefix: string): Config =>
  readConfig({ flags: { data: directory, kafka, kafkaPrefix, port: '0', metricsPort: '0', clickhousePort: '0' }, environment: { POINTSTREAM_ADMIN_KEY: ADMIN_KEY } });
const sum = (numbers: number[]): number => numbers.reduce((total, number) => total + number, 0);

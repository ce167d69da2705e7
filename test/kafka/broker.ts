/**
 * A real Kafka broker for tests: KRaft, one node, in a directory of its own, on ports of its own, ended with the test. Its jars come by scripts/kafka-broker.mjs.
 *
 * Tests that need it skip with a reason where it, java or the native client is missing; POINTSTREAM_REQUIRE=kafka makes that a failure.
 */
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { projectRoot } from '../tidy/project.js';

const START_MS_MAX = 60_000, LOOK_MS = 50;
/** Little memory and no second compiler: a broker for tests starts in two thirds of the time, on half the CPU. */
const JAVA_OPTIONS = ['-Xms128m', '-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xshare:auto', '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn'];

const { brokerDirectory } = (await import(new URL(`file://${join(projectRoot, 'scripts/kafka-broker.mjs')}`).href)) as { brokerDirectory(): string };

/** Why tests on Kafka are skipped here, or false. */
export const kafkaMissing = ((): string | false => {
  try {
    createRequire(import.meta.url)('@confluentinc/kafka-javascript');
  } catch {
    return 'kafka: the native client is not installed here (pointstream doctor says how)';
  }
  if (!existsSync(brokerDirectory())) return 'kafka: no broker here (node scripts/kafka-broker.mjs fetches one)';
  return spawnSync('java', ['-version'], { stdio: 'ignore' }).status === 0 ? false : 'kafka: java is not installed here';
})();

export class Broker {
  private child: ChildProcess | undefined;

  private constructor(private readonly directory: string, readonly port: number) {}

  /** Ready when it resolves; ends with the test. */
  static async start(t: { teardown(end: () => Promise<void>): void }, settings: Record<string, string | number> = {}): Promise<Broker> {
    const directory = mkdtempSync(join(tmpdir(), 'pointstream-kafka-')), [port, controllerPort] = await freePorts();
    const properties = {
      'process.roles': 'broker,controller', 'node.id': 1, 'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`, 'controller.listener.names': 'CONTROLLER',
      listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`, 'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
      'log.dirs': join(directory, 'data'), 'auto.create.topics.enable': false, 'group.initial.rebalance.delay.ms': 0, 'group.min.session.timeout.ms': 1000,
      'offsets.topic.replication.factor': 1, 'offsets.topic.num.partitions': 4, 'transaction.state.log.replication.factor': 1, 'transaction.state.log.min.isr': 1,
      'transaction.state.log.num.partitions': 4, 'log.cleaner.dedupe.buffer.size': 8 * 2 ** 20, 'num.network.threads': 2, 'num.io.threads': 4, ...settings,
    };
    writeFileSync(join(directory, 'server.properties'), Object.entries(properties).map(([name, value]) => `${name}=${value}\n`).join(''));
    const broker = new Broker(directory, port!);
    t.teardown(() => broker.end());
    execFileSync('java', [...JAVA_OPTIONS, '-cp', join(brokerDirectory(), '*'), 'kafka.tools.StorageTool', 'format', '-t', randomUUID(), '-c', join(directory, 'server.properties')], { stdio: ['ignore', 'ignore', 'pipe'] });
    await broker.run();
    return broker;
  }
  get address(): string {
    return `127.0.0.1:${this.port}`;
  }
  /** Starts it, also again after `kill`. */
  async run(): Promise<void> {
    const log = join(this.directory, 'broker.log'), output = openSync(log, 'a');
    const child = (this.child = spawn('java', [...JAVA_OPTIONS, '-cp', join(brokerDirectory(), '*'), 'kafka.Kafka', join(this.directory, 'server.properties')], { stdio: ['ignore', output, output] }));
    for (const untilMs = Date.now() + START_MS_MAX; !(await answers(this.port));) {
      if (child.exitCode !== null || Date.now() > untilMs) throw new Error(`the broker does not start:\n${readFileSync(log, 'utf8').slice(-3000)}`);
      await pause(LOOK_MS);
    }
  }
  /** kill -9. */
  async kill(): Promise<void> {
    const { child } = this;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }
  private async end(): Promise<void> {
    await this.kill();
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

/** Free a moment ago, all different. */
export async function freePorts(count = 2): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(servers.map(async (server) => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as { port: number }).port;
  }));
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

/**
 * A real Kafka broker on this machine, for measurements and tests: KRaft, one node, in a directory and on ports of its own. Its jars come by scripts/kafka-broker.mjs.
 *
 * Promises: it answers when `launch` resolves; `end` leaves nothing behind.
 */
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { randomInt, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { endWithUs } from '../engine/end-process.js';

const START_MS_MAX = 120_000, LOOK_MS = 50;
/** Linux chooses from 32768 on, others from 49152. */
const PORT_MIN = 20_000, PORT_MAX = 32_768;
const QUIET = '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn';
/** As a small installation would run it. */
const JAVA_OPTIONS = ['-Xms1g', '-Xmx1g', '-XX:+UseG1GC'];

const fetcher = new URL('../../scripts/kafka-broker.mjs', import.meta.url);
const { brokerDirectory } = (await import(fetcher.href)) as { brokerDirectory(): string };
export { brokerDirectory };

/** Gets its jars from Maven Central where they are not there yet. */
export function fetchBroker(): void {
  if (spawnSync(process.execPath, [fileURLToPath(fetcher)], { stdio: ['ignore', 2, 2] }).status !== 0) throw new Error('there is no Kafka broker here, and it could not be fetched');
}

/** `listeners`: besides the plain one, as NAME://HOST:PORT, where the settings say what NAME is. `format`: more for the tool that formats its storage, such as its first users. */
export interface Additions { listeners?: string[]; format?: string[] }

export class KafkaBroker {
  private child: ChildProcess | undefined;

  protected constructor(private readonly directory: string, readonly port: number, private readonly javaOptions: string[]) {}

  static async launch(settings: Record<string, string | number> = {}, javaOptions = JAVA_OPTIONS, additions: Additions = {}): Promise<KafkaBroker> {
    const broker = await KafkaBroker.prepare(settings, javaOptions, additions);
    await broker.run();
    return broker;
  }
  private static async prepare(settings: Record<string, string | number>, javaOptions: string[], { listeners = [], format: more = [] }: Additions): Promise<KafkaBroker> {
    const directory = mkdtempSync(join(tmpdir(), 'pointstream-kafka-')), [port, controllerPort] = await freePorts();
    const open = [`PLAINTEXT://127.0.0.1:${port}`, ...listeners].join();
    const properties = {
      'process.roles': 'broker,controller', 'node.id': 1, 'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`, 'controller.listener.names': 'CONTROLLER',
      listeners: `${open},CONTROLLER://127.0.0.1:${controllerPort}`, 'advertised.listeners': open,
      'log.dirs': join(directory, 'data'), 'auto.create.topics.enable': false, 'group.initial.rebalance.delay.ms': 0, 'group.min.session.timeout.ms': 1000,
      'offsets.topic.replication.factor': 1, 'offsets.topic.num.partitions': 4, 'transaction.state.log.replication.factor': 1, 'transaction.state.log.min.isr': 1,
      'transaction.state.log.num.partitions': 4, 'log.cleaner.dedupe.buffer.size': 8 * 2 ** 20, 'num.network.threads': 2, 'num.io.threads': 4, ...settings,
    };
    const file = join(directory, 'server.properties'), broker = new KafkaBroker(directory, port!, javaOptions);
    writeFileSync(file, Object.entries(properties).map(([name, value]) => `${name}=${value}\n`).join(''));
    try {
      const format = ['-cp', join(brokerDirectory(), '*'), 'kafka.tools.StorageTool', 'format', '-t', randomUUID(), '-c', file, ...more];
      execFileSync('java', [QUIET, '-XX:TieredStopAtLevel=1', ...format], { stdio: ['ignore', 'ignore', 'pipe'] });
    } catch (error) {
      await broker.end();
      throw error;
    }
    return broker;
  }
  get address(): string {
    return `127.0.0.1:${this.port}`;
  }
  get pid(): number | undefined {
    return this.child?.pid;
  }
  /** Starts it, also again after `kill`. */
  async run(): Promise<void> {
    const log = join(this.directory, 'broker.log'), output = openSync(log, 'a');
    const argv = [QUIET, ...this.javaOptions, '-cp', join(brokerDirectory(), '*'), 'kafka.Kafka', join(this.directory, 'server.properties')];
    const child = (this.child = spawn('java', argv, { stdio: ['ignore', output, output] }));
    // Also when whoever started it ends early, nothing is left behind.
    endWithUs(child, () => this.removeFiles());
    for (const untilMs = Date.now() + START_MS_MAX; !(await answers(this.port));) {
      if (child.exitCode === null && child.signalCode === null && Date.now() < untilMs) await pause(LOOK_MS);
      else {
        const said = readFileSync(log, 'utf8').slice(-3000);
        await this.end();
        throw new Error(`the broker does not start:\n${said}`);
      }
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
  async end(): Promise<void> {
    await this.kill();
    this.removeFiles();
  }
  private removeFiles(): void {
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

/** Free a moment ago, all different, and below those that systems choose for whoever asks for any port, so that nobody is given one of them before it is used, or while a broker is away. */
export async function freePorts(count = 2): Promise<number[]> {
  const held: Server[] = [];
  while (held.length < count) {
    const server = createServer();
    if (await holds(server, randomInt(PORT_MIN, PORT_MAX))) held.push(server);
  }
  const ports = held.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
function holds(server: Server, port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? resolve(false) : reject(error)));
    server.listen(port, '127.0.0.1', () => resolve(true));
  });
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

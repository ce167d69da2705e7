/**
 * The peers: built by Maven from the sources beside this file into .build/peers, each run in a Java process of its own, which tells by events how far it is (job/Run.java).
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { endWithUs } from '../../engine/end-process.js';

const sources = fileURLToPath(new URL('.', import.meta.url)), output = fileURLToPath(new URL('../../../.build/peers/', import.meta.url));
const STDERR_CHARACTERS_MAX = 20_000;
/** Both do better with the parallel collector than with G1 on few cores; the packages are those that Flink reaches into. */
const JAVA_OPTIONS = [
  '-Xmx2g', '-XX:+UseParallelGC', '-Dorg.slf4j.simpleLogger.defaultLogLevel=error', '-Dlog4j2.level=off',
  ...['util', 'lang', 'nio', 'util.concurrent', 'time'].map((name) => `--add-opens=java.base/java.${name}=ALL-UNNAMED`), '--add-opens=java.base/sun.nio.ch=ALL-UNNAMED',
];

/** Why the peers can't be run here, or false. */
export function peersMissing(): string | false {
  const missing = [['java', '-version'], ['mvn', '-v']].find(([program, argument]) => spawnSync(program!, [argument!], { stdio: 'ignore' }).status !== 0);
  return missing ? `peers: ${missing[0]} is not installed here` : false;
}

/** Does nothing when the sources are those of the last build. */
export function buildPeers(progress: (line: string) => void): void {
  const files = readdirSync(sources, { recursive: true, encoding: 'utf8' }).filter((file) => /\.(java|xml)$/.test(file)).sort(), hash = createHash('sha256');
  for (const file of files) hash.update(`${file}\n`).update(readFileSync(join(sources, file)));
  const stamp = join(output, 'built'), wanted = hash.digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  progress('building the peers (mvn package)');
  const { status } = spawnSync('mvn', ['-q', '-B', '-f', join(sources, 'pom.xml'), `-Doutput=${output}`, 'package'], { stdio: ['ignore', 2, 2] });
  if (status !== 0) throw new Error('mvn could not build the peers; what it wrote above says why');
  writeFileSync(stamp, wanted);
}

export interface PeerEvent { event: 'running' | 'first' | 'third' | 'done'; atMs: number; records: number }
export interface Peer { engine: 'Kafka Streams' | 'Flink'; variant: string; options: Record<string, string | number> }

/** As fast as possible; and, for the delay, with what makes results visible soon. */
export const peers = (threads: number): Peer[] => [
  { engine: 'Kafka Streams', variant: 'memory, commits 100 ms', options: { store: 'memory', commitMs: 100, lingerMs: 100, batchKib: 512, threads } },
  { engine: 'Flink', variant: 'heap, checkpoints 1 s', options: { store: 'heap', checkpointMs: 1000, bufferMs: 100, lingerMs: 100, batchKib: 512, threads } },
];
export const peersOnDisk = (threads: number): Peer[] => [
  { engine: 'Kafka Streams', variant: 'RocksDB, commits 100 ms', options: { store: 'rocksdb', commitMs: 100, lingerMs: 100, batchKib: 512, threads } },
  { engine: 'Flink', variant: 'RocksDB, checkpoints 1 s', options: { store: 'rocksdb', checkpointMs: 1000, bufferMs: 100, lingerMs: 100, batchKib: 512, threads } },
];
export const promptPeers = (threads: number): Peer[] => [
  { engine: 'Kafka Streams', variant: 'memory, commits 25 ms', options: { store: 'memory', commitMs: 25, lingerMs: 5, batchKib: 64, threads } },
  { engine: 'Flink', variant: 'heap, checkpoints 100 ms', options: { store: 'heap', checkpointMs: 100, bufferMs: 5, lingerMs: 5, batchKib: 64, threads } },
];
const modules = { 'Kafka Streams': ['kafka-streams', 'KafkaStreamsJob'], Flink: ['flink', 'FlinkJob'] } as const;

export interface PeerTask { brokers: string; input: string; output: string; group: string; directory: string; /** Whether it tells how far it is with the records that are there. */ watch: boolean }

export class RunningPeer {
  private readonly events = new Map<PeerEvent['event'], PeerEvent>();
  private readonly waiting = new Map<PeerEvent['event'], (event: PeerEvent) => void>();
  private readonly ended: Promise<never>;
  private said = '';

  private constructor(private readonly child: ChildProcess, private readonly name: string) {
    child.stderr!.on('data', (chunk) => { this.said = `${this.said}${chunk}`.slice(-STDERR_CHARACTERS_MAX); });
    createInterface({ input: child.stdout! }).on('line', (line) => {
      if (!line.startsWith('{"event"')) return;
      const event = JSON.parse(line) as PeerEvent;
      this.events.set(event.event, event);
      this.waiting.get(event.event)?.(event);
    });
    this.ended = once(child, 'close').then(([code]) => Promise.reject(new Error(`${this.name} ended with ${code}:\n${this.said}`)));
    this.ended.catch(() => undefined); // whoever waits for an event sees it
  }
  static start({ engine, options }: Peer, task: PeerTask): RunningPeer {
    const [module, main] = modules[engine], jars = [join(output, module, `${module}-1.jar`), join(output, module, 'lib/*')].join(':');
    const given = Object.entries({ ...options, ...task }).map(([name, value]) => `${name}=${value}`);
    const child = spawn('java', [...JAVA_OPTIONS, '-cp', jars, `pointstream.peers.${main}`, ...given], { stdio: ['ignore', 'pipe', 'pipe'], cwd: task.directory });
    endWithUs(child);
    return new RunningPeer(child, engine);
  }
  get pid(): number {
    return this.child.pid!;
  }
  /** Rejects when the process ends before. */
  event(name: PeerEvent['event']): Promise<PeerEvent> {
    const known = this.events.get(name);
    return known ? Promise.resolve(known) : Promise.race([this.ended, new Promise<PeerEvent>((resolve) => this.waiting.set(name, resolve))]);
  }
  async end(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended.catch(() => undefined);
  }
}

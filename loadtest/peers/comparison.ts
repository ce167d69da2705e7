/** One comparison: the records, the engines one after the other, the balances of each against the plain calculation. */
import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { balancesOfPeer, drainPeer, drainPointstream } from './drain.js';
import { peers, peersOnDisk, promptPeers, RunningPeer, type Peer } from './java.js';
import type { Kafka } from './kafka.js';
import { Paced } from './paced.js';
import { PlainJob } from './plain-job.js';
import { Installation, variants, type Variant } from './pointstream.js';
import { difference, ratiosOf, type Report, type Run } from './report.js';
import { purchase, record, type KeyedRecord } from './transactions.js';

export interface ComparisonOptions {
  records: number;
  cards: number;
  partitions: number;
  /** Of each engine. */
  threads: number;
  /** undefined: as fast as possible. */
  paced: { ratePerSecond: number; warmUpSeconds: number } | undefined;
  /** Words of which one must be in the name of an engine and its variant; none: all. */
  only: string[];
  /** The peers with RocksDB too. */
  disk: boolean;
  loadBefore: number;
  progress(line: string): void;
}

const FILL_LINGER_MS = 50;
/** The broker notes when a record arrived; peers carry that time over to their results. */
const ARRIVAL = { 'message.timestamp.type': 'LogAppendTime' };

export class Comparison {
  private readonly expected = new Map<string, number>();
  private readonly prefix = `peers-${randomUUID().slice(0, 8)}-`;
  private readonly written = { records: 0, bytes: 0 };
  /** Names of topics and installations that were made. */
  private readonly made: { topics: string[]; installations: Installation[] } = { topics: [], installations: [] };
  private all: KeyedRecord[] | undefined;

  constructor(private readonly kafka: Kafka, private readonly directory: string, private readonly options: ComparisonOptions) {}

  async run(): Promise<Report> {
    const { records, cards, partitions, paced, disk, loadBefore, threads } = this.options, job = new PlainJob();
    const given = paced ? promptPeers(threads) : [...peers(threads), ...(disk ? peersOnDisk(threads) : [])];
    for (let number = 0; number < records; number++) job.add(purchase(number, cards));
    for (const [card, { balance }] of job.accounts) this.expected.set(card, balance);
    try {
      const runs: Run[] = [], wantedPeers = given.filter((peer) => this.isWanted(peer.engine, peer.variant));
      const input = `${this.prefix}transactions`;
      if (!paced && wantedPeers.length > 0) {
        await this.topic(input, ARRIVAL);
        await this.fill(input);
      }
      for (const [number, peer] of wantedPeers.entries()) runs.push(await this.peer(peer, number, input));
      for (const variant of variants) if (this.isWanted('Pointstream', variant.variant)) runs.push(await this.pointstream(variant));
      const recordBytes = Math.round(this.written.bytes / this.written.records), ratePerSecond = paced?.ratePerSecond ?? null;
      return {
        records, cards, partitions, recordBytes, cores: availableParallelism(), loadBefore, ratePerSecond, runs, ratios: ratiosOf(runs),
        agree: runs.length > 0 && runs.every(({ agrees }) => agrees),
      };
    } finally {
      for (const installation of this.made.installations) await installation.remove();
      await this.kafka.deleteTopics(this.made.topics);
    }
  }

  private async peer(peer: Peer, number: number, filled: string): Promise<Run> {
    const { engine, variant } = peer, { partitions, paced, records, progress } = this.options, name = `${this.prefix}${number}`, directory = join(this.directory, String(number));
    const input = paced ? `${name}-transactions` : filled, output = `${name}-results`;
    progress(`${engine} (${variant})`);
    mkdirSync(directory);
    if (paced) await this.topic(input, ARRIVAL);
    await this.topic(output);
    this.made.topics.push(`${name}-accounts-changelog`);
    const running = RunningPeer.start(peer, { brokers: this.kafka.address, input, output, group: name, directory, watch: !paced });
    let figures;
    try {
      if (paced) await running.event('running');
      figures = paced
        ? await new Paced(this.kafka, { ...paced, records: this.records(), partitions, input, output, isOurs: false, pid: running.pid }).run()
        : { ...(await drainPeer(running, records)), p50Ms: null, p99Ms: null };
    } finally {
      await running.end();
    }
    const { balances, records: found, gaps } = await balancesOfPeer(this.kafka, output, partitions);
    const wrong = found !== records ? `${found} results for ${records} records` : gaps > 0 ? `${gaps} results do not follow from the one before` : undefined;
    return this.judged({ engine, variant, ...figures }, balances, wrong);
  }

  private async pointstream(variant: Variant): Promise<Run> {
    const { partitions, paced, records, progress } = this.options, directory = join(this.directory, variant.variant);
    progress(`Pointstream (${variant.variant})`);
    const installation = await Installation.make(this.kafka, `${this.prefix}${variant.variant}-`, partitions, directory);
    this.made.installations.push(installation);
    let figures;
    if (paced) {
      const serving = await installation.serve(variant.flags);
      try {
        await serving.ready();
        const { commands: input, results: output } = installation;
        figures = await new Paced(this.kafka, { ...paced, records: this.records(), partitions, input, output, isOurs: true, pid: serving.pid }).run();
      } finally {
        await serving.stop();
      }
    } else {
      await this.fill(installation.commands);
      figures = { ...(await drainPointstream(installation, variant, records)), p50Ms: null, p99Ms: null };
    }
    return this.judged({ engine: 'Pointstream', variant: variant.variant, ...figures }, await installation.balances());
  }

  private judged(run: Omit<Run, 'agrees'>, balances: Map<string, number>, wrong = difference(this.expected, balances)): Run {
    this.options.progress(`  ${run.transactionsPerSecond} transactions/s${run.p99Ms === null ? '' : `, p50 ${run.p50Ms} ms, p99 ${run.p99Ms} ms`}; ${wrong ?? 'every balance agrees'}`);
    return { ...run, agrees: wrong === undefined };
  }
  private async topic(name: string, configs: Record<string, string> = {}): Promise<void> {
    this.made.topics.push(name);
    await this.kafka.createTopic(name, this.options.partitions, configs);
  }
  private async fill(topic: string): Promise<void> {
    const producer = await this.kafka.producer(FILL_LINGER_MS), { records } = this.options;
    this.options.progress(`  writing ${records} records`);
    for (let number = 0; number < records; number++) await producer.write(topic, this.record(number));
    await producer.close();
  }
  /** All of them, made once. */
  private records(): KeyedRecord[] {
    return (this.all ??= Array.from({ length: this.options.records }, (_, number) => this.record(number)));
  }
  private record(number: number): KeyedRecord {
    const made = record(purchase(number, this.options.cards), this.options.partitions);
    this.written.records++;
    this.written.bytes += made.value.length;
    return made;
  }
  private isWanted(engine: string, variant: string): boolean {
    const { only } = this.options, name = `${engine} ${variant}`.toLowerCase();
    return only.length === 0 || only.some((word) => name.includes(word.toLowerCase()));
  }
}

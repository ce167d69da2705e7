/**
 * The log on Apache Kafka: fills the contract of log.ts for an engine among several.
 *
 *   appends      ─▶ appender.ts       idempotent producer        ┐
 *   commits      ─▶ transactions.ts   transactional producer     ├ librdkafka: the control plane
 *   ownership    ─▶ membership.ts     consumer group             ┘
 *   input        ─▶ input-stream.ts   fetched ahead, unopened    ┐
 *   other reads  ─▶ read.ts           opened here                ├ cluster.ts: the data plane
 *   places       ─▶ offsets.ts        begin, end, committed      ┘
 *
 * Promises: what log.ts asks for. The first engine of an installation creates the topics; their number of partitions is fixed then. One engine at a time on a data directory.
 */
import { join } from 'node:path';
import {
  LogError, inputTopics, isInput, topics as logTopics, type Append, type Commit, type InputChunk, type InputTopic, type Log, type LogBatch, type OwnershipListener, type OwnValue,
  type Position, type Topic,
} from '../log.js';
import { ConfigError } from '../../config.js';
import { own, type Owner } from '../owner.js';
import { Appender, type OutgoingRecord } from './appender.js';
import { loadNative, type TopicOffset } from './client.js';
import { Cluster, reasonOf } from './cluster.js';
import type { KafkaConnection } from './connection.js';
import { FirstAssignment, joinMs } from './first-assignment.js';
import { Followers } from './followers.js';
import { InputStream, type InputStreamEvents } from './input-stream.js';
import { instanceOf } from './instance.js';
import { Membership } from './membership.js';
import { committedOffsets, deleteRecordsBefore, EARLIEST, LATEST, listOffset, untilStable } from './offsets.js';
import { firstOffsets, isKeyed, numbers, outgoingRecords, type Outgoing } from './parts.js';
import { isCommitted, logRecordOf, readRecords } from './read.js';
import { Succession } from './succession.js';
import { Tenures } from './tenures.js';
import { Topics } from './topics.js';
import { Transactions } from './transactions.js';
import { Unseen } from './unseen.js';
import { Values } from './values.js';

export interface KafkaLogOptions {
  connection: Omit<KafkaConnection, 'clientId'>;
  /** Before the names of topics and of the group: several installations may share a cluster. */
  prefix: string;
  /** The engine's data directory: its name in the group lies there. */
  directory: string;
  /** Fixed when the topics are created (16 when not given); a number given later must agree. */
  partitions?: number;
  /** How records are compressed that we write. */
  codec: string;
  /** An engine that is away for longer loses its partitions to others. */
  sessionMs: number;
  /** The log opens by then, also when the group has not agreed yet who has what (first-assignment.ts). */
  joinMsMax?: number;
  /** Whether partitions are to be processed here; else the log is only read and appended to. */
  engine: boolean;
}

export async function openKafkaLog(options: KafkaLogOptions): Promise<Log> {
  const native = loadNative(), owner = await own(options.directory, join(options.directory, 'kafka', 'owner'));
  const connection: KafkaConnection = { ...options.connection, clientId: 'pointstream' };
  const cluster = new Cluster(connection);
  let log: KafkaLog | undefined;
  try {
    log = new KafkaLog(cluster, await Topics.open(cluster, options.prefix, options.partitions), options, owner);
    await log.open(native, connection);
    return log;
  } catch (error) {
    if (log) await log.close();
    else await cluster.close().then(() => owner.release());
    throw error instanceof LogError || error instanceof ConfigError ? error : new LogError('failed', `the log on Kafka can't be opened: ${reasonOf(error)}`, { cause: error });
  }
}

class KafkaLog implements Log {
  private readonly streams: { bulk: InputStream; first: InputStream };
  private readonly followers: Followers;
  private readonly values: Values;
  private readonly listeners = new Set<(topic: InputTopic, partition: number) => void>();
  private readonly begins = new Map<string, number>();
  private readonly group: string;
  private appender: Appender | undefined;
  private membership: Membership | undefined;
  private transactions: Transactions | undefined;
  private failure: LogError | undefined;
  private closing: Promise<void> | undefined;
  private assigned: FirstAssignment | undefined;
  private readonly ownership = new Set<OwnershipListener>();
  private readonly unseen: Unseen;
  private readonly succession: Succession;
  private readonly tenures = new Tenures();
  readonly hash = 'murmur2';
  readonly shared = true;
  bytesAppended = 0;

  constructor(private readonly cluster: Cluster, private readonly topics: Topics, private readonly options: KafkaLogOptions, private readonly owner: Owner) {
    const failed = this.fail.bind(this), inputOf = (name: string): InputTopic => topics.topicOf(name) as InputTopic, events: InputStreamEvents = {
      failed, arrived: (name, partition) => this.announce(inputOf(name), partition),
      deletedUnread: (name, ...place) => this.ownership.forEach((each) => each.deletedUnread?.(inputOf(name), ...place)),
    };
    this.streams = { bulk: new InputStream(cluster, 'bulk', true, events), first: new InputStream(cluster, 'first', false, events) };
    this.followers = new Followers(cluster, failed);
    this.unseen = new Unseen(cluster);
    this.values = new Values(cluster, this.unseen, topics.name('control'), topics.messageBytesMax, this.writeValues.bind(this));
    this.group = `${topics.prefix}engines`;
    this.succession = new Succession(cluster, topics.name('results'), topics.name('snapshots'));
  }
  get partitions(): number {
    return this.topics.partitions;
  }
  get owned(): ReadonlySet<number> {
    return this.membership?.ownedOf(this.topics.name('commands')) ?? nothing;
  }
  get trouble(): string | undefined {
    return this.cluster.trouble ?? this.transactions?.trouble() ?? this.assigned?.trouble;
  }
  tenure(partition: number): number | undefined {
    return this.owned.has(partition) ? this.tenures.of(partition) : undefined;
  }
  onOwnership(listener: OwnershipListener): () => void {
    this.ownership.add(listener);
    return () => this.ownership.delete(listener);
  }

  async open(native: ReturnType<typeof loadNative>, connection: KafkaConnection): Promise<void> {
    const { cluster, options: { codec, directory, sessionMs, joinMsMax = joinMs(sessionMs) }, topics: { messageBytesMax } } = this, instance = instanceOf(join(directory, 'kafka', 'instance'));
    this.appender = await Appender.open(native, connection, codec, messageBytesMax);
    if (!this.options.engine) return;
    this.membership = new Membership({
      native, connection, group: this.group, instance, topics: [this.topics.name('commands')], sessionMs,
      events: {
        gained: (assigned) => {
          this.assigned?.end();
          this.take(numbers(assigned));
        },
        released: (assigned) => this.tenures.leave(numbers(assigned), async (partitions) => {
          await Promise.all([...this.ownership].map((listener) => listener.released(partitions)));
          await this.transactions?.idle(partitions);
          this.forget(partitions);
        }),
        lost: (assigned) => {
          this.forget(numbers(assigned));
          for (const listener of this.ownership) listener.lost(numbers(assigned));
        },
        failed: (error) => this.fail(error),
      },
    });
    this.assigned = new FirstAssignment(this.cluster, this.group);
    await this.membership.join();
    this.transactions = new Transactions({
      native, connection, transactionalId: `${this.group}-${instance}`, codec, messageBytesMax, consumer: this.membership.consumer,
      tenure: (partition) => this.tenure(partition), check: () => { if (this.failure) throw this.failure; }, fence: (partition) => this.succession.fenceOf(partition),
      advanced: (written) => this.succession.committed(written), isCommitted: ({ topic, partition, offset }) => isCommitted(cluster, topic, partition, offset),
      thrownOut: () => this.beginAnew([...this.owned]), lookForOthers: async (partitions, written) => this.beginAnew(await this.succession.overtaken(partitions, written)),
    });
    await this.transactions.open();
    await this.assigned.wait(joinMsMax);
    if (this.failure) throw this.failure;
  }

  async append(records: Append[]): Promise<number[]> {
    const outgoing = this.outgoing(records);
    const offsets = await this.appender!.append(outgoing.map(({ record }) => record));
    this.written(records);
    return firstOffsets(outgoing, offsets);
  }
  async commit({ outputs, positions, fences = [] }: Commit): Promise<number[]> {
    for (const { topic, partition } of positions) this.refuseUnknown(topic, partition);
    const outgoing = this.outgoing(outputs), records = this.succession.fenced(outgoing.map(({ record }) => record), [...positions.map(({ partition }) => partition), ...fences]);
    const offsets = await this.control.commit({ records, offsets: positions.map(this.offsetOf), fences });
    outgoing.forEach(({ record: { topic, partition } }, i) => this.unseen.committed(topic, partition, offsets[i]!));
    this.written(outputs);
    return firstOffsets(outgoing, offsets.slice(0, outgoing.length));
  }
  async read(topic: Topic, partition: number, fromOffset: number, bytesMax: number): Promise<LogBatch> {
    this.refuseUnknown(topic, partition);
    await this.unseen.readable(this.topics.name(topic), partition);
    const { records, nextOffset } = await readRecords(this.cluster, this.topics.name(topic), partition, fromOffset, bytesMax, isKeyed(topic) || topic === 'results');
    return { topic, partition, records: records.map((record) => logRecordOf(topic, record)), nextOffset };
  }
  async readInput(topic: InputTopic, partition: number, fromOffset: number, bytesMax: number): Promise<{ chunks: InputChunk[]; nextOffset: number }> {
    this.refuseUnknown(topic, partition);
    return this.streams[topic === 'commands' ? 'bulk' : 'first'].take(this.topics.name(topic), partition, fromOffset, bytesMax);
  }
  async position(topic: InputTopic, partition: number): Promise<number> {
    this.refuseUnknown(topic, partition);
    const [committed] = await committedOffsets(this.cluster, this.group, [this.topics.name(topic)], [partition]);
    return committed!.offset;
  }
  async bounds(topic: Topic, partition: number): Promise<{ begin: number; end: number }> {
    this.refuseUnknown(topic, partition);
    const name = this.topics.name(topic), known = this.begins.get(`${topic}/${partition}`);
    await this.unseen.readable(name, partition);
    const [begin, end] = await Promise.all([known ?? listOffset(this.cluster, name, partition, EARLIEST), listOffset(this.cluster, name, partition, LATEST)]);
    this.begins.set(`${topic}/${partition}`, begin);
    return { begin, end };
  }
  async settled(partition: number): Promise<void> {
    const { cluster, topics } = this;
    this.refuseUnknown('results', partition); // somebody has added partitions to the topic of the group
    // First what an earlier owner has the group's word for: its records may get there later than its offsets. Those wait for its transaction, and it gets no word any more.
    await committedOffsets(cluster, this.group, [topics.name('commands'), topics.name('snapshots')], [partition]);
    await this.succession.begin(partition);
    // After that, so that no value is missed whose fence is known.
    await untilStable(cluster, topics.name('control'), 0);
  }
  onAppend(listener: (topic: InputTopic, partition: number) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
  async trim(topic: Topic, partition: number, beforeOffset: number): Promise<void> {
    const { begin, end } = await this.bounds(topic, partition);
    if (beforeOffset <= begin) return;
    this.begins.set(`${topic}/${partition}`, await deleteRecordsBefore(this.cluster, this.topics.name(topic), partition, Math.min(beforeOffset, end)));
  }
  getValue(name: string): Promise<Uint8Array | undefined> {
    return this.values.get(name);
  }
  putValue(name: string, value: Uint8Array): Promise<void> {
    return this.values.put([{ name, value }]);
  }
  putOwnValues(values: OwnValue[]): Promise<void> {
    return this.values.put(values, values.map(({ partition }) => partition));
  }
  addValue(name: string, value: Uint8Array): Promise<boolean> {
    return this.values.add(name, value);
  }
  private async writeValues(records: OutgoingRecord[], fences: number[]): Promise<void> {
    this.refuseWhenClosed();
    if (!this.transactions) return void await this.appender!.append(records);
    const offsets = await this.transactions.commit({ records: this.succession.fenced(records, fences), offsets: [], fences });
    this.unseen.committed(this.topics.name('control'), 0, offsets[records.length - 1]!);
  }
  async follow(topic: Topic, partition: number, listener: (value: Uint8Array) => void): Promise<() => void> {
    const { end } = await this.bounds(topic, partition);
    return this.followers.follow(this.topics.name(topic), partition, end, listener);
  }
  close(): Promise<void> {
    this.closing ??= (async () => {
      this.assigned?.end();
      const [ended] = await Promise.all([this.transactions?.close(), this.appender?.close()]);
      await this.membership?.leave(ended !== false);
      for (const stream of [...Object.values(this.streams), this.followers]) stream.close();
      await this.cluster.close();
      await this.owner.release();
    })();
    return this.closing;
  }

  private outgoing(appends: Append[]): Outgoing[] {
    for (const { topic, partition } of appends) this.refuseUnknown(topic, partition);
    return outgoingRecords(appends, this.topics);
  }
  private written(appends: Append[]): void {
    const heard = new Set<string>();
    for (const { topic, partition, value } of appends) {
      this.bytesAppended += value.length;
      if (!isInput(topic) || heard.has(`${topic}/${partition}`)) continue;
      heard.add(`${topic}/${partition}`);
      this.announce(topic, partition);
    }
  }
  private readonly announce = (topic: InputTopic, partition: number): void => this.listeners.forEach((listener) => listener(topic, partition));
  private readonly offsetOf = ({ topic, partition, offset }: Position): TopicOffset => ({ topic: this.topics.name(topic), partition, offset });
  /** The engine's own: who only serves a gateway commits nothing. */
  private get control(): Transactions {
    if (!this.transactions) throw new LogError('failed', 'this process has no part in the group of engines, so it commits nothing');
    return this.transactions;
  }
  /** Others may have gone on with these, though we were not told that they had them. Those on their way out are not taken again. */
  private beginAnew(partitions: number[]): void {
    if (partitions.length === 0) return;
    this.forget(partitions);
    for (const listener of this.ownership) listener.lost(partitions);
    this.take(this.tenures.end(partitions).filter((partition) => this.owned.has(partition)));
  }
  private take(partitions: number[]): void {
    this.tenures.begin(partitions);
    for (const listener of this.ownership) listener.gained(partitions);
  }
  private forget(partitions: number[]): void {
    for (const partition of partitions) this.succession.forget(partition);
    for (const topic of inputTopics) for (const partition of partitions) this.streams[topic === 'commands' ? 'bulk' : 'first'].forget(this.topics.name(topic), partition);
  }
  private fail(error: Error): void {
    this.failure ??= error instanceof LogError ? error : new LogError('failed', error.message, { cause: error });
    this.assigned?.end();
    for (const listener of this.ownership) listener.failed?.(this.failure);
  }
  private refuseUnknown(topic: Topic, partition: number): void {
    this.refuseWhenClosed();
    if (!(logTopics as readonly string[]).includes(topic) || !Number.isInteger(partition) || partition < 0 || partition >= this.partitions) {
      throw new LogError('failed', `there is no ${topic}/${partition}: the log has ${this.partitions} partitions, fixed when it was created`);
    }
  }
  private refuseWhenClosed(): void {
    if (this.closing) throw new LogError('closed', 'the log is closed');
  }
}

const nothing: ReadonlySet<number> = new Set();

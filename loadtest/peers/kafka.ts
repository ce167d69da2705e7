/**
 * The load test's own hands at the broker: makes topics, writes the records, reads what engines wrote, asks how far a group is. Everything committed, nothing else.
 *
 * Reading goes by the product's raw fetches (engine/log/kafka): it costs little on the machine that is being measured.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { createTopicsV7, deleteTopicsV6, offsetFetchV8 } from '@platformatic/kafka';
import { called, codes, connectNative, disconnectNative, loadNative, nativeSettings, type NativeError, type NativeProducer } from '../../engine/log/kafka/client.js';
import { Cluster } from '../../engine/log/kafka/cluster.js';
import { committedBatches, fetchFrom, type CommittedBatch } from '../../engine/log/kafka/fetch.js';
import { LATEST, listOffset, untilStable } from '../../engine/log/kafka/offsets.js';
import type { KeyedRecord } from './transactions.js';

const CALL_MS_MAX = 20_000, FLUSH_MS_MAX = 120_000, FULL_MS = 2, FETCH_BYTES_MAX = 16 * 2 ** 20, REPLICAS = 1, LOOK_MS = 50;
const BATCH_BYTES = 512 * 1024, BATCH_RECORDS = 20_000, POLL_RECORDS = 10_000;

export class Kafka {
  readonly cluster: Cluster;
  private constructor(readonly address: string) {
    this.cluster = new Cluster({ brokers: address.split(','), clientId: 'pointstream-peers' });
  }
  static async open(address: string): Promise<Kafka> {
    const kafka = new Kafka(address);
    await kafka.cluster.describe([]);
    return kafka;
  }
  close(): Promise<void> {
    return this.cluster.close();
  }

  async createTopic(name: string, partitions: number, configs: Record<string, string> = {}): Promise<void> {
    const request = [{ name, numPartitions: partitions, replicationFactor: REPLICAS, assignments: [], configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })) }];
    await this.cluster.fromAny(createTopicsV7.api, request, CALL_MS_MAX, false);
    await this.learn(name, partitions);
  }
  /** Waits until all partitions of a topic have a leader. */
  async learn(name: string, partitions: number): Promise<void> {
    for (;;) {
      const { topics: [found] } = await this.cluster.describe([name]);
      if (found?.errorCode === 0 && found.partitions.length === partitions && found.partitions.every(({ leaderId }) => leaderId >= 0)) return;
      await pause(LOOK_MS);
    }
  }
  /** Of those names, the ones that exist. */
  async deleteTopics(names: string[]): Promise<void> {
    const { topics } = await this.cluster.describe(names), there = topics.filter(({ errorCode }) => errorCode === 0).map(({ name }) => ({ name: name! }));
    if (there.length > 0) await this.cluster.fromAny(deleteTopicsV6.api, there, CALL_MS_MAX);
  }

  /** Up to where those who read committed records can read. */
  async ends(topic: string, partitions: number): Promise<number[]> {
    return Promise.all(Array.from({ length: partitions }, (_, partition) => listOffset(this.cluster, topic, partition, LATEST)));
  }
  async untilStable(topic: string, partitions: number): Promise<void> {
    await Promise.all(Array.from({ length: partitions }, (_, partition) => untilStable(this.cluster, topic, partition)));
  }
  /** Next offsets that a group has committed; what is just being committed does not count. */
  async committed(group: string, topic: string, partitions: number): Promise<number[]> {
    const partitionIndexes = Array.from({ length: partitions }, (_, partition) => partition);
    const { groups: [answer] } = await this.cluster.fromCoordinator(group, offsetFetchV8.api, [{ groupId: group, memberEpoch: -1, topics: [{ name: topic, partitionIndexes }] }], false);
    const offsets = partitionIndexes.map(() => 0);
    for (const { partitionIndex, committedOffset } of answer!.topics[0]!.partitions) offsets[partitionIndex] = Math.max(0, Number(committedOffset));
    return offsets;
  }

  /** The committed batches of a partition, from the first to what is the end now. */
  async *batches(topic: string, partition: number): AsyncGenerator<CommittedBatch> {
    const end = await listOffset(this.cluster, topic, partition, LATEST), wait = { msMax: 0, bytesMin: 0, bytesMax: FETCH_BYTES_MAX };
    for (let offset = 0; offset < end;) {
      const [fetched] = await fetchFrom(this.cluster, this.cluster.leaderOf(topic, partition), 'reads', [{ topic, partition, offset, bytesMax: FETCH_BYTES_MAX }], wait);
      if (fetched!.error !== 0) throw new Error(`${topic}/${partition} can't be read at ${offset}: error ${fetched!.error}`);
      const { batches, nextOffset } = committedBatches(fetched!.records, fetched!.aborted, offset);
      yield* batches;
      offset = nextOffset;
    }
  }
  producer(lingerMs: number): Promise<RecordProducer> {
    return RecordProducer.open(this.address, lingerMs);
  }
}

/** A trusted producer: single records, each in the partition of its key, idempotent. */
export class RecordProducer {
  private written = 0;
  private failure: Error | undefined;

  private constructor(private readonly native: NativeProducer) {
    native.on('delivery-report', (error) => { this.failure ??= error ?? undefined; });
  }
  static async open(address: string, lingerMs: number): Promise<RecordProducer> {
    const { Producer } = loadNative(), native = new Producer({
      ...nativeSettings({ brokers: [address], clientId: 'pointstream-peers' }), 'enable.idempotence': true, 'linger.ms': lingerMs, 'compression.codec': 'lz4', 'batch.size': BATCH_BYTES,
      'batch.num.messages': BATCH_RECORDS, 'queue.buffering.max.messages': 1_000_000, 'queue.buffering.max.kbytes': 256 * 1024, 'dr_cb': true,
      // Reports of what was delivered would cost an object a record.
      'delivery.report.only.error': true,
    });
    await connectNative(native);
    native.setPollInBackground(true);
    return new RecordProducer(native);
  }
  async write(topic: string, { partition, key, value }: KeyedRecord): Promise<void> {
    if (this.failure) throw this.failure;
    for (;;) {
      try {
        this.native.produce(topic, partition, value, key, null, 0);
        break;
      } catch (error) {
        if ((error as NativeError).code !== codes.queueFull) throw error;
        await pause(FULL_MS);
      }
    }
    // The queue is drained by other threads; reports come by the event loop.
    if (++this.written % POLL_RECORDS === 0) await pause(0);
  }
  /** Resolves when all is written. */
  async close(): Promise<void> {
    await called((done) => this.native.flush(FLUSH_MS_MAX, done));
    if (this.failure) throw this.failure;
    await disconnectNative(this.native);
  }
}

/** Other programs at a broker, for tests: topics that are not the engine's, and producers that know nothing of it. */
import { createPartitionsV3, createTopicsV7, deleteTopicsV6 } from '@platformatic/kafka';
import { called, connectNative, disconnectNative, loadNative } from '../../engine/log/kafka/client.js';
import { Cluster } from '../../engine/log/kafka/cluster.js';
import type { Broker } from './broker.js';

const FLUSH_MS_MAX = 20_000;

export interface ForeignRecord { value: Buffer | string | null; key?: string; /** the producer's partitioner chooses when left out */ partition?: number }

export async function createTopic(broker: Broker, name: string, numPartitions: number, settings: Record<string, string> = {}): Promise<void> {
  const configs = Object.entries(settings).map(([key, value]) => ({ name: key, value }));
  await withCluster(broker, (cluster) => cluster.fromAny(createTopicsV7.api, [{ name, numPartitions, replicationFactor: 1, assignments: [], configs }], FLUSH_MS_MAX, false));
}
export async function deleteTopic(broker: Broker, name: string): Promise<void> {
  await withCluster(broker, (cluster) => cluster.fromAny(deleteTopicsV6.api, [{ name }], FLUSH_MS_MAX));
}
/** `count`: how many there are then. */
export async function addPartitions(broker: Broker, name: string, count: number): Promise<void> {
  await withCluster(broker, (cluster) => cluster.fromAny(createPartitionsV3.api, [{ name, count }], FLUSH_MS_MAX, false));
}
export async function withCluster<T>(broker: Broker, action: (cluster: Cluster) => Promise<T>): Promise<T> {
  const cluster = new Cluster({ brokers: [broker.address], clientId: 'foreign' });
  try {
    return await action(cluster);
  } finally {
    await cluster.close();
  }
}

/** Resolves when all of them are acknowledged. `settings`: of librdkafka; its partitioner is by default not the one of Kafka's own clients. */
export async function produce(broker: Broker, topic: string, records: ForeignRecord[], settings: Record<string, string | number> = {}): Promise<void> {
  const producer = new (loadNative().Producer)({ 'bootstrap.servers': broker.address, 'linger.ms': 5, 'dr_cb': true, ...settings });
  await connectNative(producer);
  const refused: string[] = [];
  producer.on('delivery-report', (error) => void (error && refused.push(error.message)));
  producer.setPollInBackground(true);
  records.forEach(({ value, key, partition = -1 }, i) => producer.produce(topic, partition, value === null ? null : Buffer.from(value), key ?? null, null, i));
  await called((done) => producer.flush(FLUSH_MS_MAX, done));
  await disconnectNative(producer);
  if (refused.length > 0) throw new Error(`${refused.length} records of ${topic} were not taken: ${refused[0]}`);
}

/**
 * The topics of an installation: created with the settings that exactly-once and the history need when they are missing, checked when they are there.
 *
 * Append times are the broker's (LogAppendTime), since a partition's clock is the append time of its log. Deleting is the engine's own work (trim), so nothing expires by time or size.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { createTopicsV7, deleteTopicsV6, describeConfigsV4 } from '@platformatic/kafka';
import { ConfigError } from '../../config.js';
import { LogError } from '../log.js';
import { Cluster, reasonOf } from './cluster.js';
import type { KafkaConnection } from './connection.js';
import { LATEST, listOffset } from './offsets.js';
import { stored, storedNames, type StoredTopic } from './stored-topics.js';

const PARTITIONS_DEFAULT = 16;
/** What records may have at most where we create the topics; larger results are split. Kafka's default, 1 MiB, would do for all but the largest batches. */
const MESSAGE_BYTES_MAX = 8 * 2 ** 20;
/** Below this an envelope of the gateway may not fit. */
const MESSAGE_BYTES_MIN = 1_000_000;
const CREATE_MS_MAX = 20_000, TOPIC = 2, UNKNOWN_TOPIC = 3, LOOK_MS = 20;
const REPLICAS_WANTED = 3;
/** Compacted topics keep marks of what was removed so long: beyond the longest time that an engine may be away and come back. */
const TOMBSTONES_MS = 30 * 86_400_000;

const compacted = new Set<StoredTopic>(['control', 'snapshots']);
/** What is not compacted yet is read at each take-over: the segment that is being written never is, and Kafka's default for its size is a gigabyte. */
const SNAPSHOT_SEGMENT_BYTES = 32 * 2 ** 20;
/** Whoever waits for an answer has given up by then; everything else is kept until the engine trims it. */
const REPLIES_MS = 3_600_000;
const retentionMs = (topic: StoredTopic): string => (topic === 'replies' ? String(REPLIES_MS) : '-1');

export class Topics {
  private readonly byName = new Map<string, StoredTopic>();

  private constructor(readonly prefix: string, readonly partitions: number, /** A record of a topic may have so many bytes. */ readonly messageBytesMax: number) {
    for (const topic of stored) this.byName.set(this.name(topic), topic);
  }
  name(topic: StoredTopic): string {
    return `${this.prefix}${storedNames[topic]}`;
  }
  topicOf(name: string): StoredTopic {
    return this.byName.get(name)!;
  }

  /** `partitions`: wanted; the stored number, or 16, when not given. Throws ConfigError when what is there does not fit. */
  static async open(cluster: Cluster, prefix: string, partitions: number | undefined): Promise<Topics> {
    if (partitions !== undefined && (!Number.isInteger(partitions) || partitions < 1 || partitions > 256)) {
      throw new LogError('failed', `the number of partitions must be 1 to 256, not ${partitions}`);
    }
    const named = new Map(stored.map((topic) => [`${prefix}${storedNames[topic]}`, topic]));
    let there = await find(cluster, [...named.keys()]);
    const known = there.get(`${prefix}${storedNames.commands}`);
    const count = partitions ?? known ?? PARTITIONS_DEFAULT;
    const missing = [...named].filter(([name]) => !there.has(name));
    if (missing.length > 0) {
      await create(cluster, missing.map(([name, topic]) => ({ name, topic, partitions: topic === 'control' ? 1 : known ?? count })));
      // It takes a moment to get around.
      for (const untilMs = performance.now() + CREATE_MS_MAX; there.size < named.size && performance.now() < untilMs; await pause(LOOK_MS)) there = await find(cluster, [...named.keys()]);
      // Each leader knows that it is one: what it refuses of the first records of a producer may be lost (appender.ts).
      await Promise.all(missing.flatMap(([name]) => Array.from({ length: there.get(name) ?? 0 }, (_, partition) => listOffset(cluster, name, partition, LATEST))));
    }
    for (const [name, topic] of named) {
      const found = there.get(name) ?? 0, wanted = topic === 'control' ? 1 : count;
      if (found !== wanted) refusePartitions(name, found, wanted, partitions !== undefined);
    }
    return new Topics(prefix, count, await check(cluster, named));
  }
}

function refusePartitions(name: string, found: number, wanted: number, isGiven: boolean): never {
  const leaveOut = isGiven ? 'leave the setting partitions out, or ' : '';
  throw new ConfigError(`topic ${name} was created with partitions ${found}, not ${wanted}; this is fixed at creation: ${leaveOut}choose another --kafka-prefix`);
}

/** How many brokers there are; throws when none answers. */
export function countBrokers(connection: KafkaConnection): Promise<number> {
  return atCluster(connection, async (cluster) => (await cluster.describe([])).brokers.length);
}

/** Whether there is an installation. Throws LogError, `unavailable` when no broker answers. */
export function hasTopics(connection: KafkaConnection, prefix: string): Promise<boolean> {
  return atCluster(connection, async (cluster) => (await find(cluster, namesOf(prefix))).size > 0);
}

/** Deletes all topics of an installation, for those that were made for a while. */
export function removeTopics(connection: KafkaConnection, prefix: string): Promise<void> {
  return atCluster(connection, async (cluster) => {
    const there = await find(cluster, namesOf(prefix));
    if (there.size > 0) await cluster.fromAny(deleteTopicsV6.api, [...there.keys()].map((name) => ({ name })), CREATE_MS_MAX);
  });
}

const namesOf = (prefix: string): string[] => stored.map((topic) => `${prefix}${storedNames[topic]}`);
async function atCluster<T>(connection: KafkaConnection, action: (cluster: Cluster) => Promise<T>): Promise<T> {
  const cluster = new Cluster(connection);
  try {
    return await action(cluster);
  } catch (error) {
    throw error instanceof LogError ? error : new LogError('failed', reasonOf(error), { cause: error });
  } finally {
    await cluster.close();
  }
}

/** Names that exist and have a leader for each partition, with their number of partitions. */
async function find(cluster: Cluster, names: string[]): Promise<Map<string, number>> {
  const answer = await cluster.describe(names);
  const refused = answer.topics.find(({ errorCode }) => errorCode !== 0 && errorCode !== UNKNOWN_TOPIC);
  if (refused) throw new LogError('failed', `topic ${refused.name} can't be read: error ${refused.errorCode} of the protocol`);
  const led = answer.topics.filter(({ errorCode, partitions }) => errorCode === 0 && partitions.every(({ leaderId }) => leaderId >= 0));
  return new Map(led.map(({ name, partitions }) => [name!, partitions.length]));
}

async function create(cluster: Cluster, wanted: { name: string; topic: StoredTopic; partitions: number }[]): Promise<void> {
  const { brokers } = await cluster.describe([]), replicationFactor = Math.min(REPLICAS_WANTED, brokers.length);
  const settings = (topic: StoredTopic): Record<string, string> => ({
    'message.timestamp.type': 'LogAppendTime', 'retention.ms': retentionMs(topic), 'retention.bytes': '-1', 'max.message.bytes': String(MESSAGE_BYTES_MAX), 'compression.type': 'producer',
    'cleanup.policy': compacted.has(topic) ? 'compact' : 'delete', 'unclean.leader.election.enable': 'false', 'min.insync.replicas': replicationFactor > 2 ? '2' : '1',
    ...(topic === 'snapshots' ? { 'segment.bytes': String(SNAPSHOT_SEGMENT_BYTES) } : {}),
    ...(compacted.has(topic) ? { 'delete.retention.ms': String(TOMBSTONES_MS) } : {}),
  });
  const request = wanted.map(({ name, topic, partitions }) => ({
    name, numPartitions: partitions, replicationFactor, assignments: [], configs: Object.entries(settings(topic)).map(([key, value]) => ({ name: key, value })),
  }));
  try {
    await cluster.fromAny(createTopicsV7.api, request, CREATE_MS_MAX, false);
  } catch (error) {
    const errors = (error as { errors?: { apiId?: string }[] }).errors ?? [];
    // Another engine may have been faster.
    if (errors.length > 0 && errors.every(({ apiId }) => apiId === 'TOPIC_ALREADY_EXISTS')) return;
    throw new LogError('failed', `the topics can't be created: ${reasonOf(error)}`, { cause: error });
  }
}

/** Throws where a setting would lose something; returns the largest record that all topics take. */
async function check(cluster: Cluster, named: Map<string, StoredTopic>): Promise<number> {
  const keys = ['message.timestamp.type', 'cleanup.policy', 'retention.ms', 'retention.bytes', 'max.message.bytes'];
  const { results } = await cluster.fromAny(describeConfigsV4.api, [...named.keys()].map((resourceName) => ({ resourceType: TOPIC, resourceName, configurationKeys: keys })), false, false);
  let messageBytesMax = MESSAGE_BYTES_MAX;
  for (const { resourceName, configs } of results) {
    const has = Object.fromEntries(configs.map(({ name, value }) => [name, value])), topic = named.get(resourceName)!;
    const refuse = (setting: string, wanted: string): never => {
      throw new ConfigError(`topic ${resourceName} has ${setting}=${has[setting]}, which must be ${wanted}: kafka-configs --alter --topic ${resourceName} --add-config ${setting}=${wanted}`);
    };
    if (has['message.timestamp.type'] !== 'LogAppendTime') refuse('message.timestamp.type', 'LogAppendTime');
    const policy = compacted.has(topic) ? 'compact' : 'delete';
    if (has['cleanup.policy'] !== policy) refuse('cleanup.policy', policy);
    for (const limit of ['retention.ms', 'retention.bytes']) if (policy === 'delete' && topic !== 'replies' && has[limit] !== '-1') refuse(limit, '-1');
    const bytes = Number(has['max.message.bytes']);
    if (bytes < MESSAGE_BYTES_MIN) refuse('max.message.bytes', String(MESSAGE_BYTES_MAX));
    messageBytesMax = Math.min(messageBytesMax, bytes);
  }
  return messageBytesMax;
}

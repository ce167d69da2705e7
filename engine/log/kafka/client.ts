/**
 * The native client (librdkafka by @confluentinc/kafka-javascript), as far as it is used: producers, and a consumer for membership. It is an optional package, so it is loaded here,
 * when Kafka was asked for, and its types are written down here: the engine must compile without it. Main thread only.
 *
 * The low-level calls, not the KafkaJS-like ones: those lose the flags of errors (fatal, retriable, abort) that exactly-once stands on.
 */
import { createRequire } from 'node:module';
import { nativeCall, nativeClients } from '../../end-process.js';
import { LogError } from '../log.js';
import type { KafkaConnection } from './connection.js';

export interface NativeError extends Error { code: number; isFatal?: boolean; isRetriable?: boolean; isTxnRequiresAbort?: boolean }
export interface TopicPartition { topic: string; partition: number }
export interface TopicOffset extends TopicPartition { offset: number }
type Done = (error: NativeError | null | undefined) => void;
type Settings = Record<string, unknown>;

interface NativeClient {
  connect(options: { timeout: number }, done: (error: NativeError | null) => void): void;
  on(event: 'event.error', listener: (error: NativeError) => void): void;
  on(event: 'delivery-report', listener: (error: NativeError | null | undefined, report: TopicOffset & { opaque: number }) => void): void;
}
export interface NativeProducer extends NativeClient {
  /** What it has not sent by then is given up. */
  disconnect(flushMs: number, done: Done): void;
  /** Throws a NativeError, e.g. when its queue is full. */
  produce(topic: string, partition: number, value: Buffer | null, key: string | null, timestamp: null, opaque: number): void;
  setPollInBackground(set: boolean): void;
  flush(timeoutMs: number, done: Done): void;
  initTransactions(timeoutMs: number, done: Done): void;
  beginTransaction(done: Done): void;
  sendOffsetsToTransaction(offsets: TopicOffset[], consumer: NativeConsumer, timeoutMs: number, done: Done): void;
  commitTransaction(timeoutMs: number, done: Done): void;
  abortTransaction(timeoutMs: number, done: Done): void;
}
export interface NativeConsumer extends NativeClient {
  disconnect(done: Done): void;
  subscribe(topics: string[]): void;
  unsubscribe(): void;
  consume(count: number, done: (error: NativeError | null, messages: unknown[]) => void): void;
  setDefaultConsumeTimeout(timeoutMs: number): void;
  incrementalAssign(assignment: TopicOffset[]): void;
  incrementalUnassign(assignment: TopicPartition[]): void;
  pause(partitions: TopicPartition[]): void;
  assignmentLost(): boolean;
  /** Offsets of the group, refused when the partitions are another member's. */
  commitCb(offsets: TopicOffset[], done: Done): void;
}
export interface Native {
  Producer: new (settings: Settings) => NativeProducer;
  KafkaConsumer: new (settings: Settings) => NativeConsumer;
  librdkafkaVersion: string;
}

const CONNECT_MS_MAX = 30_000;
/** Of records that a producer has taken and Kafka has not; beyond it callers wait. */
const QUEUE_BYTES_MAX = 256 * 2 ** 20;

/** Codes of librdkafka that decide what is done. */
export const codes = {
  assign: -175, revoke: -174, queueFull: -184, timedOut: -185, fatal: -150, fencedInstance: -144, fenced: 90, invalidProducerEpoch: 47, unknownMember: 25, illegalGeneration: 22,
  fencedStaticMember: 82, messageTooLarge: 10, inconsistentProtocol: 23, invalidSessionTime: 26, groupNotAllowed: 30,
} as const;

export const HOW_TO_GET_IT = 'npm ci downloads it where it may; else install pkg-config, a C++ compiler and the headers of zlib, OpenSSL, zstd, curl, SASL and lz4 '
  + '(Debian: zlib1g-dev libssl-dev libzstd-dev libcurl4-openssl-dev libsasl2-dev liblz4-dev), then CKJS_LINKING=dynamic node scripts/install.mjs';

/** Throws LogError `failed` when it is not installed here. */
export function loadNative(): Native {
  try {
    return createRequire(import.meta.url)('@confluentinc/kafka-javascript') as Native;
  } catch (error) {
    const [reason] = (error as Error).message.split('\n');
    throw new LogError('failed', `Kafka was asked for, but @confluentinc/kafka-javascript can't be loaded (${reason}): ${HOW_TO_GET_IT}`);
  }
}

/** What every native client is told: where, and how to be let in. Small waits before repeats: after a commit the next transaction is refused for some milliseconds. */
export function nativeSettings({ brokers, clientId, tls, sasl }: KafkaConnection): Settings {
  return {
    'bootstrap.servers': brokers.join(','), 'client.id': clientId, 'retry.backoff.ms': 2, 'retry.backoff.max.ms': 5, 'reconnect.backoff.ms': 50, 'reconnect.backoff.max.ms': 1000,
    'socket.nagle.disable': true, 'log.connection.close': false,
    'security.protocol': `${sasl ? 'sasl_' : ''}${tls ? 'ssl' : 'plaintext'}`,
    ...(tls?.caFile ? { 'ssl.ca.location': tls.caFile } : {}),
    ...(tls?.certificateFile ? { 'ssl.certificate.location': tls.certificateFile } : {}),
    ...(tls?.keyFile ? { 'ssl.key.location': tls.keyFile } : {}),
    ...(sasl ? { 'sasl.mechanisms': sasl.mechanism, 'sasl.username': sasl.user, 'sasl.password': sasl.password } : {}),
  };
}

/** One of its calls as a promise. Without a broker it may not return at all: end-process.ts. */
export function called(call: (done: Done) => void): Promise<void> {
  return nativeCall(new Promise((resolve, reject) => call((error) => (error ? reject(error) : resolve()))));
}

/** Resolves when it has reached the cluster. */
export async function connectNative(client: NativeClient): Promise<void> {
  // Without a listener an error event would end the process. What matters of them comes with the calls too; a broker that is away is tried again for ever. Only why none is reached is said here.
  let said = '';
  client.on('event.error', ({ message }) => { said = `: ${message}`; });
  try {
    await called((done) => client.connect({ timeout: CONNECT_MS_MAX }, done));
  } catch (error) {
    throw new LogError('unavailable', `Kafka can't be reached: ${(error as Error).message}${said}`, { cause: error });
  }
  nativeClients.add(client);
}
/** Without a broker it may not resolve. */
export async function disconnectNative(client: NativeProducer | NativeConsumer): Promise<void> {
  await called((done) => ('produce' in client ? client.disconnect(0, done) : client.disconnect(done)));
  nativeClients.delete(client);
}

/** Of both producers: what is written is on all replicas, once, in order; sent at once. */
export function producerSettings(codec: string, messageBytesMax: number): Settings {
  return {
    'enable.idempotence': true, 'linger.ms': 0, 'compression.codec': codec, 'message.max.bytes': messageBytesMax, 'dr_cb': true,
    'queue.buffering.max.messages': 1_000_000, 'queue.buffering.max.kbytes': QUEUE_BYTES_MAX / 1024,
  };
}

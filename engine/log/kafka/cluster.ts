/**
 * The brokers of a cluster as the data plane sees them: connections (of @platformatic/kafka), who leads which partition, and requests that are repeated until they succeed or their
 * time is over.
 *
 * Promises: a request goes to whoever leads the partition now; when that changes, a broker dies or says "not now", it is asked again, at most RETRY_MS. Requests of one lane don't
 * wait behind another lane's, as each has a connection of its own.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { Connection, createAPI, findCoordinatorV4, metadataV12, type API } from '@platformatic/kafka';
import { LogError } from '../log.js';
import { connectionOptions, type KafkaConnection } from './connection.js';
import { Transient, Unreached, unreached, type Seen } from './unreached.js';

const RETRY_MS = 30_000, BACKOFF_MS = 50, BACKOFF_MS_MAX = 1000;
/** Silence up to here is nothing to be told of: a leader changes, a broker is started again. */
const SILENCE_MS = 5000;
/** How the record of an alert begins: what a port that speaks TLS answers to whoever doesn't (RFC 8446, 5.1). */
const TLS_ALERT = 0x15, TLS_VERSION = 3;
const GROUP = 0;
/** Said by a broker that will do it later, or isn't the right one any more (https://kafka.apache.org/protocol#protocol_error_codes). */
const TRANSIENT = new Set([3, 5, 6, 7, 8, 9, 13, 14, 15, 16, 19, 20, 41, 51, 56, 72, 74, 75, 88, 100, 103]);

export type MetadataResponse = metadataV12.MetadataResponse;
const METADATA = 3, METADATA_VERSION = 12;
/** Topics and partitions that have an error don't make the whole answer one: they carry their codes. */
const metadata = createAPI<Parameters<typeof metadataV12.createRequest>, MetadataResponse>(METADATA, METADATA_VERSION, metadataV12.createRequest, (...given) => {
  try {
    return metadataV12.parseResponse(...given);
  } catch (error) {
    const { response } = error as { response?: MetadataResponse };
    if (!response) throw error;
    return response;
  }
});
interface TopicPlace { id: string; leaders: number[] }
interface Link { ready: Promise<Connection>; seen: Seen; /** Requests that are not answered. */ asked: number; /** Takes no more of them, and closes after the last. */ retired: boolean }

export class Cluster {
  private readonly links = new Map<string, Link>();
  private nodes = new Map<number, { host: string; port: number }>();
  private readonly topics = new Map<string, TopicPlace>();
  private readonly names = new Map<string, string>();
  private refreshing: Promise<void> | undefined;
  private closed = false;
  private coordinator: number | undefined;
  private reached = false;
  private silence: { sinceMs: number; reason: string } | undefined;

  constructor(private readonly options: KafkaConnection) {}

  /** Why no broker has answered anything for a while. */
  get trouble(): string | undefined {
    return this.silence && performance.now() - this.silence.sinceMs > SILENCE_MS ? this.silence.reason : undefined;
  }

  /** Learns where these topics are; those that do not exist have an error in the answer. */
  async describe(topics: string[]): Promise<MetadataResponse> {
    const answer = await this.fromAny(metadata, topics, false, false);
    this.nodes = new Map(answer.brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }]));
    for (const { errorCode, name, topicId, partitions } of answer.topics) {
      if (errorCode !== 0) continue;
      const leaders: number[] = [];
      for (const { partitionIndex, leaderId } of partitions) leaders[partitionIndex] = leaderId;
      this.topics.set(name!, { id: topicId, leaders });
      this.names.set(topicId, name!);
    }
    return answer;
  }
  /** Looks again who leads what; several callers share one look. */
  refresh(): Promise<void> {
    this.refreshing ??= this.describe([...this.topics.keys()]).then(() => undefined).finally(() => { this.refreshing = undefined; });
    return this.refreshing;
  }
  topicId(name: string): string {
    return this.topics.get(name)!.id;
  }
  topicName(id: string): string {
    return this.names.get(id)!;
  }
  /** -1: nobody at the moment. */
  leaderOf(topic: string, partition: number): number {
    return this.topics.get(topic)?.leaders[partition] ?? -1;
  }

  /** Whichever broker answers, beginning with those that were named. */
  async fromAny<A extends unknown[], R>(api: API<A, R>, ...given: A): Promise<R> {
    let failure: unknown;
    const named = this.options.brokers.map((broker) => {
      const at = broker.lastIndexOf(':');
      return { host: broker.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(broker.slice(at + 1)) };
    });
    return this.retried(async () => {
      for (const { host, port } of [...this.nodes.values(), ...named]) {
        try {
          return await this.ask(`${host}:${port}`, host, port, api, given);
        } catch (error) {
          if (this.closed || !isTransient(error)) throw error;
          failure = error;
        }
      }
      throw failure;
    });
  }
  /** From whom leads the partition. */
  fromLeader<A extends unknown[], R>(topic: string, partition: number, api: API<A, R>, ...given: A): Promise<R> {
    return this.retried(async () => this.fromNode(this.leaderOf(topic, partition), 'requests', api, ...given), () => this.refresh());
  }
  async fromCoordinator<A extends unknown[], R>(group: string, api: API<A, R>, ...given: A): Promise<R> {
    return this.retried(async () => {
      this.coordinator ??= await this.findCoordinator(group);
      return this.fromNode(this.coordinator, 'requests', api, ...given);
    }, () => { this.coordinator = undefined; });
  }
  /** Once, from this node. `lane` names the connection. */
  async fromNode<A extends unknown[], R>(node: number, lane: string, api: API<A, R>, ...given: A): Promise<R> {
    const place = this.nodes.get(node);
    if (!place) throw new Transient(`broker ${node} is not known`);
    return this.ask(`${node}/${lane}`, place.host, place.port, api, given);
  }
  async close(): Promise<void> {
    this.closed = true;
    const open = [...this.links.values()];
    this.links.clear();
    await Promise.all(open.map(({ ready }) => ready.then((connection) => connection.close(), () => undefined)));
  }

  private async findCoordinator(group: string): Promise<number> {
    const { coordinators: [found] } = await this.fromAny(findCoordinatorV4.api, GROUP, [group]);
    this.nodes.set(found!.nodeId, { host: found!.host, port: found!.port });
    return found!.nodeId;
  }
  private async ask<A extends unknown[], R>(name: string, host: string, port: number, api: API<A, R>, given: A): Promise<R> {
    if (this.closed) throw new LogError('closed', 'the log is closed');
    const link = this.links.get(name) ?? this.connect(name, host, port);
    link.asked++;
    try {
      const answer = await api.async(await link.ready, ...given);
      this.answered();
      return answer;
    } catch (error) {
      const failure = unreached(error, link.seen, this.options);
      if (failure && !this.closed) this.silence = { sinceMs: this.silence?.sinceMs ?? performance.now(), reason: failure.message };
      else this.answered();
      throw failure ?? error;
    } finally {
      link.asked--;
      closeRetired(link);
    }
  }
  private answered(): void {
    this.reached = true;
    this.silence = undefined;
  }
  private connect(name: string, host: string, port: number): Link {
    const connection = new Connection(this.options.clientId, connectionOptions(this.options, host)), seen: Seen = { address: `${host}:${port}`, troubles: [], alerted: false };
    const forget = (): void => {
      if (this.links.get(name) === link) this.links.delete(name);
    };
    // Before what it proved expires (connections.max.reauth.ms). Proving it again on the same connection would fail the requests that are sent meanwhile: the next ones open another one.
    connection.reauthenticate = () => {
      link.retired = true;
      forget();
      closeRetired(link);
    };
    const ready = (connection.connect(host, port) as Promise<void>).then(() => connection), link: Link = { ready, seen, asked: 0, retired: false };
    // Whoever waits for an answer hears of it; the next request opens another one.
    connection.on('error', (error: unknown) => {
      seen.troubles.push(error);
      forget();
    });
    connection.on('close', forget);
    ready.catch(forget);
    if (!this.options.tls) connection.socket.once('data', (bytes: Buffer) => { seen.alerted = bytes[0] === TLS_ALERT && bytes[1] === TLS_VERSION; });
    this.links.set(name, link);
    return link;
  }
  private async retried<R>(action: () => Promise<R>, again: () => Promise<void> | void = () => undefined): Promise<R> {
    const beganMs = performance.now();
    for (let attempt = 0; ; attempt++) {
      try {
        return await action();
      } catch (error) {
        if (this.closed) throw new LogError('closed', 'the log is closed');
        if (error instanceof LogError || !isTransient(error)) throw error;
        const patienceMs = this.reached || !(error instanceof Unreached) ? RETRY_MS : error.patienceMs;
        if (performance.now() > beganMs + patienceMs) throw new LogError('unavailable', `Kafka can't be used: ${reasonOf(error)}`, { cause: error });
        await pause(Math.min(BACKOFF_MS_MAX, BACKOFF_MS * 2 ** attempt));
        await Promise.resolve(again()).catch(() => undefined);
      }
    }
  }
}

function closeRetired({ ready, asked, retired }: Link): void {
  if (retired && asked === 0) void ready.then((connection) => connection.close()).catch(() => undefined);
}

/** Errors that an answer lists, each with its protocol code. */
const listed = (error: unknown): { apiCode?: number; serverErrorMessage?: string | null; message: string }[] => (error as { errors?: [] }).errors ?? [];
function isTransient(error: unknown): boolean {
  if (error instanceof Transient) return true;
  const all = listed(error);
  if (all.length > 0) return all.every(({ apiCode }) => apiCode !== undefined && TRANSIENT.has(apiCode));
  const { apiCode } = error as { apiCode?: number };
  return apiCode !== undefined && TRANSIENT.has(apiCode);
}
export const isTransientCode = (code: number): boolean => TRANSIENT.has(code);
export function reasonOf(error: unknown): string {
  const reasons = listed(error).map(({ serverErrorMessage, message }) => serverErrorMessage ?? message);
  return reasons.length > 0 ? [...new Set(reasons)].join('; ') : (error as Error).message;
}

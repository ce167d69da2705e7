/**
 * The router: the door of partners that write into Kafka topics of their own. Routers share the partitions of these topics by a consumer group; each partition goes its own way
 * (routed-partition.ts), and what has passed is committed to the group.
 *
 *   partner's topic ══ raw fetches ══▶ parsers: open, read, check, sort by home ──▶ `commands`       (shards recognise what comes twice)
 *                                                                             └───▶ `dead-letters`  (key: where it came from)
 *
 * Promises: at least once: an offset is committed when everything before it is in the log. Reads committed records only, from the first one that is kept. A topic that is not there
 * (yet), that was made anew, or that may not be read stops nobody but itself: it is logged, and seen in the metrics. Never creates a topic.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { join } from 'node:path';
import type { Config } from '../config.js';
import type { Engine } from '../engine.js';
import type { Parser } from '../gateway/parser-pool.js';
import { called, loadNative, type TopicPartition } from '../log/kafka/client.js';
import { Cluster, reasonOf } from '../log/kafka/cluster.js';
import { connectionOf } from '../log/kafka/connection.js';
import { InputStream } from '../log/kafka/input-stream.js';
import { instanceOf } from '../log/kafka/instance.js';
import { Membership } from '../log/kafka/membership.js';
import { committedOffsets, EARLIEST, LATEST, listOffset } from '../log/kafka/offsets.js';
import type { Logger } from '../logger.js';
import type { Metrics } from '../metrics.js';
import { within } from '../within.js';
import { RoutedPartition } from './routed-partition.js';
import { readRoutes } from './routes.js';

/** How often what has passed is committed: what is repeated after a crash. */
const COMMIT_MS = 250;
/** Without a broker what is handed on, and the commit, don't end. */
const STOP_MS_MAX = 5000;
const BACKOFF_MS = 100, BACKOFF_MS_MAX = 2000;
/** How often it is looked whether topics are there, and how far behind we are. */
const LOOK_MS = 5000;

export interface RouterOptions {
  config: Config;
  engine: Engine;
  parser: Parser;
  metrics: Metrics;
  logger: Logger;
  /** It gets no partitions any more: final. */
  failed(error: Error): void;
}

export async function startRouter(options: RouterOptions): Promise<Router> {
  const router = new Router(options);
  try {
    await router.start();
    return router;
  } catch (error) {
    await router.stop();
    throw error;
  }
}

const nameOf = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;

export class Router {
  private readonly routes: Map<string, string>;
  private readonly group: string;
  private readonly cluster: Cluster;
  private readonly stream: InputStream;
  private readonly membership: Membership;
  private readonly routed = new Map<string, RoutedPartition>();
  /** Next offsets that are to be committed. */
  private readonly passed = new Map<string, TopicPartition & { offset: number }>();
  private readonly missing = new Set<string>();
  private timers: NodeJS.Timeout[] = [];
  private committing: Promise<void> = Promise.resolve();
  private stopping = false;

  constructor(private readonly options: RouterOptions) {
    const { config, metrics, logger } = options, connection = { ...connectionOf(config), clientId: 'pointstream-router' };
    this.routes = readRoutes(config.routerTopics, config.kafkaPrefix);
    this.group = `${config.kafkaPrefix}routers`;
    this.cluster = new Cluster(connection);
    this.stream = new InputStream(this.cluster, 'routed', true, {
      arrived: (topic, partition) => this.routed.get(nameOf({ topic, partition }))?.wake(), failed: (error) => this.streamFailed(error),
      deletedUnread: (topic, partition, from, to) => this.deletedUnread({ topic, partition }, from, to), begunAgain: (topic, partition) => this.begunAgain({ topic, partition }),
    });
    this.membership = new Membership({
      native: loadNative(), connection, group: this.group, instance: instanceOf(join(config.data, 'kafka', 'instance')), topics: [...this.routes.keys()], sessionMs: config.kafkaSessionMs,
      events: {
        gained: (partitions) => partitions.forEach((each) => this.take(each)),
        released: (partitions) => this.release(partitions),
        lost: (partitions) => void this.forget(partitions),
        failed: (error) => {
          logger.fatal({ error: String(error) }, 'the router gets no partitions any more: %s', error.message);
          options.failed(error);
        },
      },
    });
    for (const topic of this.routes.keys()) metrics.routerPartitions.set({ topic }, 0);
  }
  async start(): Promise<void> {
    await this.look();
    await this.membership.join();
    this.timers = [setInterval(() => void this.commit(), COMMIT_MS), setInterval(() => void this.look(), LOOK_MS)];
  }
  async stop(): Promise<void> {
    this.stopping = true;
    this.timers.forEach(clearInterval);
    // What could not be committed is handed on again by whoever goes on.
    await within(STOP_MS_MAX, this.release([...this.routed.values()]));
    await this.membership.leave();
    this.stream.close();
    await this.cluster.close();
  }

  private take({ topic, partition }: TopicPartition, anew = false): void {
    const { config, engine, parser, metrics, logger } = this.options, name = nameOf({ topic, partition });
    const routed: RoutedPartition = new RoutedPartition({
      topic, partition, partner: this.routes.get(topic)!, rejectedMax: config.rejectedItemsMax, engine, parser,
      begin: () => this.begin({ topic, partition }, anew),
      take: (from, bytesMax) => this.stream.take(topic, partition, from, bytesMax),
      passed: (offset, { records, transactions, rejected }) => {
        if (this.routed.get(name) === routed) this.passed.set(name, { topic, partition, offset });
        metrics.routerRecords.inc({ topic }, records);
        metrics.routerTransactions.inc({ topic }, transactions);
        metrics.deadLetters.inc(rejected.length);
        for (const { reason } of rejected) metrics.rejected.inc({ reason });
      },
      failed: (error) => {
        metrics.routerRetries.inc();
        logger.warn({ error: error.message, topic, partition }, "records of a partner's topic can't be handed on now; tried again");
      },
      pause: (attempt, stopped) => Promise.race([pause(Math.min(BACKOFF_MS_MAX, BACKOFF_MS * 2 ** (attempt - 1))), stopped]),
    });
    this.routed.set(name, routed);
    routed.run().catch((error: unknown) => this.broken(routed, error));
    this.countPartitions();
  }
  /** From where the group stands, else from the first record; that too where the topic was made anew. */
  private async begin({ topic, partition }: TopicPartition, anew: boolean): Promise<number> {
    if (this.cluster.leaderOf(topic, partition) < 0) await this.cluster.describe([...this.routes.keys()]);
    const [[committed], begin, end] = await Promise.all([
      committedOffsets(this.cluster, this.group, [topic], [partition]), listOffset(this.cluster, topic, partition, EARLIEST), listOffset(this.cluster, topic, partition, LATEST),
    ]);
    if (anew || committed!.offset > end || committed!.offset === 0) return begin;
    if (committed!.offset < begin) this.deletedUnread({ topic, partition }, committed!.offset, begin);
    return Math.max(begin, committed!.offset);
  }
  private async release(partitions: TopicPartition[]): Promise<void> {
    await Promise.all(partitions.map(async (each) => this.routed.get(nameOf(each))?.stop()));
    await this.commit();
    this.forget(partitions);
  }
  private forget(partitions: TopicPartition[]): void {
    for (const { topic, partition } of partitions) {
      const name = nameOf({ topic, partition }), routed = this.routed.get(name);
      this.routed.delete(name);
      this.passed.delete(name);
      this.stream.forget(topic, partition);
      void routed?.stop();
    }
    this.countPartitions();
  }

  /** One at a time. What could not be committed is tried again with what comes next. */
  private commit(): Promise<void> {
    this.committing = this.committing.then(async () => {
      const offsets = [...this.passed.values()];
      if (offsets.length === 0) return;
      try {
        await called((done) => this.membership.consumer.commitCb(offsets, done));
        for (const { topic, partition, offset } of offsets) if (this.passed.get(nameOf({ topic, partition }))?.offset === offset) this.passed.delete(nameOf({ topic, partition }));
      } catch (error) {
        this.options.logger.warn({ error: (error as Error).message }, "the offsets of partners' topics could not be committed; tried again");
      }
    });
    return this.committing;
  }

  /** The bug is logged, and the partition begins again where the group stands. */
  private broken(routed: RoutedPartition, error: unknown): void {
    const { topic, partition } = routed;
    this.options.logger.error({ error: (error as Error).stack, topic, partition }, 'routing a partition failed; it begins again');
    void pause(BACKOFF_MS_MAX).then(() => this.again(routed));
  }
  private begunAgain({ topic, partition }: TopicPartition): void {
    const routed = this.routed.get(nameOf({ topic, partition }));
    this.options.logger.warn({ topic, partition }, "a partner's topic was deleted and made anew: it is read from its beginning");
    if (routed) void routed.stop().then(() => this.again(routed, true));
  }
  private again(routed: RoutedPartition, anew = false): void {
    const name = nameOf(routed);
    if (this.stopping || this.routed.get(name) !== routed) return;
    this.passed.delete(name);
    this.take(routed, anew);
  }
  private deletedUnread({ topic, partition }: TopicPartition, from: number, to: number): void {
    this.options.logger.error(
      { topic, partner: this.routes.get(topic), partition, from, to },
      "records of a partner's topic were deleted before they were read: its retention is too short, or somebody deletes; the partner has to send them again",
    );
  }
  private streamFailed(error: Error): void {
    this.options.logger.error({ error: error.stack }, "reading partners' topics failed; it goes on: %s", error.message);
    void pause(BACKOFF_MS_MAX).then(() => this.routed.forEach((each) => each.wake()));
  }

  private countPartitions(): void {
    for (const topic of this.routes.keys()) this.options.metrics.routerPartitions.set({ topic }, [...this.routed.values()].filter((each) => each.topic === topic).length);
  }
  /** Whether the topics are there, and how far behind we are. */
  private async look(): Promise<void> {
    const { logger, metrics } = this.options;
    try {
      for (const { name, errorCode } of (await this.cluster.describe([...this.routes.keys()])).topics) {
        const topic = name!;
        if (errorCode === 0) this.missing.delete(topic);
        else if (!this.missing.has(topic)) {
          this.missing.add(topic);
          logger.warn({ topic, partner: this.routes.get(topic), code: errorCode }, "a partner's topic is not there or may not be read; it is looked for again");
        }
      }
      const lag = new Map([...this.routes.keys()].map((topic) => [topic, 0]));
      await Promise.all([...this.routed.values()].map(async ({ topic, partition, passedTo }) => {
        lag.set(topic, lag.get(topic)! + Math.max(0, await listOffset(this.cluster, topic, partition, LATEST) - (passedTo ?? Infinity)));
      }));
      for (const [topic, records] of lag) metrics.routerLagRecords.set({ topic }, records);
    } catch (error) {
      if (!this.stopping) logger.warn({ error: reasonOf(error) }, "partners' topics could not be looked at");
    }
    for (const topic of this.routes.keys()) {
      const times = [...this.routed.values()].filter((each) => each.topic === topic).flatMap(({ waitingSinceMs }) => waitingSinceMs ?? []);
      metrics.routerLagSeconds.set({ topic }, times.length === 0 ? 0 : Math.max(0, (Date.now() - Math.min(...times)) / 1000));
    }
  }
}

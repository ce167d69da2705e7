/**
 * Which partitions of some topics this process owns: membership of a consumer group, by a consumer of the native client that fetches nothing. It is assigned partitions, pauses them at
 * once, and is polled to stay alive. Engines share `commands` so (whoever owns a partition of it owns it in all topics), routers share the partners' topics.
 *
 *   join ──▶ assigned ──▶ owned ──▶ revoked (others joined): held until `released` ──▶ given back
 *                           └─────▶ lost (away for too long): another may have it already
 *
 * A static member: an engine that comes back within the session time gets its partitions again at once, and nobody else has moved. Cooperative: only what moves is touched.
 * What is thrown in the client's callback would vanish: everything is caught there and handed to `failed`.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { within } from '../../within.js';
import { LogError } from '../log.js';
import { codes, connectNative, disconnectNative, nativeSettings, type Native, type NativeConsumer, type NativeError, type TopicPartition } from './client.js';
import type { KafkaConnection } from './connection.js';

const POLL_MS = 50, HEARTBEATS_PER_SESSION = 4, POLL_INTERVAL_MS_MAX = 300_000, LEAVE_MS_MAX = 2000;
/** By then a topic that was not there, or got more partitions, is noticed. */
const METADATA_MS = 10_000;
/** Not a place from which anything is read. */
const OFFSET_END = -1;

/** Why the group does not take us, and won't. Topics that may not be read are another matter. */
const refusals = new Map<number, (options: MembershipOptions) => string>([
  [codes.invalidSessionTime, ({ sessionMs }) => `brokers don't take kafkaSessionMs=${sessionMs}: their group.min.session.timeout.ms and group.max.session.timeout.ms say what they do`],
  [codes.inconsistentProtocol, ({ group }) => `the group ${group} has members that are not ours: is its name (kafkaPrefix) in use?`],
  [codes.groupNotAllowed, ({ group }) => `the user may not read the group ${group}`],
]);

export interface MembershipEvents {
  /** They are ours now. */
  gained(partitions: TopicPartition[]): void;
  /** Given up once it resolves: whatever is being committed has ended by then. */
  released(partitions: TopicPartition[]): Promise<void>;
  /** They are not ours any more, and may be somebody else's already. */
  lost(partitions: TopicPartition[]): void;
  failed(error: LogError): void;
}
export interface MembershipOptions { native: Native; connection: KafkaConnection; group: string; instance: string; topics: string[]; sessionMs: number; events: MembershipEvents }

export class Membership {
  private readonly owned = new Map<string, Set<number>>();
  readonly consumer: NativeConsumer;
  private closing = false;
  private left = false;
  private polling: Promise<void> | undefined;

  constructor(private readonly options: MembershipOptions) {
    for (const topic of options.topics) this.owned.set(topic, new Set());
    const { native, connection, group, instance, sessionMs } = options;
    this.consumer = new native.KafkaConsumer({
      ...nativeSettings(connection), 'group.id': group, 'group.instance.id': instance, 'partition.assignment.strategy': 'cooperative-sticky', 'session.timeout.ms': sessionMs,
      'heartbeat.interval.ms': Math.floor(sessionMs / HEARTBEATS_PER_SESSION), 'max.poll.interval.ms': POLL_INTERVAL_MS_MAX, 'enable.auto.commit': false, 'enable.auto.offset.store': false,
      'topic.metadata.refresh.interval.ms': METADATA_MS, 'rebalance_cb': (error: NativeError, partitions: TopicPartition[]) => this.rebalanced(error, partitions),
    });
  }
  /** Of one of the topics; always the same set, which changes. */
  ownedOf(topic: string): ReadonlySet<number> {
    return this.owned.get(topic)!;
  }
  /** Resolves when it has joined; its partitions come later. */
  async join(): Promise<void> {
    await connectNative(this.consumer);
    this.consumer.setDefaultConsumeTimeout(0);
    this.consumer.subscribe(this.options.topics);
    this.polling = this.poll();
  }
  /** Kafka is told, unless the client may still use the consumer: others then get the partitions when the session is over. */
  async leave(isUnused = true): Promise<void> {
    this.closing = true;
    if (isUnused && this.polling) await this.giveAllBack();
    this.left = true;
    await this.polling;
    if (isUnused) await within(LEAVE_MS_MAX, disconnectNative(this.consumer));
  }

  /** librdkafka waits for ever when it is disconnected just as it is assigned something (its issue 4527 and what is left of it), so that comes to an end before. */
  private async giveAllBack(): Promise<void> {
    this.consumer.unsubscribe();
    const owns = (): boolean => [...this.owned.values()].some(({ size }) => size > 0);
    const untilMs = performance.now() + LEAVE_MS_MAX;
    do await pause(2 * POLL_MS); while (owns() && performance.now() < untilMs);
  }
  private async poll(): Promise<void> {
    while (!this.left) {
      const found = await new Promise<NativeError | null>((resolve) => this.consumer.consume(1, resolve)), error = this.closing ? null : found;
      // Said once, and without a reason; the only one that is known is that another member has joined under our name.
      if (error && (error.isFatal || error.code === codes.fatal || error.code === codes.fencedInstance || error.code === codes.fencedStaticMember)) {
        const { group, instance, events } = this.options;
        return events.failed(new LogError('fenced', `the group ${group} has another member with our name ${instance}: was the data directory copied? (${error.message})`, { cause: error }));
      }
      const refusal = error && refusals.get(error.code);
      if (refusal) return this.options.events.failed(new LogError('failed', refusal(this.options), { cause: error }));
      await pause(POLL_MS);
    }
  }
  private rebalanced(error: NativeError, assignment: TopicPartition[]): void {
    const { events } = this.options, partitions = assignment.map(({ topic, partition }) => ({ topic, partition }));
    try {
      if (error.code === codes.assign) {
        this.consumer.incrementalAssign(assignment.map(({ topic, partition }) => ({ topic, partition, offset: OFFSET_END })));
        if (assignment.length > 0) this.consumer.pause(assignment);
        for (const { topic, partition } of partitions) this.owned.get(topic)?.add(partition);
        events.gained(partitions);
      } else if (error.code === codes.revoke) {
        const lost = this.consumer.assignmentLost();
        const giveBack = (): void => {
          for (const { topic, partition } of partitions) this.owned.get(topic)?.delete(partition);
          this.consumer.incrementalUnassign(assignment);
        };
        if (!lost) return void events.released(partitions).then(giveBack).catch((trouble: unknown) => this.report(trouble));
        giveBack();
        events.lost(partitions);
      } else this.report(error);
    } catch (trouble) {
      this.report(trouble);
    }
  }
  private report(trouble: unknown): void {
    if (!this.closing) this.options.events.failed(new LogError('failed', `the group of engines: ${(trouble as Error).message}`, { cause: trouble }));
  }
}

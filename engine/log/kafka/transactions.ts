/**
 * Commits: one Kafka transaction for each, with its outputs and the group's offsets.
 *
 *   begin ─▶ produce outputs ─▶ offsets, with the group's metadata ─▶ commit ─▶ delivered: the offsets of the outputs
 *     │            │                        │                           │
 *     └────────────┴──────── aborted ───────┘                           └─ no answer, or an error: a new producer under the same name, which ends the old
 *                  └▶ abort, and the same once more                        transaction one way or the other; whether its records count says which
 *
 * Promises: a step takes effect once or not at all, in the order of the calls, whatever breaks meanwhile: it goes on until it knows. What was aborted is tried again with the same bytes,
 * since the state that they came from is still there. Throws `moved` when partitions of the step are not ours any more, or again: whoever had them between has gone on from there. Steps
 * that wait share the next transaction, and none of them fails for what another one touches.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { untilReached } from '../../until-reached.js';
import { within } from '../../within.js';
import { LogError } from '../log.js';
import { asBuffer, type OutgoingRecord } from './appender.js';
import {
  called, codes, connectNative, disconnectNative, nativeSettings, producerSettings, type Native, type NativeConsumer, type NativeError, type NativeProducer, type TopicOffset,
} from './client.js';
import type { KafkaConnection } from './connection.js';
import type { Written } from './succession.js';

/** A transaction that is not ended by then is aborted by Kafka, so that whoever reads what it wrote waits no longer. Below the session time of the group. */
const TRANSACTION_MS_MAX = 5000;
const FAILING_MS = 5000;
const CALL_MS_MAX = 4000, INIT_MS_MAX = 30_000, COMMIT_TRIES = 3, BACKOFF_MS = 100, CLOSE_MS_MAX = 3000, BATCH_BYTES_MAX = 1_000_000, GROUP_BYTES_MAX = 32 * 2 ** 20;

/** `fences`: partitions that must be ours for the step to count, though it moves none of their offsets. */
export interface Step { records: OutgoingRecord[]; offsets: TopicOffset[]; fences: number[] }
export interface TransactionsOptions {
  native: Native;
  connection: KafkaConnection;
  transactionalId: string;
  codec: string;
  messageBytesMax: number;
  consumer: NativeConsumer;
  /** Which time it is that a partition is ours; undefined when it is not. Kafka does not look at that. */
  tenure(partition: number): number | undefined;
  /** Throws why the log can't go on. */
  check(): void;
  /** An offset of the group that means nothing: Kafka takes it from members only. */
  fence(partition: number): TopicOffset;
  /** These took effect, in partitions that have not moved since: told before the next step is looked at. */
  advanced(written: Written[]): void;
  /** The group does not know us any more, whatever it has told us. */
  thrownOut(): void;
  /** Looks whether others have gone on with these, who had them without our being told: `tenure` says so then. `written`: what the transaction has written, which is about to be committed. */
  lookForOthers(partitions: number[], written: Written[]): Promise<void>;
  /** Whether a record of a transaction that has ended counts. */
  isCommitted(written: Written): Promise<boolean>;
}
/** `tenures`: of its partitions, when it was handed over. */
interface Waiting { step: Step; tenures: Map<number, number | undefined>; resolve(offsets: number[]): void; reject(error: Error): void }

export class Transactions {
  private producer: NativeProducer | undefined;
  private readonly delivered = new Map<number, number>();
  /** Why a record of the transaction under way has not been delivered. */
  private undelivered: string | undefined;
  private numbers = 0;
  private arrived: (() => void) | undefined;
  /** Records from this number on have no report yet: so many of them. */
  private unreported = { from: 0, left: 0 };
  private readonly waiting: Waiting[] = [];
  private running: Promise<void> | undefined;
  /** Those of the transaction under way. */
  private current: Waiting[] = [];
  /** All that have been handed over and have not ended. */
  private readonly underWay = new Set<{ tenures: Waiting['tenures']; ended: Promise<void> }>();
  private refusal: LogError | undefined;
  private closing = false;
  /** Kafka has been asked to commit the transaction under way. */
  private deciding = false;
  /** Why the one under way has not been committed yet, though it was tried. */
  private failing: { sinceMs: number; reason: string } | undefined;

  constructor(private readonly options: TransactionsOptions) {}

  /** Ends what an earlier engine of this name left open, and fences it. */
  async open(): Promise<void> {
    await this.renew();
  }
  /** Why nothing has been committed for a while. What passes within it, as a broker that is started again, is nothing to be told of. */
  trouble(nowMs = performance.now()): string | undefined {
    const { failing } = this;
    return failing && nowMs - failing.sinceMs > FAILING_MS ? `nothing can be committed: ${failing.reason}` : undefined;
  }
  commit(step: Step): Promise<number[]> {
    if (this.refusal) return Promise.reject(this.refusal);
    const partitions = [...step.offsets.map(({ partition }) => partition), ...step.fences], tenures = new Map(partitions.map((partition) => [partition, this.options.tenure(partition)]));
    const committed = new Promise<number[]>((resolve, reject) => { this.waiting.push({ step, tenures, resolve, reject }); });
    const underWay = { tenures, ended: committed.then(() => undefined, () => undefined) };
    this.underWay.add(underWay);
    void underWay.ended.then(() => this.underWay.delete(underWay));
    this.running ??= this.run();
    return committed;
  }
  /** Resolves when what is under way of these partitions has ended. Others may go on for as long as they like. */
  async idle(partitions: readonly number[]): Promise<void> {
    await Promise.all([...this.underWay].filter(({ tenures }) => partitions.some((partition) => tenures.has(partition))).map(({ ended }) => ended));
  }
  /**
   * What is under way may end; without a broker it does not, and is given up: it has taken effect or not, as after a crash. Resolves with whether all has ended: else the client may still be
   * about to use the consumer, without a look whether it is there.
   */
  async close(): Promise<boolean> {
    this.refusal ??= new LogError('closed', 'the log is closed');
    this.closing = true;
    if (await within(CLOSE_MS_MAX, this.running)) return within(CLOSE_MS_MAX, this.end());
    for (const { reject } of [...this.current, ...this.waiting.splice(0)]) reject(this.refusal);
    this.running = undefined;
    return false;
  }

  private async run(): Promise<void> {
    await Promise.resolve(); // what the caller does next may join
    while (this.waiting.length > 0) {
      const group = (this.current = this.take());
      try {
        const step = together(group.map(({ step }) => step)), moved = (): Set<number> => new Set(group.flatMap((waiting) => this.moved(waiting)));
        const offsets = await this.untilKnown(step, () => moved().size > 0);
        this.failing = undefined;
        if (offsets === undefined) {
          // Nothing of it took effect: those whose partitions are still ours are first in the next one.
          for (const waiting of group.reverse()) if (!this.refuseMoved(waiting)) this.waiting.unshift(waiting);
          continue;
        }
        const gone = moved();
        this.options.advanced(writtenAt(step.records, offsets).filter(({ partition }) => !gone.has(partition)));
        let at = 0;
        for (const { step: { records }, resolve } of group) resolve(offsets.slice(at, (at += records.length)));
      } catch (error) {
        this.refusal ??= error instanceof LogError ? error : new LogError('failed', `a commit failed: ${(error as Error).message}`, { cause: error });
        for (const { reject } of [...group, ...this.waiting.splice(0)]) reject(this.refusal);
      }
    }
    this.running = undefined;
  }
  private take(): Waiting[] {
    let count = 0, bytes = 0;
    while (count < this.waiting.length && (count === 0 || bytes < GROUP_BYTES_MAX)) for (const { value } of this.waiting[count++]!.step.records) bytes += value.length;
    return this.waiting.splice(0, count);
  }

  /** Partitions of a step that are not ours any more. */
  private moved({ tenures }: Waiting): number[] {
    return [...tenures].filter(([partition, tenure]) => tenure === undefined || this.options.tenure(partition) !== tenure).map(([partition]) => partition);
  }
  /** Whether it had to be. */
  private refuseMoved(waiting: Waiting): boolean {
    const [partition] = this.moved(waiting);
    if (partition !== undefined) waiting.reject(new LogError('moved', `partition ${partition} is another engine's now`));
    return partition !== undefined;
  }

  /** Undefined when it did not take effect, and some of its partitions have moved. */
  private async untilKnown(step: Step, hasMoved: () => boolean): Promise<number[] | undefined> {
    for (let attempt = 0; ; attempt++) {
      if (attempt > 0) await pause(BACKOFF_MS);
      this.options.check();
      if (hasMoved()) return undefined;
      const first = this.numbers + 1;
      try {
        await this.attempt(first, step, hasMoved);
        return this.offsetsFrom(first, step);
      } catch (error) {
        if (error instanceof LogError) throw error;
        const native = error as NativeError;
        if (this.closing && attempt > 0) throw new LogError('closed', `the log was closed before a commit was known: ${native.message}`);
        this.fails(native.message);
        if (native.code === codes.unknownMember) this.options.thrownOut();
        // Once Kafka was asked to commit, an abort that succeeds may only mean that there is nothing left to abort.
        if (!this.deciding && native.isTxnRequiresAbort && await this.abort()) continue;
        await this.renewed();
        // What was not asked for has not happened, whatever others have committed meanwhile.
        if (this.deciding && await untilReached(() => this.tookEffect(first, step))) return this.offsetsFrom(first, step);
      }
    }
  }
  private fails(reason: string): void {
    this.failing = { sinceMs: this.failing?.sinceMs ?? performance.now(), reason };
  }
  /** `first`: number of its first record. */
  private async attempt(first: number, step: Step, hasMoved: () => boolean): Promise<void> {
    const producer = this.producer!, { records, fences } = step, offsets = [...step.offsets, ...fences.map((partition) => this.options.fence(partition))];
    this.deciding = false;
    await called((done) => producer.beginTransaction(done));
    this.delivered.clear();
    this.undelivered = undefined;
    this.unreported = { from: this.numbers + 1, left: records.length };
    // A key without a value is one that compaction forgets.
    for (const { topic, partition, value, key } of records) producer.produce(topic, partition, key !== null && value.length === 0 ? null : asBuffer(value), key, null, ++this.numbers);
    if (offsets.length > 0) await this.retried(() => called((done) => producer.sendOffsetsToTransaction(offsets, this.options.consumer, CALL_MS_MAX, done)));
    await this.reported();
    if (this.undelivered !== undefined) throw abortable(this.undelivered);
    // Taken for a repeat by the leader, so that nobody knows whether it is there (seen of the first records of a new producer, when a topic was new).
    if ([...this.delivered.values()].some((offset) => offset < 0)) throw abortable('Kafka does not say where a record is');
    const partitions = [...new Set(offsets.map(({ partition }) => partition))];
    await this.options.lookForOthers(partitions, writtenAt(records, this.offsetsFrom(first, step))).catch(({ message }: Error) => { throw abortable(message); });
    // The offsets may have been taken from us as a member of another generation, in which others have the partitions: we were told of it before we became that.
    if (hasMoved()) throw abortable('partitions have moved');
    this.deciding = true;
    await this.retried(() => called((done) => producer.commitTransaction(CALL_MS_MAX, done)));
  }
  private async reported(): Promise<void> {
    while (this.unreported.left > 0) await new Promise<void>((resolve) => { this.arrived = resolve; });
  }
  /** A call that may simply be made again: it has neither failed nor to be aborted. */
  private async retried(call: () => Promise<void>): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        return await call();
      } catch (error) {
        const { isRetriable, isTxnRequiresAbort, isFatal, code } = error as NativeError;
        if (!(isRetriable || code === codes.timedOut) || isTxnRequiresAbort || isFatal || tries === COMMIT_TRIES || this.closing) throw error;
      }
    }
  }
  /** True when the transaction is out of the world. */
  private async abort(): Promise<boolean> {
    return called((done) => this.producer!.abortTransaction(CALL_MS_MAX, done)).then(() => true, () => false);
  }
  /** A new producer of the same name, as soon as Kafka lets us. */
  private async renewed(): Promise<void> {
    for (;;) {
      try {
        return await this.renew();
      } catch (error) {
        if (this.closing) throw new LogError('closed', 'the log was closed before a commit was known');
        this.fails((error as Error).message);
        await pause(BACKOFF_MS);
      }
    }
  }
  private async renew(): Promise<void> {
    const { native, connection, transactionalId, codec, messageBytesMax } = this.options;
    await this.end();
    const producer = new native.Producer({
      ...nativeSettings(connection), ...producerSettings(codec, messageBytesMax), 'transactional.id': transactionalId, 'transaction.timeout.ms': TRANSACTION_MS_MAX, 'batch.size': BATCH_BYTES_MAX,
    });
    producer.on('delivery-report', (error, { opaque, offset }) => {
      if (this.producer !== producer || opaque < this.unreported.from) return;
      this.unreported.left--;
      if (error) this.undelivered ??= error.message;
      else this.delivered.set(opaque, offset);
      this.arrived?.();
    });
    try {
      await connectNative(producer);
      producer.setPollInBackground(true);
      await this.retried(() => called((done) => producer.initTransactions(INIT_MS_MAX, done)));
      this.producer = producer;
    } catch (error) {
      await disconnectNative(producer).catch(() => undefined);
      throw error;
    }
  }
  private async end(): Promise<void> {
    const { producer } = this;
    this.producer = undefined;
    if (producer) await disconnectNative(producer).catch(() => undefined);
  }
  /**
   * Its records say it: all of them count, or none. The offsets of the group don't: others may have gone on from where we were, with the same records, and we have not been told yet. `KafkaLog`
   * has no step with offsets and without a record.
   */
  private async tookEffect(first: number, step: Step): Promise<boolean> {
    const [record] = writtenAt(step.records, this.offsetsFrom(first, step));
    return record === undefined || this.options.isCommitted(record);
  }
  private offsetsFrom(first: number, { records }: Step): number[] {
    return records.map((_, i) => this.delivered.get(first + i)!);
  }
}

/** Of several offsets of a partition the last one counts. */
function together(steps: Step[]): Step {
  const offsets = new Map<string, TopicOffset>();
  for (const step of steps) for (const offset of step.offsets) offsets.set(`${offset.topic}/${offset.partition}`, offset);
  return { records: steps.flatMap(({ records }) => records), offsets: [...offsets.values()], fences: [...new Set(steps.flatMap(({ fences }) => fences))] };
}

const writtenAt = (records: OutgoingRecord[], offsets: number[]): Written[] => records.map(({ topic, partition }, i) => ({ topic, partition, offset: offsets[i]! }));
const abortable = (message: string): Error => Object.assign(new Error(message), { isTxnRequiresAbort: true });

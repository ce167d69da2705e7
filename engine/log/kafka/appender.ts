/**
 * Appends outside commits: commands of gateways, ticks, dead letters. An idempotent producer, not a transactional one: a transaction that hangs would hold back every reader of the
 * partitions it wrote to.
 *
 * Promises: resolves with the offsets once the records are replicated; records of a partition get there in the order of the calls, each once. Throws LogError `unavailable` when
 * Kafka did not take a record in time (it may have taken it all the same).
 */
import { within } from '../../within.js';
import { LogError } from '../log.js';
import { called, codes, connectNative, disconnectNative, nativeSettings, producerSettings, type Native, type NativeError, type NativeProducer } from './client.js';
import type { KafkaConnection } from './connection.js';

/** How long a record may be under way, a restart of a broker included. */
const DELIVERY_MS_MAX = 30_000;
/** One batch is about what a shard takes at a time: it is opened whole. */
const BATCH_BYTES_MAX = 192 * 1024;
const FLUSH_MS_MAX = 2500, FULL_MS = 2;

export interface OutgoingRecord { topic: string; partition: number; value: Uint8Array; key: string | null }
interface Delivery { resolve(offset: number): void; reject(error: Error): void }

export class Appender {
  private readonly deliveries = new Map<number, Delivery>();
  /** What the client has not taken yet, since its queue is full. */
  private readonly waiting: { record: OutgoingRecord; delivery: Delivery }[] = [];
  private retry: NodeJS.Timeout | undefined;
  private numbers = 0;
  private closed: Promise<void> | undefined;

  private constructor(private readonly producer: NativeProducer) {
    producer.on('delivery-report', (error, report) => {
      const delivery = this.deliveries.get(report.opaque);
      this.deliveries.delete(report.opaque);
      if (error) delivery?.reject(new LogError('unavailable', `Kafka did not take a record of ${report.topic}/${report.partition}: ${error.message}`, { cause: error }));
      // A broker that knows nothing of a new producer takes its second batch when the first was refused for a moment, and calls the first a repeat when it comes again: the client says that
      // it is delivered, and nobody knows where, since it is nowhere.
      else if (report.offset < 0) delivery?.reject(new LogError('unavailable', `Kafka does not say where a record of ${report.topic}/${report.partition} is; it may be nowhere`));
      else delivery?.resolve(report.offset);
    });
  }
  static async open(native: Native, connection: KafkaConnection, codec: string, messageBytesMax: number): Promise<Appender> {
    const producer = new native.Producer({
      ...nativeSettings(connection), ...producerSettings(codec, messageBytesMax), 'message.timeout.ms': DELIVERY_MS_MAX, 'batch.size': BATCH_BYTES_MAX,
    });
    await connectNative(producer);
    producer.setPollInBackground(true);
    return new Appender(producer);
  }
  append(records: OutgoingRecord[]): Promise<number[]> {
    if (this.closed) return Promise.reject(new LogError('closed', 'the log is closed'));
    const offsets = records.map((record) => new Promise<number>((resolve, reject) => this.waiting.push({ record, delivery: { resolve, reject } })));
    this.pump();
    return Promise.all(offsets);
  }
  close(): Promise<void> {
    this.closed ??= (async () => {
      await called((done) => this.producer.flush(FLUSH_MS_MAX, done)).catch(() => undefined);
      clearTimeout(this.retry);
      await within(FLUSH_MS_MAX, disconnectNative(this.producer));
      const refusal = new LogError('closed', 'the log is closed');
      for (const { reject } of [...this.deliveries.values(), ...this.waiting.map(({ delivery }) => delivery)]) reject(refusal);
    })();
    return this.closed;
  }

  private pump(): void {
    for (let next = this.waiting[0]; next; next = this.waiting[0]) {
      const { record, delivery } = next, number = ++this.numbers;
      try {
        this.producer.produce(record.topic, record.partition, asBuffer(record.value), record.key, null, number);
        this.deliveries.set(number, delivery);
      } catch (error) {
        if ((error as NativeError).code === codes.queueFull) {
          this.retry ??= setTimeout(() => {
            this.retry = undefined;
            this.pump();
          }, FULL_MS);
          return;
        }
        delivery.reject(new LogError('unavailable', `Kafka refuses a record of ${record.topic}/${record.partition}: ${(error as Error).message}`, { cause: error }));
      }
      this.waiting.shift();
    }
  }
}

/** The native client takes node's buffers only. */
export const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

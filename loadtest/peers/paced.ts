/**
 * At a steady rate: records are sent as they would come from tills, and the delay of each is from its arrival (the time that the broker gave it) until whoever reads committed results has its own.
 *
 *   peers: a result carries the time of its transaction.    ours: a record of results names the commands that it decided, whose times lie in their topic.
 *
 * A millisecond is as exact as the broker's times are.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { InputStream } from '../../engine/log/kafka/input-stream.js';
import { inputTopics } from '../../engine/log/log.js';
import { readResults } from '../../schemas/results.js';
import { RecordBatchReader } from '../../workers/records/record-batch.js';
import { quantile } from '../figures.js';
import { cpuSecondsOfFamily, MemorySampler } from '../usage.js';
import type { Kafka } from './kafka.js';
import { PacedSender } from './paced-sender.js';
import { eachTime } from './peer-results.js';
import type { Run } from './report.js';
import type { KeyedRecord } from './transactions.js';

const SETTLE_MS_MAX = 60_000, LOOK_MS = 20, TAKE_BYTES = 4 * 2 ** 20;
const COMMANDS = inputTopics.indexOf('commands');

export interface PacedOptions {
  ratePerSecond: number;
  warmUpSeconds: number;
  /** Made before, so that while it is measured the sender costs no more than sending does. */
  records: readonly KeyedRecord[];
  partitions: number;
  input: string;
  output: string;
  /** Results are ours (records of `results`), not the peers'. */
  isOurs: boolean;
  pid: number;
}
type PacedRun = Omit<Run, 'engine' | 'variant' | 'agrees'>;
/** Commands [from, next) of a partition were seen decided. */
interface Seen { partition: number; from: number; next: number; atMs: number }

export class Paced {
  private readonly offsets: number[];
  private readonly begins: number[] = [];
  private readonly seen: Seen[] = [];
  /** Of each result, in the order in which they came: arrival and delay. */
  private readonly arrivalMs: Float64Array;
  private readonly delayMs: Float64Array;
  private results = 0;
  private failure: Error | undefined;
  private readonly reader = new RecordBatchReader();

  constructor(private readonly kafka: Kafka, private readonly options: PacedOptions) {
    this.offsets = new Array<number>(options.partitions).fill(0);
    this.arrivalMs = new Float64Array(options.records.length);
    this.delayMs = new Float64Array(options.records.length);
  }

  async run(): Promise<PacedRun> {
    const { kafka, options: { ratePerSecond, records, partitions, input, output, pid, isOurs, warmUpSeconds } } = this, count = records.length;
    this.begins.push(...(await kafka.ends(input, partitions)));
    this.offsets.splice(0, partitions, ...(await kafka.ends(output, partitions)));
    const stream: InputStream = new InputStream(kafka.cluster, 'results', false, {
      arrived: (_topic, partition) => this.arrived(stream, partition), failed: (error) => { this.failure = error; },
    });
    for (let partition = 0; partition < partitions; partition++) stream.take(output, partition, this.offsets[partition]!, 0);
    const sender = new PacedSender(kafka, input, records, ratePerSecond), memory = new MemorySampler(pid), cpuBegan = cpuSecondsOfFamily(pid);
    try {
      const sentMs = await sender.send();
      for (const untilMs = Date.now() + SETTLE_MS_MAX; this.results < count; await pause(LOOK_MS)) {
        if (this.failure) throw this.failure;
        if (Date.now() > untilMs) throw new Error(`only ${this.results} of ${count} results came`);
      }
      const cpuSeconds = cpuSecondsOfFamily(pid) - cpuBegan;
      if (isOurs) await this.joinArrivals();
      const perSecond = Math.round((count * 1000) / sentMs), delays = this.after(warmUpSeconds);
      return {
        transactionsPerSecond: perSecond, steadyTransactionsPerSecond: perSecond, committedTransactionsPerSecond: perSecond, cpuSeconds: Math.round(cpuSeconds * 100) / 100,
        peakMemoryBytes: memory.stop().ownBytes, p50Ms: quantile(delays, 0.5), p99Ms: quantile(delays, 0.99),
      };
    } finally {
      stream.close();
    }
  }

  private arrived(stream: InputStream, partition: number): void {
    const atMs = Date.now(), { output, isOurs } = this.options;
    const { chunks, nextOffset } = stream.take(output, partition, this.offsets[partition]!, TAKE_BYTES);
    if (nextOffset === this.offsets[partition]) return;
    this.offsets[partition] = nextOffset;
    for (const { value } of chunks) {
      if (isOurs) this.addOurs(value, atMs);
      else eachTime(value, (timestampMs) => this.add(timestampMs, atMs));
    }
    // There may be more than one takes at a time.
    this.arrived(stream, partition);
  }
  private addOurs(batch: Uint8Array, atMs: number): void {
    this.reader.open(batch);
    while (this.reader.next()) {
      const { header } = readResults(this.reader.value);
      for (const { topic, from, next } of header.inputs) {
        if (topic !== COMMANDS) continue;
        this.seen.push({ partition: header.partition, from, next, atMs });
        this.results += next - from;
      }
    }
  }
  private add(arrivedMs: number, atMs: number): void {
    this.arrivalMs[this.results] = arrivedMs;
    this.delayMs[this.results] = atMs - arrivedMs;
    this.results++;
  }
  /** When commands arrived is known by the batches in which they lie. */
  private async joinArrivals(): Promise<void> {
    const { input, partitions } = this.options;
    this.results = 0;
    for (let partition = 0; partition < partitions; partition++) {
      const seen = this.seen.filter((range) => range.partition === partition).sort((a, b) => a.from - b.from);
      let range = 0;
      for await (const { header } of this.kafka.batches(input, partition)) {
        for (let offset = Math.max(header.firstOffset, this.begins[partition]!); offset <= header.lastOffset; offset++) {
          while (seen[range]!.next <= offset) range++;
          this.add(header.timestampMs, seen[range]!.atMs);
        }
      }
    }
  }
  /** Delays of what arrived after the warm-up. */
  private after(warmUpSeconds: number): Float64Array {
    const beginMs = this.arrivalMs.reduce((least, ms) => Math.min(least, ms), Infinity) + warmUpSeconds * 1000;
    return this.delayMs.filter((_, i) => this.arrivalMs[i]! >= beginMs);
  }
}

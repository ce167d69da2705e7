/**
 * Keeps the history window: forgets commands, results and dead letters older than historyDays. Of results never what a checkpoint or the sink still needs, of commands
 * never what has not been consumed. Looks once an hour; a place is found by halving, since append times never go backwards.
 */
import { inputTopics, topics, type Log, type Topic } from './log/log.js';
import type { Logger } from './logger.js';
import type { PartitionFlow } from './partition-flow.js';
import type { Results } from './results.js';

const DAY_MS = 86_400_000;
const INTERVAL_MS = 3_600_000;

export interface HistoryOptions {
  log: Log;
  results: Results;
  flows: ReadonlyMap<number, PartitionFlow>;
  historyDays: number;
  /** Offset of the first results of a partition that the sink has not delivered; Infinity without a sink. */
  sinkPosition(partition: number): number;
  logger: Logger;
}

export class History {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();

  constructor(private readonly options: HistoryOptions) {}

  start(): void {
    this.timer = setInterval(() => void this.trim(Date.now()), INTERVAL_MS);
    this.timer.unref();
  }
  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.running;
  }
  trim(nowMs: number): Promise<void> {
    this.running = this.trimAll(nowMs - this.options.historyDays * DAY_MS).catch((error: unknown) => {
      this.options.logger.warn({ error: String(error) }, 'old history could not be trimmed; tried again in an hour');
    });
    return this.running;
  }

  private async trimAll(beforeMs: number): Promise<void> {
    const { log, results, flows, sinkPosition } = this.options;
    for (const topic of topics) {
      // Answers expire by themselves, and of snapshots the newest stay.
      if (topic === 'replies' || topic === 'snapshots') continue;
      for (const [partition, flow] of flows) {
        let place = await this.firstSince(topic, partition, beforeMs);
        if (topic === 'results') place = Math.min(place, await results.offsetOf(partition, flow.status.floor + 1), sinkPosition(partition));
        const input = inputTopics.findIndex((name) => name === topic);
        if (input >= 0) place = Math.min(place, await log.position(inputTopics[input]!, partition));
        if (place > (await log.bounds(topic, partition)).begin) await log.trim(topic, partition, place);
      }
    }
  }
  /** The first offset whose record is not older; the end when all are. */
  private async firstSince(topic: Topic, partition: number, sinceMs: number): Promise<number> {
    const { log } = this.options;
    let { begin: low, end: high } = await log.bounds(topic, partition);
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const [record] = (await log.read(topic, partition, middle, 1)).records;
      if (record && record.timestampMs < sinceMs) low = record.offset + 1;
      else high = middle;
    }
    return low;
  }
}

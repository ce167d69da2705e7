/**
 * A log that several engines share, as far as sinks look at it, with what is hard about Kafka's: offsets have gaps, what was committed can be read a while later, partitions move, and
 * who has lost one is refused. Time is turns of the event loop, drawn from a seed.
 */
import { setImmediate } from 'node:timers/promises';
import type { Random } from '../../loadtest/random.js';
import { LogError, type Log, type LogBatch, type OwnershipListener, type OwnValue } from '../../engine/log/log.js';
import { fakeResults } from './fake-clickhouse.js';

const TURNS_MAX = 25;

/** Things in the order in which they were committed, of which the first so many can be read. */
class Written<T> {
  readonly all: T[] = [];
  readable = 0;

  add(item: T, turns: Promise<void>): number {
    const count = this.all.push(item);
    void turns.then(() => { this.readable = Math.max(this.readable, count); });
    return count;
  }
  /** Resolves when the first `count` can be read. */
  async until(count = this.all.length): Promise<void> {
    while (this.readable < count) await setImmediate();
  }
}
interface Result { offset: number; batch: number; rows: number; value: Uint8Array }

export class MovingLog {
  readonly results: Written<Result>[];
  readonly values = new Written<{ name: string; bytes: Uint8Array }>();
  readonly owners: (EngineLog | undefined)[];
  private readonly ends: number[];

  constructor(readonly partitions: number, private readonly random: Random) {
    this.results = Array.from({ length: partitions }, () => new Written<Result>());
    this.owners = Array.from({ length: partitions }, () => undefined);
    this.ends = Array.from({ length: partitions }, () => 0);
  }
  async turns(): Promise<void> {
    for (let left = this.random.below(TURNS_MAX); left > 0; left--) await setImmediate();
  }
  /** A results record with a mark after it. */
  commit(partition: number, rows: number): { result: Result; readable: Promise<void> } {
    const written = this.results[partition]!, batch = written.all.length, offset = this.ends[partition]!;
    this.ends[partition] = offset + 2 + this.random.below(2);
    const result = { offset, batch, rows, value: fakeResults(partition, batch, rows) }, count = written.add(result, this.turns());
    return { result, readable: written.until(count) };
  }
  /** Where what can be read ends. */
  endOf(partition: number): number {
    const { all, readable } = this.results[partition]!;
    return all[readable]?.offset ?? this.ends[partition]!;
  }
}

/** One engine's view. A dead one is never answered again. */
export class EngineLog {
  readonly owned = new Set<number>();
  dead = false;
  /** Nothing that it asks for is answered until it is again. */
  stalled = false;
  private listener: OwnershipListener | undefined;
  private tenures = 0;
  private readonly tenureOf = new Map<number, number>();
  private puts: Promise<unknown> = Promise.resolve();
  private putsSeen = 0;

  constructor(private readonly log: MovingLog) {}

  onOwnership(listener: OwnershipListener): () => void {
    this.listener = listener;
    return () => undefined;
  }
  gain(partition: number): void {
    this.log.owners[partition] = this;
    this.tenureOf.set(partition, ++this.tenures);
    this.owned.add(partition);
    this.listener?.gained([partition]);
  }
  lose(partition: number): void {
    this.log.owners[partition] = undefined;
    this.owned.delete(partition);
    this.listener?.lost([partition]);
  }
  async release(partition: number): Promise<void> {
    await this.listener?.released([partition]);
    await this.puts.catch(() => undefined);
    this.owned.delete(partition);
  }

  tenure(partition: number): number | undefined {
    return this.owned.has(partition) ? this.tenureOf.get(partition) : undefined;
  }
  async settled(partition: number): Promise<void> {
    await this.answered(Promise.all([this.log.results[partition]!.until(), this.log.values.until()]));
  }
  async getValue(name: string): Promise<Uint8Array | undefined> {
    await this.answered(this.log.values.until(this.putsSeen));
    return this.log.values.all.slice(0, this.log.values.readable).findLast((value) => value.name === name)?.bytes;
  }
  putOwnValues(values: OwnValue[]): Promise<void> {
    const tenures = values.map(({ partition }) => this.tenureOf.get(partition));
    const put = this.puts.catch(() => undefined).then(async () => {
      await this.answered(this.log.turns());
      for (const [place, { partition }] of values.entries()) {
        if (this.log.owners[partition] !== this || this.tenureOf.get(partition) !== tenures[place]) throw new LogError('moved', `partition ${partition} is another engine's now`);
      }
      const turns = this.log.turns();
      for (const { name, value } of values) this.putsSeen = this.log.values.add({ name, bytes: value }, turns);
      await this.answered(this.log.turns());
    });
    this.puts = put;
    return put;
  }
  async bounds(_topic: string, partition: number): Promise<{ begin: number; end: number }> {
    await this.answered(this.log.turns());
    return { begin: 0, end: this.log.endOf(partition) };
  }
  async read(_topic: string, partition: number, from: number, records = 1 + from % 3): Promise<LogBatch> {
    await this.answered(this.log.turns());
    const { all, readable } = this.log.results[partition]!, found = all.slice(0, readable).filter(({ offset }) => offset >= from), given = found.slice(0, records);
    return {
      topic: 'results', partition, records: given.map(({ offset, value }) => ({ offset, timestampMs: 0, value })),
      nextOffset: found[records]?.offset ?? Math.max(from, this.log.endOf(partition)),
    };
  }
  asLog(): Log {
    const read = (topic: string, partition: number, from: number): Promise<LogBatch> => this.read(topic, partition, from);
    const known = { owned: this.owned, tenure: this.tenure.bind(this), onOwnership: this.onOwnership.bind(this), settled: this.settled.bind(this), getValue: this.getValue.bind(this), putOwnValues: this.putOwnValues.bind(this), bounds: this.bounds.bind(this), read };
    return known as unknown as Log;
  }
  /** What it waits for; for ever when it has died meanwhile. */
  async answered<T>(answer: Promise<T>): Promise<T> {
    const found = await answer;
    while (this.stalled && !this.dead) await setImmediate();
    return this.dead ? new Promise<T>(() => undefined) : found;
  }
}

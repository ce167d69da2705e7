/**
 * The log as one run of the engine has it open: everything takes as long as the scheduler wants, writes take effect in the order of their calls and
 * are answered some time later, a write can be delivered twice or fail for good. What took effect stands in the StoredLog, which outlives the run.
 */
import { LogError, type Append, type Commit, type InputChunk, type InputTopic, type Log, type LogBatch, type OwnValue, type Topic } from '../../engine/log/log.js';
import { inputTopics } from '../../engine/log/log.js';
import type { Random } from '../../loadtest/random.js';
import { Lane, type Scheduler } from './scheduler.js';
import type { StoredLog } from './stored-log.js';

/** How often, of a thousand writes, what happens. */
export interface LogFaults { failPerMille: number; twicePerMille: number }

export class FakeLog implements Log {
  readonly partitions: number;
  readonly hash = 'murmur2';
  readonly tenure = (): number => 0;
  readonly owned: ReadonlySet<number>;
  private readonly writes: Lane;
  /** Writes are answered in their order. */
  private readonly answers: Lane;
  private readonly listeners = new Set<(topic: InputTopic, partition: number) => void>();
  private refusal: LogError | undefined;

  constructor(
    private readonly stored: StoredLog, private readonly scheduler: Scheduler, private readonly random: Random,
    private readonly nowMs: () => number, private readonly faults: LogFaults, readonly shared = false,
  ) {
    this.partitions = stored.partitions;
    this.owned = new Set(Array.from({ length: stored.partitions }, (_, partition) => partition));
    this.writes = new Lane(scheduler);
    this.answers = new Lane(scheduler);
  }
  get bytesAppended(): number {
    return this.stored.bytesAppended;
  }

  onOwnership(): () => void {
    return () => undefined;
  }
  append(records: Append[]): Promise<number[]> {
    return this.write({ outputs: records, positions: [] }, this.random.below(1000) < this.faults.twicePerMille);
  }
  commit(step: Commit): Promise<number[]> {
    return this.write(step, false);
  }
  read(topic: Topic, partition: number, fromOffset: number, bytesMax: number): Promise<LogBatch> {
    return this.scheduler.later(() => {
      const records = this.stored.read(topic, partition, fromOffset, bytesMax);
      return { topic, partition, records, nextOffset: fromOffset + records.length };
    });
  }
  async readInput(topic: InputTopic, partition: number, fromOffset: number, bytesMax: number): Promise<{ chunks: InputChunk[]; nextOffset: number }> {
    const { records, nextOffset } = await this.read(topic, partition, fromOffset, bytesMax);
    return { chunks: records.map((record) => ({ ...record, batch: false, records: 1 })), nextOffset };
  }
  position(topic: InputTopic, partition: number): Promise<number> {
    return this.scheduler.later(() => this.stored.position(topic, partition));
  }
  bounds(topic: Topic, partition: number): Promise<{ begin: number; end: number }> {
    return this.scheduler.later(() => ({ begin: 0, end: this.stored.records(topic, partition).length }));
  }
  onAppend(listener: (topic: InputTopic, partition: number) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
  settled(): Promise<void> {
    return this.scheduler.later(() => undefined);
  }
  async follow(): Promise<() => void> {
    return () => undefined;
  }
  trim(): Promise<void> {
    throw new Error('nothing of a simulation is trimmed');
  }
  getValue(name: string): Promise<Uint8Array | undefined> {
    return this.scheduler.later(() => this.stored.values.get(name));
  }
  async addValue(name: string, value: Uint8Array): Promise<boolean> {
    let added = false;
    await this.writes.later(() => {
      added = !this.stored.values.has(name);
      if (added) this.stored.values.set(name, Uint8Array.from(value));
    });
    await this.answers.later(() => undefined);
    return added;
  }
  putValue(name: string, value: Uint8Array): Promise<void> {
    return this.putOwnValues([{ name, value }]);
  }
  async putOwnValues(values: Pick<OwnValue, 'name' | 'value'>[]): Promise<void> {
    await this.writes.later(() => { for (const { name, value } of values) this.stored.values.set(name, Uint8Array.from(value)); });
    await this.answers.later(() => undefined);
  }
  close(): Promise<void> {
    this.refusal ??= new LogError('closed', 'the log is closed');
    return this.scheduler.later(() => undefined);
  }

  private async write(step: Commit, twice: boolean): Promise<number[]> {
    const given = step.outputs.map(({ value }) => Buffer.from(value));
    const offsets = await this.writes.later(() => {
      if (this.refusal) throw this.refusal;
      if (step.outputs.some(({ value }, i) => given[i]!.compare(value) !== 0)) throw new Error('a value changed between its call and its write');
      const failure = this.random.below(1000) < this.faults.failPerMille ? new LogError('failed', 'the simulated disk failed') : undefined;
      this.refusal = failure;
      if (failure && this.random.below(2) === 0) throw failure;
      if (twice) this.take(step);
      const taken = this.take(step);
      if (failure) throw failure;
      return taken;
    });
    return this.answers.later(() => offsets);
  }
  private take(step: Commit): number[] {
    const offsets = this.stored.write(step, this.nowMs());
    const written = new Set(step.outputs.map(({ topic, partition }) => `${topic}/${partition}`));
    for (const { topic, partition } of step.outputs) {
      if (!isInput(topic) || !written.delete(`${topic}/${partition}`)) continue;
      for (const listener of this.listeners) listener(topic, partition);
    }
    return offsets;
  }
}

const isInput = (topic: Topic): topic is InputTopic => (inputTopics as readonly Topic[]).includes(topic);

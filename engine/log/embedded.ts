/**
 * The log in one LMDB environment, DATA/log, for the engine that needs npm only. Opened and written by the main thread of one process.
 *
 *   database TOPIC/PARTITION   offset → record; the append time lies before the value, as lmdb's version
 *   database "state"           "settings" → { format, partitions, hash }, "position/TOPIC/PARTITION" → offset, "begin/TOPIC/PARTITION" → offset
 *   database "values"          name → bytes (getValue, putValue)
 *
 * Promises what log.ts asks for, and: offsets have no gaps; the append times of a partition never go backwards, across its topics and across restarts
 * with a clock set back; appends and commits that arrive during a write share the next transaction (group-commit.ts); a second process is refused
 * while the first lives (owner.ts).
 * After `full` or `failed` it can be read, but written only after it was opened again.
 * Values are not copied on their way in: they must not change, or be transferred, before the promise resolves.
 */
import { open as openFile } from 'node:fs/promises';
import { join } from 'node:path';
import { getLastVersion, open, type Database, type RootDatabase } from 'lmdb';
import { agreeOnSettings, type Settings } from './embedded-settings.js';
import { GroupCommit } from './group-commit.js';
import {
  LogError, inputTopics, isInput, topics, type Append, type Commit, type InputChunk, type InputTopic, type Log, type LogBatch, type LogRecord, type OwnValue, type Position, type Topic,
} from './log.js';
import { own, type Owner } from './owner.js';

export interface EmbeddedLogOptions {
  /** The engine's data directory; the log lies in its folder `log`. */
  directory: string;
  /** Fixed when the log is created (8 when not given); a number given later must agree. */
  partitions?: number;
  hash?: 'murmur2';
  /** Milliseconds since 1970. */
  clock?: () => number;
  /** About how much one transaction writes at most; it is held in memory meanwhile. */
  groupBytesMax?: number;
}

/** lmdb holds a few tables in memory with an entry for each database that there may be. */
const PARTITIONS_MAX = 256;
const GROUP_BYTES_MAX = 32 * 2 ** 20;
/** Address space, not memory or disk. Large, since lmdb would have to map the file anew each time it outgrows this. */
const MAP_BYTES = 2 ** 40;
const NAME_LENGTH_MAX = 200;
/** A trim frees so many records in one transaction, so that commits don't wait long behind it. */
const TRIM_RECORDS_MAX = 256;

/** lmdb's types leave out the options of put, which its README describes. */
type Records = Omit<Database<Uint8Array, number>, 'put'> & {
  put(offset: number, value: Uint8Array, options: { append: true; version: number }): Promise<boolean>;
};

/** One topic of one partition. Of the records [first, next) those of [begin, end) can be read. */
interface Stream {
  topic: Topic;
  partition: number;
  records: Records;
  /** The first record on disk: `begin`, or before it when only the newest is left, which is kept for its offset and time. */
  first: number;
  begin: number;
  /** What survives a crash ends here. */
  end: number;
  /** The offset that the next record gets: past what is being written. */
  next: number;
}

/** Throws LogError `fenced` when another process has it open, ConfigError when its settings differ. */
export async function openEmbeddedLog(options: EmbeddedLogOptions): Promise<Log> {
  const directory = join(options.directory, 'log');
  const owner = await own(options.directory, join(directory, 'owner'));
  try {
    return await EmbeddedLog.open(directory, owner, options);
  } catch (error) {
    await owner.release();
    throw error;
  }
}

class EmbeddedLog implements Log {
  private readonly writer: GroupCommit;
  private readonly streams = new Map<Topic, Stream[]>();
  private readonly positions = new Map<string, number>();
  private readonly lastAppendMs: Float64Array;
  private readonly listeners = new Set<(topic: InputTopic, partition: number) => void>();
  private closing: Promise<void> | undefined;
  readonly partitions: number;
  readonly hash: string;
  readonly shared = false;
  readonly tenure = (): number => 0;
  readonly owned: ReadonlySet<number>;
  bytesAppended = 0;

  private constructor(
    private readonly root: RootDatabase, private readonly state: Database<number | Settings, string>, private readonly values: Database<Uint8Array, string>,
    private readonly owner: Owner, private readonly clock: () => number, directory: string, settings: Settings, groupBytesMax: number,
  ) {
    this.partitions = settings.partitions;
    this.hash = settings.hash;
    this.owned = new Set(Array.from({ length: settings.partitions }, (_, partition) => partition));
    this.writer = new GroupCommit(root, directory, groupBytesMax);
    this.lastAppendMs = new Float64Array(settings.partitions);
    const openRecords = (topic: Topic, partition: number): Records => root.openDB({ name: `${topic}/${partition}`, encoding: 'binary', useVersions: true });
    // In one transaction, since each database that is created here would otherwise be synced by itself.
    const databases = root.transactionSync(() => (
      topics.map((topic) => Array.from({ length: settings.partitions }, (_, partition) => openRecords(topic, partition)))
    ));
    topics.forEach((topic, i) => this.streams.set(topic, databases[i]!.map((records, partition) => this.startStream(topic, partition, records))));
    for (const topic of inputTopics) {
      for (let partition = 0; partition < settings.partitions; partition++) {
        const name = positionName({ topic, partition });
        this.positions.set(name, (state.get(name) as number | undefined) ?? 0);
      }
    }
  }

  static async open(directory: string, owner: Owner, options: EmbeddedLogOptions): Promise<EmbeddedLog> {
    const partitionsMax = options.partitions ?? PARTITIONS_MAX;
    if (!Number.isInteger(partitionsMax) || partitionsMax < 1 || partitionsMax > PARTITIONS_MAX) {
      throw new LogError('failed', `the number of partitions must be 1 to ${PARTITIONS_MAX}, not ${partitionsMax}`);
    }
    const root = open({
      path: directory, mapSize: MAP_BYTES, maxDbs: topics.length * PARTITIONS_MAX + 2,
      // lmdb's promises then mean "synced", and readers see nothing earlier. It was not slower (docs/decisions/001-embedded-log.md).
      overlappingSync: false,
      // The groups are put together here; a second level of batching would leave a promise that nobody can catch when a commit fails.
      eventTurnBatching: false,
      compression: false, noMemInit: false,
    });
    try {
      const state = root.openDB<number | Settings, string>({ name: 'state', encoding: 'msgpack' });
      const values = root.openDB<Uint8Array, string>({ name: 'values', encoding: 'binary' });
      const settings = await agreeOnSettings(directory, state, options);
      const log = new EmbeddedLog(root, state, values, owner, options.clock ?? Date.now, directory, settings, options.groupBytesMax ?? GROUP_BYTES_MAX);
      await syncDirectories(directory);
      return log;
    } catch (error) {
      await root.close();
      throw error;
    }
  }

  /** Nothing ever changes. */
  onOwnership(): () => void {
    return () => undefined;
  }

  async append(records: Append[]): Promise<number[]> {
    return this.commit({ outputs: records, positions: [] });
  }

  async commit({ outputs, positions }: Commit): Promise<number[]> {
    const streams = outputs.map(({ topic, partition }) => this.stream(topic, partition));
    for (const { topic, partition } of positions) this.stream(topic, partition);
    const bytes = outputs.reduce((sum, { value }) => sum + value.length, 0), nowMs = this.clock();
    return this.writer.write(bytes, (put) => {
      for (const position of positions) put(this.state.put(positionName(position), position.offset));
      return outputs.map(({ value }, i) => {
        const stream = streams[i]!, offset = stream.next++;
        const timestampMs = this.lastAppendMs[stream.partition] = Math.max(nowMs, this.lastAppendMs[stream.partition]!);
        put(stream.records.put(offset, value, { append: true, version: timestampMs }));
        return offset;
      });
    }, (offsets) => {
      this.bytesAppended += bytes;
      for (const position of positions) this.positions.set(positionName(position), position.offset);
      offsets.forEach((offset, i) => { streams[i]!.end = offset + 1; });
      for (const stream of new Set(streams)) {
        if (isInput(stream.topic)) for (const listener of this.listeners) listener(stream.topic, stream.partition);
      }
    });
  }

  async read(topic: Topic, partition: number, fromOffset: number, bytesMax: number): Promise<LogBatch> {
    const stream = this.stream(topic, partition);
    const records: LogRecord[] = [];
    let offset = Math.max(fromOffset, stream.begin);
    for (let bytes = 0; offset < stream.end && (bytes < bytesMax || records.length === 0); offset++) {
      const volatile = stream.records.getBinaryFast(offset);
      if (volatile === undefined) throw new LogError('failed', `record ${offset} of ${topic}/${partition} is missing`);
      // A buffer of its own, not from node's pool, so that whoever gets it may transfer it.
      const value = Buffer.allocUnsafeSlow(volatile.length);
      value.set(volatile.subarray(0, volatile.length));
      records.push({ offset, timestampMs: getLastVersion(), value });
      bytes += value.length;
    }
    return { topic, partition, records, nextOffset: offset };
  }

  async readInput(topic: InputTopic, partition: number, fromOffset: number, bytesMax: number): Promise<{ chunks: InputChunk[]; nextOffset: number }> {
    const { records, nextOffset } = await this.read(topic, partition, fromOffset, bytesMax);
    return { chunks: records.map(({ offset, timestampMs, value }) => ({ offset, timestampMs, value, batch: false, records: 1 })), nextOffset };
  }

  async position(topic: InputTopic, partition: number): Promise<number> {
    return this.positions.get(positionName(this.stream(topic, partition)))!;
  }

  async bounds(topic: Topic, partition: number): Promise<{ begin: number; end: number }> {
    const { begin, end } = this.stream(topic, partition);
    return { begin, end };
  }

  onAppend(listener: (topic: InputTopic, partition: number) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** An earlier engine is gone with all that it had not committed. */
  async settled(): Promise<void> {
    return undefined;
  }
  /** What is committed here was decided here: nobody has to be told. */
  async follow(): Promise<() => void> {
    return () => undefined;
  }

  async trim(topic: Topic, partition: number, beforeOffset: number): Promise<void> {
    const stream = this.stream(topic, partition);
    const begin = Math.min(beforeOffset, stream.end);
    while (stream.begin < begin) {
      await this.writer.write(0, (put) => {
        stream.begin = Math.max(stream.begin, Math.min(begin, stream.first + TRIM_RECORDS_MAX));
        put(this.state.put(`begin/${topic}/${partition}`, stream.begin));
        for (; stream.first < Math.min(stream.begin, stream.next - 1); stream.first++) put(stream.records.remove(stream.first));
      }, () => undefined);
    }
  }

  async getValue(name: string): Promise<Uint8Array | undefined> {
    this.refuseWhenClosed();
    return this.values.getBinary(name);
  }
  /** One engine at a time, which adds one value of a name at a time. */
  async addValue(name: string, value: Uint8Array): Promise<boolean> {
    if (await this.getValue(name)) return false;
    await this.putValue(name, value);
    return true;
  }
  putValue(name: string, value: Uint8Array): Promise<void> {
    return this.putValues([{ name, value }]);
  }
  /** All partitions are ours. */
  putOwnValues(values: OwnValue[]): Promise<void> {
    return this.putValues(values);
  }

  close(): Promise<void> {
    this.closing ??= this.writer.stop().then(() => this.root.close()).then(() => this.owner.release());
    return this.closing;
  }

  private async putValues(values: { name: string; value: Uint8Array }[]): Promise<void> {
    // What lmdb refuses later would be refused in the middle of a group.
    for (const { name } of values) {
      if (name.length > 0 && name.length <= NAME_LENGTH_MAX && !name.includes('\0')) continue;
      throw new LogError('failed', `a value's name has 1 to ${NAME_LENGTH_MAX} characters and no NUL, unlike ${JSON.stringify(name.slice(0, NAME_LENGTH_MAX))}`);
    }
    const bytes = values.reduce((sum, { value }) => sum + value.length, 0);
    await this.writer.write(bytes, (put) => { for (const { name, value } of values) put(this.values.put(name, value)); }, () => undefined);
  }
  private stream(topic: Topic, partition: number): Stream {
    this.refuseWhenClosed();
    const stream = this.streams.get(topic)?.[partition];
    if (!stream) throw new LogError('failed', `there is no ${topic}/${partition}: the log has ${this.partitions} partitions`);
    return stream;
  }

  private refuseWhenClosed(): void {
    if (this.closing) throw new LogError('closed', 'the log is closed');
  }

  private startStream(topic: Topic, partition: number, records: Records): Stream {
    const [first] = records.getKeys({ limit: 1 }), [last] = records.getKeys({ reverse: true, limit: 1 });
    if (first === undefined || last === undefined) return { topic, partition, records, first: 0, begin: 0, end: 0, next: 0 };
    records.getBinaryFast(last);
    this.lastAppendMs[partition] = Math.max(this.lastAppendMs[partition]!, getLastVersion());
    const begin = (this.state.get(`begin/${topic}/${partition}`) as number | undefined) ?? 0;
    return { topic, partition, records, first, begin, end: last + 1, next: last + 1 };
  }
}

function positionName({ topic, partition }: Pick<Position, 'topic' | 'partition'> | Stream): string {
  return `position/${topic}/${partition}`;
}

/** The names of new files survive a crash only when their directories are synced (Windows has no such thing). */
async function syncDirectories(directory: string): Promise<void> {
  if (process.platform === 'win32') return;
  for (const path of [directory, join(directory, '..')]) {
    const handle = await openFile(path, 'r');
    await handle.sync().finally(() => handle.close());
  }
}

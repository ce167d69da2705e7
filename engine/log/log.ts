/**
 * The log: what the engine above relies on, whatever carries it (embedded.ts: LMDB in a data directory; kafka/: Apache Kafka).
 *
 * Names and promises are Kafka's: topics with partitions, records with offsets that only grow (not necessarily by one), an append time per partition that never goes
 * backwards, readers that see committed records only, commits that make outputs and input offsets real in one atomic step, and fencing by epoch.
 */
export const topics = ['commands', 'internal', 'interactive', 'results', 'dead-letters', 'replies', 'snapshots'] as const;
export type Topic = (typeof topics)[number];
/** The topics whose records a partition's shard consumes; results records name them by their place here. */
export const inputTopics = ['interactive', 'internal', 'commands'] as const satisfies readonly Topic[];
export type InputTopic = (typeof inputTopics)[number];

export const isInput = (topic: Topic): topic is InputTopic => (inputTopics as readonly Topic[]).includes(topic);

/** A record that was read, with its key where the topic has keys; `value` is a copy for the reader, who may transfer its ArrayBuffer (several values may share one: transfer each once). */
export interface LogRecord { offset: number; /** append time, ms */ timestampMs: number; value: Uint8Array; key?: string }

/** Records of one topic and partition, in order. `nextOffset` is where to read on (records may be missing in between). */
export interface LogBatch { topic: Topic; partition: number; records: LogRecord[]; nextOffset: number }

/**
 * What an input topic gives to a shard: a record, or a whole record batch of Kafka's as it is compressed, of which the records from `offset` on are meant and which the shard opens
 * (workers/records/). `records`: how many it holds, at most. `value` may be a view of something larger.
 */
export interface InputChunk { offset: number; timestampMs: number; value: Uint8Array; batch: boolean; records: number }

/** A record to be written. The log does not copy `value`: it must not change, or be transferred, until the promise of the call is settled. */
export interface Append {
  topic: Topic;
  partition: number;
  value: Uint8Array;
  /**
   * In snapshots, which a shared log has: the newest record of a key stays, older ones may go, and without a value (of no bytes) the key itself. Elsewhere for who reads the topic with other
   * tools. Never in `results`.
   */
  key?: string;
}
export interface Position { topic: InputTopic; partition: number; offset: number }

/** One atomic step: all outputs and all offsets, or nothing. `positions` are the next offsets to read; `fences`: partitions that must be ours, though none of their offsets moves. */
export interface Commit { outputs: Append[]; positions: Position[]; fences?: number[] }

/** A named value of a partition, which only its owner may write. */
export interface OwnValue { partition: number; name: string; value: Uint8Array }

/**
 * Hears which partitions this engine is to process. Of those that are released nothing may be under way any more once the promise resolves; those that are lost may be another
 * engine's already, and commits of them are refused (`moved`).
 */
export interface OwnershipListener {
  gained(partitions: number[]): void;
  released(partitions: number[]): Promise<void>;
  lost(partitions: number[]): void;
  /** Records of an input topic, from one offset up to another, were deleted by somebody else before they were read. Whoever processes the partition goes on behind them. */
  deletedUnread?(topic: InputTopic, partition: number, from: number, to: number): void;
  /** Final: the log goes on no more. */
  failed?(error: LogError): void;
}

/** `fenced`, `full`, `failed`, `closed` are final. `moved`: a partition of the step is another engine's now. `unavailable`: the log can't be reached; try again. */
export class LogError extends Error {
  constructor(readonly code: 'fenced' | 'moved' | 'full' | 'failed' | 'unavailable' | 'closed', message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

export interface Log {
  readonly partitions: number;
  /** Other engines may work on the same log: partitions come and go, and answers may have to go to another machine. */
  readonly shared: boolean;
  /** The partitions that this engine is to process, at the moment. */
  readonly owned: ReadonlySet<number>;
  /** Which time it is that a partition is ours; undefined when it is not. Another number than before: another engine may have gone on between. */
  tenure(partition: number): number | undefined;
  /** Why the log has not answered for a while, in words for whoever runs the engine; it may again. Undefined: it answers. */
  readonly trouble?: string | undefined;
  /** Returns a function that ends it. */
  onOwnership(listener: OwnershipListener): () => void;
  /** Names the way texts are spread over partitions, e.g. "murmur2". */
  readonly hash: string;
  /**
   * Appends outside a commit (gateways). Resolves with the offsets, in order, once they survive a crash. Where it throws, some of them may have been written all the same: whoever
   * repeats them has to be recognised.
   */
  append(records: Append[]): Promise<number[]>;
  /**
   * Resolves with the offsets of the outputs once the step survives a crash. Throws LogError, `moved` also when a partition was lost meanwhile and is ours again. Commits take effect in
   * the order in which they are called.
   */
  commit(step: Commit): Promise<number[]>;
  /** Committed records from an offset on: at least one when there is one, else up to about bytesMax. Empty when there is none yet. Begins at the first record kept when that is later. */
  read(topic: Topic, partition: number, fromOffset: number, bytesMax: number): Promise<LogBatch>;
  /**
   * What a shard is to process next, about bytesMax of it. The chunks may be empty although there are records, when these are still under way: then onAppend tells. To be called by
   * one reader for each topic and partition, which goes on from `nextOffset` or from where its shard stopped.
   */
  readInput(topic: InputTopic, partition: number, fromOffset: number, bytesMax: number): Promise<{ chunks: InputChunk[]; nextOffset: number }>;
  /** The next offset to read of an input topic, as committed; 0 before the first commit. */
  position(topic: InputTopic, partition: number): Promise<number>;
  /** Resolves when nothing is pending any more that an earlier engine wrote to the results and snapshots of a partition or to the values, so that its last commit can be read. */
  settled(partition: number): Promise<void>;
  /** First offset kept, and an offset after the last committed record and before the next one: Kafka counts the ends of transactions too. */
  bounds(topic: Topic, partition: number): Promise<{ begin: number; end: number }>;
  /** Called after records of an input topic became readable. Returns a function that ends it. */
  onAppend(listener: (topic: InputTopic, partition: number) => void): () => void;
  /** Hands each record of a topic's partition over that is committed from now on, until the function that it resolves with is called. */
  follow(topic: Topic, partition: number, listener: (value: Uint8Array) => void): Promise<() => void>;
  /** Forgets records before an offset. */
  trim(topic: Topic, partition: number, beforeOffset: number): Promise<void>;
  /** Small named values that survive a crash (sink intents, checkpoint places); a Map of the log's own. */
  getValue(name: string): Promise<Uint8Array | undefined>;
  putValue(name: string, value: Uint8Array): Promise<void>;
  /** Values of partitions in one atomic step, only as long as all of these are ours without a break, else LogError `moved`. */
  putOwnValues(values: OwnValue[]): Promise<void>;
  /** Writes it where there is no value of that name, and says whether that was so: of several engines that add one at the same moment it is true for one. */
  addValue(name: string, value: Uint8Array): Promise<boolean>;
  /** Bytes written to the log since it was opened, for bytesLoggedPerTransaction. */
  readonly bytesAppended: number;
  close(): Promise<void>;
}

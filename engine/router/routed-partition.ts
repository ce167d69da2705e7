/**
 * One partition of a partner's topic on its way to `commands`.
 *
 *   take ─► parse, a record batch a task ─► hand over: envelopes to `commands`, refused items to the dead letters ─► passed: the offset may be committed
 *             next step is parsed meanwhile ──┘  one step at a time, again until the log has it
 *
 * Promises: at least once, and in order: a step is handed over when the one before is in the log. Nothing of the records stops it: what a parser can't take, though it tried
 * again and again, is halved down to the record that does it, which is set aside as poison. Never waits for what becomes of the transactions.
 */
import { EngineError, type DeadLetter, type Engine } from '../engine.js';
import type { Parser, RecordsResult } from '../gateway/parser-pool.js';
import { LogError, type InputChunk } from '../log/log.js';
import { deadLetter } from '../rejected.js';

/** Of one step, compressed: enough to keep parsers busy, little enough to be repeated after a crash. */
const STEP_BYTES = 512 * 1024;
const PARSE_TRIES = 3;

export interface Routed { records: number; transactions: number; rejected: { reason: string }[] }
export interface RoutedPartitionOptions {
  topic: string;
  partition: number;
  partner: string;
  rejectedMax: number;
  engine: Pick<Engine, 'partitions' | 'gateway' | 'submit' | 'reject'>;
  parser: Pick<Parser, 'parseRecords'>;
  /** Where the group stands. */
  begin(): Promise<number>;
  /** What has come of the records from an offset on, about bytesMax of them. */
  take(from: number, bytesMax: number): { chunks: InputChunk[]; nextOffset: number };
  /** Everything before this offset is in the log or among the dead letters. */
  passed(nextOffset: number, routed: Routed): void;
  /** Something did not work and is tried again. */
  failed(error: Error): void;
  /** Resolves after the time until the next attempt, or when `stopped` does. */
  pause(attempt: number, stopped: Promise<void>): Promise<void>;
}
type Piece = { from: number; to: number; batch: Uint8Array };

export class RoutedPartition {
  private readonly stopped: Promise<void>;
  private stopping = false;
  private broken = false;
  private endWaiting: (() => void) | undefined;
  private announceStop!: () => void;
  private running: Promise<void> | undefined;
  /** The time of the oldest record that is being handed over; undefined: none is. */
  waitingSinceMs: number | undefined;
  /** Everything before this offset is in the log; undefined: it is not known yet from where on. */
  passedTo: number | undefined;
  readonly topic: string;
  readonly partition: number;

  constructor(private readonly options: RoutedPartitionOptions) {
    this.topic = options.topic;
    this.partition = options.partition;
    this.stopped = new Promise((resolve) => { this.announceStop = resolve; });
  }
  /** Resolves when it has stopped. Rejects when something is broken here, not outside. */
  run(): Promise<void> {
    this.running ??= this.route().catch((error: unknown) => {
      if (!(error instanceof Stopped)) throw error;
    });
    return this.running;
  }
  /** Something came. */
  wake(): void {
    this.endWaiting?.();
    this.endWaiting = undefined;
  }
  /** Lets the step that is being handed over end, unless the log does not take it now. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.announceStop();
    this.wake();
    await this.running?.catch(() => undefined);
  }

  private async route(): Promise<void> {
    const { begin, take } = this.options;
    let next = this.passedTo = await this.untilDone(begin);
    let handedOver = Promise.resolve();
    while (!this.stopping && !this.broken) {
      const { chunks, nextOffset } = take(next, STEP_BYTES);
      if (nextOffset === next) {
        await new Promise<void>((resolve) => { this.endWaiting = resolve; });
        continue;
      }
      const parsing = Promise.all(chunks.map((chunk, i) => this.parse({ batch: chunk.value, from: chunk.offset, to: chunks[i + 1]?.offset ?? nextOffset })));
      // Looked at below; a failure of the step before comes first.
      parsing.catch(() => undefined);
      await handedOver;
      handedOver = this.handOver(parsing, nextOffset, chunks[0]?.timestampMs);
      handedOver.catch(() => {
        this.broken = true;
        this.wake();
      });
      next = nextOffset;
    }
    await handedOver;
  }
  private async handOver(parsing: Promise<RecordsResult[][]>, nextOffset: number, timestampMs: number | undefined): Promise<void> {
    const { engine, passed } = this.options;
    this.waitingSinceMs = timestampMs;
    const results = (await parsing).flat(), envelopes = results.flatMap((result) => result.envelopes), refused = results.flatMap(({ rejected }) => rejected);
    const letters = refused.map((item) => this.letterOf(item));
    await Promise.all([
      envelopes.length > 0 ? this.untilDone(() => engine.submit('commands', NO_REQUEST, envelopes, 'append')) : undefined,
      letters.length > 0 ? this.untilDone(() => engine.reject(letters)) : undefined,
    ]);
    this.waitingSinceMs = undefined;
    const records = results.reduce((sum, result) => sum + result.records, 0);
    this.passedTo = nextOffset;
    passed(nextOffset, { records, transactions: envelopes.reduce((sum, { count }) => sum + count, 0), rejected: refused });
  }

  /** In one piece; if that kills parsers, in halves. */
  private async parse(piece: Piece): Promise<RecordsResult[]> {
    const { batch, from, to } = piece, { partner, rejectedMax, engine: { gateway, partitions }, parser } = this.options;
    for (let attempt = 1; ; attempt++) {
      try {
        // The bytes are transferred, and have to be there for another attempt.
        return [await parser.parseRecords({ batch: new Uint8Array(batch), from, to, partner, gateway, partitions, rejectedMax })];
      } catch (error) {
        await this.wait(attempt, error);
      }
      if (attempt < PARSE_TRIES) continue;
      if (to - from > 1) break;
      return [{ envelopes: [], records: 1, count: 1, rejected: [poisonAt(from)] }];
    }
    const middle = from + Math.ceil((to - from) / 2);
    return [...await this.parse({ batch, from, to: middle }), ...await this.parse({ batch, from: middle, to })];
  }
  private letterOf({ offset, index, id, kind, reason, pointer, detail, input }: RecordsResult['rejected'][number]): DeadLetter {
    const { topic, partition, partner } = this.options;
    // Whoever the item names: it is the owner of the topic who has to look at it.
    return deadLetter({ partner, id, kind, reason, pointer, detail, input, rejectedAtMs: Date.now(), source: { topic, partition, offset, index } });
  }
  private async untilDone<T>(action: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await action();
      } catch (error) {
        await this.wait(attempt, error);
      }
    }
  }
  /** What goes wrong outside is waited for; what goes wrong here is thrown. */
  private async wait(attempt: number, error: unknown): Promise<void> {
    if (!(error instanceof EngineError || error instanceof LogError)) throw error;
    if (!this.stopping) {
      this.options.failed(error);
      await this.options.pause(attempt, this.stopped);
    }
    if (this.stopping) throw new Stopped();
  }
}

/** Nobody waits for an answer. */
const NO_REQUEST = 0;
class Stopped extends Error {}

function poisonAt(offset: number): RecordsResult['rejected'][number] {
  const what = { reason: 'poison', pointer: '', detail: 'parsers failed on this record, each time', hint: 'Report it to the operators of the engine.' } as const;
  return { offset, index: 0, id: '', partner: '', kind: '', ...what, errors: [what], input: '' };
}

/**
 * Group commit: while one commit is in flight, results gather; as soon as it is done, all that is ready goes into the next. So a single command waits for about two
 * commits, and under load commits grow by themselves. Results, dead letters, forwarded commands, parts of the checkpoint and input positions of a batch become real together or not at
 * all; so whoever has lost a partition adds nothing to its snapshot.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { inputTopics, LogError, type Append, type Commit, type Log, type Position } from './log/log.js';
import { deadLetter } from './rejected.js';
import { replyRecord } from './replies.js';
import { unpackSnapshot } from '../schemas/snapshot.js';
import type { BatchResult } from '../workers/messages.js';

/** Bytes of results in one commit: enough to keep the disk busy, little enough that nobody waits long. */
const COMMIT_BYTES_MAX = 24 * 2 ** 20;
/** Between two attempts for a partition that was refused and is still ours. */
const REFUSED_MS = 50;

export interface CommitterEvents {
  /** After a commit survived a crash: the results that became real, in order, and how long it took. */
  committed(results: BatchResult[], milliseconds: number): void;
  /** The log refused; nothing of these results is real. Final. */
  failed(error: Error): void;
}

export class Committer {
  private ready: BatchResult[] = [];
  private running: Promise<void> | undefined;
  private broken = false;
  private readonly abandoned = new Set<number>();
  /** Written to snapshots since the start. */
  snapshotBytes = 0;

  /** `gateway`: our own, whose replies need no way through the log. */
  constructor(private readonly log: Log, private readonly gateway: string, private readonly events: CommitterEvents) {}

  add(result: BatchResult): void {
    if (this.abandoned.has(result.partition)) return;
    this.ready.push(result);
    if (!this.running && !this.broken) this.running = this.run();
  }
  /** Parts of a checkpoint of a partition that stands still, with all its batches committed. False when the partition is another engine's now. */
  async snapshot(partition: number, snapshot: Uint8Array): Promise<boolean> {
    // Lost and gained again while the shard swept: it is of an earlier tenure, and `disown` has been told.
    for (const tenure = this.log.tenure(partition); tenure !== undefined && this.log.tenure(partition) === tenure && !this.abandoned.has(partition); await pause(REFUSED_MS)) {
      try {
        await this.log.commit({ outputs: snapshotAppends(partition, snapshot), positions: [], fences: [partition] });
        this.snapshotBytes += snapshot.length;
        return true;
      } catch (error) {
        if (!(error instanceof LogError && error.code === 'moved')) throw error;
      }
    }
    return false;
  }
  /** Drops what has not been handed to the log of these partitions: their state is thrown away. Resolves when no commit is in flight. */
  async abandon(partitions: ReadonlySet<number>): Promise<void> {
    this.disown(partitions);
    await this.running;
    for (const partition of partitions) this.abandoned.delete(partition);
  }
  /** Takes nothing of these partitions any more, until `abandon` has ended. */
  disown(partitions: ReadonlySet<number>): void {
    for (const partition of partitions) this.abandoned.add(partition);
    this.ready = this.ready.filter(({ partition }) => !partitions.has(partition));
  }
  async idle(): Promise<void> {
    while (this.running) await this.running;
  }

  private async run(): Promise<void> {
    await Promise.resolve(); // what the caller adds next goes along
    while (this.ready.length > 0) {
      const taken = this.take();
      const beganMs = performance.now();
      try {
        const { step, places } = commitOf(taken, this.log, this.gateway), offsets = await this.log.commit(step);
        taken.forEach((result, i) => {
          result.offset = offsets[places[i]!]!;
          this.snapshotBytes += result.snapshot?.length ?? 0;
        });
      } catch (error) {
        if (error instanceof LogError && error.code === 'moved') {
          // Another engine decides those now; what is ours still goes into the next commit.
          this.ready.unshift(...taken.filter(({ partition }) => this.log.owned.has(partition) && !this.abandoned.has(partition)));
          continue;
        }
        this.broken = true;
        this.running = undefined;
        this.events.failed(error as Error);
        return;
      }
      this.events.committed(taken, performance.now() - beganMs);
    }
    this.running = undefined;
  }
  private take(): BatchResult[] {
    let bytes = 0, count = 0;
    while (count < this.ready.length && bytes < COMMIT_BYTES_MAX) {
      const { results, snapshot } = this.ready[count++]!;
      bytes += results!.byteLength + (snapshot?.byteLength ?? 0);
    }
    return this.ready.splice(0, count);
  }
}

function snapshotAppends(partition: number, snapshot: Uint8Array): Append[] {
  return unpackSnapshot(snapshot).map(({ key, value }) => ({ topic: 'snapshots', partition, key, value }));
}

/** `places`: of each result's record among the outputs. */
function commitOf(results: BatchResult[], log: Log, gateway: string): { step: Commit; places: number[] } {
  const places: number[] = [];
  const outputs: Append[] = [];
  const positions = new Map<string, Position>();
  for (const result of results) {
    places.push(outputs.push({ topic: 'results', partition: result.partition, value: result.results! }) - 1);
    for (const forward of result.forwards) outputs.push({ topic: 'internal', partition: forward.partition, value: forward.value });
    if (log.shared) for (const reply of result.replies) if (reply.gateway !== gateway) outputs.push(replyRecord(reply, log.partitions));
    for (const rejected of result.rejected) {
      const source = { ...rejected.source, topic: inputTopics[Number(rejected.source.topic)]! };
      outputs.push({ topic: 'dead-letters', partition: result.partition, ...deadLetter({ ...rejected, source }) });
    }
    if (result.snapshot) outputs.push(...snapshotAppends(result.partition, result.snapshot));
    result.positions.forEach(([offset], place) => {
      const topic = inputTopics[place]!;
      positions.set(`${topic}:${result.partition}`, { topic, partition: result.partition, offset });
    });
  }
  return { step: { outputs, positions: [...positions.values()] }, places };
}

/**
 * What shards consume, fetched ahead: for each partition that a flow reads, a little more than the flow takes next, as batches that nobody has opened.
 *
 *   broker ══ long fetch ══▶ batches ──▶ buffer of a partition ──▶ take(): from where the shard stands
 *          ══ long fetch ══▶                                       what it has passed is let go
 *
 * A fetch waits at the broker until something comes, and can't be changed meanwhile: so a few are under way at each broker, each with the partitions that no other has, and one that
 * was added or emptied is asked for by the next that is free. Bulk and the other topics have fetches of their own, so that a till never waits behind a megabyte.
 *
 * Promises: batches in order, committed ones only, without a gap; a partition whose buffer is full is not fetched. Never throws because a broker is away: it goes on trying, and
 * `trouble` says why nothing comes.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { LogError, type InputChunk } from '../log.js';
import { reasonOf, type Cluster } from './cluster.js';
import { committedBatches, fetchFrom, OFFSET_OUT_OF_RANGE, type Fetched } from './fetch.js';
import { EARLIEST, listOffset } from './offsets.js';

/** Fetches under way at a broker for a lane: one waits where nothing happens, the others get what is asked for meanwhile. */
const FETCHES = 3;
/** How long a fetch waits at the broker when nothing came last time; and, under load, until a little has gathered: less work for the same records. */
const IDLE_MS = 500, BUSY_MS = 5, BUSY_BYTES = 20_000;
const PARTITION_BYTES_MAX = 512 * 1024, FETCH_BYTES_MAX = 8 * 2 ** 20, BUFFER_BYTES_MAX = 1024 * 1024;
const BACKOFF_MS = 200;

interface Buffered extends InputChunk { lastOffset: number }
interface Cursor {
  topic: string;
  partition: number;
  /** The buffer holds everything committed of [start, next). */
  start: number;
  next: number;
  buffer: Buffered[];
  bytes: number;
  fetching: boolean;
  /** Counts jumps: what a fetch from before one brings is not wanted any more. */
  jumps: number;
  /** Of the topic, when its reading began: one that was made anew under the same name has another. */
  topicId: string;
}

export interface InputStreamEvents {
  /** Something came, or what came was nothing to be read. */
  arrived(topic: string, partition: number): void;
  failed(error: Error): void;
  /** The broker has deleted records, from one offset up to another, before they were read: retention, or somebody. */
  deletedUnread?(topic: string, partition: number, from: number, to: number): void;
  /** Somebody deleted the topic and made it anew; the partition has been forgotten. Without it that is a failure: records that were acknowledged are gone. */
  begunAgain?(topic: string, partition: number): void;
}

export class InputStream {
  private readonly cursors = new Map<string, Cursor>();
  private readonly running = new Set<string>();
  private readonly idle = new Set<() => void>();
  private closed = false;
  /** Why nothing comes. */
  trouble: string | undefined;

  /** `bulk`: of its records a little may gather. */
  constructor(private readonly cluster: Cluster, private readonly lane: string, private readonly bulk: boolean, private readonly events: InputStreamEvents) {}

  /** The batches from an offset on that have come, about bytesMax of them. */
  take(topic: string, partition: number, from: number, bytesMax: number): { chunks: InputChunk[]; nextOffset: number } {
    const name = `${topic}/${partition}`;
    let cursor = this.cursors.get(name);
    if (!cursor) this.cursors.set(name, (cursor = { topic, partition, start: from, next: from, buffer: [], bytes: 0, fetching: false, jumps: 0, topicId: this.cluster.topicId(topic) }));
    if (from < cursor.start || from > cursor.next) Object.assign(cursor, { start: from, next: from, buffer: [], bytes: 0, jumps: cursor.jumps + 1 });
    while (cursor.buffer.length > 0 && cursor.buffer[0]!.lastOffset < from) cursor.bytes -= cursor.buffer.shift()!.value.length;
    cursor.start = from;
    const chunks: InputChunk[] = [];
    for (let i = 0, bytes = 0; i < cursor.buffer.length && (bytes < bytesMax || i === 0); i++) {
      const { lastOffset, ...chunk } = cursor.buffer[i]!;
      chunks.push({ ...chunk, offset: Math.max(chunk.offset, from) });
      bytes += chunk.value.length;
    }
    this.wake();
    const last = cursor.buffer[chunks.length - 1];
    return { chunks, nextOffset: last ? last.lastOffset + 1 : cursor.next };
  }
  /** The partition is not read here any more. */
  forget(topic: string, partition: number): void {
    const cursor = this.cursors.get(`${topic}/${partition}`);
    if (cursor) cursor.jumps++;
    this.cursors.delete(`${topic}/${partition}`);
  }
  close(): void {
    this.closed = true;
    for (const go of this.idle) go();
  }

  /** Somebody has to look for work: whoever is idle; and where nobody is yet, those who will. */
  private wake(): void {
    for (const cursor of this.cursors.values()) {
      const node = this.cluster.leaderOf(cursor.topic, cursor.partition);
      for (let i = 0; i < FETCHES; i++) {
        const name = `${node}/${this.lane}${i}`;
        if (this.running.has(name)) continue;
        this.running.add(name);
        void this.run(node, name).catch((error: unknown) => this.events.failed(error as Error)).finally(() => this.running.delete(name));
      }
    }
    const waiting = [...this.idle];
    this.idle.clear();
    for (const go of waiting) go();
  }
  private async run(node: number, name: string): Promise<void> {
    for (let busy = false; !this.closed;) {
      for (const cursor of this.cursors.values()) if (this.cluster.topicId(cursor.topic) !== cursor.topicId) this.beginAgain(cursor);
      const wanted = this.wanted(node);
      if (wanted.length === 0) {
        if (![...this.cursors.values()].some(({ topic, partition }) => this.cluster.leaderOf(topic, partition) === node)) return;
        await new Promise<void>((resolve) => this.idle.add(resolve));
        continue;
      }
      for (const cursor of wanted) cursor.fetching = true;
      try {
        busy = await this.fetch(node, name.slice(name.indexOf('/') + 1), wanted, busy);
        this.trouble = undefined;
      } catch (error) {
        if (this.closed) return;
        if (error instanceof LogError && error.code === 'failed') throw error;
        this.trouble = reasonOf(error);
        await pause(BACKOFF_MS);
        await this.cluster.refresh().catch(() => undefined);
      } finally {
        for (const cursor of wanted) cursor.fetching = false;
      }
    }
  }
  private wanted(node: number): Cursor[] {
    const found: Cursor[] = [];
    for (const cursor of this.cursors.values()) {
      if (!cursor.fetching && cursor.bytes < BUFFER_BYTES_MAX && this.cluster.leaderOf(cursor.topic, cursor.partition) === node) found.push(cursor);
    }
    return found;
  }
  /** True when records came. */
  private async fetch(node: number, lane: string, wanted: Cursor[], busy: boolean): Promise<boolean> {
    const jumps = wanted.map((cursor) => cursor.jumps);
    const wait = busy && this.bulk ? { msMax: BUSY_MS, bytesMin: BUSY_BYTES, bytesMax: FETCH_BYTES_MAX } : { msMax: IDLE_MS, bytesMin: 1, bytesMax: FETCH_BYTES_MAX };
    const targets = wanted.map(({ topic, partition, next }) => ({ topic, partition, offset: next, bytesMax: PARTITION_BYTES_MAX }));
    const answers = await fetchFrom(this.cluster, node, lane, targets, wait);
    let some = false, stale = false;
    for (const answer of answers) {
      const index = wanted.findIndex(({ topic, partition }) => topic === answer.topic && partition === answer.partition), cursor = wanted[index];
      if (!cursor || cursor.jumps !== jumps[index]) continue;
      cursor.fetching = false;
      if (answer.error === OFFSET_OUT_OF_RANGE) await this.skipTrimmed(cursor);
      else if (answer.error !== 0) stale = true;
      else some = this.put(cursor, answer) || some;
    }
    if (stale) {
      await pause(BACKOFF_MS);
      await this.cluster.refresh();
    }
    return some;
  }
  /** What is asked for has been forgotten: on with the first record kept. */
  private async skipTrimmed(cursor: Cursor): Promise<void> {
    const { topic, partition, jumps } = cursor, begin = await listOffset(this.cluster, topic, partition, EARLIEST);
    if (cursor.jumps !== jumps) return;
    if (begin > cursor.next) {
      this.events.deletedUnread?.(topic, partition, cursor.next, begin);
      cursor.next = begin;
      // Another fetch may have asked for the same place: what it is told is not meant for the one that is read now.
      cursor.jumps++;
      return this.events.arrived(topic, partition);
    }
    this.beginAgain(cursor);
  }
  private beginAgain({ topic, partition, next }: Cursor): void {
    if (!this.events.begunAgain) throw new LogError('failed', `${topic}/${partition} ends before ${next}, or was made anew: records that were acknowledged are gone`);
    this.forget(topic, partition);
    this.events.begunAgain(topic, partition);
  }
  private put(cursor: Cursor, { records, aborted }: Fetched): boolean {
    if (!records) return false;
    const { batches, nextOffset } = committedBatches(records, aborted, cursor.next);
    for (const { header, bytes } of batches) {
      cursor.buffer.push({ offset: Math.max(header.firstOffset, cursor.next), lastOffset: header.lastOffset, timestampMs: header.timestampMs, value: bytes, batch: true, records: header.records });
      cursor.bytes += bytes.length;
    }
    if (nextOffset === cursor.next) return false;
    cursor.next = nextOffset;
    this.events.arrived(cursor.topic, cursor.partition);
    return true;
  }
}

/**
 * The core without threads, files of its own or time: real shards, driven by hand batch by batch over a log in memory. Whoever drives it decides
 * how much a batch takes, when what was evaluated becomes real, and when everything is thrown away and started again; the same driving gives the
 * same results.
 */
import type { WaitingNotice } from '../../workers/state/waiting.js';
import { mkdtempSync, existsSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inputTopics, type Append, type InputTopic } from '../../engine/log/log.js';
import { ReferenceStore, type Publication } from '../../engine/reference.js';
import type { AccountView } from '../../engine/engine.js';
import { writeCommand, type EngineCommand } from '../../schemas/commands.js';
import { packFrame, type FrameChunk } from '../../schemas/frame.js';
import { readResults } from '../../schemas/results.js';
import type { TransactionDocument } from '../../schemas/transaction.js';
import { partitionOf } from '../../workers/hash.js';
import type { AccountCellsView, BatchResult, BatchTask, LocateAnswer, Partials, PartitionStatus, ShardTask, SweepAnswer } from '../../workers/messages.js';
import { parseItems } from '../../workers/parse/worker.js';
import { Shard } from '../../workers/shard.js';
import { StoredLog } from './stored-log.js';

export interface BenchOptions {
  directory: string;
  partitions: number;
  shards?: number;
  cacheBytesMax?: number;
  debtBytesMax?: number;
  factCacheBytesMax?: number;
  startMs: number;
  /** The return window of partners that state none. */
  historyDays?: number;
  /** What became real, in the order of the log. */
  committed?(result: BatchResult): void;
}
/** How much a batch takes at most. */
export interface Bite { records: number; items?: number }

interface Flow {
  positions: [number, number][];
  epoch: number;
  evaluated: number;
  committed: number;
  partial: Partials;
  needed: { batch: number; row: number }[];
}
const readOrder = ['internal', 'interactive', 'commands'] as const satisfies readonly InputTopic[];
/** Fewer than a shard keeps. */
const TAUGHT_AGAIN = 4;
const EVERYTHING: Bite = { records: Infinity };

/** A directory of the test's own, in memory where the system has such a place: checkpoints are synced. */
export function stateDirectory(t: { teardown(end: () => void): void }): string {
  const directory = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'pointstream-test-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export class Bench {
  readonly log: StoredLog;
  readonly references: ReferenceStore;
  readonly published: Publication[] = [];
  nowMs: number;
  private shards: Shard[] = [];
  private flows: Flow[] = [];
  /** Evaluated, not real yet. */
  private ready: BatchResult[] = [];
  private requests = 0;
  private epoch = 0;

  constructor(private readonly options: BenchOptions) {
    this.log = new StoredLog(options.partitions);
    this.references = new ReferenceStore(undefined, options.historyDays);
    this.nowMs = options.startMs;
    this.start();
  }

  // ── what comes in ──
  append(records: Append[]): void {
    this.log.write({ outputs: records, positions: [] }, this.nowMs);
  }
  command(partition: number, command: EngineCommand): void {
    this.append([{ topic: 'internal', partition, value: writeCommand(command) }]);
  }
  /** Publishes what a change of the store made, and has every partition activate it. */
  publish(change: (store: ReferenceStore) => Publication): void {
    const publication = change(this.references);
    if (!publication.changed) return;
    this.published.push(publication);
    for (const shard of this.shards) teach(shard, publication);
    for (let partition = 0; partition < this.log.partitions; partition++) this.command(partition, { type: 'activate', version: publication.set.version });
  }
  /** Posts transactions as the gateway does; one alone as a single post. Returns the number of the request. */
  post(documents: TransactionDocument[], lane: 'interactive' | 'commands' = 'commands', firstIndex = 0): number {
    const request = ++this.requests;
    const bytes = new Uint8Array(Buffer.from(JSON.stringify(documents.length === 1 ? documents[0] : documents)));
    const { envelopes, rejected, unreadable } = parseItems({
      format: 'json', bytes, firstIndex, gateway: 'bench', request, detailed: documents.length === 1, partitions: this.log.partitions,
    });
    if (rejected.length > 0 || unreadable) throw new Error(`the test posts what no parser takes: ${JSON.stringify(rejected[0] ?? unreadable)}`);
    this.append(envelopes.map((envelope) => ({ topic: lane, partition: envelope.partition, value: envelope.bytes })));
    return request;
  }
  /** Tells partitions where the purchases are that their waiting returns name, those that wait longest first, at most `count`. Returns how many it told. */
  locate(count = Infinity): number {
    const waiting = this.flows.flatMap((_, home) => (this.isSettled(home) ? this.run<WaitingNotice[]>(home, { type: 'waiting', partition: home }).map((notice) => ({ home, ...notice })) : []));
    let told = 0;
    for (const { home, key, partner, originalId } of waiting.sort((a, b) => a.untilMs - b.untilMs || (a.key < b.key ? -1 : 1))) {
      const knows = (other: number): boolean => this.run<LocateAnswer>(other, { type: 'locate', partition: other, purchases: [{ partner, id: originalId }] })![0]!;
      const partition = this.flows.findIndex((_, other) => knows(other));
      if (partition < 0 || told === count) continue;
      this.command(home, { type: 'return-located', key, partition });
      told++;
    }
    return told;
  }

  // ── what is done with it ──
  /** Evaluates one batch of a partition; false when there is nothing to read. */
  step(partition: number, bite: Bite = EVERYTHING): boolean {
    const flow = this.flows[partition]!;
    const records: FrameChunk[] = [];
    for (const name of readOrder) {
      const topic = inputTopics.indexOf(name);
      const all = this.log.read(name, partition, flow.positions[topic]![0], Infinity);
      records.push(...all.slice(0, bite.records - records.length).map(({ offset, timestampMs, value }) => ({ topic, offset, timestampMs, value, batch: false })));
    }
    if (records.length === 0) return false;
    const { committed, epoch, positions, partial } = flow;
    const task: BatchTask = {
      type: 'batch', partition, epoch, batch: flow.evaluated + 1, committed, frame: packFrame(records), positions, partial,
      facts: this.factsFor(partition, flow),
      ...(bite.items === undefined ? {} : { itemsMax: bite.items }),
    };
    const result = this.run<BatchResult>(partition, task);
    flow.needed = result.missing;
    if (result.unknownReference) this.teachAgain(partition, result.status.reference);
    if (!result.results) return true;
    [flow.positions, flow.partial, flow.evaluated] = [result.positions, result.partial, result.batch];
    this.ready.push(result);
    return true;
  }
  /** Makes the first `count` results real. */
  commit(count = Infinity): void {
    for (const result of this.ready.splice(0, count)) {
      const { partition } = result;
      const forwards = result.forwards.map((forward): Append => ({ topic: 'internal', ...forward }));
      const outputs: Append[] = [{ topic: 'results', partition, value: result.results! }, ...forwards];
      this.log.write({ outputs, positions: result.positions.map(([offset], topic) => ({ topic: inputTopics[topic]!, partition, offset })) }, this.nowMs);
      this.flows[partition]!.committed = result.batch;
      this.options.committed?.(result);
    }
  }
  /** Evaluates and commits until nothing is left to read. */
  drain(bite: Bite = EVERYTHING): void {
    for (let more = true; more; ) {
      more = false;
      for (let partition = 0; partition < this.log.partitions; partition++) more = this.step(partition, bite) || more;
      this.commit();
    }
  }
  /** Like a crash: only the log and what is written of the state is left. */
  restart(): void {
    for (let partition = 0; partition < this.log.partitions; partition++) this.run(partition, { type: 'close', partition });
    this.ready = [];
    this.start();
  }
  /** Leaves nothing behind. */
  close(): void {
    for (let partition = 0; partition < this.log.partitions; partition++) this.run(partition, { type: 'close', partition });
    rmSync(this.options.directory, { recursive: true, force: true });
  }

  // ── what is there ──
  get partitions(): number {
    return this.log.partitions;
  }
  /** Nothing of this partition is evaluated and not committed. */
  isSettled(partition: number): boolean {
    return this.flows[partition]!.evaluated === this.flows[partition]!.committed;
  }
  homeOf(card: string): number {
    const bytes = Buffer.from(card);
    return partitionOf(bytes, 0, bytes.length, this.log.partitions);
  }
  account(program: string, card: string): AccountView | undefined {
    const at = (partition: number): AccountView | { linked: number } | undefined => this.run(partition, { type: 'account', partition, program, card });
    const found = at(this.homeOf(card));
    return found && 'linked' in found ? at(found.linked) as AccountView | undefined : found;
  }
  cells(partition: number): AccountCellsView[] {
    return this.run(partition, { type: 'cells', partition, from: 0, count: Infinity });
  }
  status(partition: number): PartitionStatus {
    return this.run<SweepAnswer>(partition, { type: 'sweep', partition, committed: this.flows[partition]!.committed, begin: false }).status;
  }
  sweep(partition: number): void {
    this.run(partition, { type: 'sweep', partition, committed: this.flows[partition]!.committed, begin: true });
  }

  private start(): void {
    const { options, log } = this, count = options.shards ?? 1;
    this.shards = Array.from({ length: count }, () => new Shard());
    this.epoch++;
    this.flows = Array.from({ length: log.partitions }, (_, partition): Flow => {
      const results = log.records('results', partition), last = results.at(-1), opened = this.run<PartitionStatus>(partition, {
        type: 'open', partition, partitions: log.partitions, directory: join(options.directory, String(partition)), epoch: this.epoch,
        cacheBytesMax: options.cacheBytesMax ?? 1 << 20, debtBytesMax: options.debtBytesMax ?? 1 << 30, factCacheBytesMax: options.factCacheBytesMax ?? 1 << 20, snapshots: false,
      });
      const { batch } = this.run<PartitionStatus>(partition, { type: 'replay', partition, records: results.slice(opened.batch + 1).map(({ value }) => value) });
      if (batch !== results.length - 1) throw new Error(`partition ${partition} stands after batch ${batch}, its log after ${results.length - 1}`);
      const positions = last ? readResults(last.value).header.positions : inputTopics.map((): [number, number] => [0, 0]);
      return { positions, epoch: this.epoch, evaluated: batch, committed: batch, partial: [], needed: [] };
    });
    for (const publication of this.published) for (const shard of this.shards) teach(shard, publication);
    if (this.published.length === 0) for (const shard of this.shards) teach(shard, { set: this.references.set, products: new Map(), changed: true });
  }
  private run<T>(partition: number, task: ShardTask): T {
    return this.shards[partition % this.shards.length]!.run(task) as T;
  }
  /** A shard lets go of old reference data: as the engine does, those that come after the partition's are given to it once more. */
  private teachAgain(partition: number, reference: number): void {
    const first = this.published.findIndex(({ set }) => set.version > reference), end = Math.min(first + TAUGHT_AGAIN, this.published.length);
    for (let place = first; place < end; place++) {
      const products = new Map(this.published.slice(0, place + 1).flatMap((publication) => [...publication.products]));
      teach(this.shards[partition % this.shards.length]!, { ...this.published[place]!, products });
    }
  }
  /** Those of one batch only, the first that is needed: the engine hands over as much as its bound lets it, and the shard asks again for the others. */
  private factsFor(partition: number, flow: Flow): BatchTask['facts'] {
    return [...new Set(flow.needed.map(({ batch }) => batch))].filter((batch) => batch <= flow.committed).slice(0, 1).map((batch) => {
      const record = this.log.records('results', partition)[batch];
      return { batch, facts: record && readResults(record.value).facts };
    });
  }
}

function teach(shard: Shard, { set, products }: Publication): void {
  shard.run({ type: 'reference', set, products: [...products] });
}

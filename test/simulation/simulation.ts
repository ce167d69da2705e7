/**
 * The whole engine under a seed: pipeline, flows, committer, restore and shards are the real ones; log, threads, clock and clients are played.
 * Between any two steps the process may die, a worker may die, the log may fail or deliver a record twice; clients repeat what was not answered.
 * After each death, and at the end, everything is compared with the naive implementation's reading of the log.
 */
import { join } from 'node:path';
import fc from 'fast-check';
import { pino } from 'pino';
import { EngineError } from '../../engine/engine.js';
import { createPublisher, type Publish } from '../../engine/gateway/references.js';
import { inputTopics } from '../../engine/log/log.js';
import { SpareBuffers } from '../../engine/spare-buffers.js';
import { Pipeline } from '../../engine/pipeline.js';
import { ReferenceStore } from '../../engine/reference.js';
import type { Shards } from '../../engine/shards.js';
import { Random } from '../../loadtest/random.js';
import { PartitionVerifier } from '../../loadtest/verifier/partition.js';
import { Findings } from '../../loadtest/verifier/report.js';
import type { ReadableLog } from '../../loadtest/verifier/source.js';
import { referencesOf } from '../../loadtest/verifier/verify-partition.js';
import type { Reply } from '../../schemas/envelope.js';
import { readResults } from '../../schemas/results.js';
import type { TransactionDocument } from '../../schemas/transaction.js';
import { parseItems } from '../../workers/parse/worker.js';
import type { WaitingNotice } from '../../workers/state/waiting.js';
import { Answers } from './answers.js';
import { FakeLog } from './fake-log.js';
import { FakeShards, POISON } from './fake-shards.js';
import { history } from './history-arbitrary.js';
import { Player, startMs } from './history.js';
import { Recorder, type Step } from './recorder.js';
import { checkCards, checkNothingDue, checkNothingLost, checkRestored, checkStored } from './invariants.js';
import { Scheduler } from './scheduler.js';
import { StoredLog } from './stored-log.js';

/** Requests under way at a time. */
const CLIENTS = 4;
const STEPS_MAX = 200_000;
/** Rounds in which nothing happens but time, before clients lose patience; and before the end, so that all that time brings is done. */
const QUIET_ROUNDS = 6, ROUND_MS = 61_000;
const TIMEOUTS_MAX = 30;
/** Where the log is shared, each life begins on one of so many disks, which may have missed some. */
const MACHINES = 3;

const nothingYet = { crashes: 0, workerDeaths: 0, logFailures: 0, steps: 0, requests: 0, repeats: 0, batches: 0, transactions: 0, /** accounts */ compared: 0 };
export type SimulationReport = typeof nothingYet;

/** One life of the engine. */
interface Life { shards: FakeShards; pipeline: Pipeline; tick: (() => void) | undefined; publish: Publish | undefined; ready: boolean; gateway: string }

export class Simulation {
  private readonly random: Random;
  private readonly scheduler: Scheduler;
  private readonly stored: StoredLog;
  private readonly partitions: number;
  private readonly answers: Answers;
  private readonly verifiers: PartitionVerifier[];
  private readonly findings = new Findings();
  private readonly queue: Step[];
  private readonly posted: TransactionDocument[];
  /** Under way: by a number of their own, so that an answer to a request that was given up is not taken for its repeat's. */
  private readonly running = new Map<number, Step>();
  private life!: Life;
  private lives = 0;
  private requests = 0;
  private clockMs = startMs;
  private trouble: Error | undefined;
  private quietRounds = 0;
  private readonly crashPerMille: number;
  private readonly crashesMax: number;
  private readonly shared: boolean;
  private machine = 0;
  private readonly report = { ...nothingYet };

  constructor(seed: number, private readonly directory: string) {
    const random = (this.random = new Random(seed).at(0));
    this.scheduler = new Scheduler(random);
    this.partitions = 1 + random.below(3);
    this.stored = new StoredLog(this.partitions);
    this.answers = new Answers(this.stored);
    this.crashPerMille = random.below(4) === 0 ? 30 : 4;
    this.crashesMax = random.below(9);
    this.shared = random.below(2) === 0;
    const [given] = fc.sample(history(80), { seed, numRuns: 1 }), recorder = new Recorder(this.partitions, startMs);
    new Player(recorder, given!.world, { work: () => undefined }).play(given!);
    this.queue = recorder.steps;
    if (random.below(4) === 0) this.poison();
    this.posted = this.queue.flatMap(documentsOf);
    const references = referencesOf(this.readable);
    const { readable: log, findings } = this;
    this.verifiers = Array.from({ length: this.partitions }, (_, partition) => new PartitionVerifier({ log, partition, reference: references, findings }));
  }

  /** Throws when something that has to hold does not. */
  async run(): Promise<SimulationReport> {
    this.launch();
    for (; !(await this.isOver()); this.report.steps++) {
      if (this.trouble) throw this.trouble;
      if (this.report.steps > STEPS_MAX) throw new Error('it does not come to an end');
      const failed = !this.life.pipeline.checks()[0]!.ok;
      if (failed || (this.report.crashes < this.crashesMax && this.random.below(1000) < this.crashPerMille)) {
        if (failed) this.report.logFailures++;
        await this.crash();
        this.launch();
        continue;
      }
      this.startRequests();
      if (this.random.below(200) === 0) this.life.tick?.();
      if (this.scheduler.idle) this.passTime();
      else this.scheduler.step();
    }
    await this.finish();
    return this.report;
  }

  // ── lives and deaths ──
  private launch(): void {
    const { random, scheduler, stored, partitions } = this, faults = this.report.crashes < this.crashesMax;
    const log = new FakeLog(stored, scheduler, random, () => this.clockMs, { failPerMille: faults ? 2 : 0, twicePerMille: 15 }, this.shared);
    if (this.shared) this.machine = random.below(MACHINES);
    const shards = new FakeShards(1 + random.below(partitions), scheduler, random, faults && random.below(2) === 0 ? 6 : 0);
    const gateway = `sim-${++this.lives}`;
    const life: Life = { shards, gateway, ready: false, tick: undefined, publish: undefined, pipeline: undefined as unknown as Pipeline };
    life.pipeline = new Pipeline({
      log, shards: shards as unknown as Shards, logger: pino({ level: process.env['POINTSTREAM_TEST_LOG'] ?? 'silent' }), gateway,
      batchBytesMax: random.below(2) === 0 ? 300 : 1 << 20, lagBytesMax: 1 << 30, replayBytesPerSecond: 1 << 20, spareBuffers: new SpareBuffers(1 << 20),
      open: { partitions, cacheBytesMax: 1, debtBytesMax: random.below(3) === 0 ? 1 << 20 : 1 + random.below(400), factCacheBytesMax: 0 },
      stateDirectory: (partition) => this.stateDirectory(partition),
      otherChecks: () => [], sinkCaughtUp: () => Promise.resolve(true), onCommitted: () => undefined,
      clock: {
        nowMs: () => this.clockMs,
        every: (_, action) => {
          life.tick = action;
          return () => { life.tick = undefined; };
        },
      },
    });
    this.life = life;
    life.pipeline.start().then(() => {
      life.ready = true;
      life.publish = createPublisher(new ReferenceStore(life.pipeline.reference), life.pipeline);
    }, (error: unknown) => {
      // A worker that dies, or a log that fails, while the engine starts ends the process: somebody starts it again.
      if (this.report.crashes >= this.crashesMax && !String(error).includes('simulated')) this.trouble = error as Error;
      else void this.crash().then(() => this.launch());
    });
  }
  /** The process is gone: nothing of it happens any more. What was not answered will be asked again. */
  private async crash(): Promise<void> {
    this.scheduler.clear();
    this.life.shards.killAll();
    this.report.workerDeaths += this.life.shards.deaths;
    this.report.crashes++;
    this.queue.unshift(...[...this.running.values()].map((step) => ({ ...step, afterMs: 0 })));
    this.report.repeats += this.running.size;
    this.running.clear();
    this.quietRounds = 0;
    // A machine that starts again may have its clock behind.
    if (this.random.below(3) === 0) this.clockMs -= this.random.below(3_600_000);
    await this.check();
  }

  /** One of the transactions will kill every worker that looks at it. */
  private poison(): void {
    const posts = this.queue.flatMap((step) => (step.do === 'post' ? [step.documents] : [])), documents = posts[this.random.below(posts.length)];
    if (!documents) return;
    const place = this.random.below(documents.length);
    documents[place] = { ...documents[place]!, store: POISON };
  }

  // ── clients ──
  private startRequests(): void {
    const { life, queue, running } = this;
    const [next] = queue;
    if (!next || !life.ready || running.size >= CLIENTS) return;
    // A publication by itself, so that the rules are there when purchases come.
    if (running.size > 0 && (next.do === 'publish' || [...running.values()].some((step) => step.do === 'publish'))) return;
    if (this.random.below(3) > 0 && running.size > 0) return;
    queue.shift();
    this.clockMs += next.afterMs;
    const number = ++this.requests;
    running.set(number, next);
    this.quietRounds = 0;
    void this.perform(life, next).then(() => running.delete(number), (error: unknown) => {
      if (!running.delete(number)) return;
      if (!(error instanceof EngineError)) this.trouble ??= error as Error;
      this.report.repeats++;
      queue.unshift({ ...next, afterMs: 0 });
    });
  }
  private async perform({ pipeline, publish, gateway }: Life, step: Step): Promise<void> {
    if (step.do === 'publish') return void (await publish!((references) => step.change(references as ReferenceStore)));
    if (step.do === 'append') return void (await pipeline.append(step.records.map((record) => ({ ...record, value: Uint8Array.from(record.value) }))));
    const { documents } = step, single = documents.length === 1, request = pipeline.nextRequest();
    const bytes = Buffer.from(JSON.stringify(single ? documents[0] : documents));
    const { envelopes } = parseItems({ format: 'json', bytes, firstIndex: 0, gateway, request, detailed: single, partitions: this.partitions });
    const wait = this.random.below(6) === 0 ? 'append' : 'commit', lane = this.random.below(2) === 0 ? 'interactive' : 'commands';
    this.report.requests++;
    const replies: Reply[] = await pipeline.submit(lane, request, envelopes, wait);
    if (wait === 'append') return;
    this.answers.check(documents, replies);
    if (this.random.below(3) > 0) return;
    const { card } = documents[0]!, view = card === undefined ? undefined : await pipeline.readCard('default', card);
    if (view) this.answers.checkView(card!, view);
  }

  // ── time ──
  private passTime(): void {
    this.clockMs += ROUND_MS;
    this.quietRounds++;
    this.life.tick?.();
    if (this.quietRounds % QUIET_ROUNDS > 0 || this.running.size === 0) return;
    // A gateway answers 503 after a while, and its client asks again.
    if (this.quietRounds > QUIET_ROUNDS * TIMEOUTS_MAX) throw new Error(`nobody answers ${JSON.stringify([...this.running.values()])}`);
    this.queue.unshift(...[...this.running.values()].map((step) => ({ ...step, afterMs: 0 })));
    this.report.repeats += this.running.size;
    this.running.clear();
  }
  private async isOver(): Promise<boolean> {
    await turn();
    return this.life.ready && this.queue.length === 0 && this.running.size === 0 && this.scheduler.idle && this.quietRounds >= QUIET_ROUNDS;
  }

  // ── what has to hold ──
  private stateDirectory(partition: number): string {
    return join(this.directory, String(this.machine), String(partition));
  }
  private get readable(): ReadableLog {
    const { stored } = this;
    return {
      partitions: stored.partitions,
      read: (topic, partition, fromOffset, bytesMax) => {
        const records = stored.read(topic, partition, fromOffset, bytesMax);
        return Promise.resolve({ topic, partition, records, nextOffset: fromOffset + records.length });
      },
      bounds: (topic, partition) => Promise.resolve({ begin: 0, end: stored.records(topic, partition).length }),
      getValue: (name) => Promise.resolve(stored.values.get(name)),
    };
  }
  private async check(atRestMs?: number): Promise<WaitingNotice[]> {
    const waits: WaitingNotice[] = [];
    for (const [partition, verifier] of this.verifiers.entries()) {
      await verifier.advance();
      checkStored(this.stored, partition);
      const { accounts, waiting } = checkRestored(this.stored, partition, this.stateDirectory(partition), this.shared);
      this.report.compared += accounts.length;
      waits.push(...waiting);
      verifier.compareAccounts(accounts);
      if (atRestMs !== undefined) checkNothingDue(accounts, this.life.pipeline.reference, atRestMs);
    }
    checkCards(this.verifiers.map(({ accounts }) => accounts));
    const { ok, differences } = this.findings.report(0);
    const lines = differences.map(({ check, where, expected, found }) => `${check}: ${where}: expected ${expected}, found ${found}`);
    if (!ok) throw new Error(`the log, evaluated again, says otherwise:\n${lines.join('\n')}`);
    return waits;
  }
  private async finish(): Promise<void> {
    const { pipeline, shards } = this.life;
    for (let partition = 0; partition < this.partitions; partition++) {
      for (const topic of inputTopics) {
        const end = this.stored.records(topic, partition).length, position = this.stored.position(topic, partition);
        if (position !== end) throw new Error(`${topic}/${partition} has ${end} records, ${position} were consumed`);
      }
    }
    let stopped = false;
    const stop = pipeline.stop().then(() => { stopped = true; }, (error: unknown) => { this.trouble = error as Error; });
    for (await turn(); !stopped && !this.trouble; await turn()) {
      if (this.scheduler.idle) throw new Error('the engine does not stop');
      this.scheduler.step();
    }
    await stop;
    if (this.trouble) throw this.trouble;
    this.report.workerDeaths += shards.deaths;
    // Time passed in rounds without anything else; ticks had some of them to settle what was due.
    checkNothingLost(this.stored, this.posted, await this.check(this.clockMs - (QUIET_ROUNDS / 2) * ROUND_MS));
    for (let partition = 0; partition < this.partitions; partition++) {
      for (const { value } of this.stored.records('results', partition)) {
        const { processed, duplicates, rejected } = readResults(value).header;
        this.report.batches++;
        this.report.transactions += processed + duplicates + rejected;
      }
    }
  }
}

/** What a step posts; a trusted producer's record is a transaction too. */
function documentsOf(step: Step): TransactionDocument[] {
  if (step.do === 'post') return step.documents;
  if (step.do === 'publish') return [];
  return step.records.flatMap(({ topic, value }) => (topic === 'commands' ? [JSON.parse(Buffer.from(value).toString('utf8')) as TransactionDocument] : []));
}

/** All promises that can go on have gone on. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

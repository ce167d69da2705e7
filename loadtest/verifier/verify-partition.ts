/**
 * One partition against its log, its live accounts and its rows in ClickHouse; what a thread of the verifier does. Loaded as a worker it answers
 * tasks and asks the main thread for whatever it reads.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { initialSet } from '../../engine/reference.js';
import { loadContent } from '../../engine/reference-storage.js';
import { intentName, readIntent } from '../../engine/sink/delivery.js';
import type { AccountCellsView } from '../../workers/messages.js';
import { readFacts } from '../../workers/facts/read-fact.js';
import type { FactRecord } from '../../schemas/fact.js';
import type { ProductDocument } from '../../schemas/reference.js';
import { NaiveReference } from '../naive/reference.js';
import { ClickHouseCheck, type ViewSums } from './clickhouse.js';
import { PartitionVerifier } from './partition.js';
import { Findings, type VerifyReport } from './report.js';
import { SetReader } from './set-reader.js';
import { remoteSource, type ReadableLog, type SourceCall, type VerifySource } from './source.js';

const ACCOUNTS_AT_ONCE = 1000;
/** Rounds over accounts that changed while they were compared. */
const ROUNDS_MAX = 20;
const REFERENCES_MAX = 8;

export interface PartitionReport {
  report: VerifyReport;
  sums: ViewSums;
  /** ClickHouse has everything that the sums count. */
  complete: boolean;
  /** Rows of facts that were compared. */
  factRows: number;
}

/** `references`: made by referencesOf, shared by the partitions of a thread. */
async function verifyPartition(source: VerifySource, partition: number, references: References): Promise<PartitionReport> {
  const { log, cells, rows } = source, findings = new Findings();
  const check = rows && new ClickHouseCheck(rows, findings);
  const verifier = new PartitionVerifier({ log, partition, reference: references, findings, onFacts: (batch, facts) => check?.add(batch, facts) });
  await verifier.advance();
  if (cells) await compareAccounts(verifier, (from, count) => cells(partition, from, count), findings);
  await check?.comparePartition(partition, verifier.results.batchesBefore(await sinkPosition(log, partition)), (batch) => factsOf(verifier, batch));
  return { report: findings.report(0), sums: check?.sums ?? ClickHouseCheck.noSums(), complete: check?.complete ?? true, factRows: check?.factRows ?? 0 };
}

/** All accounts, chunk by chunk; the naive implementation follows the log meanwhile, and accounts that changed in between are read again. */
async function compareAccounts(verifier: PartitionVerifier, read: (from: number, count: number) => Promise<AccountCellsView[]>, findings: Findings): Promise<void> {
  verifier.takeTouched();
  let again = new Set<number>();
  for (let from = 0; from < verifier.accounts.length; from += ACCOUNTS_AT_ONCE) {
    const live = await read(from, Math.min(ACCOUNTS_AT_ONCE, verifier.accounts.length - from));
    await verifier.advance();
    const touched = verifier.takeTouched();
    for (const ordinal of touched) again.add(ordinal);
    verifier.compareAccounts(live.filter(({ ordinal }) => !touched.has(ordinal)));
  }
  for (let round = 0; again.size > 0; round++) {
    if (round === ROUNDS_MAX) return findings.note(`${again.size} accounts changed all the time and were not compared`);
    const next = new Set<number>();
    for (const ordinal of again) {
      const live = await read(ordinal, 1);
      await verifier.advance();
      const touched = verifier.takeTouched();
      for (const other of touched) next.add(other);
      if (!touched.has(ordinal)) verifier.compareAccounts(live);
    }
    again = next;
  }
}

async function sinkPosition(log: ReadableLog, partition: number): Promise<number> {
  const bytes = await log.getValue(intentName(partition));
  const intent = bytes && readIntent(bytes, partition);
  return intent ? (intent.done ? intent.to : intent.from) : 0;
}

async function factsOf({ results }: PartitionVerifier, batch: number): Promise<FactRecord[]> {
  return [...readFacts((await results.again(batch)).facts)];
}

export type References = (version: number) => Promise<NaiveReference>;

/** Reference data by version, the last few kept. */
export function referencesOf(log: ReadableLog): References {
  const known = new Map<number, NaiveReference>(), products = new Map<string, Map<string, ProductDocument>>(), sets = new SetReader();
  const productsOf = async (hash: string): Promise<Map<string, ProductDocument>> => {
    const text = Buffer.from((await loadContent(log, hash)) ?? []).toString('utf8');
    const read = new Map(text.split('\n').filter((line) => line.trim() !== '').map((line) => JSON.parse(line) as ProductDocument).map((product) => [product.sku, product]));
    products.set(hash, read);
    return read;
  };
  return async (version) => {
    const kept = known.get(version);
    if (kept) return kept;
    const bytes = version === 0 ? undefined : await log.getValue(`reference/${version}`);
    if (!bytes && version > 0) throw new Error(`reference data ${version} is not in the log`);
    const set = bytes ? sets.read(bytes) : initialSet();
    const contents = new Map<number, Map<string, ProductDocument>>();
    for (const [partner, hash] of Object.entries(set.products)) contents.set(Number(partner), products.get(hash) ?? await productsOf(hash));
    const reference = new NaiveReference(set, contents);
    known.set(version, reference);
    for (const old of known.keys()) if (known.size > REFERENCES_MAX && old !== version) known.delete(old);
    return reference;
  };
}

// ── as a worker ──

export interface WorkerSetup { partitions: number; cells: boolean; rows: boolean }
/** To the worker: a partition to verify, or the answer to one of its calls. */
export type ToWorker = { partition: number } | { answer: number; value?: unknown; failure?: string };
/** From the worker: a call, or the report of the partition. */
export type FromWorker = { number: number; call: SourceCall } | { partition: number; done: PartitionReport } | { partition: number; failure: string };

if (parentPort && (workerData as { verifier?: WorkerSetup } | undefined)?.verifier) serve(parentPort, (workerData as { verifier: WorkerSetup }).verifier);

function serve(port: NonNullable<typeof parentPort>, { partitions, cells, rows }: WorkerSetup): void {
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  let calls = 0;
  const send = (message: FromWorker): void => port.postMessage(message);
  const source = remoteSource(partitions, { cells, rows }, (call) => new Promise((resolve, reject) => {
    waiting.set(++calls, { resolve, reject });
    send({ number: calls, call });
  }));
  const references = referencesOf(source.log);
  port.on('message', (message: ToWorker) => {
    if ('partition' in message) {
      const { partition } = message;
      verifyPartition(source, partition, references).then((done) => send({ partition, done }), (error: unknown) => send({ partition, failure: (error as Error).stack ?? String(error) }));
      return;
    }
    const caller = waiting.get(message.answer)!;
    waiting.delete(message.answer);
    if (message.failure === undefined) caller.resolve(message.value);
    else caller.reject(new Error(message.failure));
  });
}

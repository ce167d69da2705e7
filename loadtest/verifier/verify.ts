/**
 * The verifier: evaluates the log of an engine from its start with the naive second implementation, and compares everything that the engine holds: facts and postings of the
 * results, effects, the live accounts, ClickHouse up to the sink's position. Each difference is named. It changes nothing; the engine may go on meanwhile.
 *
 *   log ──▶ naive implementation ──▶ facts, changes ──╳── results records (facts, effects)
 *                                └─▶ accounts ────────╳── cells of the shards
 *                facts of the results ────────────────╳── pointstream.facts and its views
 */
import { initialSet, setFromBytes } from '../../engine/reference.js';
import { intentName, readIntent } from '../../engine/sink/delivery.js';
import type { AccountCellsView } from '../../workers/messages.js';
import { readFacts } from '../../workers/facts/read-fact.js';
import type { ProductDocument } from '../../schemas/reference.js';
import { readResults } from '../../schemas/results.js';
import { NaiveReference } from '../naive/reference.js';
import { ClickHouseCheck } from './clickhouse.js';
import { PartitionVerifier, type ReadableLog } from './partition.js';
import { Findings, type VerifyReport } from './report.js';

const ACCOUNTS_AT_ONCE = 1000;
/** Rounds over accounts that changed while they were compared. */
const ROUNDS_MAX = 20;
const REFERENCES_MAX = 8;

/** What is verified: a log, and, where they are, live accounts and ClickHouse. */
export interface VerifySource {
  log: ReadableLog;
  cells?(partition: number, from: number, count: number): Promise<AccountCellsView[]>;
  clickhouse?: ConstructorParameters<typeof ClickHouseCheck>[0];
  progress?(line: string): void;
}

export async function verify({ log, cells, clickhouse, progress = () => undefined }: VerifySource): Promise<VerifyReport> {
  const beganMs = performance.now(), findings = new Findings(), reference = referencesOf(log);
  const rows = clickhouse && new ClickHouseCheck(clickhouse, findings);
  if (!cells) findings.note('live accounts were not compared: no engine runs here');
  if (!rows) findings.note('ClickHouse was not compared: it is off');
  for (let partition = 0; partition < log.partitions; partition++) {
    const verifier = new PartitionVerifier({ log, partition, reference, findings, onFacts: (batch, facts) => rows?.add(batch, facts) });
    await verifier.advance();
    if (cells) await compareAccounts(verifier, (from, count) => cells(partition, from, count), findings);
    if (rows) await rows.comparePartition(partition, await sinkPosition(log, partition), (batch) => factsOf(log, partition, batch));
    progress(`partition ${partition + 1} of ${log.partitions}: ${findings.transactions} transactions evaluated, ${findings.differences.length} differences`);
  }
  await rows?.compareViews();
  return findings.report((performance.now() - beganMs) / 1000);
}

/** All accounts, chunk by chunk; the naive implementation follows the log meanwhile, and accounts that changed in between are read again. */
async function compareAccounts(verifier: PartitionVerifier, read: (from: number, count: number) => Promise<AccountCellsView[]>, findings: Findings): Promise<void> {
  verifier.takeTouched();
  let again = new Set<number>();
  for (let from = 0; from < verifier.accountCount; from += ACCOUNTS_AT_ONCE) {
    const live = await read(from, Math.min(ACCOUNTS_AT_ONCE, verifier.accountCount - from));
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
  const intent = bytes && readIntent(bytes);
  return intent ? (intent.done ? intent.to : intent.from) : 0;
}

async function factsOf(log: ReadableLog, partition: number, batch: number): Promise<ReturnType<typeof readFacts> extends Iterable<infer F> ? F[] : never> {
  return [...readFacts(readResults((await log.read('results', partition, batch, 1)).records[0]!.value).facts)];
}

/** Reference data by version, the last few kept. */
function referencesOf(log: ReadableLog): (version: number) => Promise<NaiveReference> {
  const known = new Map<number, NaiveReference>(), products = new Map<string, Map<string, ProductDocument>>();
  const productsOf = async (hash: string): Promise<Map<string, ProductDocument>> => {
    const kept = products.get(hash);
    if (kept) return kept;
    const text = Buffer.from((await log.getValue(`products/${hash}`)) ?? []).toString('utf8');
    const read = new Map(text.split('\n').filter((line) => line.trim() !== '').map((line) => JSON.parse(line) as ProductDocument).map((product) => [product.sku, product]));
    products.set(hash, read);
    return read;
  };
  return async (version) => {
    const kept = known.get(version);
    if (kept) return kept;
    const bytes = version === 0 ? undefined : await log.getValue(`reference/${version}`);
    if (!bytes && version > 0) throw new Error(`reference data ${version} is not in the log`);
    const set = bytes ? setFromBytes(bytes) : initialSet();
    const contents = new Map<number, Map<string, ProductDocument>>();
    for (const [partner, hash] of Object.entries(set.products)) contents.set(Number(partner), await productsOf(hash));
    const reference = new NaiveReference(set, contents);
    known.set(version, reference);
    for (const old of known.keys()) if (known.size > REFERENCES_MAX && old !== version) known.delete(old);
    return reference;
  };
}

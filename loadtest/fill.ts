/** Fills the log of an engine that does not run: reference data, and generated transactions as the gateway would have written them. */
import type { Config } from '../engine/config.js';
import type { Append, Log } from '../engine/log/log.js';
import { openLog } from '../engine/log/open.js';
import { ReferenceStore } from '../engine/reference.js';
import { saveReference } from '../engine/reference-storage.js';
import { writeCommand } from '../schemas/commands.js';
import type { ProgramDocument, RuleDocument } from '../schemas/reference.js';
import { EnvelopeWriter } from '../workers/envelope.js';
import { partitionOf } from '../workers/hash.js';
import { Text, Transaction } from '../workers/transaction.js';
import { Generator, type GeneratorOptions } from './generator.js';
import { loadRules } from './rule-sets.js';
import { GeneratedWorld, loadTestWorld, type World } from './world.js';

const ENVELOPE_BYTES = 128 * 1024, WRITE_BYTES = 8 * 2 ** 20;
const GATEWAY = 'loadtest';
/** Days that the transactions of a load test are spread over. */
const DAYS = 30, DAY_MS = 86_400_000;
const loadTestProgram: ProgramDocument = { name: 'Load test', timeZone: 'Europe/Berlin', currencies: [{ id: 'points', scale: 0 }] };

export interface FillOptions {
  config: Config;
  program: ProgramDocument;
  world: World;
  rules: RuleDocument[];
  generator: Generator;
  transactions: number;
  progress(line: string): void;
}
export interface Filled { lines: number; seconds: number; bytes: number }

export interface LoadOptions extends Pick<GeneratorOptions, 'seed' | 'transactions' | 'accounts' | 'distribution'> { partners: number; /** How many. */ rules: number }

/** With the world and the rules of the load tests; the transactions are of the days before today. */
export async function fillWithLoad(config: Config, { partners, rules, ...load }: LoadOptions, progress: (line: string) => void): Promise<Filled> {
  const world = new GeneratedWorld(loadTestWorld(load.seed, partners)), endMs = Math.floor(Date.now() / DAY_MS) * DAY_MS;
  const generator = new Generator({ ...load, startMs: endMs - DAYS * DAY_MS, days: DAYS }, world);
  return fillLog({ config, program: loadTestProgram, world, rules: loadRules(world, rules), generator, transactions: load.transactions, progress });
}

export async function fillLog(options: FillOptions): Promise<Filled> {
  const beganMs = performance.now();
  const log = await openLog(options.config);
  try {
    await publish(log, options);
    const lines = await writeTransactions(log, options);
    return { lines, seconds: (performance.now() - beganMs) / 1000, bytes: log.bytesAppended };
  } finally {
    await log.close();
  }
}

/** All reference data as one set, live from the beginning of each partition. */
async function publish(log: Log, { program, world, rules }: FillOptions): Promise<void> {
  const store = new ReferenceStore(), products = new Map<number, Uint8Array>();
  store.putProgram('default', program);
  for (const [partner, id] of world.partnerIds.entries()) {
    store.putPartner(id, world.partnerDocument(partner));
    const content = world.productDocuments(partner).map((product) => JSON.stringify(product)).join('\n');
    for (const [ordinal, bytes] of store.putProducts(id, Buffer.from(content, 'utf8')).products) products.set(ordinal, bytes);
  }
  store.putRules({ rules });
  await saveReference(log, { set: store.set, products });
  const activate = writeCommand({ type: 'activate', version: store.set.version });
  await log.append(Array.from({ length: log.partitions }, (_, partition): Append => ({ topic: 'internal', partition, value: activate })));
}

/** In the generator's order; what lies in memory is bounded by two writes. */
async function writeTransactions(log: Log, { generator, transactions, progress }: FillOptions): Promise<number> {
  const t = new Transaction(), writers = Array.from({ length: log.partitions }, () => new EnvelopeWriter());
  let ready: Append[] = [], readyBytes = 0, lines = 0, writing: Promise<unknown> = Promise.resolve();
  const finish = (writer: EnvelopeWriter, partition: number): void => {
    const value = writer.finish();
    ready.push({ topic: 'commands', partition, value });
    readyBytes += value.length;
    writer.begin(GATEWAY, 0, false);
  };
  for (const writer of writers) writer.begin(GATEWAY, 0, false);
  for (let n = 0; n < transactions; n++) {
    generator.fill(n, t);
    lines += t.lineCount;
    const partition = partitionOf(t.bytes, t.text[2 * Text.card]!, t.text[2 * Text.card + 1]!, writers.length), writer = writers[partition]!;
    t.index = writer.count;
    writer.add(t);
    if (writer.size >= ENVELOPE_BYTES) finish(writer, partition);
    if (readyBytes < WRITE_BYTES) continue;
    await writing;
    writing = log.append(ready);
    writing.catch(() => undefined); // awaited before the next one
    [ready, readyBytes] = [[], 0];
    if (n % 1_000_000 < 100_000) progress(`filling the log: ${Math.round((100 * n) / transactions)} %`);
  }
  await writing;
  for (const [partition, writer] of writers.entries()) if (writer.count > 0) finish(writer, partition);
  if (ready.length > 0) await log.append(ready);
  return lines;
}

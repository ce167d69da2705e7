/**
 * Measures the readers and the writer of transactions on one core: `node dist/loadtest/parse-bench.js [seconds per row]`. Generated transactions of
 * five lines, in memory. Prints a table; changes nothing. Time is CPU time (of all threads, garbage collection too), so that other work on the
 * machine doesn't count.
 */
import { Packr } from 'msgpackr';
import { contentHash, EnvelopeReader, EnvelopeWriter, transactionHash } from '../workers/envelope.js';
import { Items } from '../workers/parse/items.js';
import { readJson, readJsonSlow } from '../workers/parse/read-json.js';
import { readMessagePack } from '../workers/parse/read-msgpack.js';
import { parseItems, type ParseTask } from '../workers/parse/worker.js';
import { Transaction } from '../workers/transaction.js';

const COUNT = 20_000, LINES = 5;
const seconds = Number(process.argv[2] ?? 1);
let seed = 42;
const random = (below: number): number => (seed = Math.imul(seed, 1_664_525) + 1_013_904_223 >>> 0) % below;

function transactionDocument(i: number): object {
  const lines = Array.from({ length: LINES }, () => ({
    sku: `SKU-${random(80_000)}`, quantity: random(10) === 0 ? random(5000) / 1000 : 1 + random(3), amount: 99 + random(2500), ...random(2) === 0 && { discount: random(50) },
  }));
  const total = lines.reduce((sum, { amount }) => sum + amount, 0);
  const occurredAt = new Date(1_760_000_000_000 + random(2_000_000) * 1000).toISOString();
  return {
    id: `t-${10_000_000 + i}`, kind: 'purchase', partner: `partner-${random(50)}`, store: `store-${random(2000)}`, terminal: `${random(12)}`,
    card: `29${String(random(1_000_000)).padStart(11, '0')}`, occurredAt, currency: 'EUR', total, lines,
  };
}

function measure(name: string, perRound: number, bytes: number, round: () => void): void {
  for (let i = 0; i < 3; i++) round();
  let rounds = 0;
  const begin = process.cpuUsage();
  let used = 0;
  while (used < seconds) {
    round();
    rounds++;
    const { user, system } = process.cpuUsage(begin);
    used = (user + system) / 1e6;
  }
  const perSecond = rounds * perRound / used;
  const row = [name.padEnd(44), Math.round(perSecond).toLocaleString('en').padStart(12), `${(1e9 / perSecond).toFixed(0)} ns`.padStart(10), `${(bytes / perRound).toFixed(0)} B`.padStart(10)];
  process.stdout.write(row.join('') + '\n');
}

const documents = Array.from({ length: COUNT }, (_, i) => transactionDocument(i));
const encoder = new TextEncoder();
const texts = documents.map(document => encoder.encode(JSON.stringify(document)));
const packr = new Packr({ useRecords: false });
const t = new Transaction(), out2 = new Uint32Array(2), out4 = new Uint32Array(4);

function concat(parts: Uint8Array[], between: number[]): { bytes: Uint8Array; starts: number[] } {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length + between.length, 0)), starts: number[] = [];
  let at = 0;
  for (const part of parts) {
    starts.push(at);
    bytes.set(part, at);
    bytes.set(between, at + part.length);
    at += part.length + between.length;
  }
  return { bytes, starts };
}
const json = concat(texts, [0x0a]), maps = concat(documents.map(document => new Uint8Array(packr.pack(document))), []);
const escaped = concat(documents.map(document => encoder.encode(JSON.stringify({ ...document, merchant: 'K' }).replace('"K"', '"K\\u00f6ln"'))), [0x0a]);

function all(starts: number[], bytes: Uint8Array, read: (bytes: Uint8Array, start: number, end: number, t: Transaction) => number): () => void {
  return () => {
    for (const start of starts) if (read(bytes, start, bytes.length, t) < 0) throw new Error(`not read at ${start}`);
  };
}

const writer = new EnvelopeWriter();
writer.begin('bench', 1, false);
const items = new Items();
items.open('ndjson', json.bytes, 0, json.bytes.length);
while (items.next(t)) writer.add(t);
const envelope = writer.finish();
const reader = new EnvelopeReader();

process.stdout.write(`${''.padEnd(44)}${'per second'.padStart(12)}${'each'.padStart(10)}${'bytes'.padStart(10)}\n`);
measure('JSON → transaction', COUNT, json.bytes.length, all(json.starts, json.bytes, readJson));
measure('JSON with an escaped text → transaction', COUNT, escaped.bytes.length, all(escaped.starts, escaped.bytes, readJson));
measure('JSON → transaction, slow reader', COUNT, json.bytes.length, all(json.starts, json.bytes, (...of) => readJsonSlow(...of).next));
measure('JSON.parse alone, for comparison', COUNT, json.bytes.length, () => texts.forEach(text => JSON.parse(Buffer.from(text.buffer).toString('utf8'))));
measure('MessagePack map → transaction', COUNT, maps.bytes.length, all(maps.starts, maps.bytes, readMessagePack));
measure('envelope → transactions', COUNT, envelope.length, () => {
  reader.open(envelope);
  while (reader.next(t));
});
measure('the same, with both hashes', COUNT, envelope.length, () => {
  reader.open(envelope);
  while (reader.next(t)) {
    contentHash(t, out2);
    transactionHash(t, out4);
  }
});
const task: ParseTask = { format: 'ndjson', bytes: json.bytes, firstIndex: 0, gateway: 'bench', request: 1, detailed: false, partitions: 8 };
measure('NDJSON → envelopes of 8 partitions', COUNT, json.bytes.length, () => parseItems(task));

/**
 * Measures the readers and the writer of transactions on one core: `node dist/loadtest/parse-bench.js [seconds per row]`. Generated transactions of five
 * lines, in memory. Prints a table; changes nothing. Time is CPU time of all threads, so that other work on the machine doesn't count, and each row runs in
 * a process of its own, as the threads of the engine read one form: a reader that has seen several forms is slower.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
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

type Row = [name: string, bytes: number, round: () => void];

function measure([name, bytes, round]: Row): string {
  for (let i = 0; i < 5; i++) round();
  let rounds = 0, used = 0;
  for (const begin = process.cpuUsage(); used < seconds; rounds++) {
    round();
    const { user, system } = process.cpuUsage(begin);
    used = (user + system) / 1e6;
  }
  const each = used / (rounds * COUNT), perSecond = Math.round(1 / each).toLocaleString('en');
  return columns(name, perSecond, `${(each * 1e9).toFixed(0)} ns`, `${(bytes / COUNT).toFixed(0)} B`);
}
const columns = (name: string, ...cells: string[]): string => name.padEnd(44) + cells.map(cell => cell.padStart(12)).join('') + '\n';

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

const task: ParseTask = { format: 'ndjson', bytes: json.bytes, firstIndex: 0, gateway: 'bench', request: 1, detailed: false, partitions: 8 };
const rows: Row[] = [
  ['JSON → transaction', json.bytes.length, all(json.starts, json.bytes, readJson)],
  ['JSON with an escaped text → transaction', escaped.bytes.length, all(escaped.starts, escaped.bytes, readJson)],
  ['JSON → transaction, slow reader', json.bytes.length, all(json.starts, json.bytes, (...of) => readJsonSlow(...of).next)],
  ['JSON.parse alone, for comparison', json.bytes.length, () => texts.forEach(text => JSON.parse(Buffer.from(text.buffer).toString('utf8')))],
  ['MessagePack map → transaction', maps.bytes.length, all(maps.starts, maps.bytes, readMessagePack)],
  ['msgpackr alone, for comparison', maps.bytes.length, () => maps.starts.forEach((start, i) => packr.unpack(maps.bytes.subarray(start, maps.starts[i + 1])))],
  ['envelope → transactions', envelope.length, () => {
    reader.open(envelope);
    while (reader.next(t));
  }],
  ['the same, with the content hash', envelope.length, () => {
    reader.open(envelope);
    while (reader.next(t)) contentHash(t, out2);
  }],
  ['the same, with the identity hash', envelope.length, () => {
    reader.open(envelope);
    while (reader.next(t)) transactionHash(t, out4);
  }],
  ['NDJSON → envelopes of 8 partitions', json.bytes.length, () => void parseItems(task)],
];

const chosen = process.argv[3];
if (chosen !== undefined) process.stdout.write(measure(rows[Number(chosen)]!));
else {
  process.stdout.write(columns('', 'per second', 'each', 'bytes'));
  for (const number of rows.keys()) spawnSync(process.execPath, [fileURLToPath(import.meta.url), String(seconds), String(number)], { stdio: 'inherit' });
}

/**
 * Measures rules on one core: `node dist/loadtest/rules-bench.js [seconds per row]`. In memory; accounts without counters. Prints a table of nanoseconds for each
 * transaction; changes nothing. It is the CPU time of the fastest round, so that other work on the machine counts little. Few transactions again and again, since a
 * shard has one Transaction that stays in the cache: it is the rules that are measured.
 */
import { ReferenceStore } from '../engine/reference.js';
import type { PartnerDocument, ProductDocument, RuleDocument } from '../schemas/reference.js';
import { awards } from '../workers/awards.js';
import { fillTransaction } from '../workers/parse/fill.js';
import { Reference } from '../workers/reference.js';
import { evaluate } from '../workers/rules/evaluate.js';
import { Kind, Transaction } from '../workers/transaction.js';
import { Generator } from './generator.js';
import { loadRules } from './rule-sets.js';
import { GeneratedWorld, loadTestWorld } from './world.js';

const TRANSACTIONS = 48, ROUNDS = 20, SEED = 42;
const secondsMax = Number(process.argv[2] ?? 1);
type Shop = Pick<PartnerDocument, 'timeZone' | 'currency'> & { id: string; products: ProductDocument[] };

function row(name: string, round: () => void, note: string): void {
  for (let i = 0; i < ROUNDS; i++) round();
  let usedMicroseconds = 0, least = Infinity;
  while (usedMicroseconds < secondsMax * 1e6) {
    const begin = process.cpuUsage();
    for (let i = 0; i < ROUNDS; i++) round();
    const { user, system } = process.cpuUsage(begin);
    usedMicroseconds += user + system;
    least = Math.min(least, user + system);
  }
  process.stdout.write(`  ${name.padEnd(16)}${`${((least * 1000) / (ROUNDS * TRANSACTIONS)).toFixed(0)} ns`.padStart(10)}  ${note}\n`);
}

/** Publishes, loads, and measures both steps of each transaction that `fill` makes. */
function measure(name: string, shops: Shop[], rules: RuleDocument[], fill: (n: number, t: Transaction) => void): void {
  const store = new ReferenceStore(), products = new Map<number, Uint8Array>();
  for (const { id, products: list, ...document } of shops) {
    store.putPartner(id, { name: id, ...document });
    const content = Buffer.from(list.map((product) => JSON.stringify(product)).join('\n'));
    for (const [partner, bytes] of store.putProducts(id, content).products) products.set(partner, bytes);
  }
  const begun = performance.now();
  store.putRules({ rules });
  const published = performance.now(), reference = new Reference(store.set, products), loaded = performance.now();
  process.stdout.write(`${name}: published in ${(published - begun).toFixed(0)} ms, loaded in ${(loaded - published).toFixed(0)} ms\n`);

  const transactions = Array.from({ length: TRANSACTIONS }, (_, n) => {
    const t = new Transaction();
    fill(n, t);
    t.bytes = t.bytes.slice();
    t.partnerOrdinal = reference.partnerOrdinal(t.bytes, t.text[2]!, t.text[3]!);
    t.programOrdinal = 0;
    reference.resolveLines(t);
    return t;
  });
  const none = { get: () => 0 }, sums = { lines: 0, candidates: 0, awards: 0 };
  for (const t of transactions) {
    evaluate(reference.rules, t, none, reference);
    sums.lines += t.lineCount;
    sums.candidates += awards.candidates;
    sums.awards += awards.count;
  }
  const per = (count: number): string => (count / TRANSACTIONS).toFixed(1);
  row('resolve lines', () => {
    for (const t of transactions) reference.resolveLines(t);
  }, `${per(sums.lines)} lines`);
  row('evaluate', () => {
    for (const t of transactions) evaluate(reference.rules, t, none, reference);
  }, `${per(sums.candidates)} candidates, ${per(sums.awards)} awards`);
}

const fixed = (id: string, more: Partial<RuleDocument>): RuleDocument => ({ id, version: 1, award: { kind: 'fixed', points: 50 }, ...more });
const eightRules: RuleDocument[] = [
  fixed('base', { award: { kind: 'perAmount', points: 1, amount: 100 } }),
  fixed('fresh', { award: { kind: 'percent', percent: 50 }, rounding: 'half-up', lines: { categories: Array.from({ length: 9 }, (_, i) => `category ${i + 1}`) } }),
  fixed('large', { condition: 'transaction.total >= 2000' }), fixed('larger', { condition: 'transaction.total >= 200000' }), fixed('web', { condition: 'transaction.channel == "web"' }),
  fixed('variety', { condition: 'transaction.categories >= 8' }), fixed('night', { schedule: { from: '22:00', to: '04:00' } }), fixed('past', { validTo: '2020-01-01' }),
];
const catalog = Array.from({ length: 1000 }, (_, i) => ({ sku: `sku${i}`, category: `category ${i % 20}`, brand: `brand ${i % 7}` }));
measure('8 rules, 1 partner', [{ id: 'shop', timeZone: 'Europe/Berlin', currency: 'EUR', products: catalog }], eightRules, (n, t) => fillTransaction({
  id: `t${n}`, kind: 'purchase', partner: 'shop', card: `c${n}`, store: `s${n}`, channel: 'pos', occurredAt: '2026-03-02T10:30:00Z', currency: 'EUR',
  lines: Array.from({ length: 5 }, (_, i) => ({ sku: `sku${(n * 31 + i * 77) % 1000}`, quantity: 1, amount: 300 + n * 7 + i * 50 })),
}, t));

for (const [partners, ruleCount] of [[50, 50], [500, 10_000]] as const) {
  const world = new GeneratedWorld(loadTestWorld(SEED, partners));
  const shops = world.partnerIds.map((id, partner) => ({ id, timeZone: 'Europe/Berlin', currency: 'EUR', products: world.productDocuments(partner) }));
  const generator = new Generator({ seed: SEED, transactions: 1_000_000, accounts: 1_000_000, distribution: 'zipf', startMs: Date.UTC(2025, 5, 1), days: 30 }, world);
  let next = 0;
  measure(`${ruleCount} rules, ${partners} partners`, shops, loadRules(world, ruleCount), (_, t) => {
    do generator.fill(997 * next++, t);
    while (t.kind !== Kind.purchase);
  });
}

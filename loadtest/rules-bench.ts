/**
 * Measures rules on one core: `node dist/loadtest/rules-bench.js [seconds per row]`. Generated purchases, the load test's rules, in memory; accounts without counters.
 * Prints a table of nanoseconds for each transaction; changes nothing. It is the CPU time of the fastest round, so that other work on the machine counts little. Few
 * transactions again and again, since a shard has one Transaction that stays in the cache: it is the rules that are measured.
 */
import { ReferenceStore } from '../engine/reference.js';
import { AwardSet } from '../workers/awards.js';
import { Reference } from '../workers/reference.js';
import { evaluate } from '../workers/rules/evaluate.js';
import { Kind, Transaction } from '../workers/transaction.js';
import { Generator } from './generator.js';
import { loadRules } from './rule-sets.js';
import { GeneratedWorld } from './world.js';

const TRANSACTIONS = 48, ROUNDS = 20, SEED = 42;
const secondsMax = Number(process.argv[2] ?? 1);

function row(name: string, perRound: number, round: () => void, note = ''): void {
  for (let i = 0; i < 20; i++) round();
  let usedMicroseconds = 0, least = Infinity;
  while (usedMicroseconds < secondsMax * 1e6) {
    const begin = process.cpuUsage();
    for (let i = 0; i < ROUNDS; i++) round();
    const { user, system } = process.cpuUsage(begin);
    usedMicroseconds += user + system;
    least = Math.min(least, user + system);
  }
  process.stdout.write(`${name.padEnd(24)}${`${((least * 1000) / (ROUNDS * perRound)).toFixed(0)} ns`.padStart(10)}  ${note}\n`);
}

for (const [partners, ruleCount] of [[50, 50], [500, 10_000]] as const) {
  const world = new GeneratedWorld({ seed: SEED, partners, stores: 2000, products: 80_000 }), store = new ReferenceStore(), products = new Map<number, Uint8Array>();
  world.partnerIds.forEach((id, partner) => {
    store.putPartner(id, world.partnerDocument(partner));
    const content = Buffer.from(world.productDocuments(partner).map((product) => JSON.stringify(product)).join('\n'));
    for (const [ordinal, bytes] of store.putProducts(id, content).products) products.set(ordinal, bytes);
  });
  const publishing = process.hrtime.bigint();
  store.putRules({ rules: loadRules(world, ruleCount) });
  const loading = process.hrtime.bigint();
  const reference = new Reference(store.set, products), loaded = process.hrtime.bigint();
  process.stdout.write(`${ruleCount} rules, ${partners} partners: published in ${Number(loading - publishing) / 1e6} ms, loaded in ${Number(loaded - loading) / 1e6} ms\n`);

  const generator = new Generator({ seed: SEED, transactions: 1_000_000, accounts: 1_000_000, distribution: 'zipf', startMs: Date.UTC(2025, 5, 1), days: 30 }, world);
  const transactions: Transaction[] = [];
  for (let n = 0; transactions.length < TRANSACTIONS; n++) {
    const t = new Transaction();
    generator.fill(n * 997, t);
    if (t.kind !== Kind.purchase) continue;
    t.bytes = t.bytes.slice();
    t.partnerOrdinal = reference.partnerOrdinal(t.bytes, t.text[2]!, t.text[3]!);
    t.programOrdinal = 0;
    reference.resolveLines(t);
    transactions.push(t);
  }
  const out = new AwardSet(), none = { get: () => 0 };
  let lines = 0, candidates = 0, awards = 0, paid = 0;
  for (const t of transactions) {
    evaluate(reference.rules, t, none, reference, out);
    lines += t.lineCount;
    candidates += out.candidates;
    awards += out.count;
    paid += out.points.subarray(0, out.count).filter((points) => points > 0).length;
  }
  const per = (count: number): string => (count / TRANSACTIONS).toFixed(2);
  row('  resolve lines', TRANSACTIONS, () => {
    for (const t of transactions) reference.resolveLines(t);
  }, `${per(lines)} lines`);
  row('  evaluate', TRANSACTIONS, () => {
    for (const t of transactions) evaluate(reference.rules, t, none, reference, out);
  }, `${per(candidates)} candidates, ${per(awards)} awards, ${per(paid)} with points`);
}

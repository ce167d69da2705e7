/**
 * What writing a fact costs: `node dist/loadtest/fact-block-bench.js [rows of a block]`. Purchases of 1–9 lines (5 on average), 3 awards, 9 shares, 3 postings. CPU time,
 * the best of some rounds; a reference loop says how fast the machine is at the moment. With a file name as second argument the blocks go there (Native, ready to insert).
 */
import { writeFileSync } from 'node:fs';
import type { ReferenceSet } from '../schemas/reference.js';
import { AwardSet } from '../workers/awards.js';
import { Balance, Counter, PostingKind, Postings } from '../workers/ledger/postings.js';
import { Text, Transaction } from '../workers/transaction.js';
import { FactBlock } from '../workers/facts/fact-block.js';
import { FactHeader, FactKind } from '../workers/facts/fact-header.js';

const TRANSACTIONS = 20_000, ROUNDS = 30;
const rows = Number(process.argv[2] ?? 2000), file = process.argv[3];
let state = 12_345;
function below(count: number): number {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % count;
}
const cpuMs = (): number => process.cpuUsage().user / 1000;

const list = <T>(count: number, item: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => item(i));
const set: ReferenceSet = {
  version: 4, ruleSet: 1, live: [], zones: {}, products: {}, ruleIds: [], funders: list(50, (i) => `partner-${i}`),
  programs: [{ id: 'default', document: { name: '', timeZone: 'UTC', currencies: [] } }], currencies: [{ id: 'points', program: 0, scale: 0 }],
  partners: list(50, (i) => ({ id: `partner-${i}`, program: 0, document: { name: '', program: 'default', timeZone: 'UTC', currency: 'EUR' } })),
  rules: list(50, (i) => ({ rule: i, program: 0, fromMs: 0, toMs: 0, document: { id: `rule-${i}`, version: 1, award: { kind: 'fixed', points: 1 } } })),
};
const reference = { set, names: list(300, (i) => (i === 0 ? '' : `name ${i}`)) };

interface Purchase { t: Transaction; awards: AwardSet; postings: Postings; account: number }
function purchase(number: number): Purchase {
  const t = new Transaction(), awards = new AwardSet(), postings = new Postings();
  let text = '';
  const place = (part: string): [number, number] => [(text += part).length - part.length, part.length];
  const fields = {
    id: `tx-${10_000_000 + number}`, store: `store-${below(2000)}`, terminal: `t${below(20)}`, cashier: `c${below(30)}`, channel: 'pos', card: `29${10_000_000_000 + below(1_000_000)}`,
  };
  for (const [field, value] of Object.entries(fields)) [t.text[2 * Text[field as keyof typeof Text]], t.text[2 * Text[field as keyof typeof Text] + 1]] = place(value);
  t.partnerOrdinal = below(50);
  t.programOrdinal = 0;
  t.occurredAtMs = 1_760_000_000_000 + below(86_400_000);
  t.total = below(30_000);
  t.lineCount = 1 + below(9);
  for (let i = 0; i < t.lineCount; i++) {
    [t.skuStart[i], t.skuLength[i]] = place(`sku-${100_000 + below(80_000)}`);
    t.lineNumber[i] = i + 1;
    t.lineCategory[i] = 1 + below(40);
    t.lineDepartment[i] = 1 + below(8);
    t.lineBrand[i] = 1 + below(200);
    t.quantity[i] = 1000 * (1 + below(3));
    t.amount[i] = below(5000);
  }
  t.bytes = Buffer.from(text);
  for (let i = 0; i < 3; i++) {
    const rule = below(50), points = below(200);
    awards.rule[i] = rule;
    awards.points[i] = points;
    awards.shareStart[i] = awards.shareTotal;
    awards.shareCount[i] = 1 + below(t.lineCount);
    for (let line = 0; line < awards.shareCount[i]!; line++) awards.addShare(line, 7);
    awards.count++;
    postings.add(PostingKind.accrual, Balance.available, Counter.issuance, 0, rule, points, i, 20_500 + below(2), 20_100);
  }
  return { t, awards, postings, account: below(1_000_000) };
}

// The sets of a transaction are megabytes wide, as one instance serves a shard: so a few purchases, again and again.
const purchases = list(24, purchase), block = new FactBlock(), header = new FactHeader();
function write(): Uint8Array[] {
  return list(Math.ceil(TRANSACTIONS / rows), (batch) => {
    block.reset();
    for (let i = 0; i < rows; i++) {
      const { t, awards, postings, account } = purchases[i % purchases.length]!;
      header.ledgerRow(FactKind.purchase, { partition: 3, batch }, account, 1_760_000_000_000, 2, 1000 + (i >> 9), i & 511, 4);
      block.add(t, header, awards, postings, reference);
    }
    return block.finish().slice();
  });
}
function reference1024(): number {
  const values = new Float64Array(1024), fromMs = cpuMs();
  for (let round = 0; round < 20_000; round++) for (let i = 0; i < values.length; i++) values[i] = values[i]! + round;
  return ((cpuMs() - fromMs) * 1e6) / (20_000 * values.length);
}

let best = Infinity, blocks: Uint8Array[] = [];
for (let round = 0; round < ROUNDS; round++) {
  const fromMs = cpuMs();
  blocks = write();
  best = Math.min(best, ((cpuMs() - fromMs) * 1000) / (blocks.length * rows));
}
const bytes = blocks.reduce((sum, { length }) => sum + length, 0) / (blocks.length * rows);
if (file !== undefined) writeFileSync(file, Buffer.concat(blocks));
console.log(JSON.stringify({ rows, microsecondsPerFact: Number(best.toFixed(3)), bytesPerFact: Math.round(bytes), referenceLoopNanoseconds: Number(reference1024().toFixed(2)) }));

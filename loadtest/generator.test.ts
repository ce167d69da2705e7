import t from 'tap';
import { EnvelopeReader, EnvelopeWriter } from '../workers/envelope.js';
import { Transaction } from '../workers/transaction.js';
import { demoRules, DemoWorld } from './demo-world.js';
import { Generator, type GeneratedDocument } from './generator.js';
import { ReferenceStore } from '../engine/reference.js';
import { fromDocument, type NaiveTransaction, type TransactionDocument } from './naive/transaction.js';
import { loadRules } from './rule-sets.js';
import { transactionOf } from './verifier/records.js';
import { GeneratedWorld } from './world.js';

const world = new GeneratedWorld({ seed: 42, partners: 7, stores: 70, products: 700 });
const options = { seed: 42, transactions: 20_000, accounts: 500, distribution: 'zipf', startMs: Date.UTC(2026, 0, 1), days: 30 } as const;
const COUNT = 12_000;

void t.test('transaction n is the same as document, as JSON and in an envelope, whenever it is asked for', (t) => {
  const generator = new Generator(options, world), other = new Generator(options, world), transaction = new Transaction(), read = new Transaction();
  const writer = new EnvelopeWriter(), reader = new EnvelopeReader();
  writer.begin('test', 0, false);
  const places = Array.from({ length: 500 }, (_, i) => (i * 7919) % COUNT);
  for (const n of places) {
    other.fill(n, transaction);
    writer.add(transaction);
  }
  reader.open(writer.finish());
  const plain = (document: GeneratedDocument): NaiveTransaction => ({ ...fromDocument(document as TransactionDocument), total: fromDocument(document as TransactionDocument).total ?? 0 });
  for (const n of places) {
    const document = generator.document(n);
    if (!reader.next(read)) t.fail(`transaction ${n} is missing`);
    if (reader.problem) t.fail(JSON.stringify(reader.problem));
    const expected = plain(document);
    if (JSON.stringify(transactionOf(read)) !== JSON.stringify(expected)) t.same(transactionOf(read), expected, `transaction ${n}`);
    if (JSON.stringify(JSON.parse(generator.json(n))) !== JSON.stringify(document)) t.same(JSON.parse(generator.json(n)), document, `transaction ${n}`);
  }
  t.end();
});

void t.test('what is generated is what was asked for', (t) => {
  const generator = new Generator(options, world), seen = new Set<string>(), lines = new Map<number, number>(), purchases = new Map<string, GeneratedDocument>();
  let duplicates = 0, returns = 0;
  for (let n = 0; n < COUNT; n++) {
    const document = generator.document(n);
    if (seen.has(`${document.kind}${document.id}`)) {
      duplicates++;
      continue;
    }
    seen.add(`${document.kind}${document.id}`);
    if (document.kind === 'return') {
      returns++;
      const original = purchases.get(document.original!.id);
      if (original?.card !== document.card || original.partner !== document.partner) t.fail(`return ${document.id} is of another card`);
      for (const line of document.lines ?? []) if (line.amount > original!.lines![line.line! - 1]!.amount) t.fail(`return ${document.id} takes more than was bought`);
    } else {
      purchases.set(document.id, document);
      lines.set(document.lines!.length, (lines.get(document.lines!.length) ?? 0) + 1);
    }
    const atMs = Date.parse(document.occurredAt);
    if (atMs < options.startMs || atMs > options.startMs + 31 * 86_400_000) t.fail(`${document.id} happened at ${document.occurredAt}`);
  }
  t.ok(duplicates > COUNT * 0.005 && duplicates < COUNT * 0.015, `${duplicates} of ${COUNT} are duplicates`);
  t.ok(returns > COUNT * 0.006 && returns < COUNT * 0.03, `${returns} of ${COUNT} are returns (none before there is something to return)`);
  t.same([...lines.keys()].sort(), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  t.end();
});

void t.test('rules and reference data can be published', (t) => {
  for (const count of [5, 50, 3000]) {
    const store = new ReferenceStore();
    for (const [partner, id] of world.partnerIds.entries()) {
      store.putPartner(id, world.partnerDocument(partner));
      store.putProducts(id, Buffer.from(world.productDocuments(partner).map((product) => JSON.stringify(product)).join('\n')));
    }
    const { set } = store.putRules({ rules: loadRules(world, count) });
    t.equal(set.live.length, count);
    if (count >= 50) t.same([...new Set(set.rules.map(({ document }) => document.award.kind))].sort(), ['everyNth', 'firstPurchase', 'fixed', 'multiplier', 'perAmount', 'perUnit', 'percent', 'spendThreshold'], 'of every kind');
  }
  t.end();
});

void t.test('the demo: five partners, twelve promotions, now and then something broken', (t) => {
  const demo = new DemoWorld(42), store = new ReferenceStore();
  for (const [partner, id] of demo.partnerIds.entries()) {
    store.putPartner(id, demo.partnerDocument(partner));
    store.putProducts(id, Buffer.from(demo.productDocuments(partner).map((product) => JSON.stringify(product)).join('\n')));
  }
  t.equal(store.putRules({ rules: demoRules(demo.partnerIds) }).set.live.length, 12);
  t.equal(demo.partnerIds.length, 5);
  const one = new ReferenceStore();
  one.putPartner('grocer', { name: 'Grocer', timeZone: 'UTC', currency: 'USD' });
  t.equal(one.putRules({ rules: demoRules(['grocer']) }).set.live.length, 12, 'for the files of one partner too');
  const generator = new Generator({ ...options, idPrefix: 'd' }, demo);
  let spoilt = 0;
  for (let n = 0; n < 5000; n++) {
    const document = generator.document(n), given = demo.spoil(document, n);
    if (given !== document) spoilt++;
    if (JSON.stringify(demo.spoil(document, n)) !== JSON.stringify(given)) t.fail('not the same again');
  }
  t.ok(spoilt > 40 && spoilt < 120, `${spoilt} of 5000`);
  t.end();
});

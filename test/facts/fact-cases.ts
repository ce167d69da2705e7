/**
 * Random facts for tests: as plain data (drawn by fast-check), as what decide hands to FactBlock, and as the record that must be read back.
 */
import fc from 'fast-check';
import type { FactRecord } from '../../schemas/fact.js';
import { factKindNames, factStatusNames, sourceTopicNames } from '../../schemas/fact-table.js';
import type { ReferenceSet } from '../../schemas/reference.js';
import { AwardSet } from '../../workers/awards.js';
import type { FactBlock, FactReference } from '../../workers/facts/fact-block.js';
import { FactHeader } from '../../workers/facts/fact-header.js';
import { balanceNames, counterNames, postingKindNames, Postings } from '../../workers/ledger/postings.js';
import { Text, Transaction } from '../../workers/transaction.js';

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
export const names = ['', ...range(300).map((i) => `name ${i}`), 'Käse', '乳製品', '🥐', 'x'.repeat(200)];
export const referenceSet: ReferenceSet = {
  version: 7, ruleSet: 3,
  programs: ['default', 'zweites'].map((id) => ({ id, document: { name: id, timeZone: 'UTC', currencies: [] } })),
  partners: range(50).map((i) => ({ id: `partner-${i}`, program: i % 2, document: { name: 'p', program: 'default', timeZone: 'UTC', currency: i % 3 ? 'EUR' : 'JPY' } })),
  currencies: ['points', 'miles', 'größe'].map((id, i) => ({ id, program: i === 1 ? 1 : 0, scale: 0 })),
  funders: range(50).map((i) => `partner-${i}`),
  ruleIds: range(40).map((i) => ({ id: `rule-${i}`, program: 0 })),
  rules: range(80).map((i) => ({ rule: i >> 1, program: 0, document: { id: `rule-${i >> 1}`, version: 1 + (i & 1), award: { kind: 'fixed', points: 1 } }, fromMs: 0, toMs: 1 })),
  live: [], zones: {}, products: {},
};
export const reference: FactReference = { set: referenceSet, names };

interface LineCase { line: number; kind: number; sku: string; category: number; ownCategory: string; department: number; brand: number; quantity: number; amount: number; discount: number }
interface AwardCase { rule: number; currency: number; points: number; input: number; milestones: number; period: number; shares: { line: number; points: number }[] }
interface PostingCase { kind: number; balance: number; counter: number; currency: number; funder: number; points: number; award: number; expires: number; matures: number }
export interface FactCase {
  withTransaction: boolean; kind: number; status: number; negative: boolean; partition: number; account: number; processedAtMs: number; occurredAtMs: number;
  ruleSet: number; version: number; points: number; topic: number; offset: number; index: number; batch: number; total: number; partner: number;
  texts: Record<'id' | 'originalId' | 'card' | 'store' | 'terminal' | 'cashier' | 'channel' | 'merchant' | 'mcc' | 'currency', string>;
  lines: LineCase[]; awards: AwardCase[]; postings: PostingCase[];
}

const MAX = Number.MAX_SAFE_INTEGER;
const upTo = (max: number): fc.Arbitrary<number> => fc.integer({ min: 0, max });
/** Mostly small, so that narrow types are met; now and then of any width. */
const amount = (min: number): fc.Arbitrary<number> => fc.oneof(
  { weight: 8, arbitrary: upTo(200) }, { weight: 4, arbitrary: upTo(70_000) }, { weight: 1, arbitrary: fc.maxSafeInteger().filter((n) => n >= min) });
const text = fc.oneof(
  { weight: 6, arbitrary: fc.string({ maxLength: 12 }) }, { weight: 2, arbitrary: fc.string({ unit: 'grapheme', maxLength: 80 }) }, { weight: 1, arbitrary: fc.constant('y'.repeat(300)) },
).map((drawn) => drawn.replaceAll('\t', ' '));
const line: fc.Arbitrary<LineCase> = fc.record({
  line: fc.oneof(upTo(300), fc.constant(2 ** 31 - 1)), kind: upTo(2), sku: text, category: fc.integer({ min: -1, max: names.length - 1 }), ownCategory: text, department: upTo(9),
  brand: upTo(names.length - 1), quantity: amount(0), amount: amount(-MAX), discount: amount(0),
});
const award = (lineCount: number): fc.Arbitrary<AwardCase> => fc.record({
  rule: upTo(79), currency: upTo(2), points: amount(-MAX), input: fc.oneof(fc.constant(0), amount(0)), milestones: upTo(2), period: fc.oneof(fc.constant(0), upTo(2 ** 27)),
  shares: fc.array(fc.record({ line: upTo(Math.max(0, lineCount - 1)), points: fc.integer({ min: -1000, max: 1000 }) }), { maxLength: 4 }),
});
const posting: fc.Arbitrary<PostingCase> = fc.record({
  kind: upTo(6), balance: upTo(3), counter: upTo(6), currency: upTo(2), funder: fc.integer({ min: -1, max: 49 }), points: amount(-MAX), award: fc.integer({ min: -1, max: 5 }),
  expires: upTo(2 ** 20 - 1), matures: upTo(30_000),
});
const texts = fc.record({
  id: text, originalId: fc.oneof(fc.constant(''), text), card: text, store: text, terminal: text, cashier: text, channel: text, merchant: text, mcc: text,
  currency: fc.constantFrom('', 'EUR', 'USD'),
});

export function factCase(linesMax = 12): fc.Arbitrary<FactCase> {
  return fc.array(line, { maxLength: linesMax }).chain((lines) => fc.record({
    withTransaction: fc.boolean(), kind: upTo(factKindNames.length - 1), status: upTo(factStatusNames.length - 1), negative: fc.boolean(), partition: upTo(300),
    account: fc.oneof(fc.constant(-1), upTo(2 ** 33)), processedAtMs: upTo(4e12), occurredAtMs: upTo(4e12), ruleSet: upTo(300), version: upTo(70_000), points: amount(-MAX), topic: upTo(2),
    offset: fc.maxSafeInteger().map(Math.abs), index: upTo(1000), batch: upTo(2 ** 40), total: amount(0), partner: upTo(49), texts, lines: fc.constant(lines),
    awards: fc.array(award(lines.length), { maxLength: 5 }), postings: fc.array(posting, { maxLength: 6 }),
  })).map(asDecided);
}

/** What rules gave a purchase without points has shares of nothing on lines that earn, as decide makes them: those of all such lines are not written. */
function asDecided(fact: FactCase): FactCase {
  const earning = fact.lines.flatMap(({ amount, quantity }, line) => (amount > 0 && quantity > 0 ? [{ line, points: 0 }] : []));
  if (factKindNames[fact.kind] !== 'purchase' || earning.length === 0) return fact;
  return { ...fact, awards: fact.awards.map((award, i) => (award.points === 0 ? { ...award, shares: earning.slice(0, i % 2 === 0 ? earning.length : 1) } : award)) };
}

const t = new Transaction(), header = new FactHeader(), awards = new AwardSet(), postings = new Postings();

export function addCase(block: FactBlock, fact: FactCase, known = reference): void {
  Object.assign(header, {
    kind: fact.kind, status: fact.status, sign: fact.negative ? -1 : 1, accountPartition: fact.partition, accountOrdinal: fact.account, processedAtMs: fact.processedAtMs, batch: fact.batch,
    ruleSet: fact.ruleSet, referenceVersion: fact.version, points: fact.points, currency: 0, sourceTopic: fact.topic, sourcePartition: fact.partition, sourceOffset: fact.offset, sourceIndex: fact.index,
  });
  let bytes = Buffer.alloc(0);
  const place = (drawn: string): [number, number] => {
    const start = bytes.length;
    bytes = Buffer.concat([bytes, Buffer.from(drawn)]);
    return [start, bytes.length - start];
  };
  for (const [field, drawn] of Object.entries(fact.texts)) {
    const number = Text[field as keyof typeof Text];
    [t.text[2 * number], t.text[2 * number + 1]] = place(drawn);
  }
  t.partnerOrdinal = fact.partner;
  t.programOrdinal = fact.partner % 2;
  t.occurredAtMs = fact.occurredAtMs;
  t.total = fact.total;
  t.lineCount = fact.lines.length;
  fact.lines.forEach((line, i) => {
    [t.skuStart[i], t.skuLength[i]] = place(line.sku);
    [t.categoryStart[i], t.categoryLength[i]] = place(line.ownCategory);
    t.lineNumber[i] = line.line;
    t.lineKind[i] = line.kind;
    t.lineCategory[i] = line.category;
    t.lineDepartment[i] = line.department;
    t.lineBrand[i] = line.brand;
    t.quantity[i] = line.quantity;
    t.amount[i] = line.amount;
    t.discount[i] = line.discount;
  });
  t.bytes = bytes;
  awards.clear();
  fact.awards.forEach((award, i) => {
    Object.assign(awards, { count: i + 1 });
    awards.shareStart[i] = awards.shareTotal;
    for (const field of ['rule', 'currency', 'points', 'input', 'milestones', 'period'] as const) awards[field][i] = award[field];
    for (const share of award.shares) awards.addShare(share.line, share.points);
    awards.shareCount[i] = award.shares.length;
  });
  postings.clear();
  for (const p of fact.postings) postings.add(p.kind, p.balance, p.counter, p.currency, p.funder, p.points, p.award, p.expires, p.matures);
  block.add(fact.withTransaction ? t : null, header, awards, postings, known);
}

export function expectedFact(fact: FactCase): FactRecord {
  const { withTransaction: given } = fact, sign = fact.negative ? -1 : 1, partner = referenceSet.partners[fact.partner]!;
  const signed = (value: number): number => value * sign || 0;
  const firstPosting = fact.postings[0];
  const program = given ? fact.partner % 2 : firstPosting ? referenceSet.currencies[firstPosting.currency]!.program : -1;
  const { currency, ...texts } = given ? fact.texts : { id: '', originalId: '', card: '', store: '', terminal: '', cashier: '', channel: '', merchant: '', mcc: '', currency: '' };
  return {
    ...texts, kind: factKindNames[fact.kind]!, status: factStatusNames[fact.status]!, partner: given ? partner.id : '', program: referenceSet.programs[program]?.id ?? '',
    account: fact.account < 0 ? '' : `${fact.partition}.${fact.account}`, currency: given ? currency || partner.document.currency : '',
    occurredAtMs: given ? fact.occurredAtMs : fact.processedAtMs, processedAtMs: fact.processedAtMs, total: given ? signed(fact.total) : 0, points: fact.points, ruleSet: fact.ruleSet,
    reference: fact.version, sourceTopic: sourceTopicNames[fact.topic]!, sourcePartition: fact.partition, sourceOffset: fact.offset, sourceIndex: fact.index,
    lines: (given ? fact.lines : []).map((line, i) => ({
      line: line.line, kind: line.kind, sku: line.sku, category: line.category < 0 ? line.ownCategory : names[line.category]!, department: names[line.department]!, brand: names[line.brand]!,
      quantity: signed(line.quantity), amount: signed(line.amount), discount: signed(line.discount),
      points: fact.awards.filter(({ currency }) => currency === 0).flatMap(({ shares }) => shares).reduce((sum, share) => sum + (share.line === i ? share.points : 0), 0),
    })),
    awards: fact.awards.map(({ rule, currency, shares, ...award }) => ({
      rule: referenceSet.rules[rule]!.document.id, version: referenceSet.rules[rule]!.document.version, ruleIndex: rule, currency: referenceSet.currencies[currency]!.id, ...award,
      shares: shares.map((share) => ({ line: given && fact.lines.length > 0 ? fact.lines[share.line]!.line : 1, points: share.points })),
    })),
    postings: fact.postings.map((p) => ({
      ...p, kind: postingKindNames[p.kind]!, balance: balanceNames[p.balance]!, counter: counterNames[p.counter]!, currency: referenceSet.currencies[p.currency]!.id,
      funder: p.funder < 0 ? '' : referenceSet.funders[p.funder]!,
    })),
  };
}

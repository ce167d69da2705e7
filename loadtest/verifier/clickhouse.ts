/**
 * Compares pointstream.facts with the facts of the log, row by row, up to the sink's position: ClickHouse and this file write each row as the same
 * line of text and sum the checksums of the lines of a batch; only the lines of batches that differ are fetched. Then counts and sums of the views.
 *
 * Memory is bounded by the batches of one partition.
 */
import { crc32 } from 'node:zlib';
import { factTable, type FactColumn } from '../../schemas/fact-table.js';
import type { FactRecord } from '../../schemas/fact.js';
import type { Findings } from './report.js';
import type { VerifySource } from './source.js';

type Rows = NonNullable<VerifySource['rows']>;

/** Batches whose rows are fetched and named, at most; the others only count. */
const NAMED_BATCHES_MAX = 20;
const LIST_SEPARATOR = ';', PART_SEPARATOR = ',', COLUMN_SEPARATOR = '|';

interface Expected { rows: number; digest: bigint }
export interface ViewSums { transactions: bigint[]; lines: bigint[]; entries: bigint[] }

/** Facts of a partition, batch after batch; then compare. */
export class ClickHouseCheck {
  private batches = new Map<number, Expected>();
  readonly sums = ClickHouseCheck.noSums();
  /** Whether ClickHouse should have all that was added. */
  complete = true;
  /** Rows that were compared. */
  factRows = 0;

  constructor(private readonly rows: Rows, private readonly findings: Findings) {}

  static noSums(): ViewSums {
    return { transactions: [0n, 0n, 0n], lines: [0n, 0n, 0n, 0n], entries: [0n, 0n] };
  }

  /** Facts of a batch as the log has them. */
  add(batch: number, facts: FactRecord[]): void {
    let digest = 0n, low = 0;
    for (const fact of facts) {
      low += crc32(lineOf(fact, batch));
      this.addToSums(fact);
    }
    digest += BigInt(low);
    if (facts.length > 0) this.batches.set(batch, { rows: facts.length, digest });
  }

  /** Compares what was added of a partition up to `end` (batches from there on are not in ClickHouse yet); `facts` reads a batch of the log again. */
  async comparePartition(partition: number, end: number, facts: (batch: number) => Promise<FactRecord[]>): Promise<void> {
    const { findings, batches } = this, differing: number[] = [];
    const seen = new Set<number>();
    for (const { batch = '', rows = '', digest = '' } of await this.rows(
      `SELECT batch, count() AS rows, sum(toUInt64(CRC32(${lineExpression}))) AS digest
       FROM facts WHERE source_partition = {partition:UInt32} GROUP BY batch`, { partition })) {
      const number = Number(batch), expected = batches.get(number);
      if (number >= end && !(expected && expected.rows === Number(rows))) continue; // being delivered
      seen.add(number);
      this.factRows += Number(rows);
      findings.compared('clickhouse', Number(rows));
      if (expected?.rows !== Number(rows) || expected.digest !== BigInt(digest)) differing.push(number);
    }
    for (const batch of batches.keys()) {
      if (batch < end && !seen.has(batch)) differing.push(batch);
      if (batch >= end) this.complete = false;
    }
    differing.sort((a, b) => a - b);
    for (const batch of differing.slice(0, NAMED_BATCHES_MAX)) await this.compareBatch(partition, batch, batches.has(batch) ? await facts(batch) : []);
    for (const batch of differing.slice(NAMED_BATCHES_MAX)) findings.differ('clickhouse', `partition ${partition}, batch ${batch}`, 'the rows of the log', 'others');
    this.batches = new Map();
  }

  private addToSums({ kind, total, points, lines, postings }: FactRecord): void {
    const { sums } = this;
    if (kind === 'purchase' || kind === 'return') {
      addAll(sums.transactions, [1, total, points]);
      for (const line of lines) addAll(sums.lines, [1, line.quantity, line.amount, line.points]);
    }
    for (const posting of postings) addAll(sums.entries, [1, posting.points]);
  }

  private async compareBatch(partition: number, batch: number, facts: FactRecord[]): Promise<void> {
    const where = `partition ${partition}, batch ${batch}`;
    const found = new Map<string, { line: string; count: number }>();
    for (const { name = '', line = '' } of await this.rows(
      `SELECT ${nameExpression} AS name, ${lineExpression} AS line
       FROM facts WHERE source_partition = {partition:UInt32} AND batch = {batch:Int64}`, { partition, batch })) {
      found.set(name, { line, count: (found.get(name)?.count ?? 0) + 1 });
    }
    for (const fact of facts) {
      const name = nameOf(fact), row = found.get(name), line = lineOf(fact, batch);
      found.delete(name);
      if (!row) this.findings.differ('clickhouse', `${where}: ${name}`, 'a row', 'nothing');
      else if (row.count > 1) this.findings.differ('clickhouse', `${where}: ${name}`, 'one row', `${row.count} rows`);
      else if (row.line !== line) this.differ(`${where}: ${name}`, line, row.line);
    }
    for (const name of found.keys()) this.findings.differ('clickhouse', `${where}: ${name}`, 'nothing', 'a row');
  }
  private differ(where: string, expected: string, found: string): void {
    const wanted = expected.split(COLUMN_SEPARATOR), is = found.split(COLUMN_SEPARATOR);
    const columns = Object.keys(factTable), place = wanted.findIndex((text, i) => text !== is[i]);
    this.findings.differ('clickhouse', `${where}, column ${columns[place] ?? '?'}`, wanted[place] ?? expected, is[place] ?? found);
  }
}

/** What the views should say, of so many rows of facts of so many partitions. */
export interface ViewsExpected { sums: ViewSums; factRows: number; partitions: number }

/** Counts and sums of the views, once ClickHouse has everything. False when facts came meanwhile, a tick's for instance: they are in the views and were not compared. */
export async function compareViews(rows: Rows, { sums, factRows, partitions }: ViewsExpected, findings: Findings): Promise<boolean> {
  const columns = { transactions: ['total', 'points'], lines: ['quantity', 'amount', 'points'], entries: ['points'] }, differing: [where: string, expected: string, found: string][] = [];
  for (const view of Object.keys(columns) as (keyof ViewSums)[]) {
    const wanted = ['count()', ...columns[view].map((column) => `sum(${column})`)].map((sum, i) => `toString(${sum}) AS s${i}`);
    const [row] = await rows(`SELECT ${wanted.join(', ')} FROM ${view}`, {});
    const expected = sums[view].join(', '), found = sums[view].map((_, i) => row![`s${i}`]!).join(', ');
    if (expected !== found) differing.push([`view ${view}: count, sums of ${columns[view].join(', ')}`, expected, found]);
  }
  const [now] = await rows('SELECT toString(count()) AS rows FROM facts WHERE source_partition < {partitions:UInt32}', { partitions });
  if (Number(now!.rows) > factRows) return false;
  findings.compared('clickhouse', Object.keys(columns).length);
  for (const difference of differing) findings.differ('clickhouse', ...difference);
  return true;
}

function addAll(sums: bigint[], values: number[]): void {
  for (const [i, value] of values.entries()) sums[i]! += BigInt(value);
}

// ── a row as one line of text, in SQL and here ──

function columnExpression(name: string, column: FactColumn): string {
  switch (column.form) {
    case 'list': {
      const parts = Object.keys(column.columns).map((element) => `toString(x.${element})`).join(`, '${PART_SEPARATOR}', `);
      return `arrayStringConcat(arrayMap(x -> concat(${parts}, ''), ${name}), '${LIST_SEPARATOR}')`;
    }
    case 'moment': return `toString(toUnixTimestamp64Milli(${name}))`;
    default: return `toString(${name})`;
  }
}
const lineExpression = `concat(${Object.entries(factTable).map(([name, column]) => columnExpression(name, column)).join(`, '${COLUMN_SEPARATOR}', `)})`;
const nameExpression = `concat(toString(kind), ' ', partner, '/', id, ' of record ', toString(source_topic), ' ', toString(source_offset), '.', toString(source_index),
  if(account_number < 0, '', concat(', account ', toString(account_partition), '.', toString(account_number))))`;
const nameOf = (fact: FactRecord): string =>
  `${fact.kind} ${fact.partner}/${fact.id} of record ${fact.sourceTopic} ${fact.sourceOffset}.${fact.sourceIndex}${fact.account === '' ? '' : `, account ${fact.account}`}`;

type Columns = { [K in keyof typeof factTable]: string | number };

function lineOf(fact: FactRecord, batch: number): string {
  const list = <T>(values: T[], element: (value: T, place: number) => string): string => values.map(element).join(LIST_SEPARATOR);
  // What an award of 0 points has on all lines that earn is not written (schemas/fact-table.ts).
  const earning = fact.kind === 'purchase' ? fact.lines.filter(({ amount, quantity }) => amount > 0 && quantity > 0).length : -1;
  const [partition, ordinal] = fact.account === '' ? [fact.sourcePartition, -1] : fact.account.split('.');
  const columns: Columns = {
    kind: fact.kind, status: fact.status, program: fact.program, partner: fact.partner, id: fact.id, original_id: fact.originalId,
    account_partition: partition!, account_number: ordinal!,
    card: fact.card, store: fact.store, terminal: fact.terminal, cashier: fact.cashier, channel: fact.channel, merchant: fact.merchant, mcc: fact.mcc,
    currency: fact.currency,
    occurred_at: fact.occurredAtMs, processed_at: fact.processedAtMs, total: fact.total, points: fact.points, rule_set: fact.ruleSet,
    reference: fact.reference,
    source_topic: fact.sourceTopic, source_partition: fact.sourcePartition, source_offset: fact.sourceOffset, source_index: fact.sourceIndex, batch,
    line_texts: list(fact.lines, ({ sku, category, department, brand }) => `${sku},${category},${department},${brand}`),
    line_values: list(fact.lines, ({ line, kind, quantity, amount, discount, points }) => `${line},${kind},${quantity},${amount},${discount},${points}`),
    awards: list(fact.awards, ({ ruleIndex, version, currency, rule, points }) => `${ruleIndex}\t${version}\t${currency}\t${rule},${points}`),
    counters: fact.awards.flatMap(({ input, milestones, period }, award) => (
      input || milestones || period ? [`${award},${input},${milestones},${period}`] : [])).join(LIST_SEPARATOR),
    shares: fact.awards.flatMap(({ shares, points: given }, award) => (
      (given === 0 && shares.length === earning ? [] : shares).map(({ line, points }) => `${award},${line},${points}`))).join(LIST_SEPARATOR),
    postings: list(fact.postings, ({ kind, balance, counter, currency, funder, points, award, expires, matures }) => (
      `${kind}\t${balance}\t${counter}\t${currency}\t${funder},${points},${award},${expires},${matures}`)),
  };
  return Object.values(columns).join(COLUMN_SEPARATOR);
}

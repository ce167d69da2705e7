/** Facts as they leave the shard, put into the real engine (chdb): what the views say must be what the facts are. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import type { FactRecord } from '../../schemas/fact.js';
import { migrate, type MigrationClient } from '../../schemas/clickhouse/migrations.js';
import { FactBlock } from '../../workers/facts/fact-block.js';
import { addCase, expectedFact, factCase, type FactCase } from './fact-cases.js';

interface Session { query(sql: string, format?: string): string; close(): void }
type Row = Record<string, unknown>;
const seed = 20_260_102;
t.comment(`seed ${seed}`);

// In a variable, so that the build needs no types of an optional package.
const chdbName = 'chdb';
const chdb = await import(chdbName).then(({ default: module }) => module as { Session: new (directory: string) => Session }, (error: unknown) => String(error));
if (typeof chdb === 'string') t.test('the views', { skip: `chdb: not installed here (${chdb})` }, () => undefined);
else {
  const directory = mkdtempSync(path.join(tmpdir(), 'pointstream-views-')), session = new chdb.Session(directory);
  t.teardown(() => {
    session.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const rows = (query: string): Row[] => session.query(`${query} SETTINGS output_format_json_quote_64bit_integers = 1`, 'JSONEachRow')
    .split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Row);
  const client: MigrationClient = {
    command: ({ query }) => Promise.resolve(session.query(query)),
    query: ({ query }) => Promise.resolve({ json: <T>() => Promise.resolve(rows(query) as T[]) }),
  };
  await migrate(client);

  const block = new FactBlock();
  const write = (cases: FactCase[]): Uint8Array => {
    block.reset();
    for (const fact of cases) addCase(block, fact);
    return block.finish().slice();
  };
  const insert = (bytes: Uint8Array, token: string): void => {
    const file = path.join(directory, 'insert');
    writeFileSync(file, bytes);
    session.query(`INSERT INTO pointstream.facts FROM INFILE '${file}' SETTINGS insert_deduplication_token = '${token}', async_insert = 0, min_insert_block_size_rows = 4000000000,
      min_insert_block_size_bytes = 4000000000, max_insert_block_size = 4000000000 FORMAT Native`);
  };
  const isTransaction = ({ kind }: FactRecord): boolean => kind === 'purchase' || kind === 'return';
  const moment = (ms: number): string => new Date(ms).toISOString().replace('T', ' ').replace('Z', '');
  const key = (row: Row): string => JSON.stringify(row);
  const sorted = (list: Row[]): Row[] => list.sort((a, b) => (key(a) < key(b) ? -1 : 1));

  t.test('transactions, lines and entries say what the facts are', async (t) => {
    const cases = fc.sample(factCase(), { seed, numRuns: 300 });
    insert(Buffer.concat([write(cases.slice(0, 120)), write(cases.slice(120, 121)), write(cases.slice(121))]), 'first');
    const facts = cases.map(expectedFact);
    t.equal(Number(rows('SELECT count() AS n FROM pointstream.facts')[0]!.n), facts.length);

    t.same(
      sorted(rows(`SELECT partner, id, kind, account, card, store, terminal, cashier, channel, occurred_at, processed_at, currency, total, points, status, rule_set,
        source_partition, source_offset, merchant, mcc, original_id FROM pointstream.transactions`)),
      sorted(facts.filter(isTransaction).map((fact) => ({
        partner: fact.partner, id: fact.id, kind: fact.kind, account: fact.account, card: fact.card, store: fact.store, terminal: fact.terminal, cashier: fact.cashier, channel: fact.channel,
        occurred_at: moment(fact.occurredAtMs), processed_at: moment(fact.processedAtMs), currency: fact.currency, total: String(fact.total), points: String(fact.points), status: fact.status,
        rule_set: fact.ruleSet, source_partition: fact.sourcePartition, source_offset: String(fact.sourceOffset), merchant: fact.merchant, mcc: fact.mcc, original_id: fact.originalId,
      }))));

    t.same(
      sorted(rows('SELECT partner, transaction_id, kind, account, store, occurred_at, line, sku, category, department, brand, quantity, amount, discount, points FROM pointstream.lines')),
      sorted(facts.filter(isTransaction).flatMap((fact) => fact.lines.map((line) => ({
        partner: fact.partner, transaction_id: fact.id, kind: fact.kind, account: fact.account, store: fact.store, occurred_at: moment(fact.occurredAtMs), line: line.line, sku: line.sku,
        category: line.category, department: line.department, brand: line.brand,
        quantity: String(line.quantity), amount: String(line.amount), discount: String(line.discount), points: String(line.points),
      })))));

    t.same(
      sorted(rows('SELECT account, currency, points, counter_account, kind, rule, rule_version, funder, partner, transaction_id, occurred_at, posted_at, balance FROM pointstream.entries')),
      sorted(facts.flatMap((fact) => fact.postings.map((posting) => {
        const counter = { issuance: `issuance:${posting.funder}`, redemption: `redemption:${fact.partner}`, own: fact.account }[posting.counter] ?? posting.counter, award = fact.awards[posting.award];
        return {
          account: fact.account, currency: posting.currency, points: String(posting.points), counter_account: counter, kind: posting.kind, rule: award?.rule ?? '', rule_version: award?.version ?? 0,
          funder: posting.funder, partner: fact.partner, transaction_id: fact.id, occurred_at: moment(fact.occurredAtMs), posted_at: moment(fact.processedAtMs), balance: posting.balance,
        };
      }))));
  });

  t.test('an insert is one part; repeated with its token it changes nothing', async (t) => {
    const count = (): Row => rows("SELECT count() AS parts, sum(rows) AS total FROM system.parts WHERE table = 'facts' AND active")[0]!;
    const before = count(), cases = fc.sample(factCase(), { seed: seed + 1, numRuns: 50 }), bytes = Buffer.concat(Array.from({ length: 20 }, () => write(cases)));
    session.query('SYSTEM STOP MERGES pointstream.facts');
    for (let i = 0; i < 3; i++) insert(bytes, 'second');
    t.same(count(), { parts: String(Number(before.parts) + 1), total: String(Number(before.total) + 1000) });
  });

  t.test('points of a line by rule; migrations may run again', async (t) => {
    await migrate(client);
    const [fact] = fc.sample(factCase(0), { seed, numRuns: 1 });
    const line = { line: 1, kind: 0, sku: 'a', category: 1, ownCategory: '', department: 0, brand: 0, quantity: 1000, amount: 5, discount: 0 };
    const award = { currency: 0, points: 9, input: 0, milestones: 0, period: 0 };
    insert(write([{
      ...fact!, kind: 0, withTransaction: true, texts: { ...fact!.texts, id: 'by rule' }, lines: [line, { ...line, line: 2 }], postings: [],
      awards: [{ ...award, rule: 0, shares: [{ line: 0, points: 4 }, { line: 1, points: 5 }] }, { ...award, rule: 4, shares: [{ line: 1, points: 9 }] }],
    }]), 'third');
    t.same(rows("SELECT line, points, points_by_rule FROM pointstream.lines WHERE transaction_id = 'by rule' ORDER BY line"), [
      { line: 1, points: '4', points_by_rule: { 'rule-0': '4' } }, { line: 2, points: '14', points_by_rule: { 'rule-0': '5', 'rule-2': '9' } },
    ]);
  });
}

/** What a demo shows at its end: the counts of the door, the verdict, and three answers from ClickHouse. */
import type { ClickHouseClient } from '@clickhouse/client';
import type { Coalition, Sent } from './demo-feed.js';

export interface PromotionCost { promotion: string; rule: string; awards: number; points: number }
export interface ProductPair { partner: string; first: string; second: string; together: number; lift: number }
export interface Settlement { partner: string; transactions: number; amount: number; pointsAwarded: number; pointsFunded: number }
export interface Answers {
  promotions: PromotionCost[]; boughtTogether: ProductPair[]; settlement: Settlement[];
  /** Accepted, and found by the reconciler to be posted before under another card: duplicate-elsewhere under /v1/rejected. */
  foundTwice: number;
}
export interface DemoReport extends Sent, Partial<Answers> {
  transactions: number;
  secondsSent: number;
  /** Until the last fact was in ClickHouse, where there is one. */
  seconds: number;
  transactionsPerSecond: number;
  /** null: nobody asked. */
  verified: boolean | null;
}

/** The reconciler's facts name no rule, and those of an earlier release no partner. */
const TAKEN_BACK = '(taken back: duplicate-elsewhere)';
const nameOf = (name: unknown, fact: unknown): string => (name !== '' ? String(name) : fact === 'reconciliation' ? TAKEN_BACK : `(${String(fact)})`);

const foundTwiceQuery = `SELECT count() AS foundTwice FROM facts WHERE kind = 'reconciliation'`;

/** Awards of purchases from their transactions, since an award has an entry for each funder. */
const promotionsQuery = `
  SELECT rule, unnamed, sum(awarded) AS awards, sum(given) AS points
  FROM (
    SELECT rule, if(rule = '', toString(fact), '') AS unnamed, 0 AS awarded, sum(points) AS given FROM entries WHERE kind IN ('accrual', 'reversal') GROUP BY rule, unnamed
    UNION ALL
    SELECT arrayJoin(awards.rule) AS rule, '' AS unnamed, count() AS awarded, 0 AS given FROM transactions WHERE kind = 'purchase' GROUP BY rule) AS sides
  GROUP BY rule, unnamed ORDER BY points DESC LIMIT 20`;

/** Lift: how much more often two products share a receipt than they would by chance. Among the products that are bought most. */
const togetherQuery = `
  WITH
    (SELECT uniq(partner, transaction_id) FROM lines WHERE kind = 'purchase') AS receipts,
    popular AS (
      SELECT partner, sku, uniqExact(transaction_id) AS bought FROM lines
      WHERE kind = 'purchase' AND quantity > 0 AND sku != '' GROUP BY partner, sku ORDER BY bought DESC LIMIT 300),
    baskets AS (
      SELECT partner, transaction_id, groupUniqArray(sku) AS skus FROM lines
      WHERE kind = 'purchase' AND (partner, sku) IN (SELECT partner, sku FROM popular) GROUP BY partner, transaction_id HAVING length(skus) > 1),
    pairs AS (
      SELECT partner, pair.1 AS first, pair.2 AS second, count() AS together
      FROM (SELECT partner, arrayJoin(arrayFlatten(arrayMap(a -> arrayMap(b -> (a, b), skus), skus))) AS pair FROM baskets)
      WHERE pair.1 < pair.2 GROUP BY partner, first, second HAVING together >= 20)
  SELECT pairs.partner AS partner, first, second, together, round(together * receipts / (a.bought * b.bought), 2) AS lift
  FROM pairs
  INNER JOIN popular AS a ON a.partner = pairs.partner AND a.sku = pairs.first
  INNER JOIN popular AS b ON b.partner = pairs.partner AND b.sku = pairs.second
  ORDER BY lift DESC, together DESC LIMIT 10`;

const settlementQuery = `
  SELECT partner, unnamed, any(t.transactions) AS transactions, any(t.amount) AS amount, sum(awarded) AS pointsAwarded, sum(funded) AS pointsFunded
  FROM (
    SELECT partner, if(partner = '', toString(fact), '') AS unnamed, sum(points) AS awarded, 0 AS funded FROM entries WHERE kind IN ('accrual', 'reversal') GROUP BY partner, unnamed
    UNION ALL
    SELECT funder AS partner, if(funder = '', toString(fact), '') AS unnamed, 0 AS awarded, sum(points) AS funded
    FROM entries WHERE kind IN ('accrual', 'reversal') GROUP BY funder, unnamed) AS sides
  LEFT JOIN (SELECT partner, count() AS transactions, sum(total) AS amount FROM transactions GROUP BY partner) AS t USING (partner)
  GROUP BY partner, unnamed ORDER BY pointsFunded DESC LIMIT 50`;

export async function askClickhouse(client: ClickHouseClient, { rules, productName }: Pick<Coalition, 'rules' | 'productName'>): Promise<Answers> {
  const ask = async (query: string): Promise<Record<string, string | number>[]> => (await client.query({ query, format: 'JSONEachRow' })).json();
  const names = new Map((rules as { id: string; promotion?: string }[]).map(({ id, promotion = id }) => [id, promotion]));
  const promotions = (await ask(promotionsQuery)).map(({ rule, unnamed, awards, points }) => (
    { promotion: names.get(String(rule)) ?? nameOf(rule, unnamed), rule: String(rule), awards: Number(awards), points: Number(points) }));
  const boughtTogether = (await ask(togetherQuery)).map(({ partner, first, second, together, lift }) => {
    const name = (sku: unknown): string => productName(String(partner), String(sku));
    return { partner: String(partner), first: name(first), second: name(second), together: Number(together), lift: Number(lift) };
  });
  const settlement = (await ask(settlementQuery)).map(({ partner, unnamed, transactions, amount, pointsAwarded, pointsFunded }) => (
    { partner: nameOf(partner, unnamed), transactions: Number(transactions), amount: Number(amount), pointsAwarded: Number(pointsAwarded), pointsFunded: Number(pointsFunded) }));
  const [counted] = await ask(foundTwiceQuery);
  return { promotions, boughtTogether, settlement, foundTwice: Number(counted?.foundTwice ?? 0) };
}

export function reportText(report: DemoReport): string {
  const number = (value: number): string => value.toLocaleString('en-US');
  const hasClickhouse = report.promotions !== undefined, compared = hasClickhouse ? 'entry, result and row' : 'entry and result';
  const where = hasClickhouse ? 'all facts in ClickHouse' : 'without ClickHouse and what it would answer';
  const verdict = { true: `every account, lot, ${compared} agrees with the second implementation`, false: 'DIFFERENCES, see above', null: 'not asked for' };
  const lines = [
    '', `transactions   ${number(report.transactions)} in ${report.seconds.toFixed(1)} s, ${where}: ${number(report.transactionsPerSecond)}/s`,
    `accepted       ${number(report.accepted)}`,
    `duplicates     ${number(report.duplicates)}`,
    `waiting        ${number(report.waiting)}`,
    `rejected       ${number(report.rejected)}`,
    ...Object.entries(report.reasons).sort(([, a], [, b]) => b - a).map(([reason, count]) => `  ${reason.padEnd(20)} ${number(count)}`),
    ...(report.foundTwice ? [`found twice    ${number(report.foundTwice)}  (duplicate-elsewhere: posted before under another card; what it gave is taken back)`] : []),
    `verified       ${verdict[String(report.verified) as keyof typeof verdict]}`,
  ];
  if (report.promotions !== undefined) {
    const rows = report.promotions.map(({ promotion, awards, points }) => [promotion, number(awards), number(points)]);
    lines.push(...table('Promotions by cost', ['promotion', 'awards', 'points'], rows));
  }
  if (report.boughtTogether !== undefined) {
    const rows = report.boughtTogether.map(({ first, second, together, lift }) => [first, second, number(together), lift.toFixed(2)]);
    lines.push(...table('Bought together', ['product', 'with', 'receipts', 'lift'], rows));
  }
  if (report.settlement !== undefined) {
    const rows = report.settlement.map(({ partner, transactions, pointsAwarded, pointsFunded }) => (
      [partner, ...[transactions, pointsAwarded, pointsFunded, pointsFunded - pointsAwarded].map(number)]));
    lines.push(...table('Settlement by partner', ['partner', 'transactions', 'points awarded', 'points funded', 'to settle'], rows));
  }
  return lines.join('\n');
}

/** Columns as wide as their widest cell; numbers to the right. */
function table(title: string, head: string[], rows: string[][]): string[] {
  const widths = head.map((name, column) => Math.min(48, Math.max(name.length, ...rows.map((row) => row[column]!.length))));
  const aligned = (cell: string, width: number): string => (/^-?[\d.,]+$/.test(cell) ? cell.padStart(width) : cell.slice(0, width).padEnd(width));
  const line = (cells: string[]): string => `  ${cells.map((cell, column) => aligned(cell, widths[column]!)).join('  ')}`.trimEnd();
  return ['', title, line(head), ...rows.map(line)];
}

/**
 * What analysts see (the contract): transactions, lines and entries, as views of pointstream.facts. Points, money and thousandths of quantity are Int64; returns are
 * negative. Columns after the contract's are extensions. A column that a query does not name costs nothing.
 */
import { PART_SEPARATOR } from '../fact-table.js';

/** Part `number` (from 1) of a name that says several things; ClickHouse works it out once for each entry of the dictionary. */
const separator = `'${PART_SEPARATOR.replace('\t', '\\t')}'`;
const part = (name: string, number: number): string => `substringIndex(substringIndex(${name}, ${separator}, ${number}), ${separator}, -1)`;
const ACCOUNT = "if(account_number < 0, '', concat(toString(account_partition), '.', toString(account_number)))";
const isTransaction = "kind IN ('purchase', 'return')";

const transactions = `CREATE OR REPLACE VIEW pointstream.transactions AS
SELECT partner, id, kind, ${ACCOUNT} AS account, card, store, terminal, cashier, channel, occurred_at, processed_at, currency, total, points, status, rule_set,
  source_partition, source_offset,
  program, original_id, merchant, mcc, reference, source_topic, source_index, batch,
  length(line_values.line) AS line_count,
  arrayMap((rule, points) -> (${part('rule', 4)}, toUInt32OrZero(${part('rule', 2)}), ${part('rule', 3)}, points), awards.rule, awards.points)
    ::Array(Tuple(rule String, version UInt32, currency String, points Int64)) AS awards
FROM pointstream.facts WHERE ${isTransaction}`;

/** points_by_rule: the points of the line, of whatever currency, by the rule that gave them. */
const lines = `CREATE OR REPLACE VIEW pointstream.lines AS
SELECT partner, id AS transaction_id, kind, ${ACCOUNT} AS account, store, occurred_at,
  line, sku, category, department, brand, quantity, amount, discount, line_points AS points,
  CAST(arrayMap((award, points) -> (${part('awards.rule[award + 1]', 4)}, points),
      arrayFilter((award, of) -> of = line, shares.award, shares.line), arrayFilter((points, of) -> of = line, shares.points, shares.line)), 'Map(String, Int64)') AS points_by_rule,
  CAST(line_kind, 'Enum8(\\'product\\' = 0, \\'deposit\\' = 1, \\'discount\\' = 2)') AS line_kind,
  program, card, channel, currency, processed_at, source_partition, source_offset, source_index
FROM pointstream.facts
ARRAY JOIN line_values.line AS line, line_texts.sku AS sku, line_texts.category AS category, line_texts.department AS department, line_texts.brand AS brand,
  line_values.quantity AS quantity, line_values.amount AS amount, line_values.discount AS discount, line_values.points AS line_points, line_values.kind AS line_kind
WHERE ${isTransaction}`;

/** balance: which of the account's balances the posting changes. expires: '2149-06-06' means never. fact: the kind of fact that posted it. */
const entries = `CREATE OR REPLACE VIEW pointstream.entries AS
SELECT ${ACCOUNT} AS account, ${part('side', 4)} AS currency, entry_points AS points,
  multiIf(${part('side', 3)} = 'issuance', concat('issuance:', ${part('side', 5)}), ${part('side', 3)} = 'redemption', concat('redemption:', partner),
    ${part('side', 3)} = 'own', account, toString(${part('side', 3)})) AS counter_account,
  ${part('side', 1)} AS kind,
  if(award < 0, '', toString(${part('awards.rule[award + 1]', 4)})) AS rule, if(award < 0, 0, toUInt32OrZero(${part('awards.rule[award + 1]', 2)})) AS rule_version,
  ${part('side', 5)} AS funder, partner, id AS transaction_id, occurred_at, processed_at AS posted_at,
  ${part('side', 2)} AS balance, toDate(least(matures, 65535)) AS matures, toDate(least(expires, 65535)) AS expires,
  program, facts.kind AS fact, source_topic, source_partition, source_offset, source_index, posting
FROM pointstream.facts
ARRAY JOIN postings.side AS side, postings.points AS entry_points, postings.award AS award, postings.matures AS matures, postings.expires AS expires,
  arrayEnumerate(postings.points) AS posting`;

export const views: string[] = [transactions, lines, entries];

-- What analysts see (the contract): transactions, lines and entries. Points, money and thousandths of quantity are Int64; returns are negative. Columns after the contract's are
-- extensions. A column that a query does not name costs nothing.
--
-- awards.rule and postings.side say several things each, separated by tabs (schemas/fact-table.ts); ClickHouse takes a text apart once for each entry of its dictionary.

CREATE OR REPLACE VIEW {database}.transactions {on_cluster} AS
SELECT partner, id, kind, if(account_number < 0, '', concat(toString(account_partition), '.', toString(account_number))) AS account, card, store, terminal, cashier, channel,
  occurred_at, processed_at, currency, total, points, status, rule_set, source_partition, source_offset,
  program, original_id, merchant, mcc, reference, source_topic, source_index, batch,
  length(line_values.line) AS line_count,
  arrayMap((rule, points) -> (
      substringIndex(substringIndex(rule, '\t', 4), '\t', -1),
      toUInt32OrZero(substringIndex(substringIndex(rule, '\t', 2), '\t', -1)),
      substringIndex(substringIndex(rule, '\t', 3), '\t', -1),
      points), awards.rule, awards.points)::Array(Tuple(rule String, version UInt32, currency String, points Int64)) AS awards
FROM {database}.facts
WHERE kind IN ('purchase', 'return');

-- points: of the program's first currency, as in transactions. points_by_rule: of whatever currency, by the rule that gave them.
CREATE OR REPLACE VIEW {database}.lines {on_cluster} AS
SELECT partner, id AS transaction_id, kind, if(account_number < 0, '', concat(toString(account_partition), '.', toString(account_number))) AS account, store, occurred_at,
  line, sku, category, department, brand, quantity, amount, discount, line_points AS points,
  CAST(arrayMap((award, points) -> (substringIndex(substringIndex(awards.rule[award + 1], '\t', 4), '\t', -1), points),
      arrayFilter((award, of) -> of = line, shares.award, shares.line), arrayFilter((points, of) -> of = line, shares.points, shares.line)), 'Map(String, Int64)') AS points_by_rule,
  CAST(line_kind, 'Enum8(\'product\' = 0, \'deposit\' = 1, \'discount\' = 2)') AS line_kind,
  program, card, channel, currency, processed_at, source_partition, source_offset, source_index
FROM {database}.facts
ARRAY JOIN line_values.line AS line, line_texts.sku AS sku, line_texts.category AS category, line_texts.department AS department, line_texts.brand AS brand,
  line_values.quantity AS quantity, line_values.amount AS amount, line_values.discount AS discount, line_values.points AS line_points, line_values.kind AS line_kind
WHERE kind IN ('purchase', 'return');

-- balance: which of the account's balances the posting changes. expires: '2149-06-06' means never. fact: the kind of fact that posted it.
CREATE OR REPLACE VIEW {database}.entries {on_cluster} AS
SELECT if(account_number < 0, '', concat(toString(account_partition), '.', toString(account_number))) AS account,
  substringIndex(substringIndex(side, '\t', 4), '\t', -1) AS currency, entry_points AS points,
  multiIf(
    substringIndex(substringIndex(side, '\t', 3), '\t', -1) = 'issuance', concat('issuance:', substringIndex(substringIndex(side, '\t', 5), '\t', -1)),
    substringIndex(substringIndex(side, '\t', 3), '\t', -1) = 'redemption', concat('redemption:', partner),
    substringIndex(substringIndex(side, '\t', 3), '\t', -1) = 'own', account,
    toString(substringIndex(substringIndex(side, '\t', 3), '\t', -1))) AS counter_account,
  substringIndex(substringIndex(side, '\t', 1), '\t', -1) AS kind,
  if(award < 0, '', toString(substringIndex(substringIndex(awards.rule[award + 1], '\t', 4), '\t', -1))) AS rule,
  if(award < 0, 0, toUInt32OrZero(substringIndex(substringIndex(awards.rule[award + 1], '\t', 2), '\t', -1))) AS rule_version,
  substringIndex(substringIndex(side, '\t', 5), '\t', -1) AS funder, partner, id AS transaction_id, occurred_at, processed_at AS posted_at,
  substringIndex(substringIndex(side, '\t', 2), '\t', -1) AS balance, toDate(least(matures, 65535)) AS matures, toDate(least(expires, 65535)) AS expires,
  program, facts.kind AS fact, source_topic, source_partition, source_offset, source_index, posting
FROM {database}.facts
ARRAY JOIN postings.side AS side, postings.points AS entry_points, postings.award AS award, postings.matures AS matures, postings.expires AS expires,
  arrayEnumerate(postings.points) AS posting;

/**
 * Entries of an account for GET /v1/accounts/{account}/entries: a page of the view entries, newest first. An entry's id says where it comes from
 * (partition, time, topic, offset, item, place in the fact), so that a page goes on from it whatever came in between.
 */
import { EngineError } from './engine.js';
import type { Analytics } from './analytics.js';
import type { EntryItem, QueryEntries } from './gateway/context.js';

/** What makes an entry's id, and the order of an account's entries. Of one command, the settlement of due lots comes before what made the engine look at the account. */
const order = ['source_partition', 'toUnixTimestamp64Milli(posted_at)', 'toUInt8(source_topic)', 'source_offset', 'source_index', "toUInt8(fact != 'settlement')", 'posting'];
const idForm = /^\d{1,16}(\.\d{1,16}){6}$/;
export const isEntryId = (id: string): boolean => idForm.test(id);

/** `client` undefined: clickhouse=off. */
export function queryEntriesOf(client: Analytics['client'] | undefined): QueryEntries {
  return async (account, { partner }, { limit, startingAfter }) => {
    if (!client) throw new EngineError('unavailable', 'entries are read from ClickHouse, which is switched off', 60);
    const partition = Number(account.split('.')[0]);
    if (!Number.isInteger(partition) || (startingAfter !== undefined && !isEntryId(startingAfter))) return { data: [], has_more: false };
    const conditions = ['account = {account:String}', 'source_partition = {partition:UInt16}'];
    if (partner !== undefined) conditions.push('partner = {partner:String}');
    if (startingAfter !== undefined) conditions.push(`(${order.join(', ')}) < (${startingAfter.replaceAll('.', ', ')})`);
    try {
      const answer = await client.query({
        query: `SELECT concat(${order.map((part) => `toString(${part})`).join(", '.', ")}) AS id,
            account, currency, points, counter_account, kind, rule, rule_version, funder, partner, transaction_id,
            replaceOne(toString(occurred_at), ' ', 'T') || 'Z' AS occurred, replaceOne(toString(posted_at), ' ', 'T') || 'Z' AS posted
          FROM entries WHERE ${conditions.join(' AND ')} ORDER BY ${order.map((part) => `${part} DESC`).join(', ')} LIMIT {limit:UInt32}`,
        query_params: { account, partition, partner, limit: limit + 1 },
        clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
        format: 'JSONEachRow',
      });
      const rows = await answer.json<Omit<EntryItem, 'occurred_at' | 'posted_at'> & { occurred: string; posted: string }>();
      const data = rows.slice(0, limit).map(({ occurred, posted, ...entry }): EntryItem => ({ ...entry, occurred_at: occurred, posted_at: posted }));
      return { data, has_more: rows.length > limit };
    } catch (error) {
      throw new EngineError('unavailable', `ClickHouse does not answer: ${(error as Error).message}`, 5);
    }
  };
}

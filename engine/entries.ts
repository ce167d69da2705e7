/**
 * GET /v1/accounts/{account}/entries: postings of one account from ClickHouse, newest first. An id says where the posting stands in the log, so a page goes on
 * exactly after the one before, whatever was posted in between.
 */
import type { ClickHouseClient } from '@clickhouse/client';
import { EngineError } from './engine.js';
import type { EntryItem, QueryEntries } from './gateway/context.js';
import { Problem } from './gateway/problems.js';

/** posted_at in ms, source partition, offset and index, number of the posting in its fact. */
const place = ['posted_ms', 'source_partition', 'source_offset', 'source_index', 'posting'] as const;
const QUERY_SECONDS_MAX = 10;

export function queryEntriesOf(client: ClickHouseClient | undefined): QueryEntries {
  return async (account, { partner }, { limit, startingAfter }) => {
    if (client === undefined) throw new EngineError('unavailable', 'entries are read from ClickHouse, which is off', 60);
    const after = startingAfter === undefined ? undefined : readId(startingAfter);
    const conditions = ['account = {account:String}', ...(partner === undefined ? [] : ['partner = {partner:String}']), ...(after === undefined ? [] : [`(${place.join(', ')}) < ({after:Array(Int64)}[1], {after:Array(Int64)}[2], {after:Array(Int64)}[3], {after:Array(Int64)}[4], {after:Array(Int64)}[5])`])];
    const answer = await client.query({
      query: `SELECT arrayStringConcat([${place.map((part) => `toString(${part})`).join(', ')}], '.') AS id,
                account, currency, points, counter_account, kind, rule, rule_version, funder, partner, transaction_id, occurred_at, posted_at, toUnixTimestamp64Milli(posted_at) AS posted_ms
              FROM pointstream.entries WHERE ${conditions.join(' AND ')}
              ORDER BY ${place.map((part) => `${part} DESC`).join(', ')} LIMIT {limit:UInt32}`,
      query_params: { account, partner, after, limit: limit + 1 },
      format: 'JSONEachRow',
      clickhouse_settings: { output_format_json_quote_64bit_integers: 0, date_time_output_format: 'iso', max_execution_time: QUERY_SECONDS_MAX },
    });
    const rows = (await answer.json<EntryItem & { posted_ms: number }>()).map(({ posted_ms: _, ...entry }) => entry);
    return { data: rows.slice(0, limit), has_more: rows.length > limit };
  };
}

function readId(id: string): number[] {
  const parts = id.split('.').map(Number);
  if (parts.length !== place.length || parts.some((part) => !Number.isSafeInteger(part))) throw new Problem('bad-request', `starting_after: ${id} is not the id of an entry`);
  return parts;
}

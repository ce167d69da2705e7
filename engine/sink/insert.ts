/** What the sink says to ClickHouse: one range as one insert, and how many rows of a range are there. */
import { Readable } from 'node:stream';
import type { ClickHouseClient, ClickHouseSettings } from '@clickhouse/client';
import type { Range } from './feed.js';

/** No block is ever this large: all blocks of an insert are put together into one, which becomes one part with one token. */
const NEVER = '4000000000';
const settings: ClickHouseSettings = {
  insert_deduplicate: 1,
  async_insert: 0,
  // Parallel parsing and splitting would make blocks whose boundaries differ from attempt to attempt, and tokens are per block (ClickHouse#27667, #32304).
  input_format_parallel_parsing: 0,
  max_insert_threads: '1',
  max_insert_block_size: NEVER,
  min_insert_block_size_rows: NEVER,
  min_insert_block_size_bytes: NEVER,
  // Blocks leave out columns that hold nothing but defaults, and write integers as narrow as they are.
  input_format_defaults_for_omitted_fields: 1,
  input_format_native_allow_types_conversion: 1,
  deduplicate_blocks_in_dependent_materialized_views: 1,
  wait_end_of_query: 1,
};

/** Resolves when ClickHouse has the rows on disk. */
export async function insertRange(client: ClickHouseClient, range: Range, token: string, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted(); // the client hears only of what is aborted later
  const { stream } = await client.exec({
    query: 'INSERT INTO facts FORMAT Native',
    values: Readable.from(range.blocks),
    clickhouse_settings: { ...settings, insert_deduplication_token: token },
    abort_signal: signal,
  });
  for await (const _ of stream) { /* the answer is empty; its end is what counts */ }
}

/** Rows of a range that the table has; and whether tokens are remembered together with the parts that they brought. */
export async function countRows(client: ClickHouseClient, partition: number, range: Range, signal: AbortSignal): Promise<{ rows: number; isReplicated: boolean }> {
  signal.throwIfAborted();
  const answer = await client.query({
    query: `SELECT count() AS rows, (SELECT any(engine) FROM system.tables WHERE database = currentDatabase() AND name = 'facts') AS engine
      FROM facts WHERE source_partition = {partition:UInt32} AND batch BETWEEN {first:Int64} AND {last:Int64}`,
    query_params: { partition, first: range.firstBatch, last: range.lastBatch },
    format: 'JSONEachRow',
    abort_signal: signal,
  });
  const [found] = await answer.json<{ rows: string; engine: string }>();
  return { rows: Number(found!.rows), isReplicated: found!.engine !== 'MergeTree' };
}

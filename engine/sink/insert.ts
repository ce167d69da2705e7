/** What the sink says to ClickHouse: ranges as one insert, and how many of their rows are there. */
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
export async function insertRanges(client: ClickHouseClient, ranges: Range[], token: string, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted(); // the client hears only of what is aborted later
  const { stream } = await client.exec({
    query: 'INSERT INTO facts FORMAT Native',
    values: Readable.from(ranges.flatMap(({ blocks }) => blocks)),
    clickhouse_settings: { ...settings, insert_deduplication_token: token },
    abort_signal: signal,
  });
  for await (const _ of stream) { /* the answer is empty; its end is what counts */ }
}

/** Rows of ranges that the table has; and whether tokens are remembered together with the parts that they brought. */
export async function countRows(client: ClickHouseClient, ranges: Range[], signal: AbortSignal): Promise<{ rows: number; isReplicated: boolean }> {
  signal.throwIfAborted();
  const partitions = ranges.map(({ partition }) => partition), first = ranges.map(({ firstBatch }) => firstBatch), last = ranges.map(({ lastBatch }) => lastBatch);
  // All of the table is looked at, so that what is cheap comes first.
  const answer = await client.query({
    query: `SELECT count() AS rows, (SELECT any(engine) FROM system.tables WHERE database = currentDatabase() AND name = 'facts') AS engine
      FROM facts WHERE batch BETWEEN {least:Int64} AND {most:Int64}
        AND arrayExists((partition, first, last) -> source_partition = partition AND batch BETWEEN first AND last, {partitions:Array(UInt32)}, {first:Array(Int64)}, {last:Array(Int64)})`,
    query_params: { partitions, first, last, least: Math.min(...first), most: Math.max(...last) },
    format: 'JSONEachRow',
    abort_signal: signal,
  });
  const [found] = await answer.json<{ rows: string; engine: string }>();
  return { rows: Number(found!.rows), isReplicated: found!.engine !== 'MergeTree' };
}

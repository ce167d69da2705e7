/**
 * `pointstream.facts`, the one physical table: the sink inserts into it, everything that analysts see is a view of it (views.ts).
 *
 * - No partitions: an insert into several table partitions is atomic in each, not over all, and a batch may span midnight of the last of a month. One insert is one part, so
 *   it is there or it is not.
 * - Sorted by the hour of processing: the order in which facts come, so that an insert has nothing to sort, merges mostly join, and a query over a period reads its hours only.
 *   occurred_at has a minimum and maximum for each granule.
 * - Tokens of the last inserts are kept, so that an insert repeated after a crash is recognised; parts are on disk before the answer, since facts leave the log then.
 * - Integers are stored as many bits as they need (T64), then LZ4: 126 bytes a purchase of five lines instead of 204, for less work.
 */
import { clickhouseType, factTable, type FactColumn } from '../fact-table.js';

const integerCodec = ' CODEC(T64, LZ4)';
const codec = (column: FactColumn): string => {
  if (column.form === 'list') return Object.values(column.columns).every(({ form }) => form === 'integer') ? integerCodec : '';
  return column.form === 'integer' || column.form === 'moment' || column.form === 'choice' ? integerCodec : '';
};
const columns = Object.entries(factTable as Record<string, FactColumn>).map(([name, column]) => `${name} ${clickhouseType(column)}${codec(column)}`);

export const factsTable = `CREATE TABLE IF NOT EXISTS pointstream.facts (
  ${columns.join(',\n  ')},
  INDEX occurred occurred_at TYPE minmax GRANULARITY 1
) ENGINE = MergeTree ORDER BY toStartOfHour(processed_at)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1,
  min_bytes_for_wide_part = 134217728, ratio_of_defaults_for_sparse_serialization = 1.0`;

/**
 * Only where the server knows them. Merging a row costs nearly twice what inserting it does, and with ClickHouse's defaults a row is merged every fivefold growth of its part: so
 * only dozens of parts at a time are (more would need more memory than the embedded server has), and no statistics of every column are kept.
 */
export const optionalFactsSettings: Record<string, string> = {
  auto_statistics_types: "''",
  min_parts_to_merge_at_once: '50',
  max_parts_to_merge_at_once: '60',
  merge_selector_enable_heuristic_to_lower_max_parts_to_merge_at_once: '0',
};

/** Content types of answers, as a server names them. */
const types: [RegExp, string][] = [
  [/^(JSON|JSONStrings|JSONCompact|JSONCompactStrings|JSONColumns|JSONCompactColumns|JSONColumnsWithMetadata|JSONObjectEachRow)$/i, 'application/json; charset=UTF-8'],
  [/^JSON.*EachRow/i, 'application/x-ndjson; charset=UTF-8'],
  [/^(TSV|TabSeparated)/i, 'text/tab-separated-values; charset=UTF-8'],
  [/^(CSV|CSVWithNames|CSVWithNamesAndTypes)$/i, 'text/csv; charset=UTF-8; header='],
  [/^(Native|RowBinary.*|Parquet|Arrow|ArrowStream|ORC|Avro|MsgPack|Protobuf.*|CapnProto|BSONEachRow|Npy|RawBLOB)$/i, 'application/octet-stream'],
  [/^XML$/i, 'application/xml; charset=UTF-8'],
  [/^SQLInsert$/i, 'application/sql; charset=UTF-8'],
  [/^Markdown$/i, 'text/markdown; charset=UTF-8'],
];

export function contentType(format: string): string {
  const type = types.find(([pattern]) => pattern.test(format))?.[1] ?? 'text/plain; charset=UTF-8';
  return type.endsWith('header=') ? type + (/WithNames/i.test(format) ? 'present' : 'absent') : type;
}

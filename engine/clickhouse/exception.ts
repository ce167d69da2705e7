/** ClickHouse's errors: code, name, text, and the HTTP status that a server gives them. */

/** Codes that this folder itself answers with; the engine's own come with their names. */
const names = {
  6: 'CANNOT_PARSE_TEXT', 36: 'BAD_ARGUMENTS', 62: 'SYNTAX_ERROR', 164: 'READONLY', 202: 'TOO_MANY_SIMULTANEOUS_QUERIES', 236: 'ABORTED', 373: 'SESSION_IS_LOCKED', 372: 'SESSION_NOT_FOUND',
  396: 'TOO_MANY_ROWS_OR_BYTES', 497: 'ACCESS_DENIED', 516: 'AUTHENTICATION_FAILED', 48: 'NOT_IMPLEMENTED', 107: 'FILE_DOESNT_EXIST', 1000: 'POCO_EXCEPTION', 243: 'NOT_ENOUGH_SPACE',
  394: 'QUERY_WAS_CANCELLED', 216: 'QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING', 223: 'QUERY_IS_TOO_LARGE', 354: 'ZLIB_INFLATE_FAILED', 415: 'UNKNOWN_COMPRESSION_METHOD',
} as const;

const statusByCode = new Map<number, number>([
  ...[6, 25, 26, 27, 36, 38, 41, 43, 44, 47, 53, 62, 72, 117, 167, 168, 441, 675, 676, 376, 427, 8, 15, 69, 10].map((code) => [code, 400] as const),
  ...[60, 46, 50, 56, 81, 115, 73, 71, 78, 511, 63].map((code) => [code, 404] as const),
  ...[192, 193, 516, 497].map((code) => [code, 403] as const),
  [194, 401], [223, 413], [62, 400], [47, 404], [48, 501], [209, 503], [76, 503], [439, 503], [159, 408], [415, 415],
]);

export class ClickHouseException extends Error {
  constructor(readonly code: number, readonly detail: string, readonly errorName: string) {
    super(`Code: ${code}. DB::Exception: ${detail} (${errorName})`);
  }
  get status(): number {
    return statusByCode.get(this.code) ?? 500;
  }
  /** As it stands in an answer. */
  text(version: string): string {
    return `${this.message} (version ${version})\n`;
  }
}

export function exception(code: keyof typeof names, detail: string): ClickHouseException {
  return new ClickHouseException(code, detail, names[code]);
}

/** What the library threw. Its texts look like `Query failed: Code: 62. DB::Exception: …. (SYNTAX_ERROR)`, sometimes with the beginning twice. */
export function fromLibrary(error: unknown): ClickHouseException {
  if (error instanceof ClickHouseException) return error;
  const message = error instanceof Error ? error.message : String(error);
  const found = /^(?:Query failed: )?(?:Code: (\d+)\. DB::Exception: )+([^]*?)(?: \(version [^)]*\))?\.?(?: \(([A-Z][A-Z0-9_]+)\))?(?: \(version [^)]*\))?\.?\s*$/.exec(message);
  if (!found) return exception(1000, message);
  const detail = found[2]!.replace(/ \(([A-Z][A-Z0-9_]+)\)\.?(?: \(version [^)]*\)\.?)?$/, '');
  const name = found[3] ?? / \(([A-Z][A-Z0-9_]+)\)/.exec(message)?.[1] ?? 'UNKNOWN_EXCEPTION';
  return new ClickHouseException(Number(found[1]), detail, name);
}

/** ClickHouse's errors: code, name, text, and the HTTP status that a server gives them. */

/** What this folder itself answers with; the library's own errors bring their names along. */
const codes = {
  CANNOT_READ_ALL_DATA: 33, BAD_ARGUMENTS: 36, CHECKSUM_DOESNT_MATCH: 40, UNKNOWN_COMPRESSION_METHOD: 89, TOO_LARGE_SIZE_COMPRESSED: 106, CANNOT_DECOMPRESS: 271,
  NOT_IMPLEMENTED: 48, SYNTAX_ERROR: 62, UNKNOWN_FORMAT: 73, READONLY: 164, TOO_MANY_SIMULTANEOUS_QUERIES: 202, QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING: 216, QUERY_IS_TOO_LARGE: 223,
  NOT_ENOUGH_SPACE: 243, ZLIB_INFLATE_FAILED: 354, SESSION_NOT_FOUND: 372, SESSION_IS_LOCKED: 373, QUERY_WAS_CANCELLED: 394, TOO_MANY_BYTES: 307, ACCESS_DENIED: 497, AUTHENTICATION_FAILED: 516,
  UNSUPPORTED_MEDIA_TYPE: 760, STD_EXCEPTION: 1001,
} as const;

/** As src/Server/HTTP/exceptionCodeToHTTPStatus.cpp has it; everything else is 500. */
const namesByStatus: Record<number, string> = {
  400: `BAD_ARGUMENTS CANNOT_COMPILE_REGEXP CANNOT_PARSE_TEXT CANNOT_PARSE_ESCAPE_SEQUENCE CANNOT_PARSE_QUOTED_STRING CANNOT_PARSE_DATE CANNOT_PARSE_DATETIME CANNOT_PARSE_NUMBER
    CANNOT_PARSE_DOMAIN_VALUE_FROM_STRING CANNOT_PARSE_IPV4 CANNOT_PARSE_IPV6 CANNOT_PARSE_INPUT_ASSERTION_FAILED CANNOT_PARSE_UUID DUPLICATE_COLUMN ILLEGAL_COLUMN UNKNOWN_ELEMENT_IN_AST
    UNKNOWN_TYPE_OF_AST_NODE THERE_IS_NO_COLUMN TOO_DEEP_AST TOO_BIG_AST UNEXPECTED_AST_STRUCTURE SYNTAX_ERROR INCORRECT_DATA TYPE_MISMATCH VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE`,
  403: 'UNKNOWN_USER WRONG_PASSWORD AUTHENTICATION_FAILED SET_NON_GRANTED_ROLE ACCESS_DENIED',
  404: `UNKNOWN_TABLE UNKNOWN_FUNCTION UNKNOWN_IDENTIFIER UNKNOWN_TYPE UNKNOWN_STORAGE UNKNOWN_DATABASE UNKNOWN_SETTING UNKNOWN_DIRECTION_OF_SORTING UNKNOWN_AGGREGATE_FUNCTION UNKNOWN_FORMAT
    UNKNOWN_DATABASE_ENGINE UNKNOWN_TYPE_OF_QUERY UNKNOWN_ROLE`,
  408: 'TIMEOUT_EXCEEDED',
  413: 'QUERY_IS_TOO_LARGE',
  415: 'UNSUPPORTED_MEDIA_TYPE',
  501: 'NOT_IMPLEMENTED',
  503: 'SOCKET_TIMEOUT CANNOT_OPEN_FILE CANNOT_SCHEDULE_TASK',
};
const statusByName = new Map(Object.entries(namesByStatus).flatMap(([status, names]) => names.split(/\s+/).map((name) => [name, Number(status)] as const)));

export class ClickHouseException extends Error {
  constructor(readonly code: number, readonly errorName: string, readonly detail: string) {
    super(`Code: ${code}. DB::Exception: ${detail.replace(/\.\s*$/, '')}. (${errorName})`);
  }
  get status(): number {
    return statusByName.get(this.errorName) ?? 500;
  }
  /** As it stands in an answer. */
  text(version: string): string {
    return `${this.message} (version ${version})\n`;
  }
}

export function exception(name: keyof typeof codes, detail: string): ClickHouseException {
  return new ClickHouseException(codes[name], name, detail);
}

/** What the library threw, with what it says once for each place that it came by, like `Code: 164. DB::Exception: Code: 164. DB::Exception: Cannot …. (READONLY) (version 26.7.2.1).` */
export function fromLibrary(error: unknown): ClickHouseException {
  if (error instanceof ClickHouseException) return error;
  const message = error instanceof Error ? error.message : String(error);
  const found = /^[^]*?Code: (\d+)\. DB::Exception: (?:Code: \d+\. DB::Exception: )*([^]*)$/.exec(message);
  if (!found) return exception('STD_EXCEPTION', message);
  const rest = found[2]!.replace(/ \(version [^()]*(?:\([^()]*\))?\)\.?\s*$/, '').replace(/ \(([A-Z][A-Z0-9_]+)\)\.?(?:(?: \(version [^()]*\)\.?)? \(\1\))+\s*$/, ' ($1)');
  const named = / \(([A-Z][A-Z0-9_]+)\)\.?\s*$/.exec(rest);
  return named ? new ClickHouseException(Number(found[1]), named[1]!, rest.slice(0, named.index)) : new ClickHouseException(Number(found[1]), 'UNKNOWN_EXCEPTION', rest);
}

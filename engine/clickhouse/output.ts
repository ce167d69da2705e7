/**
 * The clause that sends a query's rows into a pipe, put into the statement, and kept out of what its errors tell: its path is nobody's business, and positions are those of what was
 * written.
 *
 *   SELECT 1 FORMAT JSON SETTINGS a = 1   →   SELECT 1 ⏎INTO OUTFILE '…' APPEND FORMAT JSON⏎ SETTINGS a = 1
 *                                                      └start                             └end
 */
import { ClickHouseException, fromLibrary } from './exception.js';
import { literal, type Statement } from './statement.js';

/** `written`: how many characters of the statement the clause stands for. */
export interface PlacedOutput { sql: string; start: number; end: number; written: number }

/** In the place of the FORMAT clause, which counts from the end because KILL is translated; else behind a line end, as the text may end in a comment. */
export function withOutput(sql: string, { text, format }: Statement, pipe: string, formatName: string): PlacedOutput {
  const shift = sql.length - text.length, start = format ? format.start + shift : sql.length, written = format ? format.end - format.start : 0;
  const clause = `\nINTO OUTFILE ${literal(pipe)} APPEND FORMAT ${formatName}${format ? '\n' : ''}`;
  return { sql: sql.slice(0, start) + clause + sql.slice(start + written), start, end: start + clause.length, written };
}

/** What the library said of the statement, as if the clause were not there. */
export function errorWithoutOutput(error: unknown, { sql, start, end, written }: PlacedOutput): ClickHouseException {
  const failure = fromLibrary(error), { detail } = failure, found = /^Syntax error: failed at position (\d+)( \(.*?\) \(line \d+, col \d+\))?/.exec(detail);
  if (!found) return failure;
  const at = Number(found[1]) - 1, said = (text: string): ClickHouseException => new ClickHouseException(failure.code, failure.errorName, text);
  // What was expected, or which bracket is open, behind the beginning of the statement's rest.
  const tail = Math.max(detail.lastIndexOf('. Expected one of: '), detail.lastIndexOf('. Unmatched parentheses: ')), expected = tail < 0 ? '' : detail.slice(tail);
  if (at >= end) return said(detail.replace(found[0], `Syntax error: failed at position ${at - (end - start) + written + 1}`));
  if (at >= start) return said(`Syntax error: failed at position ${start + 1} (end of query): ${expected}`);
  const rest = Buffer.from(sql.slice(at, start), 'latin1').toString('utf8'), shown = detail.indexOf(`: ${rest}\n`);
  return shown < 0 ? failure : said(detail.slice(0, shown) + `: ${rest}` + expected);
}

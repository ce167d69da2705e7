/**
 * What a statement is, as far as the server must know: whether it reads, where its FORMAT clause stands, where an INSERT's data begin.
 *
 *   SELECT … FORMAT JSON SETTINGS a = 1          INSERT INTO t (a, b) SETTINGS … FORMAT CSV⏎1,2
 *            └────┬────┘ └─────┬──────┘                               │                    └ data
 *        of the output    of the query                                └ FROM INFILE goes here
 *
 * Texts are one character for each byte (tokens.ts).
 */
import { exception } from './exception.js';
import { tokens, type Token } from './tokens.js';

export interface Statement {
  text: string;
  /** Without an INSERT's data. */
  tokens: Token[];
  verb: string;
  kind: 'read' | 'kill' | 'insert' | 'other';
  /** The FORMAT clause of what gives rows back. */
  format: { name: string; start: number; end: number } | undefined;
  /** The SETTINGS clause of what reads, where it holds for the whole of it and says plain values only: as parameters of the URL would say them. */
  settings: { values: [name: string, value: string][]; start: number; end: number } | undefined;
  /** Of an INSERT that brings its data along. */
  insert: { infileAt: number; settingsEnd: number; format: string; dataAt: number } | undefined;
}

const reads = new Set(['SELECT', 'WITH', 'SHOW', 'DESCRIBE', 'DESC', 'EXISTS', 'EXPLAIN', 'CHECK', 'FROM', 'VALUES', '(']);

export function readStatement(text: string): Statement {
  const found: Token[] = [];
  let insert: Statement['insert'];
  let scan: InsertScan | undefined;
  for (const token of tokens(text)) {
    if (token.kind === 'error') throw exception('SYNTAX_ERROR', `Syntax error: failed at position ${token.start + 1}: ${token.text.slice(0, 100)}. Unrecognized token`);
    found.push(token);
    scan ??= found.length === 1 && is(token, 'INSERT') ? new InsertScan() : undefined;
    insert = scan?.next(token, text);
    if (insert) break;
  }
  if (found.length === 0) throw exception('SYNTAX_ERROR', 'Syntax error: failed at position 1 (end of query): . Empty query');
  const end = found.findIndex((token) => token.kind === 'symbol' && token.text === ';');
  if (!insert && end >= 0) {
    if (found.slice(end).some((token) => token.text !== ';')) {
      throw exception('SYNTAX_ERROR', `Syntax error (Multi-statements are not allowed): failed at position ${found[end]!.start + 1} (end of query)`);
    }
    text = text.slice(0, found[end]!.start);
    found.length = end;
    if (end === 0) throw exception('SYNTAX_ERROR', 'Syntax error: failed at position 1 (end of query): . Empty query');
  }
  const verb = found[0]!.kind === 'word' || found[0]!.kind === 'symbol' ? found[0]!.text.toUpperCase() : '';
  const writes = verb === 'WITH' && atTop(found).some((token) => is(token, 'INSERT'));
  const kind = insert ? 'insert' : verb === 'KILL' ? 'kill' : reads.has(verb) && !writes ? 'read' : 'other';
  const format = kind === 'read' || kind === 'kill' ? formatClause(found) : undefined, settings = kind === 'read' ? settingsClause(found, text) : undefined;
  return { text, tokens: found, verb, kind, format, settings, insert };
}

export function is(token: Token | undefined, word: string): boolean {
  return token?.kind === 'word' && token.text.toUpperCase() === word;
}

/** A text as SQL writes it. */
export function literal(value: string): string {
  return `'${value.replace(/[\\']/g, '\\$&')}'`;
}

/** Tokens outside of brackets. */
export function* outside(list: Iterable<Token>): Generator<Token, void> {
  let depth = 0;
  for (const token of list) {
    if (token.kind === 'symbol' && '([{'.includes(token.text)) depth++;
    else if (token.kind === 'symbol' && ')]}'.includes(token.text)) depth--;
    else if (depth === 0) yield token;
  }
}
function atTop(list: Token[]): Token[] {
  return [...outside(list)];
}

/** Words after which `format` is a name. */
const beforeOperand = /^(BY|SELECT|DISTINCT|AND|OR|NOT|WHERE|PREWHERE|HAVING|ON|IN|LIKE|BETWEEN|FROM|JOIN|AS|USING|CASE|WHEN|THEN|ELSE|TABLE|VIEW|[,.+*/%=<>|-])$/;

function formatClause(list: Token[]): Statement['format'] {
  const top = atTop(list);
  let place = list.length;
  // What stands right before it, brackets too: `x IN (1) FORMAT JSON`. Asked from the end on.
  const before = (token: Token): Token | undefined => list[(place = list.lastIndexOf(token, place)) - 1];
  const index = top.findLastIndex((token, at) => is(token, 'FORMAT') && !beforeOperand.test(before(token)?.text.toUpperCase() ?? '') && top[at + 1]?.kind === 'word');
  if (index < 0) return undefined;
  const name = top[index + 1]!, after = top[index + 2];
  return after === undefined || is(after, 'SETTINGS') || is(after, 'INTO') ? { name: name.text, start: top[index]!.start, end: name.end } : undefined;
}

function settingsClause(list: Token[], text: string): Statement['settings'] {
  const top = atTop(list), values: [string, string][] = [], first = top.findLastIndex((token, at) => is(token, 'SETTINGS') && top[at + 1]?.kind === 'word' && top[at + 2]?.text === '=');
  if (first < 0) return undefined;
  for (let at = first; ; at += 4) {
    const name = top[at + 1], equals = top[at + 2], value = top[at + 3], after = top[at + 4], plain = value && plainValue(value, text);
    if (name?.kind !== 'word' || equals?.text !== '=' || plain === undefined) return undefined;
    values.push([name.text, plain]);
    if (after?.text === ',') continue;
    return after === undefined || is(after, 'FORMAT') || is(after, 'INTO') ? { values, start: top[first]!.start, end: value!.end } : undefined;
  }
}
function plainValue(token: Token, text: string): string | undefined {
  if (token.kind === 'number') return token.text;
  if (token.kind === 'string') return text[token.start] === "'" ? Buffer.from(token.text, 'latin1').toString('utf8') : undefined;
  return is(token, 'TRUE') ? '1' : is(token, 'FALSE') ? '0' : undefined;
}

/** Walks over an INSERT until its data begin. */
class InsertScan {
  private depth = 0;
  private named = false;
  private settingsAt: number | undefined;
  private format: Token | undefined;
  /** It brings no data along. */
  private over = false;

  next(token: Token, text: string): Statement['insert'] {
    if (token.kind === 'symbol') {
      if (token.text === ';') this.over = true;
      if (token.text === '(' || token.text === '[' || token.text === '{') this.depth++;
      else if (token.text === ')' || token.text === ']' || token.text === '}') this.depth--;
      return undefined;
    }
    if (this.depth > 0 || this.over) return undefined;
    if (!this.named) {
      // The name is no clause, whatever it is called.
      this.named = !['INSERT', 'INTO', 'TABLE', 'FUNCTION'].some((word) => is(token, word));
      return undefined;
    }
    // It becomes part of another statement (answer.ts).
    if (this.format && token.kind !== 'word') throw exception('SYNTAX_ERROR', `Syntax error: failed at position ${token.start + 1}: the name of a format stands without quotes`);
    if (this.format) return { infileAt: this.settingsAt ?? this.format.start, settingsEnd: this.format.start, format: token.text, dataAt: dataAt(text, token.end) };
    if (is(token, 'VALUES')) return { infileAt: this.settingsAt ?? token.start, settingsEnd: token.start, format: 'Values', dataAt: token.end };
    if (is(token, 'FORMAT')) this.format = token;
    else if (is(token, 'SETTINGS')) this.settingsAt ??= token.start;
    else if (is(token, 'SELECT') || is(token, 'WITH') || is(token, 'FROM') || is(token, 'WATCH')) this.over = true;
    return undefined;
  }
}

/** After the format's name: blanks, a semicolon, and one line end. */
function dataAt(text: string, position: number): number {
  return position + /^[ \t\f]*;?[ \t\f]*\r?\n?/.exec(text.slice(position, position + 1000))![0].length;
}

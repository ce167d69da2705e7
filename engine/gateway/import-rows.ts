/**
 * Rows of an account import, from their bytes: read like transactions are, on their source text, so that no number is rounded, no field is there twice and no text is guessed.
 *
 * Promises: a row is read whole or refused with what is wrong first; it never throws because of the bytes. What only the account's partition knows (program, currencies, funders, cards) is
 * checked there.
 */
import type { ImportedAccount, ImportedLot } from '../../schemas/commands.js';
import { importedAccount, importedLots, importedPoints, type ImportedAccountDocument, type ImportedLotDocument } from '../../schemas/account-import.js';
import { INTEGER_MAX } from '../../schemas/fields.js';
import { isNumber } from '../../schemas/decoded.js';
import { pointerPart, problem, shown, validateDocument, type Problem } from '../../schemas/validate.js';
import { NEVER as NEVER_DAY } from '../../workers/ledger/cells.js';
import { ITEM_BYTES_MAX, readTree, skipSpace } from '../../workers/parse/json-tree.js';

/** `id`: the first card, as far as it is known. */
export interface RefusedRow { id: string; problem: Problem }

const NEWLINE = 0x0a;
const BYTE_ORDER_MARK = Uint8Array.of(0xef, 0xbb, 0xbf);
const DAY_MS = 86_400_000;
const AT_ONCE = 0, NEVER = -1;
const DAY_LAST = new Date((NEVER_DAY - 1) * DAY_MS).toISOString().slice(0, 10);

/** The lines that are no blank ones. `isBeginning`: of the body, which may begin with a byte order mark. */
export function* rowsOf(bytes: Uint8Array, isBeginning: boolean): Generator<Uint8Array> {
  const hasMark = isBeginning && BYTE_ORDER_MARK.every((byte, i) => bytes[i] === byte);
  for (let at = hasMark ? BYTE_ORDER_MARK.length : 0; at < bytes.length;) {
    const newline = bytes.indexOf(NEWLINE, at), end = newline < 0 ? bytes.length : newline, start = skipSpace(bytes, at, end);
    if (start < end) yield bytes.subarray(start, end);
    at = end + 1;
  }
}

export function readRow(row: Uint8Array, index: number): ImportedAccount | RefusedRow {
  try {
    return accountOf(documentOf(row), index);
  } catch (error) {
    if (error instanceof Refused) return { id: error.id, problem: error.problem };
    throw error;
  }
}

/** Thrown from however deep in a row. No Error: it never leaves readRow. */
class Refused {
  id = '';
  constructor(readonly problem: Problem) {}
}
const refuse = (...of: Parameters<typeof problem>): never => {
  throw new Refused(problem(...of));
};

function documentOf(row: Uint8Array): Record<string, unknown> {
  if (row.length > ITEM_BYTES_MAX) return refuse('', 'invalid', `a row has at most ${ITEM_BYTES_MAX} bytes, not ${row.length}`);
  const read = readTree(row, 0, row.length);
  if (!read.ok) return refuse('', read.reason, `${read.detail}, at byte ${read.position}`);
  const { value, next, duplicates } = read, end = skipSpace(row, next, row.length);
  if (end < row.length) return refuse('', 'malformed', `unexpected bytes after the object, at byte ${end}`);
  if (typeof value !== 'object' || value === null || Array.isArray(value) || isNumber(value)) return refuse('', 'invalid', `must be an object, not ${shown(value)}`);
  if (duplicates.length > 0) return refuse(duplicates[0]!, 'invalid', 'the field is given twice');
  return value as Record<string, unknown>;
}

function accountOf({ balances = {}, ...rest }: Record<string, unknown>, index: number): ImportedAccount {
  const { card, cards = card === undefined ? [] : [card], program = 'default', registered = true } = rest as ImportedAccountDocument;
  const id = typeof cards[0] === 'string' ? cards[0] : '';
  try {
    check(importedAccount, rest, '');
    if (card !== undefined && rest.cards !== undefined) return refuse('/card', 'invalid', 'card and cards are both given', 'Send one of them.');
    if (cards.length === 0) return refuse('/card', 'missing', 'card or cards is missing');
    return { index, id, program, cards: [...new Set(cards)], registered, lots: lotsOf(balances) };
  } catch (error) {
    if (error instanceof Refused) error.id = id;
    throw error;
  }
}

function lotsOf(balances: unknown): ImportedLot[] {
  if (typeof balances !== 'object' || balances === null || Array.isArray(balances)) return refuse('/balances', 'invalid', `must be points by currency, not ${shown(balances)}`);
  const lots = Object.entries(balances).flatMap(([currency, balance]) => lotsOfCurrency(currency, balance, `/balances${pointerPart(currency)}`));
  const sum = lots.reduce((points, lot) => points + BigInt(lot.points), 0n);
  if (sum > INTEGER_MAX) return refuse('/balances', 'overflow', 'the points of the account add up to more than 2^53-1');
  return lots;
}
function lotsOfCurrency(currency: string, balance: unknown, pointer: string): ImportedLot[] {
  if (isNumber(balance)) {
    check(importedPoints, balance, pointer);
    return [{ currency, funder: 'import', points: balance as number, matures: AT_ONCE, expires: NEVER }];
  }
  if (typeof balance !== 'object' || balance === null) return refuse(pointer, 'invalid', 'must be a number of points or {lots:[…]}');
  const { lots, ...others } = balance as { lots?: unknown };
  const given = Array.isArray(lots) ? lots.map(withoutNulls) : lots;
  check(importedLots, { ...(given !== undefined && { lots: given }), ...others }, pointer);
  return (given as ImportedLotDocument[]).map(({ points, funder = 'import', matures, expires }, place) => ({
    currency, funder, points, matures: dayOf(matures, AT_ONCE, `${pointer}/lots/${place}/matures`), expires: dayOf(expires, NEVER, `${pointer}/lots/${place}/expires`),
  }));
}
/** What GET answers has `"expires": null` for never; so it can be sent as it is. */
function withoutNulls(lot: unknown): unknown {
  if (typeof lot !== 'object' || lot === null || Array.isArray(lot)) return lot;
  return Object.fromEntries(Object.entries(lot).filter(([name, value]) => value !== null || (name !== 'matures' && name !== 'expires')));
}

function dayOf(date: string | undefined, absent: number, pointer: string): number {
  if (date === undefined) return absent;
  const ms = Date.parse(`${date}T00:00:00Z`), day = ms / DAY_MS;
  if (Number.isNaN(ms) || new Date(ms).toISOString().slice(0, date.length) !== date) return refuse(pointer, 'invalid', `must be a date of the calendar, not ${shown(date)}`);
  if (day >= 0 && day < NEVER_DAY) return day;
  return refuse(pointer, 'invalid', `must be a date from 1970-01-01 to ${DAY_LAST}, not ${shown(date)}`, 'Leave it out for points that mature at once or never expire.');
}

function check(field: Parameters<typeof validateDocument>[0], value: unknown, pointer: string): void {
  const [first] = validateDocument(field, value);
  if (first !== undefined) throw new Refused({ ...first, pointer: pointer + first.pointer });
}

/** A live account, cell by cell, against the naive one. */
import type { AccountCellsView } from '../../workers/messages.js';
import type { Account } from '../naive/ledger.js';
import { cellName, cellsOf, cellText, isLot } from './expected.js';
import type { CheckName, Findings } from './report.js';

const FLAG_BLOCKED = 1, FLAG_REGISTERED = 2, FLAG_LINKED = 4, LINK_UNIT = 8;

/** `taken`: what returns took of its purchases, which the naive account does not hold. */
export function compareAccount(
  findings: Findings, id: string, account: Account | undefined, taken: Map<string, number> | undefined, { program, flags, cells }: AccountCellsView,
): void {
  if (!account) return findings.differ('accounts', id, 'no account', 'an account');
  const wanted = split([...cellsOf(account), ...(taken ?? [])]), live = split(cells.map(([key1, key2, value]) => [cellText(key1, key2), value]));
  const where = (cell: string): string => `${id}, cell ${cell} (${cellName(cell)})`;
  compareMaps(findings, 'lots', wanted.lots, live.lots, where);
  compareMaps(findings, 'accounts', wanted.others, live.others, where);
  findings.compared('accounts');
  const expectedFlags = flagsOf(account);
  if (program !== account.program) findings.differ('accounts', `${id}: program`, account.program, program);
  if (flags !== expectedFlags) findings.differ('accounts', `${id}: flags`, expectedFlags, flags);
}

export const flagsOf = ({ blocked, registered, linkedTo }: Account): number =>
  (blocked ? FLAG_BLOCKED : 0) + (registered ? FLAG_REGISTERED : 0) + (linkedTo === undefined ? 0 : FLAG_LINKED + linkedTo * LINK_UNIT);

export function compareMaps(findings: Findings, check: CheckName, expected: Map<string, number>, found: Map<string, number>, where: (name: string) => string): void {
  findings.compared(check, expected.size);
  for (const [name, value] of expected) if (found.get(name) !== value) findings.differ(check, where(name), value, found.get(name) ?? 'nothing');
  for (const [name, value] of found) if (!expected.has(name)) findings.differ(check, where(name), 'nothing', value);
}

function split(cells: [string, number][]): { lots: Map<string, number>; others: Map<string, number> } {
  return { lots: new Map(cells.filter(([cell]) => isLot(cell))), others: new Map(cells.filter(([cell]) => !isLot(cell))) };
}

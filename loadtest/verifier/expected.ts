/**
 * What the naive implementation decided, in the shapes in which the engine stores it: facts with names instead of ordinals, cells with numbers
 * instead of names.
 */
import type { FactRecord } from '../../schemas/fact.js';
import { CellKind, cellKey } from '../../workers/ledger/cells.js';
import { transactionHashOf } from '../../workers/commands.js';
import type { NaiveFact } from '../naive/fact.js';
import type { Account, CellChange } from '../naive/ledger.js';
import type { NaiveReference } from '../naive/reference.js';

export interface Source { topic: string; partition: number; offset: number; index: number }

const lineKindNumbers = { product: 0, deposit: 1, discount: 2 } as const;

export function expectedFact(reference: NaiveReference, fact: NaiveFact, source: Source): FactRecord {
  const { set } = reference, { transaction, receipt } = fact, sign = fact.kind === 'return' ? -1 : 1;
  const partner = transaction && reference.partner(transaction.partner)!;
  const program = partner ? partner.program : fact.postings[0] ? set.currencies[fact.postings[0].currency]!.program : -1;
  const first = set.currencies.findIndex((currency) => currency.program === program);
  const linePoints = new Map<number, number>();
  for (const { currency, shares } of fact.awards) {
    if (currency === first) for (const { line, points } of shares) linePoints.set(line, (linePoints.get(line) ?? 0) + points);
  }
  // Of a return of a purchase without lines no shares are recorded.
  const sharesKept = fact.kind === 'purchase' || (receipt?.lines.length ?? 0) > 0;
  return {
    kind: fact.kind, status: fact.ignored ? 'ignored' : 'processed', partner: (transaction ?? fact.of)?.partner ?? '', id: (transaction ?? fact.of)?.id ?? '',
    program: program < 0 ? '' : set.programs[program]!.id, account: fact.account,
    card: transaction?.card ?? '', store: transaction?.store ?? '', terminal: transaction?.terminal ?? '', cashier: transaction?.cashier ?? '',
    channel: transaction?.channel ?? '',
    currency: transaction ? transaction.currency || partner!.document.currency : '', merchant: transaction?.merchant ?? '',
    mcc: transaction?.mcc ?? '', originalId: transaction?.originalId ?? '',
    occurredAtMs: transaction?.occurredAtMs ?? fact.processedAtMs, processedAtMs: fact.processedAtMs,
    total: positiveZero(sign * (receipt?.total ?? 0)),
    points: fact.awards.reduce((sum, { currency, points }) => (currency === first ? sum + points : sum), 0),
    ruleSet: transaction ? set.ruleSet : 0, reference: set.version, sourceTopic: source.topic, sourcePartition: source.partition,
    sourceOffset: source.offset, sourceIndex: source.index,
    lines: (receipt?.lines ?? []).map((line) => ({
      line: line.line, kind: lineKindNumbers[line.kind], sku: line.sku, category: line.category, department: line.department, brand: line.brand,
      quantity: positiveZero(sign * line.quantity),
      amount: positiveZero(sign * line.amount), discount: positiveZero(sign * line.discount), points: linePoints.get(line.line) ?? 0,
    })),
    awards: fact.awards.map((award) => ({
      rule: award.version.id, version: award.version.document.version, ruleIndex: award.version.index, currency: set.currencies[award.currency]!.id,
      points: award.points, input: award.input,
      milestones: award.milestones, period: award.period, shares: sharesKept ? award.shares : [],
    })),
    postings: fact.postings.map((posting) => ({
      balance: posting.balance, counter: posting.counter, kind: posting.kind, currency: set.currencies[posting.currency]!.id,
      funder: set.funders[posting.funder] ?? '', points: posting.points,
      award: posting.award, expires: posting.expires, matures: posting.matures,
    })),
  };
}

/** As an earlier release recorded it: its reconciliations did not name the posting that they took back. */
export const asOfOld = (expected: FactRecord, found: FactRecord | undefined): FactRecord =>
  (expected.kind === 'reconciliation' && found?.partner === '' && found.id === '' ? { ...expected, partner: '', id: '' } : expected);

const positiveZero = (value: number): number => value + 0;
const hash = new Uint32Array(4);

type CellName = Pick<CellChange, 'kind' | 'a' | 'b' | 'key2'>;

/** A cell's two keys as one text. */
export const cellText = (key1: number, key2: number): string => `${key1}/${key2}`;
export const cellOf = (name: CellName): string => cellText(key1Of(name), key2Of(name));
export const key1Of = ({ kind, a, b }: CellName): number => cellKey(CellKind[kind], a, b);
export const key2Of = ({ key2 }: CellName): number => (typeof key2 === 'number' ? key2 : transactionKey(key2));

/** The number under which a purchase's returned lines and reversed awards are kept: 53 bits of the hash of its name. */
function transactionKey(name: string): number {
  const [partner = '', id = '', kind = ''] = name.split('\n');
  transactionHashOf(partner, id, kind, hash);
  return (hash[0]! % 2 ** 21) * 2 ** 32 + hash[1]!;
}

/** Lots, debts and counters of an account as cells. */
export function cellsOf(account: Account): Map<string, number> {
  const cells = new Map<string, number>();
  for (const kind of ['available', 'pending'] as const) {
    for (const { currency, funder, matures, expires, points } of account[kind]) cells.set(cellOf({ kind, a: currency, b: funder, key2: expires * 2 ** 20 + matures }), points);
  }
  for (const [currency, points] of account.debts) cells.set(cellOf({ kind: 'debt', a: currency, b: 0, key2: 0 }), points);
  for (const { kind, rule, period, value } of account.counters.values()) cells.set(cellOf({ kind, a: 0, b: rule, key2: period }), value);
  return cells;
}

const cellKinds = [
  '', 'available', 'pending', 'debt', 'held', 'fired purchases', 'paid milestones', 'spend', 'points of a day', 'returned amount',
  'returned quantity', 'reversed points',
];
const kindOf = (cell: string): number => Math.floor(Number(cell.slice(0, cell.indexOf('/'))) / 2 ** 40);
export const isLot = (cell: string): boolean => kindOf(cell) <= 4;
export const cellName = (cell: string): string => cellKinds[kindOf(cell)] ?? 'unknown';

/** Whether two facts are the same in every field: what firstDifference would say, many times faster. */
export function isSameFact(a: FactRecord, b: FactRecord): boolean {
  for (const field of factFields) if (a[field] !== b[field]) return false;
  return isSameList(a.lines, b.lines, lineFields) && isSameList(a.postings, b.postings, postingFields) && isSameList(a.awards, b.awards, awardFields)
    && a.awards.every(({ shares }, i) => isSameList(shares, b.awards[i]!.shares, shareFields));
}
const factFields = [
  'kind', 'status', 'partner', 'id', 'program', 'account', 'card', 'store', 'terminal', 'cashier', 'channel', 'currency', 'merchant', 'mcc',
  'originalId', 'occurredAtMs', 'processedAtMs', 'total',
  'points', 'ruleSet', 'reference', 'sourceTopic', 'sourcePartition', 'sourceOffset', 'sourceIndex',
] as const satisfies (keyof FactRecord)[];
const lineFields = ['line', 'kind', 'sku', 'category', 'department', 'brand', 'quantity', 'amount', 'discount', 'points'] as const satisfies (keyof FactRecord['lines'][number])[];
const awardFields = ['rule', 'version', 'ruleIndex', 'currency', 'points', 'input', 'milestones', 'period'] as const satisfies (keyof FactRecord['awards'][number])[];
const postingFields = ['balance', 'counter', 'kind', 'currency', 'funder', 'points', 'award', 'expires', 'matures'] as const satisfies (keyof FactRecord['postings'][number])[];
const shareFields = ['line', 'points'] as const;

function isSameList<T>(a: T[], b: T[], fields: readonly (keyof T)[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) {
    const left = a[i]!, right = b[i]!;
    for (const field of fields) if (left[field] !== right[field]) return false;
  }
  return true;
}

/** The first place in which two plain values differ. */
export function firstDifference(expected: unknown, found: unknown, path = ''): { path: string; expected: unknown; found: unknown } | undefined {
  if (expected === found) return undefined;
  if (typeof expected !== 'object' || typeof found !== 'object' || expected === null || found === null) return { path, expected, found };
  if (Array.isArray(expected) && Array.isArray(found) && expected.length !== found.length) return { path: `${path}.length`, expected: expected.length, found: found.length };
  for (const key in expected) {
    const difference = firstDifference((expected as Record<string, unknown>)[key], (found as Record<string, unknown>)[key], `${path}.${key}`);
    if (difference) return difference;
  }
  return undefined;
}

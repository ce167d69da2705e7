/** What a verification found: how much was compared, and each difference by its name. */
const checkNames = ['inputs', 'results', 'entries', 'effects', 'accounts', 'lots', 'clickhouse'] as const;
export type CheckName = (typeof checkNames)[number];

const meanings: Record<CheckName, string> = {
  inputs: 'batches: accepted, repeats, refused, the reference data that was live',
  results: 'facts: transaction, lines, awards, shares',
  entries: 'postings of the ledger',
  effects: 'changes of cells, accounts and known transactions',
  accounts: 'live state: counters, what has been returned, flags',
  lots: 'live state: available, pending, debt by lot',
  clickhouse: 'rows of pointstream.facts, and the views over it',
};
const DIFFERENCES_KEPT = 100;

export interface Difference { check: CheckName; where: string; expected: string; found: string }
export interface VerifyReport {
  ok: boolean;
  transactions: number;
  seconds: number;
  checks: { check: CheckName; compared: number; differences: number }[];
  /** The first of them. */
  differences: Difference[];
  /** What was left out and why. */
  notes: string[];
}

export class Findings {
  readonly differences: Difference[] = [];
  readonly notes: string[] = [];
  transactions = 0;
  private readonly counts = new Map<CheckName, { compared: number; differences: number }>(checkNames.map((check) => [check, { compared: 0, differences: 0 }]));

  /** Of all differences, also those that are not kept. */
  get count(): number {
    return [...this.counts.values()].reduce((sum, { differences }) => sum + differences, 0);
  }
  compared(check: CheckName, count = 1): void {
    this.counts.get(check)!.compared += count;
  }
  differ(check: CheckName, where: string, expected: unknown, found: unknown): void {
    this.counts.get(check)!.differences++;
    if (this.differences.length < DIFFERENCES_KEPT) this.differences.push({ check, where, expected: shown(expected), found: shown(found) });
  }
  note(text: string): void {
    if (!this.notes.includes(text)) this.notes.push(text);
  }
  /** Adds what another one found. */
  add(other: { transactions: number; checks: VerifyReport['checks']; differences: Difference[]; notes: string[] }): void {
    this.transactions += other.transactions;
    for (const { check, compared, differences } of other.checks) {
      this.counts.get(check)!.compared += compared;
      this.counts.get(check)!.differences += differences;
    }
    this.differences.push(...other.differences.slice(0, DIFFERENCES_KEPT - this.differences.length));
    for (const note of other.notes) this.note(note);
  }
  report(seconds: number): VerifyReport {
    const checks = [...this.counts].map(([check, counts]) => ({ check, ...counts }));
    return { ok: checks.every(({ differences }) => differences === 0), transactions: this.transactions, seconds, checks, differences: this.differences, notes: this.notes };
  }
}

/** A table, the differences, the verdict. */
export function verifyText({ ok, transactions, seconds, checks, differences, notes }: VerifyReport): string {
  const count = (value: number): string => value.toLocaleString('en').padStart(14);
  const rows = checks.map(({ check, compared, differences: found }) => `${check.padEnd(12)}${count(compared)}${count(found)}   ${meanings[check]}`);
  const listed = differences.map(({ check, where, expected, found }) => `  ${check}: ${where}\n    expected ${expected}\n    found    ${found}`);
  const total = checks.reduce((sum, { differences: found }) => sum + found, 0);
  return [
    `${'check'.padEnd(12)}${'compared'.padStart(14)}${'differences'.padStart(14)}`, ...rows,
    ...(listed.length > 0 ? ['', ...listed] : []), ...(notes.length > 0 ? ['', ...notes.map((note) => `note: ${note}`)] : []), '',
    `${ok ? 'Everything agrees' : `${total} differences`}: ${transactions.toLocaleString('en')} transactions evaluated again in ${seconds.toFixed(1)} s`,
  ].join('\n');
}

function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value) ?? 'nothing';
  return text.length > 300 ? `${text.slice(0, 297)}…` : text;
}

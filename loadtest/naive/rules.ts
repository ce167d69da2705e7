/**
 * Steps 4 to 11 of docs/calculation.md, word by word: how many points the rules that fire for a purchase give on which lines. Steps 2 and 3 are in
 * matching.ts.
 *
 * Promises: no state is changed; what the awards do to counters is returned. Never imports from workers/.
 */
import type { RuleDocument } from '../../schemas/reference.js';
import { localDay, periodNumber } from './calendar.js';
import { ONE, add, decimal, fraction, greater, largestRemainder, multiply, round, type Fraction } from './fraction.js';
import { moneyExponent } from '../../schemas/money.js';
import { baseAmount, matches, matchesStill, validVersion, type Match, type Receipt } from './matching.js';
import type { EnrichedLine, NaiveReference, RuleVersion } from './reference.js';

export { baseAmount, Receipt, type Zones } from './matching.js';

/** Thrown when a result passes 2^53-1; the transaction is refused with it. */
export class Overflow extends Error {}
const MILESTONES_MAX = 2 ** 31 - 1;

const SAFE = BigInt(Number.MAX_SAFE_INTEGER);
export function safe(value: bigint): number {
  if (value > SAFE || value < -SAFE) throw new Overflow('a result passes 2^53-1');
  return Number(value);
}

export type CounterKind = 'ruleCount' | 'rulePaid' | 'ruleSpend' | 'ruleDay';
/** The counters of an account, 0 when never counted. `period`: periodCode of the table in schemas terms, 0 for ever; the day for ruleDay. */
export interface Counters { counter(kind: CounterKind, rule: number, period: number): number }
export interface CounterChange { kind: CounterKind; rule: number; period: number; change: number }

export interface NaiveAward {
  version: RuleVersion;
  currency: number;
  points: number;
  /** The counter before: fired purchases or spend; 0 for other kinds. */
  input: number;
  /** How far `paid` moved. */
  milestones: number;
  period: number;
  shares: { line: number; points: number }[];
}

/** A rule that fired: the lines it matched and its exact award, one part for the receipt or one for each earning line. */
interface Fired {
  version: RuleVersion;
  earning: EnrichedLine[];
  base: number;
  parts: Fraction[];
  input: number;
  milestones: number;
  period: number;
  /** Changes of counters, `paid` apart. */
  counts: CounterChange[];
  points: number;
  won: boolean;
}

const PERIOD_CODES = { ever: 0, day: 1, week: 2, month: 3, year: 4 } as const;
const counterKinds = new Set(['everyNth', 'firstPurchase', 'spendThreshold']);

export function evaluate(reference: NaiveReference, receipt: Receipt, counters: Counters): { awards: NaiveAward[]; changes: CounterChange[]; candidates: number } {
  const partner = reference.partner(receipt.transaction.partner)!;
  const day = localDay(receipt.zones.program, receipt.transaction.occurredAtMs);

  const candidates = present(reference.rulesOf(partner.ordinal).map((versions) => validVersion(versions, receipt.transaction.occurredAtMs)));
  const fired = present(candidates.map((version) => fire(reference, version, receipt, counters, day))).sort((a, b) => ruleOrder(a.version, b.version));

  calculate(reference, fired, partner.program);
  for (const rule of fired) capPerTransaction(rule);
  compete(fired);
  capGroups(fired);
  const changes: CounterChange[] = [];
  for (const rule of fired) {
    changes.push(...rule.counts);
    if (rule.won && rule.milestones > 0) changes.push({ kind: 'rulePaid', rule: rule.version.rule, period: rule.period, change: rule.milestones });
    const capDay = rule.version.document.caps?.perAccountPerDay;
    if (capDay !== undefined) {
      const left = capDay - counters.counter('ruleDay', rule.version.rule, day);
      rule.points = Math.min(rule.points, Math.max(0, left));
      if (rule.points > 0) changes.push({ kind: 'ruleDay', rule: rule.version.rule, period: day, change: rule.points });
    }
  }
  const awards = fired.filter((rule) => rule.points > 0 || counterKinds.has(rule.version.document.award.kind)).map((rule): NaiveAward => ({
    version: rule.version,
    currency: reference.currency(partner.program, rule.version.document.award.currency),
    points: rule.points,
    input: rule.input,
    milestones: rule.won ? rule.milestones : 0,
    period: rule.period,
    shares: shares(rule, fired, receipt),
  }));
  return { awards, changes, candidates: candidates.length };
}

/**
 * What the recorded rule gives on what remains of a purchase: the new award of `requalify`, capped per transaction, without multipliers and
 * competition. Of a multiplier only its bases know; see returns.ts.
 */
export function requalify(reference: NaiveReference, recorded: NaiveAward, original: Receipt, remaining: Receipt): number {
  const { document } = recorded.version;
  const match = matchesStill(reference, recorded.version, remaining);
  if (!match) return 0;
  let points: number;
  switch (document.award.kind) {
    case 'everyNth':
    case 'firstPurchase':
      return recorded.points;
    case 'spendThreshold': {
      const before = baseAmount(recorded.version, original);
      const reached = (base: number): number => milestones(recorded.input + base, document);
      const kept = recorded.milestones - (reached(before) - reached(match.base));
      points = safe(BigInt(document.award.points) * BigInt(Math.max(0, kept)));
      break;
    }
    default:
      points = rounded(exactParts(document, match, moneyExponent(reference.moneyOf(remaining.transaction)), scaleOf(reference, recorded.currency)), ONE, document);
  }
  return Math.min(points, document.caps?.perTransaction ?? points);
}

const present = <T>(values: (T | undefined)[]): T[] => values.filter((value) => value !== undefined);

/** Bytewise by phase, priority (higher first), id. */
function ruleOrder(a: RuleVersion, b: RuleVersion): number {
  return (a.document.phase ?? 0) - (b.document.phase ?? 0) || (b.document.priority ?? 0) - (a.document.priority ?? 0) || Buffer.compare(a.idBytes, b.idBytes);
}

// ── step 4: the exact award ──

function fire(reference: NaiveReference, version: RuleVersion, receipt: Receipt, counters: Counters, day: number): Fired | undefined {
  const match = matches(reference, version, receipt);
  if (!match) return undefined;
  const { document, rule } = version;
  const fired: Fired = { version, ...match, parts: [], input: 0, milestones: 0, period: 0, counts: [], points: 0, won: true };
  switch (document.award.kind) {
    case 'everyNth':
    case 'firstPurchase': {
      const n = document.award.kind === 'everyNth' ? document.award.n : 1;
      const count = counters.counter('ruleCount', rule, 0), paid = counters.counter('rulePaid', rule, 0);
      const reached = document.award.kind === 'everyNth' ? Math.floor((count + 1) / n) : count === 0 ? 1 : 0;
      fired.input = count;
      fired.milestones = Math.max(0, reached - paid);
      fired.parts = [fraction(fired.milestones > 0 ? BigInt(document.award.points) : 0n)];
      fired.counts.push({ kind: 'ruleCount', rule, period: 0, change: 1 });
      return fired;
    }
    case 'spendThreshold': {
      const period = document.award.period ?? 'ever';
      fired.period = PERIOD_CODES[period] * 2 ** 24 + periodNumber(period, day);
      fired.input = counters.counter('ruleSpend', rule, fired.period);
      const reached = milestones(safe(BigInt(fired.input) + BigInt(match.base)), document);
      fired.milestones = Math.max(0, reached - counters.counter('rulePaid', rule, fired.period));
      if (fired.milestones > MILESTONES_MAX) throw new Overflow('more milestones than a fact can hold');
      fired.parts = [fraction(BigInt(document.award.points) * BigInt(fired.milestones))];
      fired.counts.push({ kind: 'ruleSpend', rule, period: fired.period, change: match.base });
      return fired;
    }
    case 'multiplier':
      return fired;
    default: {
      const currency = reference.currency(reference.partner(receipt.transaction.partner)!.program, document.award.currency);
      fired.parts = exactParts(document, match, moneyExponent(reference.moneyOf(receipt.transaction)), scaleOf(reference, currency));
      return fired;
    }
  }
}

function milestones(spend: number, { award }: RuleDocument): number {
  if (award.kind !== 'spendThreshold') throw new Error(`${award.kind} has no milestones`);
  const reached = Math.floor(spend / award.amount);
  return award.repeat ? reached : Math.min(1, reached);
}

const scaleOf = (reference: NaiveReference, currency: number): number => reference.set.currencies[currency]!.scale;

function exactParts(document: RuleDocument, { earning, base }: Match, exponent: number, scale: number): Fraction[] {
  const { award } = document;
  const exact = (amount: bigint, quantity: bigint): Fraction => {
    switch (award.kind) {
      case 'percent': {
        const percent = decimal(award.percent);
        return fraction(amount * percent.numerator * 10n ** BigInt(scale), percent.denominator * 100n * 10n ** BigInt(exponent));
      }
      case 'perAmount': return fraction((amount / BigInt(award.amount)) * BigInt(award.points));
      case 'fixed': return fraction(BigInt(award.points));
      case 'perUnit': return fraction(quantity * BigInt(award.points), 1000n);
      default: throw new Error(`${award.kind} has no exact award of its own`);
    }
  };
  if (document.basis === 'line') return earning.map((line) => exact(BigInt(line.amount), BigInt(line.quantity)));
  return [exact(BigInt(base), earning.reduce((sum, line) => sum + BigInt(line.quantity), 0n))];
}

// ── steps 5 and 6: multipliers, and rounding once ──

const rounded = (parts: Fraction[], factor: Fraction, document: RuleDocument): number =>
  safe(parts.reduce((total, part) => total + round(factor === ONE ? part : multiply(part, factor), document.rounding ?? 'floor'), 0n));

function calculate(reference: NaiveReference, fired: Fired[], program: number): void {
  const currencyOf = ({ version }: Fired): number => reference.currency(program, version.document.award.currency);
  const multipliers = fired.filter(({ version }) => version.document.award.kind === 'multiplier');
  for (const rule of fired) {
    const { document, id } = rule.version;
    if (document.award.kind === 'multiplier') continue;
    rule.points = rounded(rule.parts, ONE, document);
    if (multipliers.length === 0) continue;
    let reported = rule.points;
    for (const { multiplier, factor } of factors(multipliers.filter((other) => multiplies(other, id) && currencyOf(other) === currencyOf(rule)))) {
      const upTo = rounded(rule.parts, factor, document);
      multiplier.points = safe(BigInt(multiplier.points) + BigInt(upTo - reported));
      reported = upTo;
    }
  }
}

const multiplies = ({ version: { document: { award } } }: Fired, id: string): boolean => award.kind === 'multiplier' && award.of.includes(id);

/** The multipliers in the order of their report (sum, multiply, the first best), each with the whole factor up to and including it. */
function factors(multipliers: Fired[]): { multiplier: Fired; factor: Fraction }[] {
  const of = (combine: string): { multiplier: Fired; own: Fraction }[] => multipliers.flatMap((multiplier) => {
    const { award } = multiplier.version.document;
    return award.kind === 'multiplier' && award.combine === combine ? [{ multiplier, own: decimal(award.factor) }] : [];
  });
  const steps: { multiplier: Fired; factor: Fraction }[] = [];
  let factor = ONE;
  for (const { multiplier, own } of of('sum')) {
    factor = add(factor, add(own, fraction(-1n)));
    steps.push({ multiplier, factor });
  }
  for (const { multiplier, own } of of('multiply')) {
    factor = multiply(factor, own);
    steps.push({ multiplier, factor });
  }
  const best = of('best').reduce<{ multiplier: Fired; own: Fraction } | undefined>((first, next) => (!first || greater(next.own, first.own) ? next : first), undefined);
  if (best) steps.push({ multiplier: best.multiplier, factor: multiply(factor, best.own) });
  return steps;
}

// ── steps 7 and 8: the cap of a transaction, and competition ──

function capPerTransaction(rule: Fired): void {
  rule.points = Math.min(rule.points, rule.version.document.caps?.perTransaction ?? rule.points);
}

function compete(fired: Fired[]): void {
  const groups = new Map<string, Fired[]>();
  for (const rule of fired) {
    const group = rule.version.document.stacking?.group;
    if (group !== undefined && rule.points > 0 && rule.version.document.award.kind !== 'multiplier') groups.set(group, [...(groups.get(group) ?? []), rule]);
  }
  for (const rules of groups.values()) {
    const { mode } = rules[0]!.version.document.stacking!;
    if (mode === 'sum') continue;
    const winner = mode === 'first' ? rules[0]! : rules.reduce((best, next) => (next.points > best.points ? next : best));
    for (const rule of rules) {
      if (rule === winner) continue;
      rule.points = 0;
      rule.won = false;
    }
  }
}

/** `stacking.cap`: the smallest that the rules of a group state bounds what all of them award, in rule order. */
function capGroups(fired: Fired[]): void {
  const left = new Map<string, number>();
  for (const { version: { document: { stacking } } } of fired) {
    if (stacking?.cap === undefined) continue;
    left.set(stacking.group, Math.min(stacking.cap, left.get(stacking.group) ?? stacking.cap));
  }
  for (const rule of fired) {
    const group = rule.version.document.stacking?.group, rest = group === undefined ? undefined : left.get(group);
    if (rest === undefined) continue;
    rule.points = Math.min(rule.points, rest);
    left.set(group!, rest - rule.points);
  }
}

// ── step 10: shares ──

function shares(rule: Fired, fired: Fired[], { counted }: Receipt): { line: number; points: number }[] {
  const { document } = rule.version;
  const lines = document.award.kind === 'multiplier' ? multipliedLines(rule, fired, counted) : rule.earning;
  const weights = document.basis === 'line' ? rule.parts.map((part) => Number(round(part, document.rounding ?? 'floor'))) : lines.map((line) => line.amount);
  return largestRemainder(rule.points, weights).map((points, i) => ({ line: lines[i]!.line, points }));
}

function multipliedLines(multiplier: Fired, fired: Fired[], counted: EnrichedLine[]): EnrichedLine[] {
  const lines = new Set(fired.filter((base) => multiplies(multiplier, base.version.id)).flatMap((base) => base.earning));
  return counted.filter((line) => lines.has(line));
}

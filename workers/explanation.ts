/**
 * Why a stored purchase got the points it got: its awards as they were recorded, and for each other rule of the program why it gave nothing. Reads the state, changes nothing.
 *
 * What depends on the purchase alone is as it was when the purchase was decided. Counters are not kept for the past: where one decides, the answer says what it is now.
 */
import type { FactRecord } from '../schemas/fact.js';
import type { AccountCells } from './ledger/cells.js';
import type { RecordedPurchase } from './recorded-purchase.js';
import type { Reference } from './reference.js';
import { explain, type Explanation } from './rules/explain.js';
import { recordedBase } from './rules/requalify.js';

export interface ExplanationView {
  partner: string; id: string; account: string | null; occurredAt: string;
  /** The set of rules that decided. */
  ruleSet: number;
  /** Whether `notAwarded` was worked out with the rules that decided, or with those of now, since the shard has let go of the others. */
  rules: 'then' | 'now';
  awards: {
    rule: string; version: number; currency: string; points: number;
    /** What the rule's lines came to, minor units. */
    base: number;
    /** Of kinds that count: the counter before the purchase, and the milestones that it paid. */
    counter?: { before: number; milestones: number };
    lines: { line: number; points: number }[];
  }[];
  notAwarded: { rule: string; version: number; why: string; countersNow?: Explanation['counters'] }[];
}

/** The purchase's account: its counters of now, and whether it was one that earns. */
export interface ExplainedAccount { cells: AccountCells; mayEarn: boolean }

/** `fact` and `purchase` are the same. `reference`: the set that decided it, else the newest. `account`: null for a purchase without one. */
export function explanationOf(fact: FactRecord, purchase: RecordedPurchase, reference: Reference, account: ExplainedAccount | null): ExplanationView {
  const awarded = new Set(fact.awards.map(({ rule }) => rule));
  const awards = fact.awards.map((award, number): ExplanationView['awards'][number] => {
    const { rule, version, currency, points, input, milestones, period, shares } = award;
    const counts = reference.rules.rule(award.ruleIndex).countUnits !== undefined || milestones > 0 || period > 0;
    return {
      rule, version, currency, points, base: recordedBase(reference, purchase, number),
      ...(counts ? { counter: { before: input, milestones } } : {}), lines: fact.lines.length === 0 ? [] : shares,
    };
  });
  const others = explain(reference.rules, purchase.forRules(reference), account && account.cells, reference).filter(({ rule }) => !awarded.has(rule));
  return {
    partner: fact.partner, id: fact.id, account: fact.account === '' ? null : fact.account, occurredAt: new Date(fact.occurredAtMs).toISOString(),
    ruleSet: fact.ruleSet, rules: reference.set.version === fact.reference ? 'then' : 'now', awards,
    notAwarded: others.map(({ rule, version, fired, points, why, counters }) => ({
      rule, version, why: fired ? whyNothing(account, points, why) : why, ...(counters && { countersNow: counters }),
    })),
  };
}

function whyNothing(account: ExplainedAccount | null, points: number, why: string): string {
  if (account === null) return 'the purchase names no card and no account';
  if (!account.mayEarn) return 'the account is not registered, and those of this program do not earn (unregistered)';
  return points > 0 ? 'it would give points with the rules, counters and settings of now, but gave none then' : why;
}

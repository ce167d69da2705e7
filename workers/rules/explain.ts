/**
 * Why each live rule of a program did or did not give points for a purchase, from the same compiled parts that evaluation runs; worked out on demand,
 * never on the hot path.
 */
import { awards } from '../awards.js';
import { CellKind, cellKey, type AccountCells } from '../ledger/cells.js';
import type { Reference } from '../reference.js';
import type { Transaction } from '../transaction.js';
import type { Count } from './award-kind.js';
import type { CompiledRule, CompiledRules } from './compile.js';
import { evaluate, whyNot, WhyNot } from './evaluate.js';
import type { PartnerPlan } from './plan.js';
import { workspace } from './workspace.js';

export interface Explanation {
  rule: string;
  version: number;
  fired: boolean;
  /** Smallest units of its currency. */
  points: number;
  why: string;
  /** Of a rule that counts or has a cap of a day: what `cells` say before the purchase. */
  counters?: { counted: number; paid: number; givenThatDay: number };
}

const reasons: Record<number, string> = {
  [WhyNot.notValid]: 'the purchase is outside validFrom and validTo',
  [WhyNot.otherVersion]: 'a higher version of the rule is valid at that time',
  [WhyNot.otherStore]: 'the store is not in the scope',
  [WhyNot.otherChannel]: 'the channel is not in the scope',
  [WhyNot.schedule]: 'outside the schedule',
  [WhyNot.noLine]: 'no line matches',
  [WhyNot.nothingEarned]: 'no matched line earns: the base amount is 0, or no line has both a positive amount and a positive quantity',
  [WhyNot.condition]: 'the condition does not hold',
  [WhyNot.conditionOverflow]: 'an integer of the condition passes 2^53-1',
};

/** In rule order, then the rules of other partners. Points and counters by `cells`: what the purchase would be given with them. */
export function explain(rules: CompiledRules, t: Transaction, cells: AccountCells | null, reference: Reference): Explanation[] {
  const { set } = reference, { frame } = rules, plan = rules.plan(t.partnerOrdinal);
  evaluate(rules, t, cells, reference);
  const fired = [...workspace.ranks.subarray(0, workspace.firedCount)];
  const concerned = plan.candidates.map((candidate): Explanation => {
    const { document: { id, version }, index, countUnits, capPerDay } = candidate.rule, place = fired.indexOf(candidate.rank), found = place >= 0;
    const counters = found && (countUnits || capPerDay !== Infinity) ? countersOf(candidate.rule, workspace.counts[place]!, t, cells, reference) : undefined;
    const explained = (points: number, why: string): Explanation => (
      { rule: id, version, fired: found, points, why, ...(counters && { counters }) }
    );
    if (!found) return explained(0, reasons[whyNot(candidate, frame, workspace.stamp)]!);
    if (awards.overflow) return explained(0, 'a result passes 2^53-1: the purchase is refused');
    const award = awards.rule.subarray(0, awards.count).indexOf(index), points = award < 0 ? 0 : awards.points[award]!;
    if (workspace.lost[place] === 1) return explained(0, `another rule of stacking group ${candidate.rule.document.stacking!.group} was taken`);
    if (points > 0) return explained(points, 'fired');
    if (candidate.rule.factor !== undefined && !hasBase(candidate.rule, plan, fired)) return explained(0, 'none of the rules that it multiplies gave points');
    return explained(0, countUnits ? 'counted; no milestone was reached, or a cap left nothing' : 'it comes to 0 points, or a cap left nothing');
  });
  const { id: partner } = set.partners[t.partnerOrdinal]!, ofProgram = set.live.map((index) => set.rules[index]!).filter(({ program }) => program === t.programOrdinal);
  const others = ofProgram.filter(({ document: { scope } }) => scope?.partners?.includes(partner) === false)
    .map(({ document: { id, version } }): Explanation => ({ rule: id, version, fired: false, points: 0, why: 'the partner is not in the scope' }));
  return [...concerned, ...others];
}

/** Whether a rule that fired gives a multiplier something to multiply. */
const hasBase = (multiplier: CompiledRule, { candidates }: PartnerPlan, fired: readonly number[]): boolean => fired.some((rank, place) => {
  const { rule } = candidates[rank]!;
  return multiplier.multiplies(rule.rule) && rule.currency === multiplier.currency && workspace.units[place]! > 0;
});

function countersOf({ rule, countUnits }: CompiledRule, count: Count, t: Transaction, cells: AccountCells | null, reference: Reference): Explanation['counters'] {
  const cell = (kind: number, period: number): number => cells?.get(cellKey(kind, 0, rule), period) ?? 0;
  return {
    counted: countUnits ? count.input : 0, paid: countUnits ? cell(CellKind.rulePaid, count.period) : 0,
    givenThatDay: cell(CellKind.ruleDay, reference.programDay(t.programOrdinal, t.occurredAtMs)),
  };
}

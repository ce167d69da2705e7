/**
 * Competition in stacking groups, and what a group may give together (docs/calculation.md, step 8). Multipliers don't compete, but the cap counts them.
 */
import type { Candidate } from './plan.js';
import { workspace } from './workspace.js';

const { ranks, points, lost } = workspace;

/** Of the rules that fired, in rule order. */
export function compete(candidates: readonly Candidate[], count: number): void {
  for (let i = 0; i < count; i++) {
    const { group } = candidates[ranks[i]!]!.rule;
    if (group !== 0 && isFirstOf(group, candidates, i)) settleGroup(group, candidates, i, count);
  }
}

function isFirstOf(group: number, candidates: readonly Candidate[], i: number): boolean {
  for (let j = 0; j < i; j++) if (candidates[ranks[j]!]!.rule.group === group) return false;
  return true;
}

function settleGroup(group: number, candidates: readonly Candidate[], start: number, count: number): void {
  let first = -1, best = -1, cap = Infinity;
  for (let i = start; i < count; i++) {
    const { rule } = candidates[ranks[i]!]!;
    if (rule.group !== group) continue;
    if (rule.groupCap < cap) cap = rule.groupCap;
    if (points[i] === 0 || rule.factor !== undefined) continue;
    if (first < 0) first = i;
    if (best < 0 || points[i]! > points[best]!) best = i;
  }
  const mode = first < 0 ? 'sum' : candidates[ranks[first]!]!.rule.groupMode, winner = mode === 'best' ? best : mode === 'first' ? first : -1;
  for (let i = start, left = cap; i < count; i++) {
    const { rule } = candidates[ranks[i]!]!;
    if (rule.group !== group || points[i] === 0) continue;
    if (winner >= 0 && i !== winner && rule.factor === undefined) {
      points[i] = 0;
      lost[i] = 1;
    }
    const given = Math.min(points[i]!, left);
    points[i] = given;
    left -= given;
  }
}

/**
 * Competition in stacking groups, and what a group may give together (docs/calculation.md, step 8). Multipliers don't compete, but the cap counts them.
 */
import type { Candidate } from './plan.js';
import { workspace } from './workspace.js';

const { ranks, points, lost, grouped } = workspace;

/** Of the rules that fired and are in a group, in rule order. */
export function compete(candidates: readonly Candidate[]): void {
  for (let i = 0; i < workspace.groupedCount; i++) {
    const { group } = candidates[ranks[grouped[i]!]!]!.rule;
    if (isFirstOf(group, candidates, i)) settleGroup(group, candidates, i, workspace.groupedCount);
  }
}

function isFirstOf(group: number, candidates: readonly Candidate[], i: number): boolean {
  for (let j = 0; j < i; j++) if (candidates[ranks[grouped[j]!]!]!.rule.group === group) return false;
  return true;
}

function settleGroup(group: number, candidates: readonly Candidate[], start: number, end: number): void {
  let first = -1, best = -1, cap = Infinity;
  for (let i = start; i < end; i++) {
    const rival = grouped[i]!, { rule } = candidates[ranks[rival]!]!;
    if (rule.group !== group) continue;
    if (rule.groupCap < cap) cap = rule.groupCap;
    if (points[rival] === 0 || rule.factor !== undefined) continue;
    if (first < 0) first = rival;
    if (best < 0 || points[rival]! > points[best]!) best = rival;
  }
  const mode = first < 0 ? 'sum' : candidates[ranks[first]!]!.rule.groupMode, winner = mode === 'best' ? best : mode === 'first' ? first : -1;
  for (let i = start, left = cap; i < end; i++) {
    const rival = grouped[i]!, { rule } = candidates[ranks[rival]!]!;
    if (rule.group !== group || points[rival] === 0) continue;
    if (winner >= 0 && rival !== winner && rule.factor === undefined) {
      points[rival] = 0;
      lost[rival] = 1;
    }
    const given = Math.min(points[rival]!, left);
    points[rival] = given;
    left -= given;
  }
}

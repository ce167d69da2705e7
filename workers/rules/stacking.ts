/**
 * Competition in stacking groups, and what a group may give together (docs/calculation.md, step 8). Multipliers don't compete, but the cap counts them.
 */
import type { Fired } from './workspace.js';

/** `fired` in rule order. */
export function compete(fired: readonly Fired[], count: number): void {
  for (let i = 0; i < count; i++) {
    const { group } = fired[i]!.rule;
    if (group !== 0 && isFirstOf(group, fired, i)) settleGroup(group, fired, i, count);
  }
}

function isFirstOf(group: number, fired: readonly Fired[], i: number): boolean {
  for (let j = 0; j < i; j++) if (fired[j]!.rule.group === group) return false;
  return true;
}

function settleGroup(group: number, fired: readonly Fired[], start: number, count: number): void {
  let first: Fired | undefined, best: Fired | undefined, cap = Infinity;
  for (let i = start; i < count; i++) {
    const rival = fired[i]!;
    if (rival.rule.group !== group) continue;
    if (rival.rule.groupCap < cap) cap = rival.rule.groupCap;
    if (rival.points === 0 || rival.rule.factor !== undefined) continue;
    first ??= rival;
    if (best === undefined || rival.points > best.points) best = rival;
  }
  const winner = first?.rule.groupMode === 'best' ? best : first?.rule.groupMode === 'first' ? first : undefined;
  for (let i = start, left = cap; i < count; i++) {
    const rival = fired[i]!;
    if (rival.rule.group !== group || rival.points === 0) continue;
    if (winner !== undefined && rival !== winner && rival.rule.factor === undefined) {
      rival.points = 0;
      rival.lost = true;
    }
    rival.points = Math.min(rival.points, left);
    left -= rival.points;
  }
}

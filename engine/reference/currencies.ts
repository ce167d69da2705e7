/**
 * Point currencies of a program that is published again. Ordinals stay, and points that somebody may hold keep their meaning.
 */
import type { ProgramDocument, ReferenceSet } from '../../schemas/reference.js';
import { problem, shown, type Problem } from '../../schemas/validate.js';

/** Before a program has partners and rules nobody has its points, and its currencies may be anything. */
const isUnused = (set: ReferenceSet, program: number): boolean =>
  !set.partners.some((partner) => partner.program === program) && !set.ruleIds.some((rule) => rule.program === program);

/** Ordinals stay; those of an unused program's currencies are taken over in order. */
export function withCurrencies(set: ReferenceSet, program: number, document: ProgramDocument): ReferenceSet['currencies'] {
  const all = [...set.currencies], own = all.flatMap((currency, ordinal) => (currency.program === program ? [ordinal] : []));
  document.currencies.forEach((currency, i) => {
    const at = isUnused(set, program) ? own[i] ?? -1 : all.findIndex((other) => other.program === program && other.id === currency.id);
    if (at >= 0) all[at] = { ...currency, program };
    else all.push({ ...currency, program });
  });
  return all;
}

/** What may not change once the program is used. */
export function changedCurrencies(set: ReferenceSet, program: number, { currencies }: ProgramDocument): Problem[] {
  const before = set.programs[program]!.document.currencies;
  if (isUnused(set, program) && currencies.length >= before.length) return [];
  const problems = before.flatMap(({ id, scale }) => {
    const at = currencies.findIndex((currency) => currency.id === id);
    if (at < 0) return [problem('/currencies', 'conflict', `currency ${shown(id)} is missing`, 'Accounts may hold points of it: keep it.')];
    if (currencies[at]!.scale === scale) return [];
    return [problem(`/currencies/${at}/scale`, 'conflict', `the scale of currency ${shown(id)} is ${scale}`, 'A scale never changes: add another currency.')];
  });
  if (currencies[0]!.id === before[0]!.id) return problems;
  problems.push(problem('/currencies/0', 'conflict', `the first currency is ${shown(before[0]!.id)}`, 'Rules that name no currency award in it: keep it first.'));
  return problems;
}

/**
 * What is wrong with rules, before they are published: structure, conditions, names of other things, dates, and rules that could never fire.
 * A rule that passes compiles in the workers and can't make them fail.
 */
import { DateTime } from 'luxon';
import { awardFields, DECIMAL_PLACES_MAX, ruleFields } from '../../schemas/rule.js';
import type { Award, ReferenceSet, RuleDocument } from '../../schemas/reference.js';
import { isTimeZone, nearestName, problem, shown, validateDocument, type Problem } from '../../schemas/validate.js';
import type { Names } from '../../workers/reference/names.js';
import { compileCondition, ConditionError, type ConditionSubject } from '../../workers/rules/condition.js';
import { awardKind } from '../../workers/rules/index.js';
import { unknownName } from './problems.js';

const ALWAYS_MS = 8.64e15;
const YEAR_MIN = 1970, YEAR_MAX = 2100;
export const programOf = ({ program }: RuleDocument): string => program ?? 'default';

/** Everything that is wrong with the structure of one rule; empty: it is a RuleDocument. */
export function checkStructure(rule: unknown, pointer: string): Problem[] {
  if (typeof rule !== 'object' || rule === null || Array.isArray(rule)) return [problem(pointer, 'invalid', `must be an object, not ${shown(rule)}`)];
  const { award, ...rest } = rule as Record<string, unknown>;
  const ofAward = Object.hasOwn(rule, 'award') ? checkAward(award, `${pointer}/award`) : [problem(`${pointer}/award`, 'missing', '"award" is required')];
  return [...validateDocument(ruleFields, rest).map((found) => within(pointer, found, Object.keys(ruleFields.fields))), ...ofAward];
}

function checkAward(award: unknown, pointer: string): Problem[] {
  if (typeof award !== 'object' || award === null || Array.isArray(award)) return [problem(pointer, 'invalid', `must be an object, not ${shown(award)}`)];
  const { kind, ...rest } = award as Record<string, unknown>, kinds = Object.keys(awardFields);
  if (kind === undefined) return [problem(`${pointer}/kind`, 'missing', '"kind" is required', `One of ${kinds.join(', ')}.`)];
  if (typeof kind !== 'string' || !Object.hasOwn(awardFields, kind)) {
    return [unknownName(`${pointer}/kind`, 'kind of award', typeof kind === 'string' ? kind : shown(kind), kinds)];
  }
  const problems = validateDocument(awardFields[kind as Award['kind']], rest).map((found) => within(pointer, found, []));
  for (const name of ['percent', 'factor']) {
    const value = rest[name];
    if (typeof value !== 'number' || value < 0 || hasFewPlaces(value)) continue;
    problems.push(problem(`${pointer}/${name}`, 'invalid', `must have at most ${DECIMAL_PLACES_MAX} decimals, not ${value}`));
  }
  return problems;
}

/** The check of the rule without its award doesn't know `award`; a hint that lists names should. */
function within(pointer: string, found: Problem, names: readonly string[]): Problem {
  const isTop = found.reason === 'unknown-field' && found.pointer.lastIndexOf('/') === 0 && names.length > 0;
  return { ...found, pointer: pointer + found.pointer, hint: isTop ? hintWithAward(found, names) : found.hint };
}
function hintWithAward({ pointer, hint }: Problem, names: readonly string[]): string {
  if (nearestName(pointer.slice(1), [...names, 'award']) === 'award') return 'did you mean "award"?';
  return hint.startsWith('known fields: ') ? `${hint}, award` : hint;
}
const hasFewPlaces = (value: number): boolean => /^\d+(\.\d{1,6})?$/.test(String(value));

/** What the other rules of the same PUT and the reference set must have. */
export interface RuleWorld {
  set: ReferenceSet;
  /** Rules of the PUT by program and id. */
  rules: ReadonlyMap<string, readonly RuleDocument[]>;
  /** For conditions; thrown away. */
  names: Names;
  /** Ids of partners by program, filled as they are asked for. */
  partners: Map<number, ReadonlySet<string>>;
}
/** No identifier has a line end, but many have spaces. */
export const ruleKey = (program: string, id: string): string => `${program}\n${id}`;

/** Everything that is wrong with a rule whose structure is right. */
export function checkRule(rule: RuleDocument, pointer: string, world: RuleWorld): Problem[] {
  const { set } = world, program = set.programs.findIndex(({ id }) => id === programOf(rule));
  if (program < 0) return [unknownName(`${pointer}/program`, 'program', programOf(rule), set.programs.map(({ id }) => id))];
  return [
    ...checkTimes(rule, pointer, set.programs[program]!.document.timeZone),
    ...checkScope(rule, pointer, world, program),
    ...checkCondition(rule.condition, 'transaction', `${pointer}/condition`, world.names),
    ...checkCondition(rule.lines?.condition, 'line', `${pointer}/lines/condition`, world.names),
    ...checkLines(rule, pointer),
    ...checkAwardOf(rule, pointer, world, program),
  ];
}

function checkTimes(rule: RuleDocument, pointer: string, zone: string): Problem[] {
  const problems: Problem[] = [], { schedule } = rule, { fromMs, toMs } = validity(rule, zone);
  for (const [name, ms] of [['validFrom', fromMs], ['validTo', toMs]] as const) {
    if (Number.isNaN(ms)) problems.push(problem(`${pointer}/${name}`, 'invalid', `${shown(rule[name])} is no date from ${YEAR_MIN} to ${YEAR_MAX}`));
  }
  if (fromMs >= toMs) {
    const hint = 'validTo is the first moment at which the rule is over.';
    problems.push(problem(`${pointer}/validTo`, 'invalid', 'validTo is not after validFrom: the rule could never fire', hint));
  }
  if (schedule?.zone !== undefined && schedule.zone !== 'store' && schedule.zone !== 'program' && !isTimeZone(schedule.zone)) {
    problems.push(problem(`${pointer}/schedule/zone`, 'invalid', `must be store, program, or a time zone like "Europe/Berlin", not ${shown(schedule.zone)}`));
  }
  if (schedule !== undefined && (schedule.from ?? '00:00') === (schedule.to ?? '24:00')) {
    problems.push(problem(`${pointer}/schedule/to`, 'invalid', 'from and to are the same: the rule could never fire', 'Leave both out for the whole day.'));
  }
  return problems;
}

/** The rule's validity in ms, half-open; NaN for a date that isn't one. Without an offset a date is in the zone. */
export function validity({ validFrom, validTo }: RuleDocument, zone: string): { fromMs: number; toMs: number } {
  const ms = (text: string | undefined, open: number): number => {
    if (text === undefined) return open;
    const date = DateTime.fromISO(text, { zone });
    return date.isValid && date.year >= YEAR_MIN && date.year <= YEAR_MAX ? date.toMillis() : NaN;
  };
  return { fromMs: ms(validFrom, -ALWAYS_MS), toMs: ms(validTo, ALWAYS_MS) };
}

function checkScope({ scope }: RuleDocument, pointer: string, { set, partners }: RuleWorld, program: number): Problem[] {
  if (scope?.partners === undefined) return [];
  const known = partners.get(program) ?? new Set(set.partners.filter((partner) => partner.program === program).map(({ id }) => id));
  partners.set(program, known);
  const hint = `Partners of program ${set.programs[program]!.id} only; PUT the partner first.`;
  return scope.partners.flatMap((id, i) => (known.has(id) ? [] : [unknownName(`${pointer}/scope/partners/${i}`, 'partner', id, [...known], hint)]));
}

function checkCondition(text: string | undefined, subject: ConditionSubject, pointer: string, names: Names): Problem[] {
  if (text === undefined) return [];
  try {
    compileCondition(text, subject, names);
    return [];
  } catch (error) {
    if (!(error instanceof ConditionError)) throw error;
    const { message, column, unknown, known } = error, near = unknown === undefined ? undefined : nearestName(unknown, known);
    const hint = near !== undefined ? `Did you mean ${near}?` : known.length > 0 ? `Known: ${known.join(', ')}.` : 'docs/rules.md lists what conditions may say.';
    return [problem(pointer, 'invalid', `column ${column}: ${message}`, hint)];
  }
}

function checkLines({ lines }: RuleDocument, pointer: string): Problem[] {
  if (lines === undefined) return [];
  const kinds = ['skus', 'categories', 'brands', 'departments'] as const, given = kinds.filter((kind) => lines[kind] !== undefined);
  const gone = given.length > 0 && given.every((kind) => lines[kind]!.every((text) => lines.exclude?.[kind]?.includes(text)));
  return gone ? [problem(`${pointer}/lines/exclude`, 'invalid', 'every line that could match is excluded: the rule could never fire')] : [];
}

function checkAwardOf({ award, basis }: RuleDocument, pointer: string, { set, rules }: RuleWorld, program: number): Problem[] {
  const problems: Problem[] = [], currencies = set.currencies.filter((currency) => currency.program === program).map(({ id }) => id);
  if (award.currency !== undefined && !currencies.includes(award.currency)) {
    problems.push(unknownName(`${pointer}/award/currency`, 'currency', award.currency, currencies));
  }
  if (basis === 'line' && awardKind(award.kind).units === undefined) {
    const hint = 'Leave basis out, or use percent, perAmount, fixed or perUnit.';
    problems.push(problem(`${pointer}/basis`, 'invalid', `${award.kind} awards go by the receipt`, hint));
  }
  if (award.kind !== 'multiplier') return problems;
  const { id: programId } = set.programs[program]!, currencyOf = (other: Award): string => other.currency ?? currencies[0]!;
  let multiplied = 0;
  award.of.forEach((id, i) => {
    const versions = rules.get(ruleKey(programId, id)), at = `${pointer}/award/of/${i}`;
    if (versions === undefined) {
      const known = [...rules.values()].flatMap(([rule]) => (programOf(rule!) === programId ? [rule!.id] : []));
      problems.push(unknownName(at, 'rule', id, known, 'It must be published together with the rules that it multiplies.'));
    } else if (versions.some((rule) => rule.award.kind === 'multiplier')) {
      problems.push(problem(at, 'invalid', `${shown(id)} is a multiplier itself`, 'Multipliers multiply other kinds of award only.'));
    } else if (versions.some((rule) => currencyOf(rule.award) === currencyOf(award))) {
      multiplied++;
    }
  });
  if (problems.length > 0 || multiplied > 0) return problems;
  return [problem(`${pointer}/award/currency`, 'invalid', 'none of the rules that it multiplies pays in its currency: it could never fire')];
}

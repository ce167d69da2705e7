/**
 * Reference data on the main thread: takes documents as they are PUT, checks them, and makes the next complete set for the shards (Engine.activate).
 *
 * Promises: sets are immutable; ordinals are given once, in the order of publishing, and never reused; a PUT of what is there already changes nothing;
 * what is refused leaves nothing behind. It has no I/O: the caller stores sets and contents (reference-storage.ts), and activates them one after the other.
 */
import { createHash } from 'node:crypto';
import { pack, unpack } from 'msgpackr';
import { partnerFields, programFields } from '../schemas/documents.js';
import type { PartnerDocument, ProgramDocument, ReferenceSet, RuleDocument } from '../schemas/reference.js';
import { FUNDED_PARTS_MAX, RULES_MAX } from '../schemas/rule.js';
import { identifier } from '../schemas/fields.js';
import { PROBLEMS_MAX, problem, shown, validateDocument, type Problem } from '../schemas/validate.js';
import { readProducts } from '../workers/parse/products.js';
import { Names } from '../workers/reference/names.js';
import { settings } from './config.js';
import { checkRule, checkStructure, programOf, ruleKey, validity } from './reference/check-rules.js';
import { changedCurrencies, withCurrencies } from './reference/currencies.js';
import { withFormerZones } from './reference/former-zones.js';
import { PublishError, refuseIf, unknownName } from './reference/problems.js';
import { isSame, isSameRule } from './reference/same.js';
import { withZones } from './reference/zones.js';

export { PublishError } from './reference/problems.js';

/** What a PUT made: the set to activate, and contents that are new, by partner ordinal. `changed` false: it was there already, nothing to do. */
export interface Publication { set: ReferenceSet; products: Map<number, Uint8Array>; changed: boolean }

/** All products of a partner without blank lines, what is wrong with them, and by which hash they are known. */
export interface CheckedProducts { content: Uint8Array; hash: string; problems: Problem[] }

/** Ordinals share 20 bits in the cells of accounts (workers/ledger/cells.ts). */
const ORDINALS_MAX = 1 << 20;

export class ReferenceStore {
  /** `historyDays` goes into the set, so that every replay decides with the window of then. */
  constructor(private current: ReferenceSet = initialSet(), private readonly historyDays: number = settings.historyDays.default) {}

  get set(): ReferenceSet {
    return this.current;
  }

  /** Another engine may have published it; and what was put here and came to nothing is forgotten. */
  learn(set: ReferenceSet): void {
    this.current = set;
  }

  putProgram(id: string, document: unknown): Publication {
    refuseIf([...checkId(id), ...validateDocument(programFields, document)]);
    const program = structuredClone(document) as ProgramDocument, { set } = this, known = set.programs.findIndex((other) => other.id === id);
    refuseIf([...duplicates(ids(program.currencies), '/currencies', 'currency'), ...impossibleRanges(program)]);
    if (known >= 0) {
      if (isSame(set.programs[known]!.document, program)) return this.unchanged();
      refuseIf(changedCurrencies(set, known, program), 409);
    }
    const ordinal = known >= 0 ? known : set.programs.length;
    return this.publish({
      programs: replaced(set.programs, ordinal, { id, document: program, ...this.formerZones(set.programs[ordinal], program) }),
      currencies: withCurrencies(set, ordinal, program),
      zones: withZones(set.zones, [program.timeZone]),
    });
  }

  /** Checks `keys` and leaves them out: they are not reference data. */
  putPartner(id: string, document: unknown): Publication {
    refuseIf([...checkId(id), ...validateDocument(partnerFields, document)]);
    const { keys: _kept, ...rest } = structuredClone(document) as PartnerDocument & { keys?: unknown };
    const partner: PartnerDocument = { ...rest, program: rest.program ?? 'default' }, { stores = [], terminals = [] } = partner, { set } = this;
    const known = set.partners.findIndex((other) => other.id === id), program = set.programs.findIndex((other) => other.id === partner.program);
    refuseIf(program >= 0 ? [] : [unknownName('/program', 'program', partner.program, ids(set.programs), 'PUT /v1/programs/{program} first.')]);
    refuseIf([...duplicates(ids(stores), '/stores', 'store'), ...duplicates(ids(terminals), '/terminals', 'terminal')]);
    if (known >= 0) {
      if (isSame(set.partners[known]!.document, partner)) return this.unchanged();
      const { program: before, document: { program: name } } = set.partners[known]!;
      refuseIf(before === program ? [] : [problem('/program', 'conflict', `the partner belongs to program ${shown(name)}`, "A partner can't move: use another id.")], 409);
    }
    const ordinal = known >= 0 ? known : set.partners.length;
    const zones = withZones(set.zones, [partner.timeZone, ...stores.flatMap(({ timeZone }) => timeZone ?? [])]);
    const entry = { id, document: partner, program, ...this.formerZones(set.partners[ordinal], partner) };
    return this.publish({ partners: replaced(set.partners, ordinal, entry), funders: withNames(set.funders, [id]), zones });
  }

  /** `posted`: NDJSON, all products of the partner. */
  putProducts(partner: string, posted: Uint8Array): Publication {
    const { content, problems } = readProducts({ bytes: posted, firstLine: 0, problemsMax: PROBLEMS_MAX });
    return this.putCheckedProducts(partner, { content, problems, hash: createHash('sha256').update(content).digest('hex') });
  }
  /** The same of what was checked elsewhere: a large catalog takes seconds. */
  putCheckedProducts(partner: string, { content, hash, problems }: CheckedProducts): Publication {
    const { set } = this, ordinal = set.partners.findIndex(({ id }) => id === partner);
    refuseIf(ordinal >= 0 ? [] : [unknownName('', 'partner', partner, ids(set.partners), 'PUT /v1/partners/{partner} first.')], 404);
    if (set.products[ordinal] === hash) return this.unchanged();
    refuseIf(problems);
    return this.publish({ products: { ...set.products, [ordinal]: hash } }, new Map([[ordinal, content]]));
  }

  /** `{rules: […]}` replaces the live rules of the programs that it names rules of; an empty list clears `default`. The answer's number is set.ruleSet. */
  putRules(document: unknown): Publication {
    const rules = this.checkRules(document), { set } = this;
    const programs = new Set((rules.length === 0 ? ['default'] : rules.map(programOf)).map((id) => set.programs.findIndex((program) => program.id === id)));
    const entries = [...set.rules], ruleIds = [...set.ruleIds];
    const places = new Map(entries.map(({ rule, document: { version } }, index) => [`${rule} ${version}`, index]));
    const ordinals = new Map(ruleIds.map(({ id, program }, ordinal) => [`${program} ${id}`, ordinal]));
    const conflicts: Problem[] = [];
    const live = rules.map((rule, i) => {
      const program = set.programs.findIndex(({ id }) => id === programOf(rule)), key = `${program} ${rule.id}`;
      const ordinal = ordinals.get(key) ?? ruleIds.push({ id: rule.id, program }) - 1;
      ordinals.set(key, ordinal);
      const place = places.get(`${ordinal} ${rule.version}`);
      if (place === undefined) return entries.push({ rule: ordinal, program, document: rule, ...validity(rule, set.programs[program]!.document.timeZone) }) - 1;
      if (!isSameRule(entries[place]!.document, rule, set.programs[program]!.document.currencies[0]!.id)) {
        const hint = `A published version never changes: publish version ${nextVersion(entries, ordinal)}.`;
        conflicts.push(problem(`/rules/${i}/version`, 'conflict', `version ${rule.version} of rule ${shown(rule.id)} is published with other content`, hint));
      }
      return place;
    });
    refuseIf(conflicts.slice(0, PROBLEMS_MAX), 409);
    if (ruleIds.length >= ORDINALS_MAX) throw new PublishError(422, [problem('/rules', 'invalid', `more than ${ORDINALS_MAX} rule ids were published`)]);
    const kept = set.live.filter((index) => !programs.has(set.rules[index]!.program));
    const nextLive = [...kept, ...live].sort((a, b) => a - b);
    if (set.ruleSet > 0 && isSame(nextLive, set.live)) return this.unchanged();
    const zones = withZones(set.zones, rules.flatMap(({ schedule: { zone = 'store' } = {} }) => (zone === 'store' || zone === 'program' ? [] : [zone])));
    const funders = withNames(set.funders, rules.flatMap(({ funding }) => (funding ?? []).map(({ funder }) => funder)));
    return this.publish({ ruleSet: set.ruleSet + 1, rules: entries, ruleIds, live: nextLive, zones, funders });
  }

  /** The checks of a rule set alone (`rules check`): the rules, or PublishError 422. */
  checkRules(document: unknown): RuleDocument[] {
    refuseIf(checkRuleSet(document));
    const { rules: written } = document as { rules: unknown[] };
    refuseIf(firstOf(written, (rule, i) => checkStructure(rule, `/rules/${i}`)));
    const rules = structuredClone(written) as RuleDocument[], byKey = grouped(rules);
    const world = { set: this.set, rules: byKey, names: new Names(), partners: new Map<number, ReadonlySet<string>>() };
    refuseIf(firstOf(rules, (rule, i) => [...checkRule(rule, `/rules/${i}`, world), ...twice(rules, byKey, rule, i)]));
    return rules;
  }

  /** Of an entry of the set whose document becomes another one. */
  private formerZones(entry: ReferenceSet['programs' | 'partners'][number] | undefined, next: ProgramDocument | PartnerDocument): ReturnType<typeof withFormerZones> {
    return entry === undefined ? {} : withFormerZones(entry, entry.document, next, this.current.version + 1);
  }
  private publish(change: Partial<ReferenceSet>, products = new Map<number, Uint8Array>()): Publication {
    this.current = { ...this.current, ...change, historyDays: this.historyDays, version: this.current.version + 1 };
    return { set: this.current, products, changed: true };
  }
  private unchanged(): Publication {
    if (this.current.historyDays !== this.historyDays) return this.publish({});
    return { set: this.current, products: new Map(), changed: false };
  }
}

export const setToBytes = (set: ReferenceSet): Uint8Array => pack(set);
export const setFromBytes = (bytes: Uint8Array): ReferenceSet => unpack(bytes) as ReferenceSet;

/** The set that is there before anything is published: program `default` takes every card. */
export function initialSet(): ReferenceSet {
  const document: ProgramDocument = { name: 'Default', timeZone: 'UTC', currencies: [{ id: 'points', scale: 0 }] };
  return {
    version: 0, ruleSet: 0, programs: [{ id: 'default', document }], partners: [], currencies: [{ id: 'points', scale: 0, program: 0 }], funders: ['import'],
    ruleIds: [], rules: [], live: [], zones: withZones({}, ['UTC']), products: {},
  };
}

const checkId = (id: string): Problem[] => validateDocument(identifier(), id).map((found) => ({ ...found, detail: `the id in the address ${found.detail}` }));

function checkRuleSet(document: unknown): Problem[] {
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    return [problem('', 'invalid', `must be an object, not ${shown(document)}`, 'Send {"rules": […]}.')];
  }
  const { rules, ...unknown } = document as Record<string, unknown>;
  const problems = Object.keys(unknown).map((name) => problem(`/${name}`, 'unknown-field', `unknown field ${shown(name)}`, 'did you mean "rules"?'));
  if (rules === undefined) problems.push(problem('/rules', 'missing', '"rules" is required', 'Send {"rules": […]}.'));
  else if (!Array.isArray(rules)) problems.push(problem('/rules', 'invalid', `must be an array, not ${shown(rules)}`));
  else if (rules.length > RULES_MAX) problems.push(problem('/rules', 'invalid', `must have at most ${RULES_MAX} rules, not ${rules.length}`));
  else {
    const parts = rules.reduce<number>((sum, rule: { funding?: unknown } | null) => sum + (Array.isArray(rule?.funding) ? rule.funding.length : 1), 0);
    if (parts > FUNDED_PARTS_MAX) problems.push(problem('/rules', 'invalid', `must have at most ${FUNDED_PARTS_MAX} funders in all, not ${parts}`, 'A rule without funding counts one.'));
  }
  return problems;
}

/** Problems of items in order, until there are enough of them. */
function firstOf<T>(items: readonly T[], check: (item: T, i: number) => Problem[]): Problem[] {
  const problems: Problem[] = [];
  for (let i = 0; i < items.length && problems.length < PROBLEMS_MAX; i++) problems.push(...check(items[i]!, i));
  return problems;
}

function grouped(rules: readonly RuleDocument[]): Map<string, RuleDocument[]> {
  const byKey = new Map<string, RuleDocument[]>();
  for (const rule of rules) {
    const key = ruleKey(programOf(rule), rule.id), versions = byKey.get(key);
    if (versions === undefined) byKey.set(key, [rule]);
    else versions.push(rule);
  }
  return byKey;
}
function twice(rules: readonly RuleDocument[], byKey: ReadonlyMap<string, readonly RuleDocument[]>, rule: RuleDocument, i: number): Problem[] {
  const first = byKey.get(ruleKey(programOf(rule), rule.id))!.find(({ version }) => version === rule.version);
  if (first === rule) return [];
  return [problem(`/rules/${i}/version`, 'invalid', `version ${rule.version} of rule ${shown(rule.id)} is there twice, first at /rules/${rules.indexOf(first!)}`)];
}
const nextVersion = (entries: ReferenceSet['rules'], ordinal: number): number =>
  Math.max(...entries.filter(({ rule }) => rule === ordinal).map(({ document }) => document.version)) + 1;

function duplicates(names: readonly string[], pointer: string, what: string): Problem[] {
  const seen = new Set<string>();
  return names.flatMap((name, i) => {
    if (!seen.has(name)) return seen.add(name) && [];
    return [problem(`${pointer}/${i}/id`, 'invalid', `${what} ${shown(name)} is there twice`)];
  }).slice(0, PROBLEMS_MAX);
}

/** Ranges that no card can be in. */
const impossibleRanges = ({ cardRanges = [] }: ProgramDocument): Problem[] => cardRanges.flatMap(({ prefix, length }, i) => (
  prefix.length <= length ? [] : [problem(`/cardRanges/${i}/length`, 'invalid', `must be at least the length of the prefix, ${prefix.length}, not ${length}`)]
));

const ids = (list: readonly { id: string }[]): string[] => list.map(({ id }) => id);
const replaced = <T>(list: readonly T[], at: number, item: T): T[] => at === list.length ? [...list, item] : list.map((old, i) => (i === at ? item : old));
function withNames(names: string[], more: Iterable<string>): string[] {
  const all = new Set(names);
  for (const name of more) all.add(name);
  return all.size === names.length ? names : [...all];
}

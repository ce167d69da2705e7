/**
 * Rules, compiled: a document becomes numbers, sets of ordinals and functions once; per transaction no document is looked at. What a partner's transactions need
 * is compiled when its first one comes (plan.ts), and kept over versions of reference data, since a published version of a rule never changes.
 */
import type { ReferenceSet, RuleDocument } from '../../schemas/reference.js';
import type { Reference } from '../reference.js';
import type { AwardKind, AwardTerms } from './award-kind.js';
import { compileCondition, type Condition } from './condition.js';
import { Round } from './fraction.js';
import { Frame } from './frame.js';
import { awardKind } from './index.js';
import { LineMatcher } from './line-match.js';
import { factorOf, type Factor } from './multiplier.js';
import { PartnerPlan } from './plan.js';
import { compileWeek } from './schedule.js';

/** Candidates kept in plans, over all partners; past it plans are made anew. */
const PLANNED_MAX = 2_000_000;
/** Bounds of a rule without validFrom and validTo; no transaction that is decided lies beyond them. */
const ALWAYS_MS = 8.64e15;

/** Its numbers are numbers from the beginning: fields that once were undefined would be asked at each look what they hold. */
export class CompiledRule {
  /** Its place among the rules of the set. */
  readonly index: number = 0;
  readonly document: RuleDocument;
  /** Ordinal of the rule's id, which all its versions share. */
  readonly rule: number = 0;
  readonly program: number = 0;
  readonly fromMs: number = 0;
  readonly toMs: number = 0;
  readonly stores: ReadonlySet<number> | undefined;
  readonly channels: ReadonlySet<number> | undefined;
  readonly week: Uint8Array | undefined;
  /** Whether it has any of those, from `fromMs` on. */
  readonly restricted: boolean;
  readonly condition: Condition | undefined;
  readonly matcher: LineMatcher | undefined;
  readonly kind: AwardKind;
  readonly terms: AwardTerms;
  /** The kind's, close at hand. */
  readonly units: AwardKind['units'];
  readonly countUnits: AwardKind['countUnits'];
  readonly perLine: boolean;
  /** Whether it has a cap per transaction or a stacking group: more to be done before its points are known. */
  readonly limited: boolean;
  readonly factor: Factor | undefined;
  /** Ordinals of the ids that a multiplier multiplies; few, mostly one. */
  private readonly of: readonly number[];
  readonly currency: number = 0;
  readonly rounding: number = 0;
  readonly capPerTransaction: number = 0;
  readonly capPerDay: number = 0;
  /** Ordinal of the stacking group's name, 0: none. */
  readonly group: number = 0;
  readonly groupMode: 'best' | 'first' | 'sum';
  readonly groupCap: number = 0;
  readonly onReturn: 'proportional' | 'requalify' | 'keep';
  /** Funders and their parts; none: the transaction's partner. */
  readonly funders: Int32Array;
  readonly fundingParts: Float64Array;
  readonly pendingDays: number = 0;
  /** -1: never. */
  readonly expiresAfterDays: number = 0;

  constructor(index: number, reference: Reference, matchers: Map<string, LineMatcher>) {
    const { set, nameTable: names } = reference, { rule, program, document, fromMs, toMs } = set.rules[index]!;
    const { scope, schedule, award, caps, stacking, funding } = document;
    this.index = index;
    this.document = document;
    this.rule = rule;
    this.program = program;
    this.fromMs = fromMs;
    this.toMs = toMs;
    this.stores = scope?.stores && new Set(scope.stores.map((store) => names.ordinal(store)));
    this.channels = scope?.channels && new Set(scope.channels.map((channel) => names.ordinal(channel)));
    this.week = schedule && compileWeek(schedule);
    this.restricted = fromMs > -ALWAYS_MS || toMs < ALWAYS_MS || this.stores !== undefined || this.channels !== undefined || this.week !== undefined;
    this.condition = document.condition === undefined ? undefined : compileCondition(document.condition, 'transaction', names);
    this.matcher = document.lines && matcherOf(document.lines, reference, matchers);
    this.currency = award.currency === undefined ? reference.firstCurrency(program) : reference.currencyOrdinal(award.currency, program);
    this.kind = awardKind(award.kind);
    this.terms = this.kind.terms(award, set.currencies[this.currency]!.scale);
    this.units = this.kind.units;
    this.countUnits = this.kind.countUnits;
    this.perLine = document.basis === 'line';
    this.factor = award.kind === 'multiplier' ? factorOf(award) : undefined;
    this.of = award.kind === 'multiplier' ? award.of.map((id) => reference.ruleOrdinal(program, id)) : [];
    this.rounding = Round[document.rounding ?? 'floor'];
    this.capPerTransaction = caps?.perTransaction ?? Infinity;
    this.capPerDay = caps?.perAccountPerDay ?? Infinity;
    this.group = stacking ? names.ordinal(stacking.group) : 0;
    this.limited = caps?.perTransaction !== undefined || stacking !== undefined;
    this.groupMode = stacking?.mode ?? 'sum';
    this.groupCap = stacking?.cap ?? Infinity;
    this.onReturn = document.onReturn ?? 'proportional';
    this.funders = Int32Array.from(funding ?? [], ({ funder }) => set.funders.indexOf(funder));
    this.fundingParts = Float64Array.from(funding ?? [], ({ parts }) => parts);
    this.pendingDays = document.pendingDays ?? 0;
    this.expiresAfterDays = document.expiresAfterDays ?? -1;
  }
  /** Whether a multiplier multiplies a rule, by its ordinal. */
  multiplies(rule: number): boolean {
    const { of } = this;
    for (let i = 0; i < of.length; i++) if (of[i] === rule) return true;
    return false;
  }
}

export class CompiledRules {
  readonly frame: Frame;
  /** By place in the set. */
  private readonly compiled: (CompiledRule | undefined)[];
  private readonly matchers: Map<string, LineMatcher>;
  /** By program: whether points expire by the day on which the purchase arrives, not by the day on which it was made. */
  readonly expiresFromReceipt: readonly boolean[];
  private plans: (PartnerPlan | undefined)[] = [];
  private planned = 0;
  /** Places of live rules by program: those without partners in their scope, and by partner ordinal those that name it. */
  private readonly live: { everywhere: number[]; byPartner: Map<number, number[]>; versions: Map<number, number[]> }[];

  constructor(readonly reference: Reference, previous?: CompiledRules) {
    this.frame = new Frame(reference);
    this.compiled = previous?.compiled ?? [];
    this.compiled.length = Math.max(this.compiled.length, reference.set.rules.length);
    this.matchers = previous?.matchers ?? new Map();
    this.live = liveRules(reference.set);
    this.expiresFromReceipt = reference.set.programs.map(({ document }) => document.expiryFrom === 'received');
  }

  /** A published version of a rule by its place in the set, live or not. */
  rule(index: number): CompiledRule {
    return (this.compiled[index] ??= new CompiledRule(index, this.reference, this.matchers));
  }
  plan(partner: number): PartnerPlan {
    return this.plans[partner] ?? this.makePlan(partner);
  }

  private makePlan(partner: number): PartnerPlan {
    const { everywhere, byPartner, versions } = this.live[this.reference.partnerProgram[partner]!]!;
    const rules = [...everywhere, ...byPartner.get(partner) ?? []].map((index) => this.rule(index));
    if (this.planned + rules.length > PLANNED_MAX) {
      this.plans = [];
      this.planned = 0;
    }
    this.planned += rules.length;
    const higher = ({ rule, document: { version } }: CompiledRule): CompiledRule[] =>
      versions.get(rule)!.map((index) => this.rule(index)).filter((other) => other.document.version > version);
    return (this.plans[partner] = new PartnerPlan(this.reference, partner, rules, higher));
  }
}

function liveRules(set: ReferenceSet): CompiledRules['live'] {
  const partners = new Map(set.partners.map(({ id }, ordinal) => [id, ordinal]));
  const live: CompiledRules['live'] = set.programs.map(() => ({ everywhere: [], byPartner: new Map(), versions: new Map() }));
  for (const index of set.live) {
    const { rule, program, document } = set.rules[index]!, { everywhere, byPartner, versions } = live[program]!;
    appendTo(versions, rule, index);
    if (document.scope?.partners === undefined) everywhere.push(index);
    else for (const id of new Set(document.scope.partners)) appendTo(byPartner, partners.get(id)!, index);
  }
  return live;
}
function appendTo(lists: Map<number, number[]>, key: number, index: number): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [index]);
  else list.push(index);
}

function matcherOf(lines: NonNullable<RuleDocument['lines']>, reference: Reference, matchers: Map<string, LineMatcher>): LineMatcher {
  const text = JSON.stringify(lines);
  let matcher = matchers.get(text);
  if (matcher === undefined) matchers.set(text, (matcher = new LineMatcher(lines, reference.nameTable)));
  return matcher;
}

/**
 * decide: the story of one transaction. Reject first, then rules, then postings and effects; every refusal is an early return with a reason and changes nothing.
 * docs/calculation.md is the normative text; returns continue in returns.ts.
 */
import { reasons, type Reason } from '../schemas/reasons.js';
import { FUNDERS_MAX } from '../schemas/rule.js';
import { awards } from './awards.js';
import { DAY_MS } from './calendar.js';
import type { Context } from './context.js';
import { contentHash, transactionHash } from './envelope.js';
import { bring, credit, owes, settle } from './ledger/ledger.js';
import { NEVER } from './ledger/cells.js';
import { decideReturn } from './returns.js';
import type { Reference } from './reference.js';
import { evaluate } from './rules/evaluate.js';
import { shareOut } from './rules/shares.js';
import { FactKind, FactStatus } from './facts/fact-header.js';
import { Kind, Text, type Transaction } from './transaction.js';
import { partitionOf } from './hash.js';
import { hashCard } from './state/card-index.js';

const { rule: awardRule, currency: awardCurrency, points: awardPoints, counterKey1, counterKey2, counterDelta } = awards;
/** Of one award, by funder. */
const fundedParts = new Float64Array(FUNDERS_MAX);
/** How far ahead of the append time a till's clock may be. */
const FUTURE_MS = 600_000;
const POINTS_MAX = Number.MAX_SAFE_INTEGER;
/** Ordinal of a partition's own account: holds what belongs to no member (what was returned of anonymous receipts). */
export const OWN_ACCOUNT = 0;
/** Account flags. `linked`: no account, but cards whose account lives in another partition, whose number stands above the flags. */
export const Flag = { blocked: 1, registered: 2, linked: 4 } as const;
const LINK_UNIT = 8;
export const linkFlags = (partition: number): number => Flag.linked + partition * LINK_UNIT;
/** -1: not a link. */
export const linkedPartition = (flags: number): number => (flags & Flag.linked ? Math.floor(flags / LINK_UNIT) : -1);

/**
 * What became of it. `waiting`: a return whose purchase is not known. `elsewhere`: it belongs to another partition. `missing`: a fact that it needs is not at hand; the batch ends before it.
 */
export type Outcome = { status: 'processed' | 'duplicate' | 'waiting' | 'elsewhere' | 'missing' } | { status: 'rejected'; reason: Reason; detail?: string; pointer?: string };
export const processed: Outcome = { status: 'processed' };
const duplicate: Outcome = { status: 'duplicate' };
export const missing: Outcome = { status: 'missing' };
export const elsewhere: Outcome = { status: 'elsewhere' };
const refusals = new Map(Object.entries(reasons).map(([reason, about]): [string, Outcome] => {
  const pointer = 'pointer' in about ? { pointer: about.pointer } : {};
  return [reason, { status: 'rejected', reason: reason as Reason, detail: about.text, ...pointer }];
}));
export const refuse = (reason: Reason): Outcome => refusals.get(reason)!;
const wrongProgram = (pointer: string): Outcome => ({ status: 'rejected', reason: 'wrong-program', detail: reasons['wrong-program'].text, pointer });

export function decide(c: Context): Outcome {
  const { transaction: t, reference, state } = c;
  const { text, bytes } = t;

  t.partnerOrdinal = reference.partnerOrdinal(bytes, text[2 * Text.partner]!, text[2 * Text.partner + 1]!);
  if (t.partnerOrdinal < 0) return refuse('unknown-partner');
  const partner = reference.set.partners[t.partnerOrdinal]!;
  const program = (t.programOrdinal = partner.program);
  const programLength = text[2 * Text.program + 1]!;
  if (programLength > 0 && reference.programOrdinal(bytes, text[2 * Text.program]!, programLength) !== program) return wrongProgram('/program');
  if (t.kind === Kind.return) return decideReturn(c);

  // ── where it is looked up: card, known transactions and products lie anywhere in a large memory; touched one right after the other, their cache misses overlap ──
  const cardStart = text[2 * Text.card]!, cardLength = text[2 * Text.card + 1]!, cardHash = hashCard(program, bytes, cardStart, cardLength);
  transactionHash(t, c.idHash);
  c.touched = state.touch(cardHash, c.idHash[0]!);
  reference.resolveLines(t);

  // ── whose account ──
  let ordinal = -1;
  if (cardLength > 0) {
    ordinal = state.findCard(program, bytes, cardStart, cardLength, cardHash);
    if (ordinal < 0 && !c.linked && partitionOf(bytes, cardStart, cardLength, c.partitions) !== state.partition) return elsewhere;
    if (ordinal >= 0 && state.accounts.flags(ordinal) & Flag.linked) return elsewhere;
    if (ordinal < 0 && !reference.takesCard(program, bytes, cardStart, cardLength)) return refuse(reference.whyNotTaken(bytes, cardStart, cardLength));
  } else if (text[2 * Text.account + 1]! > 0) {
    const account = parseAccount(t.string(Text.account));
    if (account && account.partition !== state.partition && account.partition < c.partitions) return elsewhere;
    if (!account || account.partition !== state.partition || account.ordinal === OWN_ACCOUNT || !state.hasAccount(account.ordinal)) return refuse('unknown-account');
    ordinal = account.ordinal;
    state.ensure(ordinal);
    if (state.accounts.flags(ordinal) & Flag.linked) return refuse('unknown-account');
    if (state.accounts.program(ordinal) !== program) return wrongProgram('/account');
  }
  if (ordinal >= 0 && state.accounts.flags(ordinal) & Flag.blocked) return refuse('blocked');

  // ── seen before, in time ──
  const again = isKnown(c);
  if (again) return again;
  const untimely = checkTime(t, c.nowMs, partner.document.latenessDays);
  if (untimely) return untimely;

  // ── what the rules give ──
  const identified = cardLength > 0 || ordinal >= 0;
  c.awards.clear();
  c.ordinal = ordinal;
  if (identified && mayEarn(c, reference, program, ordinal)) {
    evaluate(reference.rules, t, c, reference);
    if (c.awards.overflow || overflows(c, ordinal)) return refuse('overflow');
  }

  // ── from here on it must succeed ──
  if (identified && ordinal < 0) {
    ordinal = state.accounts.opened;
    c.effects.open(ordinal, program);
    c.effects.card(ordinal, program, bytes, cardStart, cardLength);
    c.applyEffects();
    c.ordinal = ordinal;
  }
  const today = c.today(program);
  if (ordinal >= 0) settleFirst(c, ordinal, today);
  c.postings.clear();
  if (ordinal >= 0 && c.awards.count > 0) {
    postAwards(c, ordinal, today);
    settle(c, ordinal, today);
  }
  writeFact(c, FactKind.purchase, 1, ordinal);
  return processed;
}

/** A repeat of a known transaction: the same content is a duplicate, other content a conflict. Leaves the hashes in the context. */
export function seenBefore(c: Context): Outcome | undefined {
  transactionHash(c.transaction, c.idHash);
  return isKnown(c);
}
/** The same, when its identity's hash is in the context already. */
function isKnown(c: Context): Outcome | undefined {
  contentHash(c.transaction, c.contentHash);
  const { transactions } = c.state;
  if (!transactions.find(c.idHash)) return undefined;
  return transactions.content[0] === c.contentHash[0] && transactions.content[1] === c.contentHash[1] ? duplicate : refuse('conflict');
}
export function checkTime(t: Transaction, nowMs: number, latenessDays: number | undefined): Outcome | undefined {
  if (t.occurredAtMs > nowMs + FUTURE_MS) return refuse('future');
  if (latenessDays !== undefined && t.occurredAtMs < nowMs - latenessDays * DAY_MS) return refuse('late');
  return undefined;
}
export function parseAccount(text: string): { partition: number; ordinal: number } | undefined {
  const match = /^(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,9})$/.exec(text);
  return match ? { partition: Number(match[1]), ordinal: Number(match[2]) } : undefined;
}

/** What became due by now is settled before the command, as a fact of its own. */
export function settleFirst(c: Context, ordinal: number, today: number): void {
  c.postings.clear();
  if (!settle(c, ordinal, today)) return;
  c.countPostings();
  const { count } = c.awards;
  c.awards.count = 0;
  c.header.ledgerRow(FactKind.settlement, c.state, ordinal, c.nowMs, c.topic, c.offset, c.index, c.reference.set.version);
  c.facts.add(null, c.header, c.awards, c.postings, c.reference);
  c.awards.count = count;
}

/** Puts the transaction into the facts and among the known ones. */
export function writeFact(c: Context, kind: number, sign: 1 | -1, ordinal: number, status: number = FactStatus.processed): void {
  const { header, reference } = c;
  const first = reference.firstCurrency(c.transaction.programOrdinal);
  let points = 0;
  for (let i = 0, { count } = awards, currency = awardCurrency, given = awardPoints; i < count; i++) if (currency[i] === first) points += given[i]!;
  header.ledgerRow(kind, c.state, ordinal, c.nowMs, c.topic, c.offset, c.index, reference.set.version);
  header.sign = sign;
  header.status = status;
  header.points = points;
  header.currency = first;
  header.ruleSet = reference.set.ruleSet;
  const row = c.facts.rows;
  c.facts.add(c.transaction, header, awards, c.postings, reference);
  c.addSeen(c.idHash, c.contentHash, row);
}

/** An account that is not registered may be one that does not earn. */
export function mayEarn({ state }: Pick<Context, 'state'>, { set }: Reference, program: number, ordinal: number): boolean {
  const { unregistered } = set.programs[program]!.document;
  if (!unregistered || unregistered.earn) return true;
  return ordinal >= 0 && (state.accounts.flags(ordinal) & Flag.registered) !== 0;
}
function overflows(c: Context, ordinal: number): boolean {
  let given = 0;
  for (let i = 0, { count } = awards, points = awardPoints; i < count; i++) given += points[i]!;
  return given > POINTS_MAX || (ordinal >= 0 && !c.state.accounts.takes(ordinal, given));
}

/** Splits each award over its funders and posts the parts; counters move together with them. */
function postAwards(c: Context, ordinal: number, today: number): void {
  const { reference } = c, { rules } = reference;
  for (let i = 0, { counterTotal } = awards, key1 = counterKey1; i < counterTotal; i++) c.addToCounter(key1[i]!, counterKey2[i]!, counterDelta[i]!);
  const program = c.transaction.programOrdinal, ownFunder = reference.partnerFunder[c.transaction.partnerOrdinal]!;
  const awardDay = rules.expiresFromReceipt[program]! ? today : reference.programDay(program, c.transaction.occurredAtMs);
  let asked = -1, indebted = false;
  for (let award = 0, { count } = awards, given = awardPoints; award < count; award++) {
    const points = given[award]!;
    if (points === 0) continue;
    const { funders, fundingParts, pendingDays, expiresAfterDays } = rules.rule(awardRule[award]!);
    const matures = awardDay + pendingDays;
    const expires = expiresAfterDays < 0 ? NEVER : awardDay + expiresAfterDays;
    const currency = awardCurrency[award]!;
    if (currency !== asked) indebted = owes(c, ordinal, (asked = currency));
    if (funders.length > 0) shareOut(points, fundingParts, funders.length, fundedParts);
    for (let i = 0; i < Math.max(1, funders.length); i++) {
      const funder = funders.length === 0 ? ownFunder : funders[i]!, part = funders.length === 0 ? points : fundedParts[i]!;
      if (part === 0) continue;
      if (indebted) credit(c, ordinal, currency, funder, part, award, expires, matures, today);
      else bring(c, currency, funder, part, award, expires, matures, today);
    }
  }
  c.applyCells(ordinal);
}

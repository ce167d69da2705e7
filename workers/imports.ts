/**
 * Accounts from another system. An account lives in the home partition of its first card; a further card of another home gets a link there, which leads its purchases
 * to the account's partition (decide.ts, forwarding.ts).
 *
 * An account with such cards is imported in steps, each a command that the commit of the step before carries (docs/decisions/017):
 *
 *   account's partition ─► home 1 ─► … ─► home k ─► … ─► home 1 ─► account's partition
 *        check            check       check, link        link        check, open
 *
 * Promises: refused whole or imported whole; it is answered once, by the step that refuses it or by the last. A link never leads to nothing: a card that is linked here and not known
 * there is a new card there.
 */
import { writeCommand, type EngineCommand, type ImportedAccount } from '../schemas/commands.js';
import type { ReplyItem } from '../schemas/envelope.js';
import { withoutPaymentCards } from '../schemas/payment-card.js';
import { reasons } from '../schemas/reasons.js';
import type { Context } from './context.js';
import { Flag, linkedPartition, linkFlags } from './decide.js';
import { FactKind } from './facts/fact-header.js';
import { partitionOf } from './hash.js';
import { credit, settle } from './ledger/ledger.js';
import { NEVER } from './ledger/cells.js';
import { PostingKind } from './ledger/postings.js';
import { utf8 } from './utf8.js';

type Command<Type> = Extract<EngineCommand, { type: Type }>;
export interface ImportReply { gateway: string; request: number; accepted: number; items: ReplyItem[] }
interface Problem { reason: 'conflict' | 'unknown-card' | 'payment-card' | 'wrong-program' | 'invalid'; detail: string; hint: string }

export function importAccounts(c: Context, command: Command<'import'>): ImportReply {
  const reply = replyTo(command);
  for (const account of command.accounts) {
    const problem = whyRefused(c, account);
    if (problem) refuse(c, command, account, problem, reply);
    else if (routeOf(c, account).length > 1) forward(c, command, account, 1);
    else {
      openImported(c, account);
      reply.accepted++;
    }
  }
  return reply;
}

/** One step of an import with cards of several homes. */
export function importLinked(c: Context, command: Command<'import-linked'>): ImportReply {
  const { account, step } = command, reply = replyTo(command), route = routeOf(c, account), isLast = step === route.length - 1;
  const problem = isLast ? whyRefused(c, account) : whyNotLinked(c, account, route[0]!);
  if (problem) refuse(c, command, account, problem, reply);
  else if (isLast) {
    openImported(c, account);
    reply.accepted++;
  } else {
    if (step >= (route.length - 1) / 2) link(c, account, route[0]!);
    forward(c, command, account, step + 1);
  }
  return reply;
}

/** The partitions that the import of the account passes, in order: only its own, when all cards are at home there. */
function routeOf(c: Context, { cards }: ImportedAccount): number[] {
  const homes = [...new Set(cards.map((card) => homeOf(c, card)))];
  return [...homes, ...homes.slice(0, -1).reverse()];
}
function homeOf(c: Context, card: string): number {
  const text = utf8(card);
  return partitionOf(text, 0, text.length, c.partitions);
}
function forward(c: Context, { partner, gateway, request }: Command<'import' | 'import-linked'>, account: ImportedAccount, step: number): void {
  c.forwards.push({ partition: routeOf(c, account)[step]!, value: writeCommand({ type: 'import-linked', partner, gateway, request, account, step }) });
}
function replyTo({ gateway, request }: Command<'import' | 'import-linked'>): ImportReply {
  return { gateway, request, accepted: 0, items: [] };
}
function refuse(c: Context, command: Command<'import' | 'import-linked'>, account: ImportedAccount, { reason, detail: written, hint }: Problem, reply: ImportReply): void {
  // Nor is one that a range takes; and the id of an account is its first card.
  const detail = withoutPaymentCards(written);
  reply.items.push({ index: account.index, id: account.id, status: 'rejected', reason, detail, hint });
  c.reject(command.partner, withoutPaymentCards(account.id), 'import', reason, detail);
}

/** What the partition of the account has against it. */
function whyRefused(c: Context, account: ImportedAccount): Problem | undefined {
  const { state, reference } = c, program = programOf(c, account);
  if (program < 0) return noProgram(account);
  const cards = account.cards.map((card) => utf8(card));
  for (const [i, card] of cards.entries()) {
    if (reference.takesCard(program, card, 0, card.length)) continue;
    const reason = reference.whyNotTaken(card, 0, card.length);
    // The number of a payment card is written nowhere.
    const detail = reason === 'payment-card' ? `card ${i + 1} of the account looks like a payment card` : `no range of the program takes card ${account.cards[i]!}`;
    return { reason, detail, hint: reasons[reason].hint };
  }
  for (const lot of lotsOf(c, account, program)) {
    if (lot.currency < 0 || lot.funder < 0) {
      return { reason: 'invalid', detail: 'a lot names a currency or funder that is not known', hint: 'Name a currency of the program; a funder is a partner, or one that a rule names.' };
    }
  }
  const known = cards.findIndex((card) => state.findCard(program, card, 0, card.length) >= 0);
  return known < 0 ? undefined : hasAccount(account.cards[known]!);
}
/** What the home of further cards has against their link. One that leads to the same partition is from an earlier attempt. */
function whyNotLinked(c: Context, account: ImportedAccount, partition: number): Problem | undefined {
  const { state } = c, program = programOf(c, account);
  if (program < 0) return noProgram(account);
  for (const card of account.cards) {
    const text = utf8(card), ordinal = homeOf(c, card) === state.partition ? state.findCard(program, text, 0, text.length) : -1;
    if (ordinal >= 0 && linkedPartition(state.accounts.flags(ordinal)) !== partition) return hasAccount(card);
  }
  return undefined;
}
const programOf = (c: Context, account: ImportedAccount): number => c.reference.set.programs.findIndex(({ id }) => id === account.program);
const noProgram = ({ program }: ImportedAccount): Problem => ({ reason: 'wrong-program', detail: `there is no program ${program}`, hint: 'PUT /v1/programs/{program} first.' });
const hasAccount = (card: string): Problem => {
  const hint = 'Leave the account out if it has been imported, or the card if it is of another account.';
  return { reason: 'conflict', detail: `card ${card} belongs to an account already`, hint };
};
const lotsOf = ({ reference }: Context, account: ImportedAccount, program: number): (Omit<ImportedAccount['lots'][number], 'currency' | 'funder'> & { currency: number; funder: number })[] => (
  account.lots.map((lot) => ({ ...lot, currency: reference.currencyOrdinal(lot.currency, program), funder: reference.funderOrdinal(lot.funder) }))
);

/** Cards that are at home here lead to another partition. A link takes a number among the accounts and is nobody's. */
function link(c: Context, account: ImportedAccount, partition: number): void {
  const { state } = c, program = programOf(c, account);
  const cards = account.cards.filter((card) => homeOf(c, card) === state.partition).map((card) => utf8(card));
  const fresh = cards.filter((card) => state.findCard(program, card, 0, card.length) < 0);
  if (fresh.length === 0) return;
  openWith(c, program, fresh, linkFlags(partition));
}

/** Must not fail: `whyRefused` was asked before. */
function openImported(c: Context, account: ImportedAccount): void {
  const program = programOf(c, account), lots = lotsOf(c, account, program), today = c.today(program);
  const ordinal = openWith(c, program, account.cards.map((card) => utf8(card)), account.registered ? Flag.registered : 0);
  c.postings.clear();
  c.awards.clear();
  for (const { currency, funder, points, expires, matures } of lots) {
    if (points > 0) credit(c, ordinal, currency, funder, points, -1, expires < 0 ? NEVER : expires, matures, today, PostingKind.import);
  }
  c.applyCells(ordinal);
  settle(c, ordinal, today);
  ledgerFact(c, FactKind.import, ordinal);
}
function openWith(c: Context, program: number, cards: Uint8Array[], flags: number): number {
  const ordinal = c.state.accounts.opened;
  c.effects.open(ordinal, program);
  for (const card of cards) c.effects.card(ordinal, program, card, 0, card.length);
  if (flags !== 0) c.effects.flags(ordinal, flags);
  c.applyEffects();
  return ordinal;
}

/** A fact of what an account got that is not a transaction's. `ofPartner`, `ofId`: the posting that it is about. */
export function ledgerFact(c: Context, kind: number, ordinal: number, ofPartner = -1, ofId?: Uint8Array): void {
  c.countPostings();
  c.header.ledgerRow(kind, c.state, ordinal, c.nowMs, c.topic, c.offset, c.index, c.reference.set.version);
  c.header.ofPartner = ofPartner;
  c.header.ofId = ofId;
  c.facts.add(null, c.header, c.awards, c.postings, c.reference);
}

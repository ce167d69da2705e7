/**
 * The story of the engine's own commands (schemas/commands.ts): ticks, activations, imports, returns that waited, postings that are taken back. As deterministic as
 * transactions, through the same effects.
 */
import { readCommand, reconciliationOf, writeCommand, type Reconciled, type ReturnedElsewhere } from '../schemas/commands.js';
import type { Context } from './context.js';
import { utf8 } from './utf8.js';
import { missing, OWN_ACCOUNT, processed, seenBefore, settleFirst, writeFact, type Outcome } from './decide.js';
import { EnvelopeReader } from './envelope.js';
import { FactKind, FactStatus } from './facts/fact-header.js';
import { hash128 } from './hash.js';
import { importAccounts, importLinked, ledgerFact, type ImportReply } from './imports.js';
import { purchaseKey, ReturnedLines } from './returned-lines.js';
import { reverseReturned, reverseWhole } from './reverse-awards.js';
import type { RecordedPurchase } from './recorded-purchase.js';
import { Text } from './transaction.js';

/** Accounts that one tick settles at most; the next tick goes on. */
const ACCOUNTS_PER_TICK = 300;

export interface CommandResult {
  outcome: Outcome;
  /** Envelope to be processed next, in place of this command (a return that waited, transactions from another partition). */
  envelope?: Uint8Array;
  /** Their cards' home has sent them here, along its links. */
  linked?: boolean;
  reply?: ImportReply;
  skip?: { topic: number; offset: number; index: number };
  activate?: number;
}

export function decideCommand(c: Context, bytes: Uint8Array): CommandResult {
  const command = readCommand(bytes);
  switch (command.type) {
    case 'tick':
      tick(c);
      return { outcome: processed };
    case 'activate':
      return { outcome: processed, activate: command.version };
    case 'import':
      return { outcome: processed, reply: importAccounts(c, command) };
    case 'import-linked':
      return { outcome: processed, reply: importLinked(c, command) };
    case 'return-located':
      located(c, command.key, command.partition);
      return { outcome: processed };
    case 'return-execute':
      return { outcome: processed, envelope: command.envelope };
    case 'forwarded':
      return { outcome: processed, envelope: command.envelope, linked: command.linked === true };
    case 'reconcile':
      return { outcome: reconcile(c, command) };
    case 'returned-elsewhere':
      return { outcome: returnedElsewhere(c, command) };
    case 'skip':
      return { outcome: processed, skip: { topic: command.topic, offset: command.offset, index: command.index } };
  }
}

function tick(c: Context): void {
  const { state, reference } = c;
  const today = Math.max(...reference.set.programs.map((_, program) => c.today(program)));
  for (const ordinal of state.due.take(today, ACCOUNTS_PER_TICK)) {
    state.ensure(ordinal);
    const day = c.today(state.accounts.program(ordinal));
    settleFirst(c, ordinal, day);
    // Its own zone may still be on the day before.
    if (day < today && state.accounts.hasDue(ordinal, today)) state.due.add(today, ordinal);
  }
  for (const { key, untilMs } of state.waiting.notices()) if (untilMs <= c.nowMs) stopWaiting(c, key);
}

const waitingReader = new EnvelopeReader();

/** A return waited too long: it goes to review, or is a fact without points. One that was posted again and executed meanwhile just ends. */
function stopWaiting(c: Context, key: string): void {
  const { transaction: t, reference } = c;
  waitingReader.open(c.state.waiting.envelope(key)!.slice());
  waitingReader.next(t);
  unwait(c, key);
  t.partnerOrdinal = reference.partnerOrdinal(t.bytes, t.text[2 * Text.partner]!, t.text[2 * Text.partner + 1]!);
  t.programOrdinal = reference.set.partners[t.partnerOrdinal]!.program;
  if (seenBefore(c)) return;
  if (reference.set.programs[t.programOrdinal]!.document.unknownReturns?.then !== 'ignore') {
    return c.reject(t.string(Text.partner), t.string(Text.id), 'return', 'unknown-original');
  }
  t.lineCount = t.total = 0;
  c.postings.clear();
  c.awards.clear();
  writeFact(c, FactKind.return, -1, -1, FactStatus.ignored);
}

function located(c: Context, key: string, partition: number): void {
  const envelope = c.state.waiting.envelope(key)?.slice();
  if (!envelope) return; // it ended meanwhile, or was located twice
  unwait(c, key);
  c.forwards.push({ partition, value: writeCommand({ type: 'return-execute', envelope }) });
}

function unwait(c: Context, key: string): void {
  c.effects.unwait(utf8(key));
  c.applyEffects();
  c.ended.push(key);
}

const reconciled = new Uint32Array(4), noContent = new Uint32Array(2), returned = new ReturnedLines();

/**
 * Takes the posting of this partition back whole: what it gave goes, as if all had been returned; what had been returned of it is told to the posting that counts. A return, which is of
 * another purchase then, stays and is only reported. Once: the reconciliation is remembered like a transaction.
 */
function reconcile(c: Context, { partner, id, kind, first }: Reconciled): Outcome {
  transactionHashOf(partner, id, reconciliationOf[kind], reconciled);
  if (c.state.transactions.find(reconciled)) return processed;
  const posting = findPosting(c, partner, id, kind);
  if (!posting) return processed;
  if (posting === 'missing') return missing;
  const { partnerOrdinal, purchase } = posting, { ordinal } = purchase, account = ordinal < 0 ? '' : ` on account ${purchase.accountPartition}.${ordinal}`;
  if (ordinal < 0 && kind === 'return') return processed;
  beginCorrection(c, posting);
  if (kind === 'purchase') {
    reverseWhole(c, c.ordinal, purchaseKey(c.idHash), purchase, returned);
    const lines = returned.before();
    if (first !== undefined && lines.length > 0) c.forwards.push({ partition: first, value: writeCommand({ type: 'returned-elsewhere', partner, id, lines }) });
  }
  const factRow = c.facts.rows;
  ledgerFact(c, FactKind.reconciliation, ordinal, partnerOrdinal, utf8(id));
  c.addSeen(reconciled, noContent, factRow);
  const what = kind === 'purchase' ? `this posting${account} was reversed` : `this one returned another purchase,${account}, and stays`;
  c.reject(partner, id, kind, 'duplicate-elsewhere', `posted before under another home; ${what}`);
  return processed;
}

/** Returns of a posting that was taken back are of the posting here, as far as it has their lines left: what it gave for them goes, as with any return. */
function returnedElsewhere(c: Context, { partner, id, lines }: ReturnedElsewhere): Outcome {
  transactionHashOf(partner, id, reconciliationOf.purchase, reconciled);
  if (c.state.transactions.find(reconciled)) return processed;
  const posting = findPosting(c, partner, id, 'purchase');
  if (!posting) return processed;
  if (posting === 'missing') return missing;
  const { partnerOrdinal, purchase } = posting, key = purchaseKey(c.idHash);
  beginCorrection(c, posting);
  returned.begin(c, key, purchase);
  if (!returned.takeLeft(lines)) return processed;
  reverseReturned(c, c.ordinal, key, purchase, returned, false);
  ledgerFact(c, FactKind.reconciliation, purchase.ordinal, partnerOrdinal, utf8(id));
  return processed;
}

interface Posting { partnerOrdinal: number; program: number; purchase: RecordedPurchase }

/** The purchase or return of this name, as recorded here, its hash in the context; undefined: there is none, or the log has let go of it. */
function findPosting(c: Context, partner: string, id: string, kind: Reconciled['kind']): Posting | undefined | 'missing' {
  const { transactions } = c.state, partnerOrdinal = c.reference.set.partners.findIndex((other) => other.id === partner);
  if (partnerOrdinal < 0) return undefined;
  transactionHashOf(partner, id, kind, c.idHash);
  if (!transactions.find(c.idHash)) return undefined;
  const purchase = c.purchaseAt(transactions.batch, transactions.row);
  return purchase && purchase !== 'missing' ? { partnerOrdinal, program: c.reference.set.partners[partnerOrdinal]!.program, purchase } : purchase;
}
/** What was returned of an anonymous receipt is kept on the partition's own account, which is in the context then. */
function beginCorrection(c: Context, { program, purchase: { ordinal } }: Posting): void {
  c.ordinal = ordinal >= 0 ? ordinal : OWN_ACCOUNT;
  c.state.ensure(c.ordinal);
  if (ordinal >= 0) settleFirst(c, ordinal, c.today(program));
  c.postings.clear();
  c.awards.clear();
  c.transaction.programOrdinal = program;
}

/** Opens the partition's own account with the first reference set. */
export function openOwnAccount(c: Context): void {
  if (c.state.accounts.opened > OWN_ACCOUNT) return;
  c.effects.open(OWN_ACCOUNT, 0);
  c.applyEffects();
}

/** Hash of a transaction's identity from texts; the same as transactionHash of envelope.ts. */
export function transactionHashOf(partner: string, id: string, kind: string, out: Uint32Array): void {
  const text = utf8(`${partner}\n${id}\n${kind}`);
  hash128(text, 0, text.length, out, 0);
}

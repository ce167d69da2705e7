/**
 * The story of the engine's own commands (schemas/commands.ts): ticks, activations, imports, returns that waited, postings that are taken back. As deterministic as
 * transactions, through the same effects.
 */
import { readCommand, reconciliationOf, writeCommand, type EngineCommand } from '../schemas/commands.js';
import type { Context } from './context.js';
import { utf8 } from './utf8.js';
import { missing, OWN_ACCOUNT, processed, seenBefore, settleFirst, writeFact, type Outcome } from './decide.js';
import { EnvelopeReader } from './envelope.js';
import { FactKind, FactStatus } from './facts/fact-header.js';
import { hash128 } from './hash.js';
import { importAccounts, importLinked, ledgerFact, type ImportReply } from './imports.js';
import { purchaseKey, ReturnedLines } from './returned-lines.js';
import { reverseWhole } from './reverse-awards.js';
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
 * Takes the posting of this partition back whole: what it gave goes, as if all had been returned. A return, which is of another purchase then, stays and is only reported. Once: the
 * reconciliation is remembered like a transaction.
 */
function reconcile(c: Context, command: Extract<EngineCommand, { type: 'reconcile' }>): Outcome {
  const { state, reference } = c;
  const partnerOrdinal = reference.set.partners.findIndex(({ id }) => id === command.partner), partner = reference.set.partners[partnerOrdinal];
  if (!partner) return processed;
  transactionHashOf(command.partner, command.id, reconciliationOf[command.kind], reconciled);
  if (state.transactions.find(reconciled)) return processed;
  transactionHashOf(command.partner, command.id, command.kind, c.idHash);
  if (!state.transactions.find(c.idHash)) return processed;
  const purchase = c.purchaseAt(state.transactions.batch, state.transactions.row);
  if (purchase === 'missing') return missing;
  if (!purchase || purchase.ordinal < 0) return processed;
  const { ordinal, accountPartition } = purchase;
  state.ensure(ordinal);
  settleFirst(c, ordinal, c.today(partner.program));
  c.postings.clear();
  c.awards.clear();
  c.ordinal = ordinal;
  c.transaction.programOrdinal = partner.program;
  if (command.kind === 'purchase') reverseWhole(c, ordinal, purchaseKey(c.idHash), purchase, returned);
  const factRow = c.facts.rows;
  ledgerFact(c, FactKind.reconciliation, ordinal, partnerOrdinal, utf8(command.id));
  c.addSeen(reconciled, noContent, factRow);
  const account = `${accountPartition}.${ordinal}`;
  const what = command.kind === 'purchase' ? `this posting on account ${account} was reversed` : `this one returned another purchase, on account ${account}, and stays`;
  c.reject(command.partner, command.id, command.kind, 'duplicate-elsewhere', `posted before under another home; ${what}`);
  return processed;
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

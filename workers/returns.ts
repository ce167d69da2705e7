/**
 * The story of a return: find the purchase, check what is returned, reverse what was recorded (docs/calculation.md, Returns). The account is the purchase's, whatever
 * card is presented. A purchase that is not known here lets the return wait; the main thread looks for it in the other partitions (engine/waiting-returns.ts).
 */
import type { FactRecord } from '../schemas/fact.js';
import type { Context } from './context.js';
import { checkTime, DAY_MS, elsewhere, missing, OWN_ACCOUNT, parseAccount, processed, refuse, seenBefore, settleFirst, writeFact, type Outcome } from './decide.js';
import { contentHash, EnvelopeReader, EnvelopeWriter, transactionHash } from './envelope.js';
import { FactKind } from './facts/fact-block.js';
import { linkOf } from './forwarding.js';
import { noteReturned, purchaseKey, returnedLines, type ReturnedLine } from './returned-lines.js';
import { reverseReturned } from './reverse-awards.js';
import { waitingKeyOf, WaitingReturns } from './state/waiting.js';
import { Kind, Text, TEXT_FIELDS, Transaction } from './transaction.js';
import { TextArena, utf8 } from './utf8.js';

const original = new Uint32Array(4);
const texts = new TextArena();
const waitingEnvelope = new EnvelopeWriter();

export function decideReturn(c: Context): Outcome {
  const { transaction: t, state } = c;
  const again = seenBefore(c);
  if (again) return again;
  if (otherWaits(c)) return refuse('conflict');
  const untimely = checkTime(t, c.nowMs, c.reference.set.partners[t.partnerOrdinal]!.document.latenessDays);
  if (untimely) return untimely;

  // ── the purchase ──
  originalHash(t, Kind.purchase);
  if (!state.transactions.find(original)) {
    originalHash(t, Kind.return);
    if (state.transactions.find(original)) return refuse('not-a-purchase');
    // The purchases of a linked card are where its account is.
    return linkOf(c) < 0 ? wait(c) : elsewhere;
  }
  const key = purchaseKey(original);
  const fact = c.factOf(state.transactions.batch, state.transactions.row);
  if (fact === 'missing') return missing;
  if (!fact) return refuse('unknown-original');
  const partner = c.reference.set.partners[t.partnerOrdinal]!.document;
  if (partner.returnWindowDays !== undefined && t.occurredAtMs - fact.occurredAtMs > partner.returnWindowDays * DAY_MS) return refuse('return-window');
  const account = parseAccount(fact.account);
  const ordinal = account ? account.ordinal : -1;
  // What was returned of an anonymous receipt is kept on the partition's own account.
  c.ordinal = ordinal >= 0 ? ordinal : OWN_ACCOUNT;
  state.ensure(c.ordinal);

  // ── what of it ──
  const returned = returnedLines(c, key, fact);
  if (!Array.isArray(returned)) return returned;

  // ── from here on it must succeed ──
  fillFromPurchase(t, fact, returned);
  c.reference.resolveLines(t);
  if (ordinal >= 0) settleFirst(c, ordinal, c.today(t.programOrdinal));
  c.postings.clear();
  c.awards.clear();
  noteReturned(c, key, returned);
  if (ordinal >= 0) reverseReturned(c, ordinal, key, fact, returned);
  c.applyCells(c.ordinal);
  c.ordinal = ordinal;
  writeFact(c, FactKind.return, -1, ordinal);
  return processed;
}

function originalHash(t: Transaction, kind: number): void {
  const { text } = t;
  const id = [text[2 * Text.id]!, text[2 * Text.id + 1]!] as const, ownKind = t.kind;
  text[2 * Text.id] = text[2 * Text.originalId]!;
  text[2 * Text.id + 1] = text[2 * Text.originalId + 1]!;
  t.kind = kind;
  transactionHash(t, original);
  t.kind = ownKind;
  text[2 * Text.id] = id[0];
  text[2 * Text.id + 1] = id[1];
}

/** The fact of a return shows the purchase's lines that it took, with their skus; its amounts become negative by the fact's sign. */
function fillFromPurchase(t: Transaction, fact: FactRecord, returned: ReturnedLine[]): void {
  let count = 0, total = 0;
  texts.clear();
  // Its own texts first: the record they lie in may hold hundreds of other transactions.
  for (let field = 0; field < TEXT_FIELDS; field++) {
    if (t.text[2 * field + 1]! > 0) t.text[2 * field] = texts.putBytes(t.bytes, t.text[2 * field]!, t.text[2 * field + 1]!);
  }
  const lines = new Map(fact.lines.map((line) => [line.line, line]));
  for (const { line, now } of returned) {
    if (now.amount === 0 && now.quantity === 0) continue;
    total += now.amount;
    const bought = lines.get(line);
    if (!bought) continue;
    t.lineNumber[count] = line;
    t.lineKind[count] = bought.kind;
    [t.skuStart[count], t.skuLength[count]] = texts.put(bought.sku);
    [t.categoryStart[count], t.categoryLength[count]] = texts.put(bought.category);
    t.quantity[count] = now.quantity;
    t.amount[count] = now.amount;
    t.discount[count] = 0;
    count++;
  }
  const set = (field: number, text: string): void => {
    if (text !== '' && t.text[2 * field + 1] === 0) [t.text[2 * field], t.text[2 * field + 1]] = texts.put(text);
  };
  set(Text.store, fact.store);
  set(Text.currency, fact.currency);
  t.lineCount = count;
  t.total = total;
  t.bytes = texts.take();
}

/** Asks for the fact of the purchase that the return in the context names, if it is known and not at hand. */
export function noteOriginal(c: Context): void {
  originalHash(c.transaction, Kind.purchase);
  if (c.state.transactions.find(original)) c.factOf(c.state.transactions.batch, c.state.transactions.row);
}

const waitingKey = (t: Transaction): string => waitingKeyOf(t.string(Text.partner), t.string(Text.id));

const waiting = new Transaction(), waitingReader = new EnvelopeReader(), waitingContent = new Uint32Array(2);

/** A return of this id waits, and says something else. */
function otherWaits(c: Context): boolean {
  if (c.state.waiting.size === 0) return false;
  const envelope = c.state.waiting.envelope(waitingKey(c.transaction));
  if (!envelope) return false;
  waitingReader.open(envelope.slice());
  waitingReader.next(waiting);
  contentHash(waiting, waitingContent);
  return waitingContent[0] !== c.contentHash[0] || waitingContent[1] !== c.contentHash[1];
}

function wait(c: Context): Outcome {
  const { transaction: t, state } = c;
  const key = waitingKey(t);
  if (state.waiting.has(key)) return { status: 'waiting' };
  const seconds = c.reference.set.programs[t.programOrdinal]!.document.unknownReturns?.waitSeconds ?? 86_400;
  const untilMs = c.nowMs + seconds * 1000;
  // Of a batch the answer is that it waits; what becomes of it later must not count among the answers that are still to come.
  const request = c.detailed ? c.request : 0;
  waitingEnvelope.begin(c.gateway, request, c.detailed);
  waitingEnvelope.add(t);
  c.effects.wait(utf8(key), WaitingReturns.value(untilMs, t.string(Text.originalId), waitingEnvelope.finish()));
  c.applyEffects();
  c.waiting.push({ key, partner: t.string(Text.partner), originalId: t.string(Text.originalId), untilMs, request });
  return { status: 'waiting' };
}

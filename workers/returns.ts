/**
 * The story of a return: find the purchase, check what is returned, reverse what was recorded (docs/calculation.md, Returns). The account is the purchase's, whatever
 * card is presented. A purchase that is not known here lets the return wait; the main thread looks for it in the other partitions (engine/waiting-returns.ts).
 */
import { DAY_MS } from './calendar.js';
import type { Context } from './context.js';
import { checkTime, elsewhere, missing, OWN_ACCOUNT, processed, refuse, seenBefore, settleFirst, writeFact, type Outcome } from './decide.js';
import { contentHash, EnvelopeReader, EnvelopeWriter, RECONCILIATION, transactionHash } from './envelope.js';
import { FactKind } from './facts/fact-header.js';
import { linkOf } from './forwarding.js';
import { purchaseKey, ReturnedLines } from './returned-lines.js';
import { reverseReturned } from './reverse-awards.js';
import { waitingKeyOf, WaitingReturns } from './state/waiting.js';
import { Kind, Text, TEXT_FIELDS, Transaction } from './transaction.js';
import { TextArena, utf8 } from './utf8.js';

const original = new Uint32Array(4), returned = new ReturnedLines(), texts = new TextArena();
const waitingEnvelope = new EnvelopeWriter();

export function decideReturn(c: Context): Outcome {
  const { transaction: t, state } = c;
  const again = seenBefore(c);
  if (again) return again;
  if (otherWaits(c)) return refuse('conflict');
  if (showsPaymentCard(c)) return refuse('payment-card');
  const untimely = checkTime(t, c.nowMs, c.reference.set.partners[t.partnerOrdinal]!.document.latenessDays);
  if (untimely) return untimely;

  // ── the purchase ──
  // The purchases of a linked card are where its account is.
  if (!knowsPurchase(c)) return linkOf(c) < 0 ? wait(c) : elsewhere;
  const key = purchaseKey(original);
  const purchase = c.purchaseAt(state.transactions.batch, state.transactions.row);
  if (purchase === 'missing') return missing;
  if (!purchase) return refuse('unknown-original');
  const { partners, historyDays = Infinity } = c.reference.set, { returnWindowDays = historyDays } = partners[t.partnerOrdinal]!.document;
  if (t.occurredAtMs - purchase.transaction.occurredAtMs > returnWindowDays * DAY_MS) return refuse('return-window');
  if (!sameCurrency(t, purchase.transaction)) return wrongCurrency(t, purchase.transaction);
  const { ordinal } = purchase;
  // What was returned of an anonymous receipt is kept on the partition's own account.
  c.ordinal = ordinal >= 0 ? ordinal : OWN_ACCOUNT;
  state.ensure(c.ordinal);

  // ── what of it ──
  returned.begin(c, key, purchase);
  const refused = returned.take(t, purchase);
  if (refused) return refused;

  // ── from here on it must succeed ──
  fillFromPurchase(t, purchase.forRules(c.reference));
  if (ordinal >= 0) settleFirst(c, ordinal, c.today(t.programOrdinal));
  c.postings.clear();
  c.awards.clear();
  reverseReturned(c, c.ordinal, key, purchase, returned, true);
  c.ordinal = ordinal;
  writeFact(c, FactKind.return, -1, ordinal);
  return processed;
}

/** The account is the purchase's, so the card needs no range; but numbers of payment cards are kept nowhere. */
function showsPaymentCard({ transaction: { bytes, text, programOrdinal }, reference }: Context): boolean {
  const start = text[2 * Text.card]!, length = text[2 * Text.card + 1]!;
  return length > 0 && !reference.takesCard(programOrdinal, bytes, start, length) && reference.whyNotTaken(bytes, start, length) === 'payment-card';
}

/** Leaves the hash of the purchase in `original`. A posting that the reconciler took back is not the purchase: another one counts, in another partition. */
function knowsPurchase({ transaction: t, state: { transactions } }: Context): boolean {
  originalHash(t, RECONCILIATION);
  const isTakenBack = transactions.find(original);
  originalHash(t, Kind.purchase);
  return !isTakenBack && transactions.find(original);
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

/** Amounts of a return are in its purchase's currency, which it need not name. */
function sameCurrency(t: Transaction, purchase: Transaction): boolean {
  const start = t.text[2 * Text.currency]!, length = t.text[2 * Text.currency + 1]!, bought = purchase.text[2 * Text.currency]!;
  if (length === 0) return true;
  if (length !== purchase.text[2 * Text.currency + 1]!) return false;
  for (let i = 0; i < length; i++) if (t.bytes[start + i] !== purchase.bytes[bought + i]) return false;
  return true;
}
function wrongCurrency(t: Transaction, purchase: Transaction): Outcome {
  const detail = `the purchase is in ${purchase.string(Text.currency)}, the return in ${t.string(Text.currency)}`;
  return { status: 'rejected', reason: 'wrong-currency', pointer: '/currency', detail };
}

/** The fact of a return shows the purchase's lines that it took, as the catalog described them then: sums by brand are net. Its amounts become negative by the fact's sign. */
function fillFromPurchase(t: Transaction, purchase: Transaction): void {
  let total = 0, count = 0;
  texts.clear();
  // Its own texts first: the record they lie in may hold hundreds of other transactions.
  for (let field = 0; field < TEXT_FIELDS; field++) copyText(t, field, t);
  for (let line = 0; line < returned.count; line++) {
    const amount = returned.amountNow[line]!, quantity = returned.quantityNow[line]!;
    const discount = line < purchase.lineCount ? returned.discountNow(line, purchase.discount[line]!) : 0, taken = amount !== 0 || quantity !== 0 || discount !== 0;
    total += amount;
    returned.placeInReturn[line] = taken && line < purchase.lineCount ? count++ : -1;
    if (returned.placeInReturn[line]! < 0) continue;
    const place = returned.placeInReturn[line]!;
    t.lineNumber[place] = purchase.lineNumber[line]!;
    t.lineKind[place] = purchase.lineKind[line]!;
    t.skuStart[place] = texts.putBytes(purchase.bytes, purchase.skuStart[line]!, t.skuLength[place] = purchase.skuLength[line]!);
    t.categoryStart[place] = texts.putBytes(purchase.bytes, purchase.categoryStart[line]!, t.categoryLength[place] = purchase.categoryLength[line]!);
    t.lineProduct[place] = -1;
    t.lineCategory[place] = purchase.lineCategory[line]!;
    t.lineDepartment[place] = purchase.lineDepartment[line]!;
    t.lineBrand[place] = purchase.lineBrand[line]!;
    t.quantity[place] = quantity;
    t.amount[place] = amount;
    t.discount[place] = discount;
  }
  for (const field of [Text.store, Text.currency]) if (t.text[2 * field + 1] === 0) copyText(purchase, field, t);
  t.lineCount = count;
  t.total = total;
  t.bytes = texts.bytes;
}
function copyText(from: Transaction, field: number, to: Transaction): void {
  const length = from.text[2 * field + 1]!;
  if (length > 0) to.text[2 * field] = texts.putBytes(from.bytes, from.text[2 * field]!, length);
  to.text[2 * field + 1] = length;
}

/** Asks for the fact of the purchase that the return in the context names, if it is known and not at hand. */
export function noteOriginal(c: Context): void {
  if (knowsPurchase(c)) c.askFor(c.state.transactions.batch, c.state.transactions.row);
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

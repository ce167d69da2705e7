/**
 * The story of a return: find the purchase, check what is returned, reverse what was recorded (docs/calculation.md, Returns). The account is the purchase's, whatever
 * card is presented. A purchase that is not known here lets the return wait; the main thread looks for it in the other partitions (engine/waiting.ts).
 */
import type { FactRecord } from '../schemas/fact.js';
import type { Context } from './context.js';
import { checkTime, DAY_MS, missing, OWN_ACCOUNT, parseAccount, processed, refuse, seenBefore, settleFirst, split, writeFact, type Outcome } from './decide.js';
import { EnvelopeWriter, transactionHash } from './envelope.js';
import { FactKind } from './facts/fact-block.js';
import { CellKind, cellKey, Period } from './ledger/cells.js';
import { takeBack } from './ledger/ledger.js';
import { recordedBase, requalify, type Remaining } from './rules/requalify.js';
import { WaitingReturns } from './state/waiting.js';
import { Kind, Text, TEXT_FIELDS, type Transaction } from './transaction.js';
import { TextArena, utf8 } from './utf8.js';

const original = new Uint32Array(4);
const texts = new TextArena();
const waitingEnvelope = new EnvelopeWriter();

/** Returned so far and now, of one line of the purchase. */
interface ReturnedLine { line: number; amount: number; quantity: number; before: { amount: number; quantity: number }; now: { amount: number; quantity: number } }

export function decideReturn(c: Context): Outcome {
  const { transaction: t, state } = c;
  const again = seenBefore(c);
  if (again) return again;
  const untimely = checkTime(t, c.nowMs, c.reference.set.partners[t.partnerOrdinal]!.document.latenessDays);
  if (untimely) return untimely;

  // ── the purchase ──
  originalHash(t, Kind.purchase);
  if (!state.transactions.find(original)) {
    originalHash(t, Kind.return);
    if (state.transactions.find(original)) return refuse('not-a-purchase');
    return wait(c);
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
  if (ordinal >= 0) reverseAwards(c, ordinal, key, fact, returned, reversals(c, fact, returned), (award, points) => recordAward(c, award, points, returned));
  c.applyCells(c.ordinal);
  c.ordinal = ordinal;
  writeFact(c, FactKind.return, -1, ordinal);
  return processed;
}

/** As if all that remains were returned with `proportional`, without a return: what the purchase gave goes, its counters fall. The account is c.ordinal. */
export function reverseWhole(c: Context, ordinal: number, idHash: Uint32Array, fact: FactRecord): void {
  const key = purchaseKey(idHash), returned = boughtLines(c, key, fact);
  for (const line of returned) line.now = remainderOf(line);
  noteReturned(c, key, returned);
  reverseAwards(c, ordinal, key, fact, returned, fact.awards.map(({ points }) => points), () => -1);
  c.applyCells(ordinal);
}

/** Under which the account keeps what has been returned of a purchase. */
const purchaseKey = (idHash: Uint32Array): number => (idHash[0]! % 2 ** 21) * 2 ** 32 + idHash[1]!;
const remainderOf = ({ amount, quantity, before }: ReturnedLine): { amount: number; quantity: number } => ({ amount: amount - before.amount, quantity: quantity - before.quantity });

/** Lines of the purchase with what was returned of them before. One that only states its total counts as one line. */
function boughtLines(c: Context, key: number, fact: FactRecord): ReturnedLine[] {
  const lines = fact.lines.length > 0 ? fact.lines : [{ line: 1, amount: fact.total, quantity: 1000 }];
  return lines.map(({ line, amount, quantity }) => {
    const before = { amount: c.get(cellKey(CellKind.returnedAmount, 0, line), key), quantity: c.get(cellKey(CellKind.returnedQuantity, 0, line), key) };
    return { line, amount, quantity, before, now: { amount: 0, quantity: 0 } };
  });
}
function noteReturned(c: Context, key: number, returned: ReturnedLine[]): void {
  for (const { line, now } of returned) {
    c.add(cellKey(CellKind.returnedAmount, 0, line), key, now.amount);
    c.add(cellKey(CellKind.returnedQuantity, 0, line), key, now.quantity);
  }
}

/** Lines of the purchase with what this return takes, or a refusal. */
function returnedLines(c: Context, key: number, fact: FactRecord): ReturnedLine[] | Outcome {
  const { transaction: t } = c;
  const all = new Map(boughtLines(c, key, fact).map((entry) => [entry.line, entry]));
  if (t.lineCount > 0) {
    for (let i = 0; i < t.lineCount; i++) {
      const entry = all.get(t.lineNumber[i]!);
      if (!entry || fact.lines.length === 0) return { status: 'rejected', reason: 'unknown-line', pointer: `/lines/${i}/line`, detail: `the purchase has no line ${t.lineNumber[i]!}` };
      entry.now.amount += t.amount[i]!;
      entry.now.quantity += t.quantity[i]!;
      if (entry.before.amount + entry.now.amount > Math.max(entry.amount, 0) || entry.before.quantity + entry.now.quantity > entry.quantity) {
        return {
          status: 'rejected', reason: 'return-exceeds', pointer: `/lines/${i}`,
          detail: `line ${entry.line}: bought ${entry.amount} for quantity ${entry.quantity / 1000}, returned before ${entry.before.amount} for ${entry.before.quantity / 1000}`,
        };
      }
    }
  } else if (fact.lines.length === 0 && t.total > 0) {
    const entry = all.get(1)!;
    entry.now.amount = t.total;
    if (entry.before.amount + t.total > entry.amount) return { status: 'rejected', reason: 'return-exceeds', pointer: '/total', detail: `bought for ${entry.amount}, returned before ${entry.before.amount}` };
    if (entry.before.amount + t.total === entry.amount) entry.now.quantity = entry.quantity - entry.before.quantity;
  } else {
    for (const entry of all.values()) entry.now = remainderOf(entry);
  }
  const taken = [...all.values()].filter(({ now }) => now.amount !== 0 || now.quantity !== 0);
  return taken.length > 0 ? [...all.values()] : { status: 'rejected', reason: 'return-exceeds', detail: 'everything of this purchase has been returned' };
}

/** Reverses each award of the purchase up to `reversedSoFar`; cumulative, so that parts add up to the whole. `record`: the number that a reversal gets among the awards of the fact. */
function reverseAwards(
  c: Context, ordinal: number, key: number, fact: FactRecord, returned: ReturnedLine[], reversedSoFar: number[], record: (award: FactRecord['awards'][number], points: number) => number,
): void {
  const { awards, reference } = c;
  const whole = returned.every(({ amount, before, now }) => amount <= 0 || before.amount + now.amount === amount);
  const wasWhole = returned.every(({ amount, before }) => amount <= 0 || before.amount === amount);
  const byLine = new Map(returned.map((entry) => [entry.line, entry]));
  fact.awards.forEach((award, number) => {
    const rule = reference.set.rules[award.ruleIndex]!;
    const before = c.get(cellKey(CellKind.reversed, 0, number), key);
    const now = Math.max(0, reversedSoFar[number]! - before);
    moveCounters(c, fact, award, rule.rule, byLine, whole && !wasWhole, before, before + now);
    if (now === 0) return;
    c.add(cellKey(CellKind.reversed, 0, number), key, now);
    const place = record(award, now);
    for (const { points, funder, currency, expires, matures } of reversalParts(fact, number, before, before + now)) {
      if (points > 0) takeBack(c, ordinal, reference.currencyOrdinal(currency, c.transaction.programOrdinal), reference.funderOrdinal(funder), points, place, expires, matures);
    }
  });
  awards.counterTotal = 0;
}

/** Points of each award that are reversed once this return is counted, by the rule's onReturn. */
function reversals(c: Context, fact: FactRecord, returned: ReturnedLine[]): number[] {
  const { reference } = c;
  const byLine = new Map(returned.map((entry) => [entry.line, entry]));
  const remaining: Remaining[] = returned.map(({ line, amount, quantity, before, now }) => ({ line, amount: amount - before.amount - now.amount, quantity: quantity - before.quantity - now.quantity }));
  const result = fact.awards.map(() => 0);
  const proportional = (number: number): number => {
    const award = fact.awards[number]!;
    const { bought, returned } = boughtAndReturned(award, byLine, false);
    return bought === 0 ? 0 : portion(award.points, returned, bought);
  };
  const documents = fact.awards.map((award) => reference.set.rules[award.ruleIndex]!.document);
  for (const multipliers of [false, true]) {
    fact.awards.forEach((award, number) => {
      const { onReturn = 'proportional', award: given } = documents[number]!;
      if ((given.kind === 'multiplier') !== multipliers || onReturn === 'keep') return;
      if (onReturn === 'proportional') result[number] = proportional(number);
      else if (given.kind === 'multiplier') {
        const bases = fact.awards.flatMap((base, i) => (given.of.includes(base.rule) ? [i] : []));
        const points = bases.reduce((sum, i) => sum + fact.awards[i]!.points, 0);
        const left = bases.reduce((sum, i) => sum + fact.awards[i]!.points - result[i]!, 0);
        result[number] = points === 0 ? proportional(number) : award.points - portion(award.points, left, points);
      } else result[number] = award.points - Math.min(award.points, requalify(reference, award, fact, remaining));
    });
  }
  return result;
}

/** Sums over the earning lines of an award, before this return or with it. */
function boughtAndReturned(award: FactRecord['awards'][number], byLine: Map<number, ReturnedLine>, beforeOnly: boolean): { bought: number; returned: number } {
  let bought = 0, returned = 0;
  const shares = award.shares.length > 0 ? award.shares : [...byLine.keys()].map((line) => ({ line }));
  for (const { line } of shares) {
    const entry = byLine.get(line);
    if (!entry || entry.amount <= 0) continue;
    bought += entry.amount;
    returned += entry.before.amount + (beforeOnly ? 0 : entry.now.amount);
  }
  return { bought, returned };
}

function moveCounters(c: Context, fact: FactRecord, award: FactRecord['awards'][number], rule: number, byLine: Map<number, ReturnedLine>, becameWhole: boolean, before: number, after: number): void {
  const { award: given, caps } = c.reference.set.rules[award.ruleIndex]!.document;
  if (given.kind === 'spendThreshold') {
    const base = recordedBase(c.reference, award, fact);
    const earlier = boughtAndReturned(award, byLine, true), now = boughtAndReturned(award, byLine, false);
    if (now.bought > 0) c.add(cellKey(CellKind.ruleSpend, 0, rule), award.period, portion(base, earlier.returned, now.bought) - portion(base, now.returned, now.bought));
  }
  if ((given.kind === 'everyNth' || given.kind === 'firstPurchase') && becameWhole) c.add(cellKey(CellKind.ruleCount, 0, rule), 0, -1);
  if (award.milestones > 0 && award.points > 0 && after === award.points && before < after) {
    c.add(cellKey(CellKind.rulePaid, 0, rule), given.kind === 'spendThreshold' ? award.period : Period.ever, -award.milestones);
  }
  if (caps?.perAccountPerDay !== undefined) {
    c.add(cellKey(CellKind.ruleDay, 0, rule), c.reference.programDay(c.transaction.programOrdinal, fact.occurredAtMs), before - after);
  }
}

/** The reversal among the awards of the return's own fact, negative; returns its number there. */
function recordAward(c: Context, award: FactRecord['awards'][number], points: number, returned: ReturnedLine[]): number {
  const { awards, transaction: t } = c;
  const number = awards.count++;
  awards.rule[number] = award.ruleIndex;
  awards.currency[number] = c.reference.currencyOrdinal(award.currency, t.programOrdinal);
  awards.points[number] = -points;
  awards.input[number] = 0;
  awards.milestones[number] = 0;
  awards.period[number] = 0;
  awards.shareStart[number] = awards.shareTotal;
  const taken = returned.filter(({ now }) => now.amount > 0);
  const among = taken.filter(({ line }) => award.shares.some((share) => share.line === line));
  const lines = among.length > 0 ? among : taken;
  const weights = lines.map(({ now }) => now.amount);
  const shares = split(points, weights);
  lines.forEach(({ line }, i) => {
    const index = t.lineNumber.subarray(0, t.lineCount).indexOf(line);
    if (index >= 0) awards.addShare(index, -shares[i]!);
  });
  awards.shareCount[number] = awards.shareTotal - awards.shareStart[number];
  return number;
}

/** The parts of a reversal by funder and lot: what the purchase posted for the award, cumulatively, less what was reversed before. */
function reversalParts(fact: FactRecord, number: number, before: number, after: number): (FactRecord['postings'][number] & { points: number })[] {
  const postings = fact.postings.filter(({ award, kind }) => award === number && kind === 'accrual');
  const parts = (total: number): number[] => {
    let left = total, weight = postings.reduce((sum, { points }) => sum + points, 0);
    return postings.map(({ points }) => {
      const part = weight === 0 ? 0 : Number((BigInt(left) * BigInt(points) + BigInt(weight) - 1n) / BigInt(weight));
      left -= part;
      weight -= points;
      return part;
    });
  };
  const earlier = parts(before), now = parts(after);
  return postings.map((posting, i) => ({ ...posting, points: now[i]! - earlier[i]! }));
}

/** floor(x × part / whole), exactly. */
function portion(x: number, part: number, whole: number): number {
  return x * part <= Number.MAX_SAFE_INTEGER ? Math.floor((x * part) / whole) : Number((BigInt(x) * BigInt(part)) / BigInt(whole));
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
  for (let field = 0; field < TEXT_FIELDS; field++) if (t.text[2 * field + 1]! > 0) t.text[2 * field] = texts.putBytes(t.bytes, t.text[2 * field]!, t.text[2 * field + 1]!);
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

const waitingKey = (t: Transaction): string => `${t.string(Text.partner)}\n${t.string(Text.id)}`;

function wait(c: Context): Outcome {
  const { transaction: t, state } = c;
  const key = waitingKey(t);
  if (state.waiting.has(key)) return { status: 'waiting' };
  const seconds = c.reference.set.programs[t.programOrdinal]!.document.unknownReturns?.waitSeconds ?? 86_400;
  const untilMs = c.nowMs + seconds * 1000;
  waitingEnvelope.begin(c.gateway, c.request, c.detailed);
  waitingEnvelope.add(t);
  c.effects.wait(utf8(key), WaitingReturns.value(untilMs, t.string(Text.originalId), waitingEnvelope.finish()));
  c.applyEffects();
  c.waiting.push({ key, partner: t.string(Text.partner), originalId: t.string(Text.originalId), untilMs, request: c.request });
  return { status: 'waiting' };
}

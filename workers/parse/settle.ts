/**
 * The rules between the fields of a transaction that a fast reader has filled, and what follows from the fields: numbers of lines and the total. They
 * are the rules of checkTransaction (schemas/transaction.ts), which explains; this only says whether all of them hold. A property test holds the two
 * together.
 */
import { LINE_NUMBER_MAX } from '../../schemas/transaction.js';
import { Kind, LineKind, Text, type Transaction } from '../transaction.js';

const SAFE_MAX = Number.MAX_SAFE_INTEGER;
const CARD = 2 * Text.card + 1, ACCOUNT = 2 * Text.account + 1, CURRENCY = 2 * Text.currency + 1, ORIGINAL = 2 * Text.originalId + 1;

/** False: the transaction breaks a rule, and the slow reader says which. The partner's presence is not looked at. */
export function settle(t: Transaction, hasTotal: boolean): boolean {
  const text = t.text;
  if (text[CARD] !== 0 && text[ACCOUNT] !== 0) return false;
  if (t.kind === Kind.purchase) {
    if (text[CURRENCY] === 0 || text[ORIGINAL] !== 0 || t.lineCount === 0 && !hasTotal) return false;
  } else if (text[ORIGINAL] === 0 || t.lineCount === 0 && hasTotal && t.total === 0) return false;
  return t.lineCount === 0 || settleLines(t, hasTotal);
}

function settleLines(t: Transaction, hasTotal: boolean): boolean {
  const { lineCount, lineNumber, lineKind, skuLength, quantity, amount, discount } = t;
  const isReturn = t.kind === Kind.return;
  let sum = 0, amounts = 0, discounts = 0, quantities = 0, ascending = true, last = 0;
  for (let i = 0; i < lineCount; i++) {
    const lineAmount = amount[i]!;
    let number = lineNumber[i]!;
    if (isReturn) {
      if (number === 0 || lineAmount < 0 || lineAmount === 0 && quantity[i] === 0) return false;
    } else if (lineKind[i] === LineKind.product && (skuLength[i] === 0 || lineAmount < 0)) return false;
    if (number === 0) lineNumber[i] = number = i + 1;
    if (number <= last) ascending = false;
    last = number;
    sum += lineAmount;
    amounts += lineAmount < 0 ? -lineAmount : lineAmount;
    discounts += discount[i]!;
    quantities += quantity[i]!;
  }
  // Below the bound these sums are exact, and one that passes it stays above it: the terms are not negative.
  if (amounts > SAFE_MAX || discounts > SAFE_MAX || quantities > SAFE_MAX || sum < 0 || hasTotal && sum !== t.total) return false;
  t.total = sum;
  return ascending || differ(lineNumber, lineCount);
}

const numbersSeen = new Uint8Array(LINE_NUMBER_MAX + 1);

/** Whether line numbers in any order are all different. */
function differ(lineNumber: Int32Array, lineCount: number): boolean {
  let all = true;
  for (let i = 0; i < lineCount; i++) all = numbersSeen[lineNumber[i]!]++ === 0 && all;
  for (let i = 0; i < lineCount; i++) numbersSeen[lineNumber[i]!] = 0;
  return all;
}

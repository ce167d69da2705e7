/**
 * The transaction as partners post it (docs: contract of the API): its table of fields, and the rules that tie fields together.
 *
 * The order of `transaction` is the order of the positional form (schemas/envelope.ts) and of the content hash: new fields go to the end.
 */
import { integerOf, thousandthsOf } from './decoded.js';
import {
  choice, code, dateTime, identifier, INTEGER_MAX, integer, list, money, optional, record, signedMoney, text, thousandths, type TypeOf,
} from './fields.js';
import { problem, shown, type Problem } from './validate.js';

export const LINES_MAX = 1000;
export const LINE_NUMBER_MAX = 999_999;
export const TENDERS_MAX = 100;
export const COUPONS_MAX = 100;

export const line = record({
  line: optional(integer(1, LINE_NUMBER_MAX, 'Number of the line; its position from 1 when not given. Of a return: the line of the original.')),
  sku: optional(identifier('Required for product lines of a purchase.')),
  quantity: thousandths('At most three decimals.'),
  amount: signedMoney('Minor units for the whole line, after discounts, before points paid. Negative only for deposit and discount lines.'),
  discount: optional(money('What was taken off already, in minor units.')),
  category: optional(identifier("The line's own category, instead of the product's.")),
  kind: optional(choice(['product', 'deposit', 'discount'], 'product when not given.')),
});

const tender = record({
  kind: text(64, 'cash, card, points …'),
  amount: money('Minor units.'),
  redemption: optional(identifier('The redemption that paid this part.')),
});

export const transaction = record({
  id: identifier("The partner's own id, unique among its transactions of this kind."),
  kind: choice(['purchase', 'return']),
  partner: identifier(),
  program: optional(identifier("The partner's program when not given.")),
  store: optional(identifier()),
  terminal: optional(identifier()),
  cashier: optional(identifier()),
  channel: optional(identifier()),
  card: optional(identifier('The card presented. Card or account or neither, not both.')),
  account: optional(identifier('Account id like 12.480093.')),
  currency: optional(code(3, 'A', 'Z', 'ISO 4217. Required for a purchase; of a return that of its purchase.')),
  mcc: optional(code(4, '0', '9', 'Merchant category code (ISO 18245).')),
  merchant: optional(text(256)),
  original: optional(record({ id: identifier() }, 'Of a return: the purchase.')),
  occurredAt: dateTime('RFC 3339 with offset or Z.'),
  total: optional(money('Minor units; equal to the sum of the lines when there are lines.')),
  lines: optional(list(line, 1, LINES_MAX)),
  tenders: optional(list(tender, 0, TENDERS_MAX)),
  coupons: optional(list(identifier(), 0, COUPONS_MAX)),
}, 'A purchase, or a return of one. A purchase needs lines or total; a return needs original.id, and its lines name those of the original.');

export type TransactionDocument = TypeOf<typeof transaction>;
export type LineDocument = TypeOf<typeof line>;

/** The rules between fields, for a document that fits the table. workers/parse/settle.ts holds the same rules for the fast readers. */
export function checkTransaction(document: TransactionDocument): Problem[] {
  const { kind, lines, total, card, account, currency, original } = document;
  const problems: Problem[] = [];
  const report = (...of: Parameters<typeof problem>): void => void problems.push(problem(...of));

  if (card !== undefined && account !== undefined) report('/account', 'invalid', 'card and account are both given', 'Send one of them.');
  if (kind === 'purchase') {
    if (currency === undefined) report('/currency', 'missing', '"currency" is required');
    if (original !== undefined) report('/original', 'invalid', 'only a return has an original');
    if (lines === undefined && total === undefined) report('/lines', 'missing', 'a purchase needs lines or total', 'Send lines, or total, or both.');
  } else {
    if (original === undefined) report('/original', 'missing', 'a return needs original.id', 'Name the purchase that is returned.');
    if (lines === undefined && total === 0) report('/total', 'invalid', 'a return needs positive values', 'Leave total out to return all that remains.');
  }
  if (lines !== undefined) checkLines(document, lines, problems);
  return problems;
}

function checkLines({ kind, total }: TransactionDocument, lines: LineDocument[], problems: Problem[]): void {
  const numbers = new Set<number>();
  let sum = 0n, amounts = 0n, discounts = 0n, quantities = 0n;
  lines.forEach((line, i) => {
    const report = (name: string, ...of: [reason: Problem['reason'], detail: string, hint?: string]): void =>
      void problems.push(problem(`/lines/${i}/${name}`, ...of));
    const number = line.line ?? i + 1, amount = integerOf(line.amount) ?? 0, quantity = thousandthsOf(line.quantity) ?? 0;
    if (numbers.has(number)) report('line', 'invalid', `line ${number} is there twice`, 'Number the lines from 1, each once.');
    numbers.add(number);
    if (kind === 'return') {
      if (line.line === undefined) report('line', 'missing', '"line" is required in a return', 'Name the line of the original.');
      if (amount < 0) report('amount', 'invalid', `must be positive in a return, not ${amount}`, 'Send what is returned as positive values.');
      if (amount === 0 && quantity === 0) report('quantity', 'invalid', 'a line of a return needs a positive quantity or amount', 'Leave the line out.');
    } else if (line.kind === undefined || line.kind === 'product') {
      if (line.sku === undefined) report('sku', 'missing', '"sku" is required');
      if (amount < 0) report('amount', 'invalid', `must not be negative, not ${amount}`, 'Only deposit and discount lines are negative.');
    }
    sum += BigInt(amount);
    amounts += BigInt(Math.abs(amount));
    discounts += BigInt(integerOf(line.discount) ?? 0);
    quantities += BigInt(quantity);
  });
  // Of absolute values, so that no sum over some of the lines passes the bound either.
  if (amounts > INTEGER_MAX || discounts > INTEGER_MAX || quantities > INTEGER_MAX) {
    problems.push(problem('/lines', 'overflow', 'the sum of the lines passes 2^53-1'));
  }
  if (problems.length > 0) return;
  if (sum < 0n) problems.push(problem('/lines', 'invalid', `the sum of the lines is negative: ${sum}`));
  else if (total !== undefined && sum !== BigInt(total)) {
    problems.push(problem('/total', 'total-mismatch', `total is ${shown(total)}, the lines add up to ${sum}`));
  }
}

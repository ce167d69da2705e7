/**
 * A purchase as its fact recorded it, in numbers again: what returns reverse, and what rules look at once more. One instance, refilled from the cells of a block, be it one that was read
 * or the one that is being written.
 */
import { AwardSet } from './awards.js';
import { copyText } from './facts/cells.js';
import type { FactRows } from './facts/read-fact.js';
import { Balance, Counter, PostingKind, postingKindNames, Postings } from './ledger/postings.js';
import type { Reference } from './reference.js';
import { Text, Transaction } from './transaction.js';
import { TextArena } from './utf8.js';

/** What its return says, too; and what else conditions and scopes ask for. */
const ownTexts = [['program', Text.program], ['store', Text.store], ['currency', Text.currency]] as const;
const ruleTexts = [['partner', Text.partner], ['terminal', Text.terminal], ['cashier', Text.cashier], ['channel', Text.channel], ['card', Text.card]] as const;

export class RecordedPurchase {
  /** Its lines, texts and time; what only rules ask for is there after `forRules`. */
  readonly transaction = new Transaction();
  /** Shares name lines by their index. */
  readonly awards = new AwardSet();
  /** The postings that gave the points of awards. */
  readonly accruals = new Postings();
  accountPartition = 0;
  /** Of the account; -1: none. */
  ordinal = -1;

  private readonly texts = new TextArena();
  private readonly rest = new Transaction();
  private rows!: FactRows;
  private row = 0;
  private isNamed = false;

  /** Good until the next one is read; from a block that is being written, until that is finished. */
  read(rows: FactRows, row: number, reference: Reference): void {
    const { transaction: t, texts } = this, { number, text } = rows;
    this.rows = rows;
    this.row = row;
    this.isNamed = false;
    this.accountPartition = number.account_partition.at(row);
    this.ordinal = number.account_number.at(row);
    texts.clear();
    t.text.fill(0);
    for (const [name, field] of ownTexts) [t.text[2 * field], t.text[2 * field + 1]] = copyText(text[name], row, texts);
    t.occurredAtMs = number.occurred_at.at(row);
    t.total = number.total.at(row);
    this.readLines();
    t.bytes = texts.bytes;
    t.programOrdinal = reference.programOrdinal(t.bytes, t.text[2 * Text.program]!, t.text[2 * Text.program + 1]!);
    this.readAwards(reference);
    this.readAccruals(reference);
  }
  /** The purchase as rules look at it: what catalog and reference data said then stands in its lines. */
  forRules(reference: Reference): Transaction {
    const { transaction: t, texts, rows, row } = this, { nameTable } = reference;
    if (this.isNamed) return t;
    this.isNamed = true;
    for (const [name, field] of ruleTexts) [t.text[2 * field], t.text[2 * field + 1]] = copyText(rows.text[name], row, texts);
    const { line_texts: list } = rows.lists, first = list.start(row), department = list.text('department'), brand = list.text('brand');
    const named = ([start, length]: [start: number, length: number]): number => nameTable.intern(texts.bytes, start, length);
    for (let i = 0; i < t.lineCount; i++) {
      t.lineProduct[i] = -1;
      t.lineDepartment[i] = named(copyText(department, first + i, texts));
      t.lineBrand[i] = named(copyText(brand, first + i, texts));
      t.lineCategory[i] = nameTable.intern(texts.bytes, t.categoryStart[i]!, t.categoryLength[i]!);
    }
    t.bytes = texts.bytes;
    t.partnerOrdinal = reference.partnerOrdinal(t.bytes, t.text[2 * Text.partner]!, t.text[2 * Text.partner + 1]!);
    return t;
  }
  /** What is left of it: of each line the amount and quantity given; lines of which neither is left are left out. Good until the next call. */
  remaining(reference: Reference, amount: Float64Array, quantity: Float64Array): Transaction {
    const t = this.forRules(reference), { rest } = this;
    rest.bytes = t.bytes;
    rest.text.set(t.text);
    rest.occurredAtMs = t.occurredAtMs;
    rest.partnerOrdinal = t.partnerOrdinal;
    rest.programOrdinal = t.programOrdinal;
    rest.lineCount = 0;
    rest.total = t.lineCount === 0 ? amount[0]! : 0;
    for (let i = 0; i < t.lineCount; i++) {
      if (quantity[i] === 0 && amount[i] === 0) continue;
      const to = rest.lineCount++;
      for (const field of lineFields) rest[field][to] = t[field][i]!;
      rest.quantity[to] = quantity[i]!;
      rest.amount[to] = amount[i]!;
      rest.total += amount[i]!;
    }
    return rest;
  }
  /** Index of a line by its number; -1: it has no such line. */
  lineIndex(number: number): number {
    const { lineNumber, lineCount } = this.transaction;
    // Mostly they are numbered from 1.
    if (number <= lineCount && lineNumber[number - 1] === number) return number - 1;
    for (let i = 0; i < lineCount; i++) if (lineNumber[i] === number) return i;
    return -1;
  }

  private readLines(): void {
    const { transaction: t, texts, rows, row } = this, { line_values: values, line_texts: lineTexts } = rows.lists, first = values.start(row);
    const line = values.number('line'), kind = values.number('kind'), quantity = values.number('quantity'), amount = values.number('amount'), discount = values.number('discount');
    const sku = lineTexts.text('sku'), category = lineTexts.text('category');
    t.lineCount = (values.ends.at(row) - first) | 0;
    for (let i = 0; i < t.lineCount; i++) {
      t.lineNumber[i] = line.at(first + i);
      t.lineKind[i] = kind.at(first + i);
      t.quantity[i] = quantity.at(first + i);
      t.amount[i] = amount.at(first + i);
      t.discount[i] = discount.at(first + i);
      [t.skuStart[i], t.skuLength[i]] = copyText(sku, first + i, texts);
      [t.categoryStart[i], t.categoryLength[i]] = copyText(category, first + i, texts);
    }
  }
  private readAwards(reference: Reference): void {
    const { awards, rows, row, transaction: t } = this, { awards: list, counters, shares } = rows.lists, first = list.start(row), points = list.number('points');
    awards.clear();
    awards.count = (list.ends.at(row) - first) | 0; // an integer also to the compiler, as in all other AwardSets
    for (let i = 0; i < awards.count; i++) {
      const { ruleIndex, currency } = rows.rule.at(first + i);
      awards.rule[i] = ruleIndex;
      awards.currency[i] = reference.currencyOrdinal(currency, t.programOrdinal);
      awards.points[i] = points.at(first + i);
      awards.input[i] = awards.milestones[i] = awards.period[i] = awards.shareCount[i] = 0;
    }
    const counted = counters.number('award'), input = counters.number('input'), milestones = counters.number('milestones'), period = counters.number('period');
    for (let i = counters.start(row), end = counters.ends.at(row); i < end; i++) {
      const award = counted.at(i);
      awards.input[award] = input.at(i);
      awards.milestones[award] = milestones.at(i);
      awards.period[award] = period.at(i);
    }
    const shared = shares.number('award'), line = shares.number('line'), sharePoints = shares.number('points');
    for (let i = shares.start(row), end = shares.ends.at(row), last = -1; i < end; i++) {
      const award = shared.at(i);
      if (award !== last) awards.shareStart[last = award] = awards.shareTotal;
      awards.addShare(t.lineCount === 0 ? 0 : this.lineIndex(line.at(i)), sharePoints.at(i));
      awards.shareCount[award]!++;
    }
    for (let award = 0; award < awards.count; award++) if (awards.points[award] === 0 && awards.shareCount[award] === 0) this.addSharesOfNothing(award);
  }
  /** The shares of an award of 0 points on all earning lines are not written. */
  private addSharesOfNothing(award: number): void {
    const { awards, transaction: { lineCount, amount, quantity } } = this;
    awards.shareStart[award] = awards.shareTotal;
    for (let i = 0; i < lineCount; i++) if (amount[i]! > 0 && quantity[i]! > 0) awards.addShare(i, 0);
    awards.shareCount[award] = awards.shareTotal - awards.shareStart[award]!;
  }
  private readAccruals(reference: Reference): void {
    const { accruals, rows, row, transaction: { programOrdinal } } = this, { postings: list } = rows.lists;
    const points = list.number('points'), award = list.number('award'), expires = list.number('expires'), matures = list.number('matures');
    accruals.clear();
    for (let i = list.start(row), end = list.ends.at(row); i < end; i++) {
      const { kind, currency, funder } = rows.side.at(i);
      if (kind !== accrual) continue;
      const ordinal = reference.currencyOrdinal(currency, programOrdinal), balance = Balance.available; // which balance it was does not matter any more
      accruals.add(PostingKind.accrual, balance, Counter.issuance, ordinal, reference.funderOrdinal(funder), points.at(i), award.at(i), expires.at(i), matures.at(i));
    }
  }
}

const accrual = postingKindNames[PostingKind.accrual];
const lineFields = [
  'lineNumber', 'lineKind', 'skuStart', 'skuLength', 'categoryStart', 'categoryLength', 'discount', 'lineProduct', 'lineCategory', 'lineDepartment', 'lineBrand',
] as const;

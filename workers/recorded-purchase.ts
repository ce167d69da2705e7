/**
 * A purchase as its fact recorded it, in numbers again: what returns reverse, and what rules look at once more. One instance, refilled from the cells of a block, be it one that was read
 * or the one that is being written.
 */
import { AwardSet } from './awards.js';
import { copyName, copyText, type NameCells, type TextCells } from './facts/cells.js';
import type { PurchaseCells } from './facts/purchase-cells.js';
import type { FactRows } from './facts/read-fact.js';
import { Balance, Counter, PostingKind, Postings } from './ledger/postings.js';
import { RecordedNames } from './recorded-names.js';
import type { Reference } from './reference.js';
import { Text, Transaction } from './transaction.js';
import { TextArena } from './utf8.js';

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
  /** Of the reference data that it was decided with. */
  referenceVersion = 0;

  private readonly texts = new TextArena();
  private readonly rest = new Transaction();
  private cells!: PurchaseCells;
  private row = 0;
  private isNamed = false;
  private reference: Reference | undefined;
  /** By program, of `reference`. */
  private names: RecordedNames[] = [];

  /** Good until the next one is read; from a block that is being written, until that is finished. */
  read({ purchases: cells }: FactRows, row: number, reference: Reference): void {
    const { transaction: t, texts } = this;
    this.cells = cells;
    this.row = row;
    this.isNamed = false;
    this.accountPartition = cells.accountPartition.at(row);
    this.ordinal = cells.accountNumber.at(row);
    this.referenceVersion = cells.reference.at(row);
    texts.clear();
    t.text.fill(0);
    this.name(Text.program, cells.program);
    this.name(Text.store, cells.store);
    this.name(Text.currency, cells.currency);
    t.occurredAtMs = cells.occurredAt.at(row);
    t.total = cells.total.at(row);
    this.readLines();
    t.bytes = texts.bytes;
    t.programOrdinal = reference.programOrdinal(t.bytes, t.text[2 * Text.program]!, t.text[2 * Text.program + 1]!);
    const names = this.namesOf(reference, t.programOrdinal);
    this.readAwards(names);
    this.readAccruals(names);
  }
  /** The purchase as rules look at it: what catalog and reference data said then stands in its lines. */
  forRules(reference: Reference): Transaction {
    const { transaction: t, texts, cells, row } = this, { nameTable } = reference;
    if (this.isNamed) return t;
    this.isNamed = true;
    this.name(Text.partner, cells.partner);
    this.name(Text.channel, cells.channel);
    this.text(Text.terminal, cells.terminal);
    this.text(Text.cashier, cells.cashier);
    this.text(Text.card, cells.card);
    const { department, brand } = cells.lineTexts, first = cells.lineTexts.start(row);
    const named = (name: NameCells, line: number): number => nameTable.intern(texts.bytes, copyName(name, first + line, texts), texts.lastLength);
    for (let i = 0; i < t.lineCount; i++) {
      t.lineProduct[i] = -1;
      t.lineDepartment[i] = named(department, i);
      t.lineBrand[i] = named(brand, i);
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
      // Field by field: finding them by name would take most of the time.
      rest.lineNumber[to] = t.lineNumber[i]!;
      rest.lineKind[to] = t.lineKind[i]!;
      rest.skuStart[to] = t.skuStart[i]!;
      rest.skuLength[to] = t.skuLength[i]!;
      rest.categoryStart[to] = t.categoryStart[i]!;
      rest.categoryLength[to] = t.categoryLength[i]!;
      rest.discount[to] = t.discount[i]!;
      rest.lineProduct[to] = t.lineProduct[i]!;
      rest.lineCategory[to] = t.lineCategory[i]!;
      rest.lineDepartment[to] = t.lineDepartment[i]!;
      rest.lineBrand[to] = t.lineBrand[i]!;
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

  private text(field: number, cells: TextCells): void {
    const { transaction: { text }, texts } = this;
    text[2 * field] = copyText(cells, this.row, texts);
    text[2 * field + 1] = texts.lastLength;
  }
  private name(field: number, cells: NameCells): void {
    const { transaction: { text }, texts } = this;
    text[2 * field] = copyName(cells, this.row, texts);
    text[2 * field + 1] = texts.lastLength;
  }
  private namesOf(reference: Reference, program: number): RecordedNames {
    if (reference !== this.reference) {
      this.reference = reference;
      this.names = [];
    }
    return this.names[program] ??= new RecordedNames(reference, program);
  }
  private readLines(): void {
    const { transaction: t, texts, row, cells: { lineTexts, lineValues } } = this, first = lineValues.start(row);
    const { line, kind, quantity, amount, discount } = lineValues, { sku, category } = lineTexts;
    t.lineCount = lineValues.end(row) - first;
    for (let i = 0; i < t.lineCount; i++) {
      t.lineNumber[i] = line.at(first + i);
      t.lineKind[i] = kind.at(first + i);
      t.quantity[i] = quantity.at(first + i);
      t.amount[i] = amount.at(first + i);
      t.discount[i] = discount.at(first + i);
      t.skuStart[i] = copyText(sku, first + i, texts);
      t.skuLength[i] = texts.lastLength;
      t.categoryStart[i] = copyName(category, first + i, texts);
      t.categoryLength[i] = texts.lastLength;
    }
  }
  private readAwards(names: RecordedNames): void {
    const { awards, row, transaction: t, cells: { awards: list, counters, shares } } = this, first = list.start(row), { rule: ruleName, points } = list;
    awards.clear();
    awards.count = list.end(row) - first;
    for (let i = 0; i < awards.count; i++) {
      const { rule, currency } = names.awards.at(ruleName, first + i);
      awards.rule[i] = rule;
      awards.currency[i] = currency;
      awards.points[i] = points.at(first + i);
      awards.input[i] = awards.milestones[i] = awards.period[i] = awards.shareCount[i] = 0;
    }
    for (let i = counters.start(row), end = counters.end(row); i < end; i++) {
      const award = counters.award.at(i);
      awards.input[award] = counters.input.at(i);
      awards.milestones[award] = counters.milestones.at(i);
      awards.period[award] = counters.period.at(i);
    }
    for (let i = shares.start(row), end = shares.end(row), last = -1; i < end; i++) {
      const award = shares.award.at(i);
      if (award !== last) awards.shareStart[last = award] = awards.shareTotal;
      awards.addShare(t.lineCount === 0 ? 0 : this.lineIndex(shares.line.at(i)), shares.points.at(i));
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
  private readAccruals(names: RecordedNames): void {
    const { accruals, row, cells: { postings } } = this, { side, points, award, expires, matures } = postings;
    accruals.clear();
    for (let i = postings.start(row), end = postings.end(row); i < end; i++) {
      const { isAccrual, currency, funder } = names.sides.at(side, i);
      // Which balance it was does not matter any more.
      if (isAccrual) accruals.add(PostingKind.accrual, Balance.available, Counter.issuance, currency, funder, points.at(i), award.at(i), expires.at(i), matures.at(i));
    }
  }
}

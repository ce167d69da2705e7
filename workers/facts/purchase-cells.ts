/** Where the parts of recorded purchases lie in a block, as fields: a return asks for each of them, and to find them by name would cost more than to read them. */
import type { Cells, NameCells, NumberCells, TextCells } from './cells.js';
import type { NativeBlock, NativeList } from './native-reader.js';
import { noName, noNumber, noText } from './read-cells.js';

export class PurchaseCells {
  readonly accountPartition: NumberCells;
  readonly accountNumber: NumberCells;
  readonly occurredAt: NumberCells;
  readonly total: NumberCells;
  readonly program: NameCells;
  readonly partner: NameCells;
  readonly store: NameCells;
  readonly channel: NameCells;
  readonly currency: NameCells;
  readonly card: TextCells;
  readonly terminal: TextCells;
  readonly cashier: TextCells;
  readonly lineTexts: LineTextCells;
  readonly lineValues: LineValueCells;
  readonly awards: AwardCells;
  readonly counters: CounterCells;
  readonly shares: ShareCells;
  readonly postings: PostingCells;

  constructor({ values, lists }: NativeBlock) {
    this.accountPartition = number(values, 'account_partition');
    this.accountNumber = number(values, 'account_number');
    this.occurredAt = number(values, 'occurred_at');
    this.total = number(values, 'total');
    this.program = name(values, 'program');
    this.partner = name(values, 'partner');
    this.store = name(values, 'store');
    this.channel = name(values, 'channel');
    this.currency = name(values, 'currency');
    this.card = text(values, 'card');
    this.terminal = text(values, 'terminal');
    this.cashier = text(values, 'cashier');
    this.lineTexts = new LineTextCells(lists.get('line_texts') ?? empty);
    this.lineValues = new LineValueCells(lists.get('line_values') ?? empty);
    this.awards = new AwardCells(lists.get('awards') ?? empty);
    this.counters = new CounterCells(lists.get('counters') ?? empty);
    this.shares = new ShareCells(lists.get('shares') ?? empty);
    this.postings = new PostingCells(lists.get('postings') ?? empty);
  }
}

/** Elements of a list: those of a row stand from `start(row)` on, before `end(row)`. */
class ListCells {
  private readonly ends: NumberCells;

  constructor({ ends }: NativeList) {
    this.ends = ends;
  }
  // Integers also to the compiler: they are counted on.
  start(row: number): number {
    return row === 0 ? 0 : this.ends.at(row - 1) | 0;
  }
  end(row: number): number {
    return this.ends.at(row) | 0;
  }
}
class LineTextCells extends ListCells {
  readonly sku: TextCells;
  readonly category: NameCells;
  readonly department: NameCells;
  readonly brand: NameCells;

  constructor(list: NativeList) {
    super(list);
    this.sku = text(list.elements, 'sku');
    this.category = name(list.elements, 'category');
    this.department = name(list.elements, 'department');
    this.brand = name(list.elements, 'brand');
  }
}
class LineValueCells extends ListCells {
  readonly line: NumberCells;
  readonly kind: NumberCells;
  readonly quantity: NumberCells;
  readonly amount: NumberCells;
  readonly discount: NumberCells;

  constructor(list: NativeList) {
    super(list);
    this.line = number(list.elements, 'line');
    this.kind = number(list.elements, 'kind');
    this.quantity = number(list.elements, 'quantity');
    this.amount = number(list.elements, 'amount');
    this.discount = number(list.elements, 'discount');
  }
}
class AwardCells extends ListCells {
  readonly rule: NameCells;
  readonly points: NumberCells;

  constructor(list: NativeList) {
    super(list);
    this.rule = name(list.elements, 'rule');
    this.points = number(list.elements, 'points');
  }
}
class CounterCells extends ListCells {
  readonly award: NumberCells;
  readonly input: NumberCells;
  readonly milestones: NumberCells;
  readonly period: NumberCells;

  constructor(list: NativeList) {
    super(list);
    this.award = number(list.elements, 'award');
    this.input = number(list.elements, 'input');
    this.milestones = number(list.elements, 'milestones');
    this.period = number(list.elements, 'period');
  }
}
class ShareCells extends ListCells {
  readonly award: NumberCells;
  readonly line: NumberCells;
  readonly points: NumberCells;

  constructor(list: NativeList) {
    super(list);
    this.award = number(list.elements, 'award');
    this.line = number(list.elements, 'line');
    this.points = number(list.elements, 'points');
  }
}
class PostingCells extends ListCells {
  readonly side: NameCells;
  readonly points: NumberCells;
  readonly award: NumberCells;
  readonly expires: NumberCells;
  readonly matures: NumberCells;

  constructor(list: NativeList) {
    super(list);
    this.side = name(list.elements, 'side');
    this.points = number(list.elements, 'points');
    this.award = number(list.elements, 'award');
    this.expires = number(list.elements, 'expires');
    this.matures = number(list.elements, 'matures');
  }
}

const empty: NativeList = { ends: noNumber, elements: new Map() };
const number = (columns: ReadonlyMap<string, Cells>, column: string): NumberCells => columns.get(column) as NumberCells | undefined ?? noNumber;
const text = (columns: ReadonlyMap<string, Cells>, column: string): TextCells => columns.get(column) as TextCells | undefined ?? noText;
const name = (columns: ReadonlyMap<string, Cells>, column: string): NameCells => columns.get(column) as NameCells | undefined ?? noName;

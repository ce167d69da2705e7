/** Where the parts of recorded purchases lie in a block, as fields: a return asks for each of them, and to find them by name would cost more than to read them. */
import type { Cells, NameCells, NumberCells, TextCells } from './cells.js';
import type { NativeBlock, NativeList } from './native-reader.js';
import { noName, noNumber, noText } from './read-cells.js';

/** Columns, found by their names once. One that the block has not says 0 or ''. */
class Columns {
  constructor(private readonly columns: ReadonlyMap<string, Cells>) {}

  protected number(column: string): NumberCells {
    return this.columns.get(column) as NumberCells | undefined ?? noNumber;
  }
  protected text(column: string): TextCells {
    return this.columns.get(column) as TextCells | undefined ?? noText;
  }
  protected name(column: string): NameCells {
    return this.columns.get(column) as NameCells | undefined ?? noName;
  }
}

/** Elements of a list: those of a row stand from `start(row)` on, before `end(row)`. */
class ListCells extends Columns {
  private readonly ends: NumberCells;

  constructor({ ends, elements }: NativeList = { ends: noNumber, elements: new Map() }) {
    super(elements);
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
  readonly sku = this.text('sku');
  readonly category = this.name('category');
  readonly department = this.name('department');
  readonly brand = this.name('brand');
}
class LineValueCells extends ListCells {
  readonly line = this.number('line');
  readonly kind = this.number('kind');
  readonly quantity = this.number('quantity');
  readonly amount = this.number('amount');
  readonly discount = this.number('discount');
}
class AwardCells extends ListCells {
  readonly rule = this.name('rule');
  readonly points = this.number('points');
}
class CounterCells extends ListCells {
  readonly award = this.number('award');
  readonly input = this.number('input');
  readonly milestones = this.number('milestones');
  readonly period = this.number('period');
}
class ShareCells extends ListCells {
  readonly award = this.number('award');
  readonly line = this.number('line');
  readonly points = this.number('points');
}
class PostingCells extends ListCells {
  readonly side = this.name('side');
  readonly points = this.number('points');
  readonly award = this.number('award');
  readonly expires = this.number('expires');
  readonly matures = this.number('matures');
}

export class PurchaseCells extends Columns {
  readonly accountPartition = this.number('account_partition');
  readonly accountNumber = this.number('account_number');
  readonly occurredAt = this.number('occurred_at');
  readonly total = this.number('total');
  readonly reference = this.number('reference');
  readonly program = this.name('program');
  readonly partner = this.name('partner');
  readonly store = this.name('store');
  readonly channel = this.name('channel');
  readonly currency = this.name('currency');
  readonly card = this.text('card');
  readonly terminal = this.text('terminal');
  readonly cashier = this.text('cashier');
  readonly lineTexts: LineTextCells;
  readonly lineValues: LineValueCells;
  readonly awards: AwardCells;
  readonly counters: CounterCells;
  readonly shares: ShareCells;
  readonly postings: PostingCells;

  constructor({ values, lists }: NativeBlock) {
    super(values);
    this.lineTexts = new LineTextCells(lists.get('line_texts'));
    this.lineValues = new LineValueCells(lists.get('line_values'));
    this.awards = new AwardCells(lists.get('awards'));
    this.counters = new CounterCells(lists.get('counters'));
    this.shares = new ShareCells(lists.get('shares'));
    this.postings = new PostingCells(lists.get('postings'));
  }
}

/**
 * The transaction as the naive implementation sees it: a plain object with every field there, empty text or 0 when absent. Made from the contract's
 * documents; the verifier makes it from the log's records.
 */
export interface NaiveLine {
  /** Number of the line: as given, else its position from 1. */
  line: number;
  kind: 'product' | 'deposit' | 'discount';
  sku: string;
  /** Thousandths. */
  quantity: number;
  amount: number;
  discount: number;
  /** As given with the line. */
  category: string;
}

export interface NaiveTransaction {
  id: string;
  kind: 'purchase' | 'return';
  partner: string;
  program: string;
  store: string; terminal: string; cashier: string; channel: string;
  card: string; account: string;
  occurredAtMs: number;
  currency: string;
  /** null: neither total nor lines were given (a return of all that remains). */
  total: number | null;
  lines: NaiveLine[];
  tenders: { kind: string; amount: number; redemption?: string }[];
  coupons: string[];
  mcc: string; merchant: string;
  originalId: string;
}

/** The document as partners post it (schemas/transaction.ts); `occurredAt` also as milliseconds since 1970. */
export interface TransactionDocument {
  id: string;
  kind: 'purchase' | 'return';
  partner: string;
  program?: string; store?: string; terminal?: string; cashier?: string; channel?: string; card?: string; account?: string;
  occurredAt: string | number;
  currency?: string;
  total?: number;
  lines?: { line?: number; sku?: string; quantity: number; amount: number; discount?: number; category?: string; kind?: 'product' | 'deposit' | 'discount' }[];
  tenders?: { kind: string; amount: number; redemption?: string }[];
  coupons?: string[];
  mcc?: string; merchant?: string;
  original?: { id: string };
}

export function fromDocument(document: TransactionDocument): NaiveTransaction {
  const lines = (document.lines ?? []).map((line, i): NaiveLine => ({
    line: line.line ?? i + 1,
    kind: line.kind ?? 'product',
    sku: line.sku ?? '',
    quantity: Math.round(line.quantity * 1000),
    amount: line.amount,
    discount: line.discount ?? 0,
    category: line.category ?? '',
  }));
  return {
    id: document.id, kind: document.kind, partner: document.partner, program: document.program ?? '',
    store: document.store ?? '', terminal: document.terminal ?? '', cashier: document.cashier ?? '', channel: document.channel ?? '',
    card: document.card ?? '', account: document.account ?? '',
    occurredAtMs: typeof document.occurredAt === 'number' ? document.occurredAt : Date.parse(document.occurredAt),
    currency: document.currency ?? '',
    total: document.total ?? (document.lines ? lines.reduce((sum, line) => sum + line.amount, 0) : null),
    lines,
    tenders: document.tenders ?? [], coupons: document.coupons ?? [],
    mcc: document.mcc ?? '', merchant: document.merchant ?? '',
    originalId: document.original?.id ?? '',
  };
}

/** What identifies a transaction for good, in its home. */
export const keyOf = ({ partner, id, kind }: Pick<NaiveTransaction, 'partner' | 'id'> & { kind: string }): string => `${partner}\n${id}\n${kind}`;

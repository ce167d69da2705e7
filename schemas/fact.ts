/** The fact as an object: what GET /v1/transactions, returns, explain and the verifier read back. The hot path never makes one (workers/facts writes columns). */
export interface FactRecord {
  kind: 'purchase' | 'return' | 'maturity' | 'expiry' | 'settlement' | 'import' | 'reconciliation';
  status: string;
  partner: string;
  id: string;
  program: string;
  account: string;
  card: string; store: string; terminal: string; cashier: string; channel: string; currency: string; merchant: string; mcc: string; originalId: string;
  occurredAtMs: number;
  processedAtMs: number;
  total: number;
  /** Points of all awards in the program's first currency. */
  points: number;
  ruleSet: number;
  /** Version of the reference set that was live. */
  reference: number;
  sourceTopic: string; sourcePartition: number; sourceOffset: number; sourceIndex: number;
  lines: {
    line: number; kind: number; sku: string; category: string; department: string; brand: string;
    quantity: number; amount: number; discount: number; points: number;
  }[];
  awards: {
    rule: string; version: number;
    /** Place in ReferenceSet.rules. */
    ruleIndex: number;
    currency: string; points: number; input: number; milestones: number; period: number;
    /** `line` is the line's number, not its index. */
    shares: { line: number; points: number }[];
  }[];
  postings: { balance: string; counter: string; kind: string; currency: string; funder: string; points: number; award: number; expires: number; matures: number }[];
}

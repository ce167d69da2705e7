/**
 * What a partition remembers of every transaction for ever: its content, to know a repeat, and of purchases what returns need. The interface has a
 * second implementation in the verifier, which keeps places in the log instead of objects.
 */
import type { Purchase } from './returns.js';
import { keyOf, type NaiveTransaction } from './transaction.js';

export interface History {
  /** Was a transaction with this partner, id and kind posted, and with the same content? */
  find(transaction: NaiveTransaction): 'same' | 'other' | undefined;
  has(key: string): boolean;
  /** The purchase with what returns have taken of it so far. */
  purchase(key: string): Purchase | undefined;
  /** The account of a return that was executed. */
  returnAccount(key: string): string | undefined;
  rememberReturn(transaction: NaiveTransaction, account: string): void;
  /** Remembers a name that is no transaction's. */
  mark(key: string): void;
  /** `purchase`: when it is one. Called again for a purchase after each return of it. */
  remember(transaction: NaiveTransaction, purchase?: Purchase): void;
}

export class MemoryHistory implements History {
  private readonly contents = new Map<string, string>();
  private readonly purchases = new Map<string, Purchase>();
  private readonly returns = new Map<string, string>();

  find(transaction: NaiveTransaction): 'same' | 'other' | undefined {
    const content = this.contents.get(keyOf(transaction));
    return content === undefined ? undefined : content === JSON.stringify(transaction) ? 'same' : 'other';
  }
  has(key: string): boolean {
    return this.contents.has(key);
  }
  purchase(key: string): Purchase | undefined {
    return this.purchases.get(key);
  }
  returnAccount(key: string): string | undefined {
    return this.returns.get(key);
  }
  rememberReturn(transaction: NaiveTransaction, account: string): void {
    this.remember(transaction);
    this.returns.set(keyOf(transaction), account);
  }
  mark(key: string): void {
    this.contents.set(key, '');
  }
  remember(transaction: NaiveTransaction, purchase?: Purchase): void {
    this.contents.set(keyOf(transaction), JSON.stringify(transaction));
    if (purchase) this.purchases.set(keyOf(transaction), purchase);
  }
}

/**
 * Who waits for which answers: requests by number, each done when all its transactions are answered, in however many replies and from whichever partitions (one may hand
 * transactions on to another). In memory; after a crash nobody waits any more.
 */
import { EngineError } from './engine.js';
import type { Reply } from '../schemas/envelope.js';

interface Waiting { /** transactions without an answer */ left: number; replies: Reply[]; resolve(replies: Reply[]): void; reject(error: Error): void }

export class Requests {
  private readonly waiting = new Map<number, Waiting>();
  private last = 0;

  next(): number {
    return ++this.last;
  }
  get size(): number {
    return this.waiting.size;
  }
  /** May be rejected while the caller awaits something else, before anybody waits for it: that alone is no reason for node to end the process. */
  expect(request: number, transactions: number): Promise<Reply[]> {
    const replies = new Promise<Reply[]>((resolve, reject) => {
      this.waiting.set(request, { left: transactions, replies: [], resolve, reject });
    });
    replies.catch(() => undefined);
    return replies;
  }
  /** One reply that became real. Replies that nobody waits for (of another run of the engine) are dropped: their callers ask again. */
  deliver(reply: Reply): void {
    const waiting = this.waiting.get(reply.request);
    if (!waiting) return;
    waiting.replies.push(reply);
    // What was not accepted is among the items, each once.
    waiting.left -= reply.accepted + reply.items.length;
    if (waiting.left > 0) return;
    this.waiting.delete(reply.request);
    waiting.resolve(waiting.replies);
  }
  isWaiting(request: number): boolean {
    return this.waiting.has(request);
  }
  fail(request: number, error: Error): void {
    const waiting = this.waiting.get(request);
    this.waiting.delete(request);
    waiting?.reject(error);
  }
  failAll(message: string): void {
    for (const request of [...this.waiting.keys()]) this.fail(request, new EngineError('unavailable', message, 1));
  }
}

/**
 * Answers that have to go to another machine: written to the topic `replies` by the commit that decided them, so that they are real together; each gateway reads one partition of it, the
 * one that its name leads to, from now on, and takes what is its own.
 */
import { pack, unpack } from 'msgpackr';
import type { Reply } from '../schemas/envelope.js';
import { partitionOfText } from '../workers/hash.js';
import type { Append, Log } from './log/log.js';

export function replyRecord(reply: Reply, partitions: number): Append {
  return { topic: 'replies', partition: partitionOfText(reply.gateway, partitions), value: pack(reply) };
}

/** Calls `deliver` for each answer to this gateway that another engine commits. Returns a function that ends it. */
export function followReplies(log: Log, gateway: string, deliver: (reply: Reply) => void): Promise<() => void> {
  return log.follow('replies', partitionOfText(gateway, log.partitions), (value) => {
    const reply = unpack(value) as Reply;
    if (reply.gateway === gateway) deliver(reply);
  });
}

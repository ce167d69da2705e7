/** The home partition of a card, by the engine's own hash: the naive implementation has none, and it is the one thing that it must not see differently. */
import { partitionOf } from '../../workers/hash.js';
import type { Homes } from '../naive/cards.js';

export const homesOf = (partitions: number): Homes => ({
  partitions,
  ofCard(card) {
    const bytes = Buffer.from(card, 'utf8');
    return partitionOf(bytes, 0, bytes.length, partitions);
  },
});

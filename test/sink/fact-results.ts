/** Results records with real facts, as a shard writes them. */
import { writeResults } from '../../schemas/results.js';
import { FactBlock } from '../../workers/facts/fact-block.js';
import { addCase, type FactCase } from '../facts/fact-cases.js';

export function factResults(cases: FactCase[], partition: number, batch: number): Uint8Array {
  const block = new FactBlock();
  cases.forEach((fact, index) => addCase(block, { ...fact, partition, batch, index }));
  const facts = block.finish(), rows = cases.length;
  return writeResults({
    partition, batch, epoch: 0, clockMs: 0, inputs: [], positions: [], reference: 0, processed: rows, duplicates: 0, rejected: 0, effectsLength: 0, factsLength: facts.length, rows,
  }, new Uint8Array(0), facts);
}

/**
 * A process that is killed in the middle of its work, and what its records must look like: for embedded-crash.test.ts, which starts it as
 * `node crash-writer.js DIRECTORY`.
 *
 * One loop of commits for each partition, all at once. Step n writes the outputs that outputsOf gives to `results` and moves the position of the
 * partition to n + 1; once that is acknowledged, a line with n and the offsets goes to stdout. Now and then it trims.
 */
import { fileURLToPath } from 'node:url';
import { openEmbeddedLog } from '../../engine/log/embedded.js';
import type { Append } from '../../engine/log/log.js';

export const PARTITIONS = 3;
export interface Acknowledged { partition: number; step: number; offsets: number[] }

/** The outputs of a step are the same in each run, so that a reader can tell what must be there. */
export function outputsOf(partition: number, step: number): Append[] {
  const outputs: Append[] = [];
  for (let part = 0, parts = 1 + (step + partition) % 4; part < parts; part++) {
    const length = (step * 7919 + part * 104_729) % 5 === 0 ? 200_000 + step % 1000 : 40 + (step * 31 + part) % 3000;
    const value = Buffer.alloc(length, step * 16 + part);
    value.write(`${step} ${part} ${parts} ${length} `);
    outputs.push({ topic: 'results', partition, value });
  }
  return outputs;
}

async function main(directory: string): Promise<void> {
  const log = await openEmbeddedLog({ directory, partitions: PARTITIONS });
  await Promise.all(Array.from({ length: PARTITIONS }, async (_, partition) => {
    for (let step = await log.position('commands', partition); ; step++) {
      const offsets = await log.commit({ outputs: outputsOf(partition, step), positions: [{ topic: 'commands', partition, offset: step + 1 }] });
      process.stdout.write(`${JSON.stringify({ partition, step, offsets } satisfies Acknowledged)}\n`);
      if (step % 16 === 15) await log.trim('results', partition, Math.max(0, offsets[0]! - 40));
    }
  }));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv[2]!);

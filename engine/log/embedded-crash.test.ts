import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { outputsOf, PARTITIONS, type Acknowledged } from '../../test/log-contract/crash-writer.js';
import { readAll } from '../../test/log-contract/log-contract.js';
import { openEmbeddedLog } from './embedded.js';

const SEED = Number(process.env.SEED ?? 20);
const KILLS = 5;

function startWriter(directory: string, stdio: StdioOptions = ['ignore', 'pipe', 'inherit']): ChildProcess {
  return spawn(process.execPath, [fileURLToPath(new URL('../../test/log-contract/crash-writer.js', import.meta.url)), directory], { stdio });
}

/** Kills the writer after its nth acknowledgement, wherever its other loops and lmdb's thread are then. Everything it managed to say counts. */
async function runAndKill(directory: string, acknowledgements: number): Promise<Acknowledged[]> {
  const writer = startWriter(directory), exited = once(writer, 'exit'), acknowledged: Acknowledged[] = [];
  for await (const line of createInterface({ input: writer.stdout! })) {
    // The last line may be cut off by the kill.
    if (line.endsWith('}')) acknowledged.push(JSON.parse(line) as Acknowledged);
    if (acknowledged.length === acknowledgements) writer.kill('SIGKILL');
  }
  const [, signal] = await exited;
  t.equal(signal, 'SIGKILL', 'it was running when it was killed');
  return acknowledged;
}

t.test(`kill -9 at random moments, SEED=${SEED}`, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'pointstream-crash-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  let random = SEED;
  const nextSteps = new Array<number>(PARTITIONS).fill(0);
  for (let kill = 0; kill < KILLS; kill++) {
    random = Math.imul(random, 1103515245) + 12345 & 0x7fffffff;
    const acknowledged = await runAndKill(directory, 1 + (random >>> 8) % 150);
    const log = await openEmbeddedLog({ directory });
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const records = await readAll(log, 'results', partition), position = await log.position('commands', partition);
      const mine = acknowledged.filter((step) => step.partition === partition);
      nextSteps[partition] = Math.max(nextSteps[partition]!, (mine.at(-1)?.step ?? -1) + 1);
      const underWay = position - nextSteps[partition]!;
      t.ok(underWay === 0 || underWay === 1, `${partition}: position ${position} has each acknowledged step, and at most the one under way`);
      nextSteps[partition] = position;

      // What is there must be the outputs of the steps before the position, to the last byte: so we compare from the end.
      const { end } = await log.bounds('results', partition);
      let offset = end - records.length, step = position - 1;
      const expected: Uint8Array[] = [];
      for (; expected.length < records.length && step >= 0; step--) expected.unshift(...outputsOf(partition, step).map(({ value }) => value));
      const first = expected.length - records.length;
      const whole = records.every((record, i) => record.offset === offset++ && Buffer.from(record.value).equals(expected[first + i]!));
      t.ok(whole, `${records.length} records, all whole`);
      t.ok(records.every(({ timestampMs }, i) => i === 0 || timestampMs >= records[i - 1]!.timestampMs));
      for (const { step, offsets } of mine.slice(-10)) {
        const index = offsets[0]! - (end - records.length);
        t.ok(index < 0 || Buffer.from(records[index]!.value).equals(outputsOf(partition, step)[0]!.value), `step ${step} lies where it was said to`);
      }
    }
    await log.close();
  }
});

t.test('a second process is refused while the first lives, and not a moment longer', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'pointstream-fence-'));
  const writer = startWriter(directory), exited = once(writer, 'exit');
  t.teardown(() => {
    writer.kill('SIGKILL');
    rmSync(directory, { recursive: true });
  });
  await once(writer.stdout!, 'data');
  for (let attempt = 0; attempt < 3; attempt++) {
    await t.rejects(openEmbeddedLog({ directory }), { code: 'fenced', message: new RegExp(`is open in process ${writer.pid}: stop that first`) });
  }
  await once(writer.stdout!, 'data');
  writer.stdout!.resume();
  writer.kill('SIGSTOP');
  await t.rejects(openEmbeddedLog({ directory }), { code: 'fenced' }, 'a frozen process lives');
  writer.kill('SIGKILL');
  await exited;
  const log = await openEmbeddedLog({ directory });
  await t.rejects(openEmbeddedLog({ directory }), { code: 'fenced', message: /already open in this process/ });
  const [code] = await once(startWriter(directory, 'ignore'), 'exit');
  t.equal(code, 1, 'another process is still refused after that');
  await log.append([{ topic: 'dead-letters', partition: 0, value: Buffer.from('mine') }]);
  await log.close();
});

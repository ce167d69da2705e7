/** Tasks and their order, with a real pool. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Piscina } from 'piscina';
import t, { type Test } from 'tap';
import { TaskLanes } from './task-lanes.js';

const directory = mkdtempSync(join(tmpdir(), 'pointstream-lanes-')), filename = join(directory, 'worker.mjs');
t.teardown(() => rmSync(directory, { recursive: true }));
writeFileSync(filename, "export default (task) => { if (task === 'fails') throw new Error('failed'); if (task === 'dies') process.exit(1); return task; };");

function lanesOf(t: Test, { waitingMax = Infinity } = {}): { run(task: string, urgent?: boolean): Promise<void>; answered: string[]; lanes: TaskLanes<string, string> } {
  const pool = new Piscina<string, string>({ filename, minThreads: 1, maxThreads: 1, concurrentTasksPerWorker: 1, idleTimeout: Infinity }), lanes = new TaskLanes(pool, 1, waitingMax);
  t.teardown(() => pool.destroy());
  const answered: string[] = [];
  return { lanes, answered, run: async (task, urgent = false) => void answered.push(await lanes.run(task, { urgent })) };
}

t.test('in the order in which they come, urgent ones first', async (t) => {
  const { run, answered, lanes } = lanesOf(t), tasks = Array.from({ length: 12 }, (_, n) => `bulk ${n}`);
  const bulk = tasks.map((task) => run(task));
  await Promise.all([...bulk, run('till 0', true), run('till 1', true)]);
  t.same(answered, ['bulk 0', 'till 0', 'till 1', ...tasks.slice(1)]);
  t.ok(lanes.busyMs > 0);
});

t.test('a task that fails, or that its thread dies of, is the one that is told; the others go on', async (t) => {
  const { run, answered } = lanesOf(t);
  const failed = ['fails', 'dies'].map((task) => t.rejects(run(task))), others = ['a', 'b', 'c'].map((task) => run(task));
  await Promise.all([...failed, ...others]);
  t.same(answered, ['a', 'b', 'c']);
});

t.test('bounded, and refused once it is closed', async (t) => {
  const { run, answered, lanes } = lanesOf(t, { waitingMax: 2 });
  const taken = [run('a'), t.rejects(run('b'), /stops/), t.rejects(run('c'), /stops/)];
  await t.rejects(run('d'), /2 tasks wait already/);
  lanes.close(new Error('it stops'));
  await t.rejects(run('e'), /stops/);
  await Promise.all(taken);
  t.same(answered, ['a']);
});

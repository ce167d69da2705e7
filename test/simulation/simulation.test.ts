/** Many seeds of the simulation. A failing one is printed: SIMULATION_SEED=… runs it alone; SIMULATION_SEEDS=… runs so many. */
import { join } from 'node:path';
import { mkdirSync, rmSync } from 'node:fs';
import t from 'tap';
import { stateDirectory } from './bench.js';
import { simulationSeeds } from './seeds.js';
import { Simulation, type SimulationReport } from './simulation.js';

const { seed: first, runs: count } = simulationSeeds(40, 3000);

t.test(`seeds ${first} to ${first + count - 1}`, async (t) => {
  const root = stateDirectory(t), sums: Partial<Record<keyof SimulationReport, number>> = {};
  for (let seed = first; seed < first + count; seed++) {
    const directory = join(root, String(seed));
    mkdirSync(directory);
    try {
      const report = await new Simulation(seed, directory).run();
      for (const [name, value] of Object.entries(report) as [keyof SimulationReport, number][]) sums[name] = (sums[name] ?? 0) + value;
    } catch (error) {
      t.fail(`SIMULATION_SEED=${seed}: ${(error as Error).stack}`);
    }
    rmSync(directory, { recursive: true, force: true });
  }
  t.comment(JSON.stringify(sums));
  t.ok((sums.transactions ?? 0) > 0);
  if (count > 10) t.ok(sums.crashes! > 0 && sums.workerDeaths! > 0 && sums.repeats! > 0, 'things went wrong');
});

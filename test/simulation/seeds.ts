/**
 * How many cases a random test tries, from which seed. In CI few and always the same; at night (NIGHTLY=1) many, other ones each day. Both are
 * printed, and the environment overrides them.
 */
const nightly = process.env['NIGHTLY'] === '1';
const DAY_MS = 86_400_000, SEEDS_PER_DAY = 100_000;

const given = (name: string): number | undefined => (process.env[name] === undefined ? undefined : Number(process.env[name]));

export interface Cases { seed: number; runs: number }

/** For tests by fast-check: POINTSTREAM_SEED and POINTSTREAM_RUNS. */
export function casesOf(seed: number, runs: number, runsNightly: number): Cases {
  const today = Math.floor(Date.now() / DAY_MS);
  return { seed: given('POINTSTREAM_SEED') ?? (nightly ? seed + today : seed), runs: given('POINTSTREAM_RUNS') ?? (nightly ? runsNightly : runs) };
}
/** For the simulation, each of whose runs has a seed of its own: SIMULATION_SEED runs one, SIMULATION_SEEDS so many. */
export function simulationSeeds(runs: number, runsNightly: number): Cases {
  const alone = given('SIMULATION_SEED'), today = Math.floor(Date.now() / DAY_MS);
  if (alone !== undefined) return { seed: alone, runs: 1 };
  return { seed: nightly ? today * SEEDS_PER_DAY : 1, runs: given('SIMULATION_SEEDS') ?? (nightly ? runsNightly : runs) };
}

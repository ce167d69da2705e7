/** What the load tests have in common on the command line: the generated world, counts, and the report for people or as JSON. */
import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { CommandError, exitCodes, print, printJson } from './command.js';

export const addSeed = (command: Command): Command => command.option('--seed <n>', 'seed of the generator', '42');
export const addReport = (command: Command): Command => command.option('--json <file>', 'write the report there (- for stdout)');
export const addVerify = (command: Command): Command => command.option('--no-verify', 'leave the verifier out');
/** Settings that load tests decide themselves: free ports, so that they run beside an engine. */
export const decidedPorts = ['port', 'clickhousePort', 'metricsPort'] as const;
/** How large the world is that the transactions come from. */
export const addWorld = (command: Command): Command => command
  .option('--accounts <n>', 'cards', '1000000')
  .option('--partners <n>', 'partners', '50')
  .option('--rules <n>', 'rules over all partners', '50');

/** An integer of at least `least` that an option gives. */
export function count(options: Record<string, unknown>, name: string, least = 1): number {
  const value = Number(options[name]);
  if (!Number.isSafeInteger(value) || value < least) throw new CommandError(exitCodes.usage, `--${name}: ${JSON.stringify(options[name])} is not an integer of at least ${least}`);
  return value;
}

/** Who is told to end takes along what it has started, as far as that listens for the process's end. */
export function endOnSignal(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(exitCodes.failed));
}

/** To standard output as text or, with --json -, as JSON; to a file besides. */
export async function tell<R>(report: R, text: (report: R) => string, { json }: Record<string, unknown>): Promise<void> {
  if (json === '-') return printJson(report);
  print(text(report));
  if (json !== undefined) await writeFile(String(json), `${JSON.stringify(report, null, 2)}\n`);
}

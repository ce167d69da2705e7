/**
 * Every command by its name, in the order of help. Each is loaded when it is asked for: all of them together take half a second of CPU, and most need a part of that. A new one: its file and
 * a line here.
 */
import type { CommandDefinition } from './command.js';

const loaders: Record<string, () => Promise<CommandDefinition>> = {
  serve: async () => (await import('./serve.js')).serve,
  demo: async () => (await import('./demo.js')).demo,
  feed: async () => (await import('./feed.js')).feed,
  'import products': async () => (await import('./import.js')).importProducts,
  'import accounts': async () => (await import('./import.js')).importAccounts,
  'rules check': async () => (await import('./rules.js')).rulesCheck,
  'rules publish': async () => (await import('./rules.js')).rulesPublish,
  verify: async () => (await import('./verify.js')).verify,
  migrate: async () => (await import('./migrate.js')).migrate,
  'loadtest drain': async () => (await import('./loadtest-drain.js')).loadtestDrain,
  'loadtest http': async () => (await import('./loadtest-http.js')).loadtestHttp,
  'loadtest takeover': async () => (await import('./loadtest-takeover.js')).loadtestTakeover,
  'loadtest chaos': async () => (await import('./loadtest-chaos.js')).loadtestChaos,
  doctor: async () => (await import('./doctor.js')).doctor,
};

/** What a command line may mean: the command that it begins with; all of them where it begins with none, for help and for what was mistyped. */
export function commandsOf(argv: string[]): Promise<CommandDefinition[]> {
  const named = [argv[0] ?? '', argv.slice(0, 2).join(' ')].find((name) => Object.hasOwn(loaders, name));
  return Promise.all((named === undefined ? Object.keys(loaders) : [named]).map((name) => loaders[name]!()));
}

/** Settings on the command line: a flag for each (engine/config.ts), and the reading of all sources. */
import { readFile } from 'node:fs/promises';
import { Option, type Command } from 'commander';
import { chdbMissing, HOW_TO_GET_CHDB } from '../clickhouse/installed.js';
import { ConfigError, flagName, flagSettings, readSettings, rolesOf, type Config, type SettingName } from '../config.js';
import { checkTlsFiles } from '../tls-files.js';
import type { Options } from './command.js';
import { expectReadable } from './named-file.js';

const FILE_DEFAULT = 'pointstream.yaml';
/** What most people set; the other flags exist as well, but would bury these in help. */
const shown = new Set<SettingName>(['data', 'host', 'port', 'clickhouse', 'clickhousePort', 'metricsPort', 'logLevel', 'kafka', 'kafkaPrefix']);

/** `defaults`: what help says where the command has other ones. `decided`: what the command decides itself, whatever is given: help says so. */
export function addSettings(command: Command, defaults: Partial<Record<SettingName, string>> = {}, decided: readonly SettingName[] = []): void {
  for (const [name, setting] of flagSettings()) {
    const option = new Option(`--${flagName(name)} <${setting.type === 'integer' ? 'n' : setting.type}>`, `${setting.why} Default: ${defaults[name] ?? setting.default}`);
    command.addOption(shown.has(name) && !decided.includes(name) ? option : option.hideHelp());
  }
  command.option('--config <file>', `file of settings (default: ${FILE_DEFAULT} when it exists)`);
  const but = decided.length === 0 ? '' : `\nThis command decides itself, whatever these say: ${decided.join(', ')}.`;
  command.addHelpText('after', `\nEvery setting of docs/settings.md is also a flag, a POINTSTREAM_ variable and a name in pointstream.yaml.${but}`);
}

type Fixed = Partial<Record<SettingName, string | number>>;
/** `fixed`: values that the command itself decides. `defaults`: those that it has instead of the settings' own. */
interface OfCommand { fixed?: Fixed; defaults?: Partial<Config> }
export interface LoadedSettings { config: Config; /** Not left to their default. */ given: ReadonlySet<SettingName> }

/** Throws ConfigError. */
export async function loadConfig(options: Options, ofCommand: OfCommand = {}): Promise<Config> {
  return (await loadSettings(options, ofCommand)).config;
}
export async function loadSettings(options: Options, { fixed = {}, defaults = {} }: OfCommand = {}): Promise<LoadedSettings> {
  const flags = Object.fromEntries(flagSettings().map(([name]) => [name, options[name]]));
  const given = (options.config ?? process.env.POINTSTREAM_CONFIG) as string | undefined;
  const file = await readSettingsFile(given ?? FILE_DEFAULT, given !== undefined);
  const loaded = readSettings({ flags: { ...flags, ...fixed }, environment: process.env, defaults, ...(file === undefined ? {} : { file }) });
  checkTlsFiles(loaded.config);
  return loaded;
}

/** For who starts an engine. Where chdb is missing, an embedded ClickHouse that nobody asked for is left out, which is told to `warn`; one that somebody asked for is a ConfigError. */
export function withoutMissingChdb({ config, given }: LoadedSettings, warn: (line: string) => void): Config {
  const missing = config.clickhouse === 'embedded' && rolesOf(config).has('sink') ? chdbMissing() : undefined;
  if (missing === undefined) return config;
  if (given.has('clickhouse')) throw new ConfigError(`clickhouse: embedded cannot be started, ${missing}: ${HOW_TO_GET_CHDB}`);
  warn(`there is no embedded ClickHouse, ${missing}: facts wait in the log, and nothing can be asked of ClickHouse. ${HOW_TO_GET_CHDB}`);
  return { ...config, clickhouse: 'off' };
}

async function readSettingsFile(name: string, required: boolean): Promise<{ name: string; text: string } | undefined> {
  if (required) await expectReadable('--config', name);
  try {
    return { name, text: await readFile(name, 'utf8') };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && !required) return undefined;
    throw new ConfigError(`${name}: ${message}`);
  }
}

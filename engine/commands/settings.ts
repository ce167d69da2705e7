/** Settings on the command line: a flag for each (engine/config.ts), and the reading of all sources. */
import { readFile } from 'node:fs/promises';
import { Option, type Command } from 'commander';
import { ConfigError, flagName, flagSettings, readConfig, type Config, type SettingName } from '../config.js';
import { checkTlsFiles } from '../tls-files.js';
import type { Options } from './command.js';

const FILE_DEFAULT = 'pointstream.yaml';
/** What most people set; the other flags exist as well, but would bury these in help. */
const shown = new Set<SettingName>(['data', 'host', 'port', 'clickhouse', 'clickhousePort', 'metricsPort', 'logLevel', 'kafka', 'kafkaPrefix']);

/** `defaults`: what help says where the command has other ones. */
export function addSettings(command: Command, defaults: Partial<Record<SettingName, string>> = {}): void {
  for (const [name, setting] of flagSettings()) {
    const option = new Option(`--${flagName(name)} <${setting.type === 'integer' ? 'n' : setting.type}>`, `${setting.why} Default: ${defaults[name] ?? setting.default}`);
    command.addOption(shown.has(name) ? option : option.hideHelp());
  }
  command.option('--config <file>', `file of settings (default: ${FILE_DEFAULT} when it exists)`);
  command.addHelpText('after', '\nEvery setting of docs/settings.md is also a flag, a POINTSTREAM_ variable and a name in pointstream.yaml.');
}

/** Throws ConfigError. `fixed`: values that the command itself decides. */
export async function loadConfig(options: Options, fixed: Partial<Record<SettingName, string | number>> = {}): Promise<Config> {
  const flags = Object.fromEntries(flagSettings().map(([name]) => [name, options[name]]));
  const given = (options.config ?? process.env.POINTSTREAM_CONFIG) as string | undefined;
  const file = await readSettingsFile(given ?? FILE_DEFAULT, given !== undefined);
  const config = readConfig({ flags: { ...flags, ...fixed }, environment: process.env, ...(file === undefined ? {} : { file }) });
  checkTlsFiles(config);
  return config;
}

async function readSettingsFile(name: string, required: boolean): Promise<{ name: string; text: string } | undefined> {
  try {
    return { name, text: await readFile(name, 'utf8') };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && !required) return undefined;
    throw new ConfigError(message);
  }
}

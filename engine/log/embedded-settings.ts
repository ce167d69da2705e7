/** What is fixed when an embedded log is created. */
import type { Database } from 'lmdb';
import { ConfigError } from '../config.js';

export interface Settings { format: number; partitions: number; hash: string }
const FORMAT = 1, PARTITIONS_DEFAULT = 8;

/** The settings that the log was created with; creates them when there are none. Throws ConfigError when others are asked for. */
export async function agreeOnSettings(directory: string, state: Database<number | Settings, string>, options: Partial<Settings>): Promise<Settings> {
  const stored = state.get('settings') as Settings | undefined;
  if (!stored) {
    const settings = { format: FORMAT, partitions: options.partitions ?? PARTITIONS_DEFAULT, hash: options.hash ?? 'murmur2' };
    await state.put('settings', settings);
    return settings;
  }
  if (stored.format !== FORMAT) {
    throw new ConfigError(`the log in ${directory} has format ${stored.format}, this version reads ${FORMAT}: start the version of pointstream that wrote it, or choose another --data`);
  }
  for (const name of ['partitions', 'hash'] as const) {
    if (options[name] !== undefined && options[name] !== stored[name]) {
      throw new ConfigError(`the log in ${directory} was created with ${name} ${stored[name]}, not ${options[name]}; that is fixed: leave the setting ${name} out, or choose another --data`);
    }
  }
  return stored;
}

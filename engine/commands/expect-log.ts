/** For commands on a log that is there: opening one makes what isn't, and what is new always agrees. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../config.js';
import { connectionOf } from '../log/kafka/connection.js';
import { CommandError, exitCodes } from './command.js';

/** Throws CommandError when there is none, so that there is nothing to `what`. */
export async function expectLog(config: Config, what: string): Promise<void> {
  const refuse = (lack: string, hint: string): never => {
    throw new CommandError(exitCodes.usage, `${lack}, so there is nothing to ${what}: ${hint}`);
  };
  if (config.kafka !== '') {
    const { hasTopics } = await import('../log/kafka/topics.js');
    if (await hasTopics({ ...connectionOf(config), clientId: 'pointstream' }, config.kafkaPrefix)) return;
    refuse(`${config.kafka} has no topics that begin with ${config.kafkaPrefix}`, 'say what serve was given, --kafka-prefix PREFIX');
  }
  try {
    await stat(join(config.data, 'log', 'data.mdb'));
  } catch (error) {
    if (!isAbsent(error)) throw error;
    refuse(`${config.data} has no log`, 'say the directory that serve ran on, --data DIR (or --kafka when the log is there)');
  }
}

export function isAbsent(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

/** What a command is: its words in help, its options, and a function that does it and returns an exit code. */
import type { Command } from 'commander';

/** What exit codes mean, for scripts. */
export const exitCodes = {
  fine: 0,
  /** A check failed (verify, rules check, doctor). */
  failed: 1,
  /** Wrong usage or settings; also a key that may not do this. */
  usage: 2,
  /** Nobody answers there, or not in time. */
  unavailable: 3,
  /** Part of the input was rejected (feed, import). */
  rejected: 4,
} as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** A failure with a message for the user: printed without a stack. */
export class CommandError extends Error {
  constructor(readonly exitCode: ExitCode, message: string) {
    super(message);
  }
}

export type Options = Record<string, unknown>;

export interface CommandDefinition {
  /** One or two words: `serve`, `rules check`. */
  name: string;
  /** In commander's notation: `<file>`. */
  arguments?: string;
  summary: string;
  /** Lines that can be copied; help begins with them. */
  examples: string[];
  configure?(command: Command): void;
  run(options: Options, ...positional: string[]): Promise<ExitCode>;
}

/** Progress and remarks go to stderr; stdout is for data. */
export const say = (line: string): void => void process.stderr.write(`${line}\n`);
export const print = (line: string): void => void process.stdout.write(`${line}\n`);
export const printJson = (value: unknown): void => print(JSON.stringify(value, null, 2));

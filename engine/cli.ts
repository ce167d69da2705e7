#!/usr/bin/env node
/**
 * The command line: finds the command, prints what went wrong for people, ends with the exit code that the contract promises (commands/command.ts). Data goes to
 * stdout, everything else to stderr; a mistake of the user never shows a stack.
 */
import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { Command, CommanderError } from 'commander';
import { CommandError, exitCodes, say, type CommandDefinition, type ExitCode, type Options } from './commands/command.js';
import { commandsOf } from './commands/index.js';
import { ConfigError } from './config.js';
import { endProcess } from './end-process.js';
import { EngineError } from './engine.js';
import { LogError } from './log/log.js';

/** The package's version, from where the compiled file lies (dist/engine) or the source (engine). */
function version(): string {
  for (const place of ['../../package.json', '../package.json', '../../../package.json']) {
    try {
      return (JSON.parse(readFileSync(new URL(place, import.meta.url), 'utf8')) as { version: string }).version;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return 'unknown';
}

async function main(argv: string[]): Promise<ExitCode> {
  let exitCode: ExitCode = exitCodes.fine;
  const program = build(await commandsOf(argv), (code) => { exitCode = code; });
  try {
    await program.parseAsync(argv, { from: 'user' });
    return exitCode;
  } catch (error) {
    return explain(error);
  }
}

function build(commands: CommandDefinition[], done: (code: ExitCode) => void): Command {
  const program = new Command('pointstream')
    .description('Coalition loyalty: purchases in, exact points out.')
    .version(version())
    .addHelpText('before', examplesText(['pointstream demo --exit', 'pointstream serve --data ./data', 'pointstream COMMAND --help']));
  // Before subcommands are made: they inherit it.
  program.exitOverride().showSuggestionAfterError().configureOutput({ outputError: (text, write) => write(text) });
  const groups = new Map<string, Command>();
  for (const definition of commands) {
    const words = definition.name.split(' ');
    const parent = words.length === 1 ? program : groupOf(words[0]!, program, groups);
    addCommand(parent, words.at(-1)!, definition, done);
  }
  return program;
}

const groupSummaries: Record<string, string> = { import: 'Import products or accounts', rules: 'Check or publish rules', loadtest: 'Measure' };

function groupOf(name: string, program: Command, groups: Map<string, Command>): Command {
  const group = groups.get(name) ?? program.command(name).description(groupSummaries[name] ?? name);
  groups.set(name, group);
  return group;
}

function addCommand(parent: Command, name: string, definition: CommandDefinition, done: (code: ExitCode) => void): void {
  const command = parent.command(name).summary(definition.summary).description(definition.summary).addHelpText('before', examplesText(definition.examples));
  if (definition.arguments !== undefined) command.arguments(definition.arguments);
  definition.configure?.(command);
  command.action(async () => done(await definition.run(command.opts<Options>(), ...command.args)));
}

const examplesText = (examples: string[]): string => `Examples:\n${examples.map((line) => `  ${line}`).join('\n')}\n`;

function explain(error: unknown): ExitCode {
  if (error instanceof CommanderError) {
    // Commander has printed its message; help and version are not errors.
    return error.code === 'commander.helpDisplayed' || error.code === 'commander.version' ? exitCodes.fine : exitCodes.usage;
  }
  if (error instanceof CommandError) {
    say(`error: ${error.message}`);
    return error.exitCode;
  }
  if (error instanceof ConfigError) {
    say(`error: ${error.message}`);
    return exitCodes.usage;
  }
  if (error instanceof LogError || error instanceof EngineError) {
    say(`error: ${error.message}`);
    return exitCodes.unavailable;
  }
  const { code, message, stack } = error as NodeJS.ErrnoException;
  // The operating system refused something: a port in use, a directory that cannot be written, a file that isn't there.
  if (typeof code === 'string' && /^E[A-Z]+$/.test(code)) {
    say(`error: ${message}`);
    return exitCodes.usage;
  }
  say(`error: a bug, please report it: ${stack ?? String(error)}`);
  return exitCodes.failed;
}

// Buffers of megabytes come and go here while the heap is small, and V8 marks all of it each time they have grown by about half: a fourth as often cost a third less of the main
// thread, for some memory that the buffers keep (docs/decisions/013). Holds for all threads that are started after it.
setFlagsFromString('--heap-growing-percent=300');

// Output that nobody reads any more (| head) is not an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});
// The command has ended: a connection or a child of a part that failed must not keep the process.
await endProcess(await main(process.argv.slice(2)));

/** `rules check` (offline) and `rules publish`: a file of rules, YAML or JSON: `{rules: […]}`, a list, or one rule. */
import { readFile } from 'node:fs/promises';
import { parse as parseYaml } from 'yaml';
import { PublishError, ReferenceStore } from '../reference.js';
import { addClientOptions, Client, describeError, type ProblemBody } from './client.js';
import { CommandError, exitCodes, print, printJson, say, type CommandDefinition, type ExitCode } from './command.js';
import { expectReadable } from './named-file.js';

export const rulesCheck: CommandDefinition = {
  name: 'rules check',
  arguments: '<file>',
  summary: 'Check a file of rules (YAML or JSON) without an engine',
  examples: ['pointstream rules check rules.yaml'],
  configure(command) {
    command.option('--json', 'errors as JSON');
  },
  async run(options, file): Promise<ExitCode> {
    const document = await readRules(file!);
    const store = new ReferenceStore();
    const assumed = assumeNames(store, document.rules);
    try {
      store.putRules(document);
    } catch (error) {
      if (!(error instanceof PublishError)) throw error;
      if (options.json === true) printJson({ ok: false, errors: error.errors });
      else for (const each of error.errors) print(describeError(each));
      return exitCodes.failed;
    }
    if (assumed.length > 0) say(`not checked, because only an engine knows them: ${assumed.join(', ')}`);
    if (options.json === true) printJson({ ok: true, rules: document.rules.length });
    else print(`${document.rules.length} rules, nothing wrong`);
    return exitCodes.fine;
  },
};

export const rulesPublish: CommandDefinition = {
  name: 'rules publish',
  arguments: '<file>',
  summary: 'Publish a file of rules: it replaces the live rules of the programs that it names, all or nothing',
  examples: ['pointstream rules publish rules.yaml --data ./data'],
  configure(command) {
    addClientOptions(command);
    command.option('--json', 'answer as JSON');
  },
  async run(options, file): Promise<ExitCode> {
    const client = await Client.open(options);
    const document = await readRules(file!);
    await client.expectServer();
    const { status, body } = await client.call('PUT', '/v1/rules', { type: 'application/json', bytes: JSON.stringify(document) }, [409, 422]);
    if (options.json === true) printJson(body);
    if (status < 300) {
      if (options.json !== true) print(`rule set ${(body as { ruleSet: number }).ruleSet} is live`);
      return exitCodes.fine;
    }
    if (options.json !== true) for (const each of (body as ProblemBody).errors ?? []) print(describeError(each));
    return exitCodes.failed;
  },
};

async function readRules(file: string): Promise<{ rules: unknown[] }> {
  await expectReadable('<file>', file);
  const text = await readFile(file, 'utf8');
  let value: unknown;
  try {
    value = parseYaml(text);
  } catch (error) {
    throw new CommandError(exitCodes.failed, `${file}: ${(error as Error).message}`);
  }
  if (Array.isArray(value)) return { rules: value };
  if (typeof value === 'object' && value !== null) return ('rules' in value && Array.isArray(value.rules) ? value : { rules: [value] }) as { rules: unknown[] };
  throw new CommandError(exitCodes.failed, `${file}: is neither a rule nor a list of rules`);
}

/** Programs, partners and currencies that the rules name are taken to exist: offline nobody can say. */
function assumeNames(store: ReferenceStore, rules: unknown[]): string[] {
  const assumed: string[] = [];
  const text = (value: unknown): value is string => typeof value === 'string' && value !== '';
  const currencies = new Map<string, Set<string>>(), partners = new Map<string, string>();
  for (const rule of rules as { program?: unknown; award?: { currency?: unknown }; scope?: { partners?: unknown } }[]) {
    const program = text(rule?.program) ? rule.program : 'default';
    const known = currencies.get(program) ?? new Set<string>();
    if (text(rule?.award?.currency)) known.add(rule.award.currency);
    currencies.set(program, known);
    for (const partner of Array.isArray(rule?.scope?.partners) ? rule.scope.partners : []) if (text(partner)) partners.set(partner, program);
  }
  const assume = (what: string, put: () => unknown): void => {
    try {
      put();
      assumed.push(what);
    } catch (error) {
      // A name that cannot exist: the check of the rules names its place.
      if (!(error instanceof PublishError)) throw error;
    }
  };
  for (const [program, names] of currencies) {
    const all = [{ id: 'points', scale: 0 }, ...[...names].filter((id) => id !== 'points').map((id) => ({ id, scale: 0 }))];
    if (program === 'default' && all.length === 1) continue;
    assume(`program ${program} (${all.map(({ id }) => id).join(', ')})`, () => store.putProgram(program, { name: program, timeZone: 'UTC', currencies: all }));
  }
  for (const [partner, program] of partners) assume(`partner ${partner}`, () => store.putPartner(partner, { name: partner, program, timeZone: 'UTC', currency: 'EUR' }));
  return assumed;
}

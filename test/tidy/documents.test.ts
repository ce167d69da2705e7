/** What documents name is there: linked files, npm scripts, subcommands; so are the documents that the code names. And the lock file fits every platform. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';
import { commandsOf } from '../../engine/commands/index.js';
import { projectRoot, readProjectFile, readSources, readTexts } from './project.js';

const documents = readTexts().filter(({ path }) => path.endsWith('.md'));

t.test('links lead to files', async (t) => {
  for (const { path, text } of documents) {
    const missing = [...text.matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].map(([, link]) => link!).filter((link) => !existsSync(join(projectRoot, dirname(path), link)));
    t.strictSame(missing, [], path);
  }
});

t.test('documents that the code names are there', async (t) => {
  const notOurs = /^(NNN-title|lz4_\w+)\.md$/;
  const missing = readSources().flatMap(({ path, text }) => [...text.matchAll(/(?<![\w/.-])[\w/-]+\.md\b/g)].map(([name]) => name)
    .filter((name) => !notOurs.test(name) && !existsSync(join(projectRoot, name))).map((name) => `${path}: ${name}`));
  t.strictSame(missing, []);
});

t.test('npm scripts that are named exist', async (t) => {
  const { scripts } = JSON.parse(readProjectFile('package.json')) as { scripts: Record<string, string> };
  for (const { path, text } of documents) {
    const named = [...text.matchAll(/\bnpm run ([a-z:]+)/g)].map(([, name]) => name!);
    t.strictSame(named.filter((name) => !(name in scripts)), [], path);
  }
});

t.test('subcommands that are named exist', async (t) => {
  const commands = await commandsOf([]);
  for (const { path, text } of documents) {
    const named = [...text.matchAll(/\bnpx pointstream ([a-z]+)/g)].map(([, name]) => name!);
    t.strictSame(named.filter((name) => !commands.some((command) => command.name.split(' ')[0] === name)), [], path);
  }
});

t.test('ARCHITECTURE.md is a map that fits: short, every path in it exists, and no file at the top of engine/ or workers/ is missing', async (t) => {
  const text = readProjectFile('ARCHITECTURE.md');
  t.ok(text.trimEnd().split('\n').length <= 150, 'at most 150 lines');
  const named = [...text.matchAll(/`((?:engine|workers|schemas|loadtest|grafana|test|docs|scripts)\/[\w./-]*)`/g)].map(([, path]) => path!);
  t.strictSame(named.filter((path) => !existsSync(join(projectRoot, path))), []);
  const files = readSources().filter(({ path, isTest }) => !isTest && /^(engine|workers)\/[^/]+$/.test(path)).map(({ path }) => path);
  t.strictSame(files.filter((path) => !named.includes(path)), [], 'a line of its own, or beside what it belongs to');
});

t.test('the lock file names the optional packages of every platform', async (t) => {
  const { packages } = JSON.parse(readProjectFile('package-lock.json')) as { packages: Record<string, { optionalDependencies?: Record<string, string> }> };
  const missing = Object.entries(packages).flatMap(([place, { optionalDependencies = {} }]) => Object.keys(optionalDependencies)
    .filter((name) => !(`node_modules/${name}` in packages) && !(`${place}/node_modules/${name}` in packages)).map((name) => `${name}, of ${place}`));
  t.strictSame(missing, [], 'a registry without them made npm leave them out, and npm ci fails: add them by hand, with version, os, cpu and "optional": true');
});

t.test('package.json pins what it needs', async (t) => {
  const { dependencies, devDependencies, optionalDependencies } = JSON.parse(readProjectFile('package.json')) as Record<string, Record<string, string>>;
  const loose = Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies }).filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version));
  t.strictSame(loose, [], 'exact versions only');
});

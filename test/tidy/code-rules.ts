/**
 * What may not stand in the code, and what to write instead. Works on the syntax tree, so that comments and texts are not mistaken for code.
 */
import ts from 'typescript';
import { longFiles } from './exceptions.js';
import type { Finding } from './finding.js';
import { eachNode, lineOf, type SourceFile } from './project.js';

const LINES_MAX = 300;
const LINE_CHARACTERS_MAX = 200;

const timeComesWithTheRecord = 'time comes with the record: use its append time or occurredAt';
const useAHash = 'use a keyed hash of the ids at hand, so that a replay draws the same';
const stayInStep = 'workers are synchronous: let the main thread wait, and hand the result in with the batch';
const forbiddenInWorkers: Record<string, string> = {
  'Date.now': timeComesWithTheRecord,
  'performance.now': timeComesWithTheRecord,
  'process.hrtime': timeComesWithTheRecord,
  'process.hrtime.bigint': timeComesWithTheRecord,
  'Math.random': useAHash,
  randomUUID: useAHash,
  randomBytes: useAHash,
  setTimeout: stayInStep,
  setInterval: stayInStep,
  setImmediate: stayInStep,
  fetch: stayInStep,
};

export function workersArePure(files: SourceFile[]): Finding[] {
  const findings: Finding[] = [];
  for (const file of files) {
    if (!file.path.startsWith('workers/') || file.isTest) continue;
    const add = (node: ts.Node, what: string, instead: string): void => void findings.push({ path: file.path, line: lineOf(file, node), what, instead });
    eachNode(file, (node) => {
      if (ts.isCallExpression(node)) {
        const name = node.expression.getText(file.tree);
        const instead = Object.hasOwn(forbiddenInWorkers, name) ? forbiddenInWorkers[name] : undefined;
        if (instead !== undefined) add(node, `calls ${name}`, instead);
        if (name.startsWith('console.')) add(node, `calls ${name}`, 'return what is to be said; the main thread logs it once, at the edge');
      } else if (ts.isNewExpression(node) && node.expression.getText(file.tree) === 'Date' && !node.arguments?.length) {
        add(node, 'reads the clock with new Date()', timeComesWithTheRecord);
      } else if (ts.isAwaitExpression(node) || node.kind === ts.SyntaxKind.AsyncKeyword) {
        add(node, 'is asynchronous', stayInStep);
      } else if (ts.isPropertyAccessExpression(node) && node.expression.getText(file.tree) === 'Intl') {
        add(node, 'uses Intl', 'zones are compiled into the reference data (ReferenceSet.zones)');
      }
    });
  }
  return findings;
}

export function noAny(files: SourceFile[]): Finding[] {
  const findings: Finding[] = [];
  for (const file of files) {
    eachNode(file, (node) => {
      if (node.kind === ts.SyntaxKind.AnyKeyword) findings.push({ path: file.path, line: lineOf(file, node), what: 'says any', instead: 'say unknown and check, or name the type' });
    });
  }
  return findings;
}

/** What is left over or switched off. Searched in the text, because it stands in comments. */
export function noLeftOvers(files: SourceFile[]): Finding[] {
  const words: [RegExp, string][] = [
    [/\b(TODO|FIXME|XXX|HACK)\b/, 'do it now, or file an issue and leave the code whole'],
    [/@ts-(ignore|nocheck)|eslint-disable(?!-next-line [\w@/-]+ --)/, 'mend what it hides; a lint rule may be switched off for one line, with a reason after --'],
    [/\b(t|test)\.(only|todo)\(|\btodo: /, 'write the test'],
  ];
  return files.filter((file) => !file.path.startsWith('test/tidy/')).flatMap((file) => file.text.split('\n').flatMap((text, index) =>
    words.filter(([pattern]) => pattern.test(text)).map(([pattern, instead]) => ({ path: file.path, line: index + 1, what: `has ${pattern.exec(text)![0]}`, instead }))));
}

export function sizes(files: SourceFile[]): Finding[] {
  const findings: Finding[] = [];
  for (const file of files) {
    const lines = file.text.trimEnd().split('\n');
    if (lines.length > LINES_MAX && !(file.path in longFiles)) {
      findings.push({ path: file.path, line: LINES_MAX, what: `has ${lines.length} lines`, instead: 'split it where it tells two stories, or give the reason in test/tidy/exceptions.ts' });
    }
    lines.forEach((text, index) => {
      // Rows of cases in tests read best in one line, however wide.
      if (text.length > LINE_CHARACTERS_MAX && !file.isTest) findings.push({ path: file.path, line: index + 1, what: `is ${text.length} characters wide`, instead: 'break it at about 150' });
    });
  }
  const long = new Set(files.filter((file) => file.text.trimEnd().split('\n').length > LINES_MAX).map((file) => file.path));
  for (const path of Object.keys(longFiles)) {
    if (!long.has(path)) findings.push({ path, line: 1, what: 'is listed as long, but is not', instead: 'take it off the list in test/tidy/exceptions.ts' });
  }
  return findings;
}

const emptyWords = /^(utils?|helpers?|managers?|common|misc|shared)$/;

export function names(files: SourceFile[]): Finding[] {
  return files.flatMap((file): Finding[] => {
    const parts = file.path.split('/'), base = parts.at(-1)!.replace(/(\.nightly)?(\.test)?\.ts$/, '');
    const findings: Finding[] = [];
    const add = (what: string, instead: string): void => void findings.push({ path: file.path, line: 1, what, instead });
    if (parts.slice(0, -1).concat(base.split('-')).some((word) => emptyWords.test(word))) add('has a name that says nothing', 'name it after what it does');
    if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(base)) add('is not named in kebab-case', 'use small letters, digits and hyphens');
    if (parts.length > 4) add('lies more than three folders deep', 'move it up');
    eachNode(file, (node) => {
      if (ts.isClassDeclaration(node) && /(Manager|Helper|Utils?)$/.test(node.name?.text ?? '')) add(`declares ${node.name!.text}`, 'name the class after what it does');
    });
    return findings;
  });
}

export function headers(files: SourceFile[]): Finding[] {
  return files.filter((file) => !file.path.endsWith('.test.ts') && !/^(#!.*\n)?\/\*\*/.test(file.text))
    .map((file) => ({ path: file.path, line: 1, what: 'has no header comment', instead: 'begin with what the file does, what it promises, what it never does' }));
}

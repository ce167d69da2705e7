/**
 * The project's own files, read and parsed for the checks of this folder. Reads the checkout that the test runs in, whichever folder it was compiled to.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, extname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/** The folder with package.json, in which everything that a test compares lies. */
export const projectRoot = ((): string => {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package-lock.json'))) folder = dirname(folder);
  return folder;
})();

export const sourceFolders = ['engine', 'workers', 'schemas', 'loadtest', 'grafana', 'test'] as const;

/** One source file. `path` is relative to the project's folder, with slashes. */
export interface SourceFile { path: string; text: string; tree: ts.SourceFile; isTest: boolean }

export function sourceFile(path: string, text: string): SourceFile {
  return { path, text, tree: ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true), isTest: path.endsWith('.test.ts') || path.startsWith('test/') };
}

export function readSources(): SourceFile[] {
  return sourceFolders.flatMap((folder) => walk(join(projectRoot, folder))).filter((path) => path.endsWith('.ts'))
    .map((path) => sourceFile(path, readFileSync(join(projectRoot, path), 'utf8')));
}

/** Every text of the project that people read or tools run: sources, documents, settings. */
export function readTexts(): { path: string; text: string }[] {
  const extensions = new Set(['.ts', '.mjs', '.js', '.md', '.yml', '.yaml', '.json', '.sql', '.csv', '.ndjson', '']);
  const top = readdirSync(projectRoot, { withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => entry.name).filter((name) => name !== 'package-lock.json');
  const folders = [...sourceFolders, 'docs', 'scripts', '.ci'].flatMap((folder) => walk(join(projectRoot, folder)));
  return [...top, ...folders].filter((path) => extensions.has(extname(path))).map((path) => ({ path, text: readFileSync(join(projectRoot, path), 'utf8') }));
}

export function readProjectFile(path: string): string {
  return readFileSync(join(projectRoot, path), 'utf8');
}

function walk(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    .map((entry) => relative(projectRoot, join(entry.parentPath, entry.name)).split(sep).join('/')).sort();
}

/** Calls `visit` for every node of the file, parents first. */
export function eachNode(file: SourceFile, visit: (node: ts.Node) => void): void {
  const step = (node: ts.Node): void => {
    visit(node);
    ts.forEachChild(node, step);
  };
  step(file.tree);
}

export function lineOf(file: SourceFile, node: ts.Node): number {
  return file.tree.getLineAndCharacterOfPosition(node.getStart(file.tree)).line + 1;
}

export interface Reference { target: string; line: number; typeOnly: boolean }

/** Packages and files that a source names: imports, exports, dynamic imports, and the `new URL('x.js', import.meta.url)` by which worker threads are started. */
export function references(file: SourceFile): Reference[] {
  const found: Reference[] = [];
  const add = (node: ts.Node, text: string, typeOnly: boolean): void => {
    const target = text.startsWith('.') ? join(dirname(file.path), text).split(sep).join('/').replace(/\.js$/, '.ts') : text;
    found.push({ target, line: lineOf(file, node), typeOnly });
  };
  eachNode(file, (node) => {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier && ts.isStringLiteral(node.moduleSpecifier)) {
      add(node, node.moduleSpecifier.text, ts.isImportDeclaration(node) ? node.importClause?.isTypeOnly === true : node.isTypeOnly);
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword && node.arguments[0] && ts.isStringLiteralLike(node.arguments[0])) {
      add(node, node.arguments[0].text, false);
    } else if (ts.isNewExpression(node) && node.expression.getText(file.tree) === 'URL' && node.arguments?.[0] && ts.isStringLiteralLike(node.arguments[0])) {
      const text = node.arguments[0].text;
      if (text.endsWith('.js')) add(node, text.startsWith('.') ? text : `./${text}`, false);
    }
  });
  return found;
}

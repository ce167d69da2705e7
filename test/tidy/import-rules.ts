/**
 * Who may import whom: engine → workers → schemas, never back; and every file is used by another.
 */
import { longestPrefix, type Finding } from './finding.js';
import { references, type SourceFile } from './project.js';
import { startedByOthers } from './exceptions.js';

/** Folder → folders that its files may import (tests apart, which may import all). The longest fitting prefix counts. */
const mayImport: Record<string, string[]> = {
  'schemas/': ['schemas/'],
  'workers/': ['workers/', 'schemas/'],
  'engine/': ['engine/', 'workers/', 'schemas/'],
  // Thin wrappers: `pointstream loadtest`, `verify` and `demo` start what lies in loadtest/.
  'engine/commands/': ['engine/', 'workers/', 'schemas/', 'loadtest/'],
  'loadtest/': ['loadtest/', 'engine/', 'workers/', 'schemas/'],
  // The second implementation is worth something only as long as it shares nothing with the first.
  'loadtest/naive/': ['loadtest/naive/', 'schemas/'],
  'grafana/': ['grafana/', 'engine/metrics.ts'],
  'test/': [''],
};

/** Names that say who uses a file: benchmarks are started by hand, fixtures, fakes and arbitraries (of fast-check) are for tests. */
const startedByHand = /-bench\.ts$/, forTests = /^(test|grafana)\/|[/-](fixture|fake|arbitrary)(-[a-z-]+)?\.ts$/;

/** Packages and parts of node that only some folders of workers/ may use: all I/O is theirs. */
const inputOutput = /^(node:(fs|net|http|http2|https|child_process|dns|dgram|tls|readline|timers|inspector)(\/.*)?|lmdb|pino|fastify|chdb|@clickhouse\/.*|prom-client)$/;

export function importDirection(files: SourceFile[]): Finding[] {
  return files.filter((file) => !file.isTest).flatMap((file) => {
    const allowed = mayImport[longestPrefix(Object.keys(mayImport), file.path)] ?? [''];
    return references(file).filter(({ target }) => /^(engine|workers|schemas|loadtest|grafana|test)\//.test(target))
      .filter(({ target }) => !allowed.some((prefix) => target.startsWith(prefix)))
      .map(({ target, line }) => ({
        path: file.path, line, what: `imports ${target}`,
        instead: 'imports go engine → workers → schemas, and nothing imports test: move what both need down, or hand it in as a parameter',
      }));
  });
}

export function workersWithoutInputOutput(files: SourceFile[]): Finding[] {
  return files.filter((file) => file.path.startsWith('workers/') && !file.path.startsWith('workers/state/') && !file.isTest).flatMap((file) =>
    references(file).filter(({ target, typeOnly }) => !typeOnly && inputOutput.test(target)).map(({ target, line }) => ({
      path: file.path, line, what: `imports ${target}`,
      instead: 'workers compute only: let the main thread read it and hand it in with the batch, or, when it is state of a shard, put it into workers/state',
    })));
}

/** The product can't know what it is measured by: nothing of it imports or names the comparison with the peers, nor the rules of their job, which are documents like any others. */
export function noCodeForTheComparison(files: SourceFile[]): Finding[] {
  const instead = 'build what every user of the product gets; the comparison uses it through the command line and the log';
  return files.filter(({ path }) => /^(schemas|workers|engine|grafana)\//.test(path)).flatMap((file) => {
    const imported = references(file).filter(({ target }) => target.startsWith('loadtest/peers/')).map(({ target, line }) => ({ path: file.path, line, what: `imports ${target}`, instead }));
    const named = file.text.split('\n').flatMap((text, index) => {
      const found = /loadtest\/peers|twenty-rules|seventh-partners|large-basket|three-pieces|Kafka ?Streams|Flink/i.exec(text);
      return found && !imported.some(({ line }) => line === index + 1) ? [{ path: file.path, line: index + 1, what: `names ${found[0]}`, instead }] : [];
    });
    return [...imported, ...named];
  });
}

export function orphans(files: SourceFile[]): Finding[] {
  const byTests = new Set<string>(), byProduct = new Set<string>();
  for (const file of files) for (const { target } of references(file)) if (target !== file.path) (file.isTest ? byTests : byProduct).add(target);
  const started = (path: string): boolean => path.endsWith('.test.ts') || path in startedByOthers || startedByHand.test(path);
  const findings = files.filter(({ path }) => !started(path) && !byProduct.has(path)).flatMap((file): Finding[] => {
    if (!byTests.has(file.path)) return [{ path: file.path, line: 1, what: 'is imported by nobody', instead: 'delete it, use it, or say in test/tidy/exceptions.ts who starts it' }];
    if (forTests.test(file.path)) return [];
    return [{ path: file.path, line: 1, what: 'is used by tests only', instead: 'delete it with its tests, use it, or call it a fixture, a fake or an arbitrary' }];
  });
  const paths = new Set(files.map((file) => file.path));
  const stale = Object.keys(startedByOthers).filter((path) => !paths.has(path) || byProduct.has(path))
    .map((path) => ({ path, line: 1, what: 'is listed as started by others, but is gone or imported', instead: 'take it off the list in test/tidy/exceptions.ts' }));
  return [...findings, ...stale];
}

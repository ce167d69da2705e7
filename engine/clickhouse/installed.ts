/** Whether chdb, the embedded ClickHouse, is here: an optional package, with another one that has its library for the platform. */
import { createRequire } from 'node:module';

export const HOW_TO_GET_CHDB = 'npm ci --include=optional installs it (glibc Linux and macOS, x64 and arm64); or set clickhouse to the address of a server, or to off';

/** What is missing; undefined: nothing. It is only looked for, as loading it costs a second and memory. */
export function chdbMissing(): string | undefined {
  const library = `@chdb/lib-${process.platform}-${process.arch}${process.platform === 'linux' ? '-gnu' : ''}`;
  const find = (from: string, module: string): string | undefined => {
    try {
      return createRequire(from).resolve(module);
    } catch {
      return undefined;
    }
  };
  const chdb = find(import.meta.url, 'chdb/package.json');
  if (chdb === undefined) return 'package chdb is not installed';
  return find(chdb, library) === undefined ? `package ${library}, which chdb needs on this platform, is not installed` : undefined;
}

/** What a verifier reads: a log, and, where they are, live accounts and the rows of ClickHouse. All of it can be asked from another thread. */
import type { Log } from '../../engine/log/log.js';
import type { AccountCellsView } from '../../workers/messages.js';

export type ReadableLog = Pick<Log, 'partitions' | 'read' | 'bounds' | 'getValue'>;
type ReadCells = (partition: number, from: number, count: number) => Promise<AccountCellsView[]>;
type ReadRows = (query: string, parameters: Record<string, unknown>) => Promise<Record<string, string>[]>;

export interface VerifySource {
  log: ReadableLog;
  /** Accounts as the engine has them now, committed. */
  cells?: ReadCells;
  /** Rows of a query, 64-bit integers as text. */
  rows?: ReadRows;
}

/** The calls that a thread which verifies makes. */
export type SourceCall =
  | { call: 'read'; arguments: Parameters<ReadableLog['read']> }
  | { call: 'bounds'; arguments: Parameters<ReadableLog['bounds']> }
  | { call: 'getValue'; arguments: Parameters<ReadableLog['getValue']> }
  | { call: 'cells'; arguments: Parameters<ReadCells> }
  | { call: 'rows'; arguments: Parameters<ReadRows> };

export function callSource({ log, cells, rows }: VerifySource, { call, arguments: given }: SourceCall): Promise<unknown> {
  switch (call) {
    case 'read': return log.read(...given);
    case 'bounds': return log.bounds(...given);
    case 'getValue': return log.getValue(...given);
    case 'cells': return cells!(...given);
    case 'rows': return rows!(...given);
  }
}

/** A source whose calls go through `ask`. */
export function remoteSource(partitions: number, has: { cells: boolean; rows: boolean }, ask: (call: SourceCall) => Promise<unknown>): VerifySource {
  const log: ReadableLog = {
    partitions,
    read: (...given) => ask({ call: 'read', arguments: given }) as ReturnType<ReadableLog['read']>,
    bounds: (...given) => ask({ call: 'bounds', arguments: given }) as ReturnType<ReadableLog['bounds']>,
    getValue: (...given) => ask({ call: 'getValue', arguments: given }) as ReturnType<ReadableLog['getValue']>,
  };
  return {
    log,
    ...(has.cells && { cells: (...given: Parameters<ReadCells>) => ask({ call: 'cells', arguments: given }) as ReturnType<ReadCells> }),
    ...(has.rows && { rows: (...given: Parameters<ReadRows>) => ask({ call: 'rows', arguments: given }) as ReturnType<ReadRows> }),
  };
}

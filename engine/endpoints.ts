/** DIR/endpoints.json: where the engine that runs on a directory answers. Written by serving.ts; what a killed engine left there counts for nobody. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Base addresses. */
export interface Endpoints { pid: number; /** Empty without the role gateway. */ http: string; clickhouse: string | null; metrics: string }

export const endpointsPath = (directory: string): string => join(directory, 'endpoints.json');

/** Of the engine that runs on the directory; undefined when none does. An address alone proves nothing: after a kill -9 the engine of another directory may have taken the port. */
export function runningEndpoints(directory: string): Endpoints | undefined {
  const endpoints = writtenEndpoints(directory);
  return endpoints !== undefined && isAlive(endpoints.pid) ? endpoints : undefined;
}

/** Of one process; undefined until it is ready. What a run left there that was killed has another process id, and goes while that process starts. */
export function endpointsOf(directory: string, pid: number): Endpoints | undefined {
  const endpoints = writtenEndpoints(directory);
  return endpoints?.pid === pid ? endpoints : undefined;
}

function writtenEndpoints(directory: string): Endpoints | undefined {
  try {
    return JSON.parse(readFileSync(endpointsPath(directory), 'utf8')) as Endpoints;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // A process of somebody else may not be asked, but is there.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

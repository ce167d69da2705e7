/**
 * Whether the engine of this container is well, by its exit code, for HEALTHCHECK (Dockerfile): /readyz of its gateway; without the role gateway, on the port of its metrics. The
 * addresses are those of DIR/endpoints.json, where DIR is POINTSTREAM_DATA, as long as the process that wrote it is there: after a kill -9 somebody else may answer at them.
 */
import { runningEndpoints } from '../dist/engine/endpoints.js';

const TIMEOUT_MS = 3000;

try {
  const directory = process.env.POINTSTREAM_DATA || 'data', endpoints = runningEndpoints(directory);
  if (endpoints === undefined) throw new Error(`no engine runs on ${directory}, or not yet`);
  const { http, metrics } = endpoints;
  // Listening on all addresses is no address to ask.
  const address = `${http || metrics}/readyz`.replace('//0.0.0.0:', '//127.0.0.1:').replace('//[::]:', '//[::1]:');
  const { status } = await fetch(address, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  console.log(`${address}: ${status}`);
  process.exitCode = status === 200 ? 0 : 1;
} catch (error) {
  console.log(`not ready: ${error.message}`);
  process.exitCode = 1;
}

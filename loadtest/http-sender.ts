/**
 * The partners' side of the HTTP load test, in a thread of its own: makes all bodies first, says so, and posts them when it is told to. Each
 * connection sends the purchases of its own cards, one body after the other, so that the order of a card holds.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { Generator, type GeneratorOptions } from './generator.js';
import { GeneratedWorld, type WorldOptions } from './world.js';

const BODY_BYTES = 1 << 20, ATTEMPTS_MAX = 1000;

export interface SenderSetup { url: string; key: string; connections: number; world: WorldOptions; generator: GeneratorOptions }
export interface SenderAnswer { accepted: number; duplicates: number; rejected: number; waiting: number; requests: number; busyAnswers: number; requestMs: number[] }
export type FromSender = { ready: true; bytes: number } | { answer: SenderAnswer } | { failure: string };

if (parentPort) {
  const port = parentPort, setup = workerData as SenderSetup, bodies = makeBodies(setup);
  const send = (message: FromSender): void => port.postMessage(message);
  port.once('message', () => {
    postAll(setup, bodies).then((answer) => send({ answer }), (error: unknown) => send({ failure: (error as Error).stack ?? String(error) })).finally(() => port.close());
  });
  send({ ready: true, bytes: bodies.flat().reduce((sum, body) => sum + body.length, 0) });
}

function makeBodies({ connections, world, generator: options }: SenderSetup): Uint8Array[][] {
  const generator = new Generator(options, new GeneratedWorld(world)), lanes = Array.from({ length: connections }, () => ({ text: '', bodies: [] as Uint8Array[] }));
  for (let n = 0; n < options.transactions; n++) {
    const line = generator.json(n), lane = lanes[generator.draft.account % connections]!;
    lane.text += `${line}\n`;
    if (lane.text.length < BODY_BYTES) continue;
    lane.bodies.push(Buffer.from(lane.text, 'utf8'));
    lane.text = '';
  }
  return lanes.map(({ text, bodies }) => (text === '' ? bodies : [...bodies, Buffer.from(text, 'utf8')]));
}

async function postAll(setup: SenderSetup, lanes: Uint8Array[][]): Promise<SenderAnswer> {
  const total: SenderAnswer = { accepted: 0, duplicates: 0, rejected: 0, waiting: 0, requests: 0, busyAnswers: 0, requestMs: [] };
  await Promise.all(lanes.map(async (bodies) => {
    for (const body of bodies) await post(setup, body, total);
  }));
  return total;
}

async function post({ url, key }: SenderSetup, body: Uint8Array, total: SenderAnswer): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const beganMs = performance.now();
    const answer = await fetch(`${url}/v1/transactions`, { method: 'POST', headers: { authorization: `Bearer ${key}`, 'content-type': 'application/x-ndjson' }, body });
    if ((answer.status === 429 || answer.status === 503) && attempt < ATTEMPTS_MAX) {
      await answer.arrayBuffer();
      total.busyAnswers++;
      await new Promise((resolve) => setTimeout(resolve, 1000 * Number(answer.headers.get('retry-after') ?? 1)));
      continue;
    }
    if (!answer.ok) throw new Error(`${answer.status}: ${(await answer.text()).slice(0, 500)}`);
    const { accepted, duplicates, rejected, items } = await answer.json() as { accepted: number; duplicates: number; rejected: number; items: { status: string }[] };
    total.requestMs.push(performance.now() - beganMs);
    total.requests++;
    total.accepted += accepted;
    total.duplicates += duplicates;
    total.rejected += rejected;
    total.waiting += items.filter(({ status }) => status === 'waiting').length;
    return;
  }
}

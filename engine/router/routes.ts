/** Which topic is whose, as the setting routerTopics says it: "grocer=grocer.sales, fuel=fuel-purchases". */
import { identifier } from '../../schemas/fields.js';
import { validateDocument } from '../../schemas/validate.js';
import { storedNames } from '../log/kafka/stored-topics.js';

/** Partners by topic. `prefix`: begins the names of the engine's own topics. Throws an Error that says what is wrong. */
export function readRoutes(text: string, prefix: string): Map<string, string> {
  const routes = new Map<string, string>();
  for (const route of text.split(',').map((part) => part.trim()).filter((part) => part !== '')) {
    const at = route.lastIndexOf('='), partner = route.slice(0, at).trim(), topic = route.slice(at + 1).trim();
    if (at < 0 || validateDocument(identifier(), partner).length > 0) throw new Error(`${JSON.stringify(route)} is not PARTNER=TOPIC`);
    if (!/^[\w.-]{1,249}$/.test(topic)) throw new Error(`${JSON.stringify(topic)} is no name of a topic: letters, digits, ".", "_" and "-", at most 249`);
    if (isOwn(topic, prefix)) throw new Error(`${topic} is the engine's own: trusted producers write to it, it is not routed`);
    if (routes.has(topic)) throw new Error(`${topic} is there twice; a topic has one partner`);
    routes.set(topic, partner);
  }
  return routes;
}

/** What begins with the prefix is ours; without one, only what is called like a topic of the log. */
const isOwn = (topic: string, prefix: string): boolean => (prefix === '' ? Object.values(storedNames).includes(topic) : topic.startsWith(prefix));

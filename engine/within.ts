/** Resolves with whether something ended within a time, well or not; it is not waited for any longer. */
export async function within(milliseconds: number, something: Promise<unknown> | undefined): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => { timer = setTimeout(() => resolve(false), milliseconds); });
  const ended = Promise.resolve(something).then(() => true, () => true);
  return Promise.race([ended, late]).finally(() => clearTimeout(timer));
}

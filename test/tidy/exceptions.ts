/**
 * What the checks of this folder let pass, each with its reason. An entry that is not needed any more fails the test too.
 */

/** Files of more than 300 lines. */
export const longFiles: Record<string, string> = {
};

/** Files that nothing imports because somebody else starts them. */
export const startedByOthers: Record<string, string> = {
  'loadtest/peers/run.ts': 'npm run peers starts it',
  'test/tidy/generate.ts': 'npm run generate starts it',
};

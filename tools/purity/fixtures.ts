import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../shared/place.js';
import { bundle } from './bundle.js';
import { checkStory, messageOf, type Check } from './check.js';

const folder = 'tools/purity/fixtures';

const story = {
  policy: 'fixture',
  title: 'two ticks',
  at: 0,
  options: {},
  events: [
    { kind: 'tick', at: 1, sequence: 1 },
    { kind: 'tick', at: 2, sequence: 2 },
  ],
};

/** What the harness says about a policy that is known to be impure; undefined when it saw nothing. */
async function findings(file: string): Promise<string | undefined> {
  try {
    const { code } = await bundle(`${folder}/${file}`);
    return checkStory(code, story).problem;
  } catch (error) {
    return messageOf(error);
  }
}

/** A guard that has never caught anything proves nothing: each known offender must be caught, the honest one must not. */
export async function checkFixtures(): Promise<Check[]> {
  const files = readdirSync(join(root, folder)).filter((name) => name.endsWith('.ts'));
  const checks: Check[] = [];
  for (const file of files) {
    const found = await findings(file);
    if (file === 'pure.ts') {
      checks.push({ name: 'a pure fixture passes', ...(found === undefined ? {} : { problem: found }) });
    } else {
      const name = `the fixture ${file} is caught${found === undefined ? '' : `: ${found.split('\n')[0] ?? ''}`}`;
      checks.push({ name, ...(found === undefined ? { problem: 'it went through unseen' } : {}) });
    }
  }
  return checks;
}

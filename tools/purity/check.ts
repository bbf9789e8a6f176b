import { bundle, type Bundle } from './bundle.js';
import { EmptyRealm } from './realm.js';
import { playStory, type Story } from './story.js';

/** One check: what was looked at, and what is wrong with it, if anything. */
export interface Check {
  readonly name: string;
  readonly problem?: string;
}

export function messageOf(error: unknown): string {
  return error instanceof Error || (typeof error === 'object' && error !== null && 'message' in error)
    ? String(error.message)
    : String(error);
}

/** Runs `work` and turns whatever goes wrong, and whatever the realm has caught, into one sentence. */
export function attempt(name: string, realm: EmptyRealm, work: () => void): Check {
  let thrown: string | undefined;
  try {
    work();
  } catch (error) {
    thrown = messageOf(error);
  }
  const trespasses = [...new Set(realm.trespasses)];
  if (trespasses.length > 0) return { name, problem: `reached for ${trespasses.join(', ')}` };
  return thrown === undefined ? { name } : { name, problem: thrown };
}

/** Loads one entry in a realm of its own and reads every export. */
export async function checkEntry(name: string, entry: string, allowed: RegExp): Promise<Check[]> {
  let bundled: Bundle;
  try {
    bundled = await bundle(entry);
  } catch (error) {
    return [{ name: `${name} bundles for no platform`, problem: messageOf(error) }];
  }
  const foreign = bundled.inputs.filter((path) => !allowed.test(path));
  const own = `${name} is made of its own ${bundled.inputs.length} sources only`;
  const realm = new EmptyRealm();
  const load = attempt(`${name} loads in an empty realm, every export`, realm, () => {
    realm.run(bundled.code);
    if (Number(realm.run('Object.entries(subject).length')) === 0)
      throw new Error('it exports no value at all');
  });
  return [foreign.length === 0 ? { name: own } : { name: own, problem: `also ${foreign.join(', ')}` }, load];
}

/** Plays a story twice in each of two realms: it must come out the same, letter by letter. */
export function checkStory(code: string, story: Story): Check {
  const name = `${story.policy} plays '${story.title}' (${story.events.length} events) in an empty realm, four times the same`;
  const outcomes = new Set<string>();
  for (const realm of [new EmptyRealm(), new EmptyRealm()]) {
    const check = attempt(name, realm, () => {
      realm.run(code);
      for (let time = 0; time < 2; time += 1) outcomes.add(playStory(realm, story));
    });
    if (check.problem !== undefined) return check;
  }
  return outcomes.size === 1 ? { name } : { name, problem: 'the outcomes differ' };
}

import { bundle } from './bundle.js';
import { checkStory, type Check } from './check.js';
import { EmptyRealm } from './realm.js';
import { allStories } from './stories/index.js';
import { listPolicies } from './story.js';

/** Steps every policy that core offers. A policy without a story, and an empty list, are failures. */
export async function checkPolicies(entry: string): Promise<{ checks: Check[]; skipped: string[] }> {
  const { code } = await bundle(entry);
  const realm = new EmptyRealm();
  realm.run(code);
  const { names, exported } = listPolicies(realm);
  if (exported === 'not at all')
    return { checks: [], skipped: ['core exports no policy yet, so none was stepped'] };
  if (names.length === 0)
    return { checks: [{ name: 'policies', problem: 'the exported list is empty' }], skipped: [] };
  const stories = allStories();
  const checks = names.flatMap((policy): Check[] => {
    const own = stories.filter((each) => each.policy === policy);
    if (own.length === 0)
      return [{ name: `${policy} has a story`, problem: 'add one to tools/purity/stories' }];
    return own.map((story) => checkStory(code, story));
  });
  return { checks, skipped: [] };
}

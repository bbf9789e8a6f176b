import { type EmptyRealm } from './realm.js';

/** Options and events for one policy, as plain JSON: what a driver would give it, in order. */
export interface Story {
  readonly policy: string;
  /** Whose story it is, for the reader of the report. */
  readonly title: string;
  readonly at: number;
  readonly options: object;
  readonly events: readonly { readonly kind: string; readonly at: number; readonly sequence: number }[];
}

/** Anything that has a name and can be stepped is a policy, however it is exported. */
const findPolicies = `
  const isPolicy = (value) =>
    typeof value === 'object' && value !== null && typeof value.name === 'string' &&
    typeof value.init === 'function' && typeof value.step === 'function';
  const listed = Array.isArray(subject.policies) ? subject.policies : Object.values(subject).filter(isPolicy);
`;

/** Runs inside the realm. Everything given is frozen first, so that a step that writes to its input throws. */
const play = `((text) => {
  ${findPolicies}
  const freeze = (value) => {
    if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
      Object.freeze(value);
      Object.values(value).forEach(freeze);
    }
    return value;
  };
  const plain = (value, path) => {
    if (value === null || typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value)) return;
    const bare = Array.isArray(value) || (typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype);
    if (!bare) throw new Error(path + ' is not plain JSON: ' + String(value));
    for (const [key, inner] of Object.entries(value)) plain(inner, path + '.' + key);
  };
  const story = freeze(JSON.parse(text));
  const policy = listed.find(({ name }) => name === story.policy);
  let state = freeze(policy.init(story.options, story.at));
  const log = [{ state }];
  for (const event of story.events) {
    const next = policy.step(state, event);
    state = freeze(next.state);
    for (const invariant of policy.invariants) {
      const broken = invariant.check(state);
      if (broken !== undefined) throw new Error(invariant.name + ' is broken after ' + event.kind + ': ' + broken);
    }
    plain(state, 'state');
    for (const effect of next.effects) plain(effect, 'effect');
    log.push({ state, effects: next.effects, wakeAt: policy.wakeAt(state) });
  }
  return JSON.stringify(log);
})`;

export interface PolicyListing {
  readonly names: readonly string[];
  /** How core offers them: an array named policies, one by one, or not at all. */
  readonly exported: 'as a list' | 'one by one' | 'not at all';
}

export function listPolicies(realm: EmptyRealm): PolicyListing {
  const text = realm.run(`(() => { ${findPolicies}
    return JSON.stringify({ names: listed.map(({ name }) => name), list: Array.isArray(subject.policies) }); })()`);
  const { names, list } = JSON.parse(String(text)) as { names: string[]; list: boolean };
  const oneByOne = names.length > 0 ? 'one by one' : 'not at all';
  return { names, exported: list ? 'as a list' : oneByOne };
}

/** Plays a story and returns everything that came out, as JSON. */
export function playStory(realm: EmptyRealm, story: Story): string {
  const run = realm.run(play) as (text: string) => string;
  return run(JSON.stringify(story));
}

import { CalmCheck } from './calm.js';
import { FingerprintSet, collisionProbability } from './fingerprints.js';
import { Frontier } from './frontier.js';
import { KeyBuffer } from './key.js';
import type { ExplorableSystem } from './system.js';
import { Trail } from './trail.js';
import { wordsOf } from './words.js';

export interface ExploreOptions {
  /** Stops when that many different states were found. Default: 50 million, about 1.5 GB. */
  readonly statesMax?: number;
  /** Goes no further than that many choices from an initial state. Default: no bound. */
  readonly depthMax?: number;
  /** Stops when that much time has passed on `clock`. What was found then depends on the machine; leave it out where results are compared. */
  readonly runMsMax?: number;
  /** Another seed makes other fingerprints: what two seeds find was hidden by no collision. */
  readonly seed?: number;
  /** For figures about speed and for `runMsMax`. Without it nothing here knows of time. */
  readonly clock?: { now(): number };
  /** Checks the calm schedule from one state in that many; 0: never. Default: from every state, when the system has a schedule. */
  readonly calmEvery?: number;
  /** Called once per depth. */
  readonly progress?: (progress: ExploreProgress) => void;
}

export interface ExploreProgress {
  readonly depth: number;
  readonly states: number;
  readonly frontier: number;
}

/** A broken rule with the shortest way to it: no other way has fewer choices. */
export interface Violation<Choice> {
  readonly rule: string;
  /** Place of the initial state among `initial()`. */
  readonly initial: number;
  readonly choices: readonly Choice[];
  /** The choices in words. */
  readonly story: readonly string[];
  /** Set when the rule is not broken at the end of the story but after the calm schedule that follows it. */
  readonly calm?: readonly string[];
}

export interface Exploration<Choice> {
  readonly name: string;
  /**
   * `exhausted`: every state within the system's limits was seen. `bounded`: a bound of the exploration was met first, and nothing is said
   * about what lies behind it. `violated`: a rule is broken.
   */
  readonly ended: 'exhausted' | 'bounded' | 'violated';
  /** The bounds that were met: 'states', 'depth', 'time'. */
  readonly boundedBy: readonly string[];
  readonly limits: readonly string[];
  readonly states: number;
  /** Applied choices. */
  readonly transitions: number;
  /** Choices on the longest of the shortest ways. */
  readonly depth: number;
  /** States that were found and not looked behind. */
  readonly frontier: number;
  readonly frontierMost: number;
  /** How often every kind of choice was made. */
  readonly labels: ReadonlyMap<string, number>;
  readonly landmarksMissed: readonly string[];
  readonly calmChecked: number;
  readonly violation?: Violation<Choice>;
  /** How likely it is that any state was taken for another one. */
  readonly collisionProbability: number;
  readonly visitedBytes: number;
  readonly elapsedMs?: number;
}

/**
 * Looks at every reachable state once, nearest first, and stops at the first broken rule. Deterministic: the same system and options give
 * the same result, but for `elapsedMs`.
 */
export function explore<State, Choice>(
  system: ExplorableSystem<State, Choice>,
  options: ExploreOptions = {},
): Exploration<Choice> {
  return new Explorer(system, options).run();
}

class Explorer<State, Choice> {
  private readonly visited: FingerprintSet;
  private readonly frontier = new Frontier();
  private readonly trail = new Trail();
  private readonly key = new KeyBuffer();
  private readonly labels = new Map<string, number>();
  private readonly boundedBy = new Set<string>();
  private readonly calm: CalmCheck<State, Choice> | undefined;
  private readonly startedAt: number | undefined;
  private landmarks: ExplorableSystem<State, Choice>['landmarks'];
  private roots = 0;
  private transitions = 0;
  private depth = 0;
  private frontierMost = 0;
  private expanded = 0;
  private levelEnd = 0;
  private violation: Violation<Choice> | undefined;

  constructor(
    private readonly system: ExplorableSystem<State, Choice>,
    private readonly options: ExploreOptions,
  ) {
    this.visited = new FingerprintSet(options.seed ?? 0);
    this.startedAt = options.clock?.now();
    this.landmarks = system.landmarks ?? [];
    const { calmEvery = 1 } = options;
    if (system.calm !== undefined && calmEvery > 0)
      this.calm = new CalmCheck(system, system.calm, calmEvery, options.seed ?? 0);
  }

  run(): Exploration<Choice> {
    let place = 0;
    for (const state of this.system.initial()) {
      this.meet(state, this.trail.size, place);
      place += 1;
    }
    this.roots = this.trail.size;
    this.levelEnd = this.roots;
    while (this.violation === undefined && this.mayGoOn()) {
      if (this.expanded === this.levelEnd) this.nextLevel();
      if (this.options.depthMax !== undefined && this.depth >= this.options.depthMax) {
        this.boundedBy.add('depth');
        break;
      }
      if (!this.frontier.shift(this.key)) break;
      this.expand(this.expanded);
      this.expanded += 1;
    }
    return this.result();
  }

  private nextLevel(): void {
    this.depth += 1;
    this.levelEnd = this.trail.size;
    this.options.progress?.({ depth: this.depth, states: this.trail.size, frontier: this.frontier.size });
  }

  private mayGoOn(): boolean {
    if (this.frontier.size === 0) return false;
    const { statesMax = 50_000_000, runMsMax, clock } = this.options;
    if (this.trail.size >= statesMax) this.boundedBy.add('states');
    const isLookDue = runMsMax !== undefined && this.expanded % 256 === 0;
    if (isLookDue && clock !== undefined && clock.now() - (this.startedAt ?? 0) >= runMsMax)
      this.boundedBy.add('time');
    return this.boundedBy.size === 0;
  }

  private expand(number: number): void {
    const { system } = this;
    const state = system.codec.read(this.key);
    let place = 0;
    for (const choice of system.choices(state)) {
      const label = system.label?.(choice) ?? system.describe(choice);
      this.labels.set(label, (this.labels.get(label) ?? 0) + 1);
      this.transitions += 1;
      const rule = this.follow(state, choice, number, place);
      if (rule !== undefined) {
        this.violation = { rule, ...this.storyTo(number, choice) };
        return;
      }
      if (this.violation !== undefined) return;
      place += 1;
    }
  }

  /** What the choice itself breaks; undefined when it breaks nothing. */
  private follow(state: State, choice: Choice, number: number, place: number): string | undefined {
    let next: State;
    try {
      next = this.system.apply(state, choice);
    } catch (error) {
      return wordsOf(error);
    }
    this.meet(next, number, place);
    return undefined;
  }

  private meet(found: State, parent: number, place: number): void {
    const { system } = this;
    const state = system.representative?.(found) ?? found;
    this.key.clear();
    system.codec.write(state, this.key);
    if (!this.visited.add(this.key.words, this.key.length)) return;
    const number = this.trail.size;
    this.trail.push(parent, place);
    this.frontier.push(this.key);
    this.frontierMost = Math.max(this.frontierMost, this.frontier.size);
    const rule = this.brokenRule(state);
    if (rule !== undefined) {
      if (this.roots === 0) this.roots = this.trail.size;
      this.violation = { rule, ...this.storyTo(number) };
      return;
    }
    this.noteLandmarks(state);
    const failed = this.calm?.check(state, number);
    if (failed === undefined) return;
    if (this.roots === 0) this.roots = this.trail.size;
    this.violation = { rule: failed.rule, ...this.storyTo(number), calm: failed.story };
  }

  private brokenRule(state: State): string | undefined {
    for (const invariant of this.system.invariants) {
      try {
        const broken = invariant.check(state);
        if (broken !== undefined) return `${invariant.name}: ${broken}`;
      } catch (error) {
        return `${invariant.name}: ${wordsOf(error)}`;
      }
    }
    return undefined;
  }

  private noteLandmarks(state: State): void {
    if (this.landmarks === undefined || this.landmarks.length === 0) return;
    if (this.landmarks.some((landmark) => landmark.isReached(state)))
      this.landmarks = this.landmarks.filter((landmark) => !landmark.isReached(state));
  }

  /** The states on the way were not kept: they are made again from the places of the choices. */
  private storyTo(number: number, last?: Choice): Omit<Violation<Choice>, 'rule'> {
    const { system } = this;
    const [initial = 0, ...places] = this.trail.to(number, Math.max(1, this.roots));
    let state = this.canonical([...system.initial()][initial]);
    const choices: Choice[] = [];
    for (const place of places) {
      const choice = state === undefined ? undefined : system.choices(state)[place];
      if (state === undefined || choice === undefined)
        throw new TypeError(`${system.name} does not offer the same choices twice.`);
      choices.push(choice);
      state = this.canonical(system.apply(state, choice));
    }
    if (last !== undefined) choices.push(last);
    return { initial, choices, story: choices.map((choice) => system.describe(choice)) };
  }

  private canonical(state: State | undefined): State | undefined {
    return state === undefined ? undefined : (this.system.representative?.(state) ?? state);
  }

  private result(): Exploration<Choice> {
    const { options, startedAt, violation, boundedBy } = this;
    const isBounded = boundedBy.size > 0;
    return {
      name: this.system.name,
      ended: violation !== undefined ? 'violated' : isBounded ? 'bounded' : 'exhausted',
      boundedBy: [...boundedBy],
      limits: this.system.limits,
      states: this.trail.size,
      transitions: this.transitions,
      depth: this.depth,
      frontier: this.frontier.size,
      frontierMost: this.frontierMost,
      labels: this.labels,
      landmarksMissed: (this.landmarks ?? []).map((landmark) => landmark.name),
      calmChecked: this.calm?.checked ?? 0,
      collisionProbability: collisionProbability(this.trail.size),
      visitedBytes: this.visited.sizeBytes,
      ...(violation === undefined ? {} : { violation }),
      ...(startedAt === undefined || options.clock === undefined
        ? {}
        : { elapsedMs: options.clock.now() - startedAt }),
    };
  }
}

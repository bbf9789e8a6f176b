import { MemoryNetwork, VirtualClock } from '@holdfast/testkit';
import type { NodeEvent } from '@holdfast/volume';
import { History } from './history.js';
import { HostSite } from './host-site.js';
import type { Plan, SiteName } from './plan.js';
import { Site } from './site.js';
import { SurvivorWatch } from './survivor-watch.js';
import { WitnessSite } from './witness-site.js';

/** Modes in which a node's copy may be the one that has to go on. */
const following = new Set(['mirrored', 'suspended', 'arbitrating', 'standalone', 'syncSource', 'unknown']);

/** Two saves, and the way there and back, fit into the time for which a node of the profile waits. */
const witnessSaveMaxMs = 8;

/** Two sites, a witness and hosts on one virtual clock, all of them running the code that ships. */
export class World {
  readonly clock = new VirtualClock();
  readonly network: MemoryNetwork;
  readonly witness: WitnessSite;
  readonly history: History;
  readonly sites: readonly [Site, Site];
  readonly violations: { readonly rule: string; readonly detail: string }[] = [];
  readonly story: string[] = [];
  /** Faults that struck while a host waited for an answer. */
  hits = 0;
  /** Both sites lost power at the end: what was not flushed may be gone. */
  blackedOut = false;
  /** Grows with everything that anybody could have seen: two runs of one plan end with the same text. */
  readonly trail: string[] = [];
  private readonly hosts = new Map<string, HostSite>();
  private readonly survivors = new SurvivorWatch();
  private powerWasLost = false;
  private onlyCopyFailed = false;
  private legHasFailed = false;
  private undoing: (() => void)[] = [];

  constructor(readonly plan: Plan) {
    const { seed, surroundings } = plan;
    const { link, driftPpm, witnessWeather, saveMs } = surroundings;
    this.network = new MemoryNetwork({ clock: this.clock, seed, speed: link });
    this.history = new History(() => this.clock.now());
    this.witness = new WitnessSite(
      this.network,
      this.clock.process({ name: 'witness', driftPpm: driftPpm.witness }),
      { seed, saveMs: Math.min(saveMs, witnessSaveMaxMs), weather: { ...witnessWeather, lateMs: 150 } },
    );
    const site = (name: SiteName): Site =>
      new Site(this, name, this.clock.process({ name, driftPpm: driftPpm[name] }));
    this.sites = [site('a'), site('b')];
    for (const { host } of plan.clients)
      if (!this.hosts.has(host)) this.hosts.set(host, new HostSite(this, host, seed * 10 + this.hosts.size));
  }

  site(name: SiteName): Site {
    return this.sites[name === 'a' ? 0 : 1];
  }

  hostSite(name: string): HostSite {
    const host = this.hosts.get(name);
    if (host === undefined) throw new TypeError(`No client of the plan is at host ${name}.`);
    return host;
  }

  private otherThan(site: Site): Site {
    return this.sites[site === this.sites[0] ? 1 : 0];
  }

  hasHost(name: string): boolean {
    return this.hosts.has(name);
  }

  witnessPort(
    name: SiteName,
    clock: Site['clock'],
    isAlive: () => boolean,
  ): ReturnType<WitnessSite['portFor']> {
    return this.witness.portFor(name, clock, isAlive);
  }

  get bothMirror(): boolean {
    return this.sites.every(({ mode }) => mode === 'mirrored');
  }

  /** For the story, with where everybody stands. */
  note(what: string): void {
    const [a, b] = this.sites;
    const at = String(Math.round(this.clock.now())).padStart(6);
    this.story.push(`${at} ms  a ${a.mode}, b ${b.mode}, ${String(this.history.inFlight)} waiting: ${what}`);
  }

  /** A fault that lay in wait has struck. */
  struck(what: string): void {
    this.note(what);
    if (this.history.inFlight > 0) this.hits += 1;
  }

  violated(rule: string, detail: string): void {
    this.note(`BROKEN: ${rule}: ${detail}`);
    this.violations.push({ rule, detail });
  }

  failed(what: string): void {
    this.violated('no client sees an error for a failover', what);
  }

  /** A site lost what it had acknowledged volatilely: until both mirror again, the other one may not lose it too. */
  lostPower(): void {
    this.powerWasLost = true;
  }

  /**
   * Why this pair may wait for an operator's word, for ever if need be; undefined when it has to serve by itself. The only whole copy has
   * failed while the other one was behind, or lost what it held in memory while it was the one that had to go on; and a node says that nobody may serve.
   */
  get waitsForOperator(): string | undefined {
    const isSaid = this.sites.some(({ node }) =>
      node?.recentDecisions(20).some(({ because }) => because.kind === 'no-survivor'),
    );
    if (!isSaid) return undefined;
    if (this.onlyCopyFailed) return 'the only whole copy has failed';
    return this.powerWasLost ? 'the copy that had to go on has lost power' : undefined;
  }

  /** Whether its copy is the one that has to go on, or may be. */
  private hasToServe(site: Site): boolean {
    return site.mode !== 'mirrored' && following.has(site.mode);
  }

  mayLosePower(): boolean {
    if (this.bothMirror) this.bothAreWhole();
    return this.bothMirror && !this.powerWasLost;
  }

  bothAreWhole(): void {
    this.powerWasLost = false;
    this.onlyCopyFailed = false;
  }

  /** One bad leg at a time: with two there is nothing left to serve from. */
  mayFailLeg(): boolean {
    if (this.legHasFailed) return false;
    this.legHasFailed = true;
    return true;
  }

  /** Ends something that a fault began, at its time or when everything heals. */
  later(afterMs: number, undo: () => void): void {
    this.undoing.push(undo);
    this.clock.setTimer(afterMs, () => {
      const index = this.undoing.indexOf(undo);
      if (index < 0) return;
      this.undoing.splice(index, 1);
      undo();
    });
  }

  /** From now on nothing is wrong with anything that surrounds the nodes. */
  heal(): void {
    // Undoing one thing may begin another: a process that is killed so that it starts anew.
    while (this.undoing.length > 0) this.undoing.shift()?.();
    this.network.healAll();
    for (const site of this.sites) {
      site.soundMedia();
      if (site.clock.paused) site.clock.resume();
      site.host.powerOn();
      site.start();
    }
    this.witness.start();
  }

  heard(site: Site, event: NodeEvent): void {
    const at = this.clock.now().toFixed(3);
    if (event.kind === 'mode-changed') {
      this.trail.push(
        `${at} ${site.name} ${event.from} ${event.to} ${String(event.epoch)} ${event.sequencer}`,
      );
      this.note(`${site.name} goes from ${event.from} to ${event.to} in epoch ${String(event.epoch)}`);
      this.judgeSurvivors(site, event.to, event.epoch);
    } else if (event.kind === 'decision') {
      this.trail.push(`${at} ${site.name} ${event.decision.effect} ${event.decision.kind}`);
      const { because } = event.decision;
      if (because.kind === 'leg-failed' && this.hasToServe(site)) this.onlyCopyFailed = true;
      if (event.decision.kind === 'set-gate' || event.decision.kind === 'report')
        this.story.push(`${' '.repeat(11)}${site.name}: ${event.decision.sentence}`);
    } else if (event.kind === 'halted') {
      this.violated('no rule of the program is broken', `${site.name}: ${event.reason}`);
    }
  }

  private judgeSurvivors(site: Site, mode: string, epoch: number): void {
    const other = this.otherThan(site);
    const doubt = this.survivors.changed(
      { nodeId: site.name, mode, epoch },
      other.node === undefined ? undefined : other.mode,
    );
    if (doubt !== undefined) this.violated('at most one survivor', doubt);
  }

  /** Whatever this run left running. */
  async close(): Promise<void> {
    for (const host of this.hosts.values()) host.restart();
    for (const site of this.sites) site.kill();
    this.witness.kill();
    await this.clock.settle();
  }
}

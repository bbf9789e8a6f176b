import { connectNbd, type NbdClient } from '@holdfast/nbd';
import type { ResyncProgress } from '@holdfast/volume';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { watchStandstill } from '../run/standstill.js';
import { measureLateness, stretched, timingFactor } from './calibrate.js';
import { Cluster } from './cluster.js';
import { layoutIn, nodeIds, preferred, volumeId } from './layout.js';
import { Observer } from './observer.js';
import { type DemoOptions, type DemoPlan, planOf } from './options.js';
import type { Check, DemoReport, Replay, SceneResult } from './report/types.js';
import { lastScene, mirrored, type Scene, scenes, type Stage } from './scenes.js';
import { lengthOf } from './workload/pauses.js';
import { type BlockClient, Workload } from './workload/workload.js';

/** What a run tells while it goes on. */
export interface DemoProgress {
  say(text: string): void;
  resync(nodeId: string, progress: ResyncProgress, ended: boolean): void;
}

export interface DemoOutcome {
  readonly report: DemoReport;
  /** Logs, configuration and legs; undefined when they are gone. */
  readonly folder: string | undefined;
  /** Why the run ended before its end. */
  readonly failure: string | undefined;
}

/**
 * Runs the whole demonstration once: processes, load, faults, proof. Everything is gone afterwards, except the folder when
 * `keep` asks for it or something failed. An abort ends it early, with what is known so far.
 */
export async function runDemo(
  options: DemoOptions,
  progress: DemoProgress,
  signal: AbortSignal,
): Promise<DemoOutcome> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-demo-'));
  const factor = options.timingFactor ?? timingFactor(await measureLateness(600));
  if (factor > 1)
    progress.say(
      `this machine is busy: all timers of the lan profile are ${factor} times as long in this run`,
    );
  const run = new DemoRun(options, factor, progress, folder, signal);
  const failure = await run.play();
  const report = run.report();
  const failed = failure !== undefined || report.checks.some(({ passed }) => !passed);
  // Who stops it knows why: there is nothing to look for.
  const kept = options.keep || (failed && !signal.aborted);
  if (!kept) await rm(folder, { recursive: true, force: true });
  return { report, folder: kept ? folder : undefined, failure };
}

/** How often a scene is played when the machine disturbs it. */
const mostAttempts = 3;

class DemoRun {
  private readonly plan: DemoPlan;
  private readonly observer: Observer;
  private readonly checks: Check[] = [];
  private readonly results: SceneResult[] = [];
  private readonly replays: Replay[] = [];
  private legs: DemoReport['legs'] = [];
  private load: Workload | undefined;
  private readonly startedAtMs = Date.now();
  private loadStartedAtMs = Date.now();
  private endedAtMs = Date.now();

  constructor(
    private readonly options: DemoOptions,
    private readonly factor: number,
    private readonly progress: DemoProgress,
    private readonly folder: string,
    private readonly signal: AbortSignal,
  ) {
    this.plan = planOf(options, stretched(factor));
    const nodes = nodeIds.map((nodeId) => ({
      nodeId,
      role: nodeId === preferred ? 'preferred' : 'non-preferred',
    }));
    this.observer = new Observer(nodes, (nodeId, told, ended) => progress.resync(nodeId, told, ended));
  }

  /** @returns why it ended early, if it did. */
  async play(): Promise<string | undefined> {
    const stopStandstill = watchStandstill(25, (standstill) => this.observer.stoodStill('demo', standstill));
    let failure: string | undefined;
    try {
      await using cluster = await Cluster.prepare(
        this.options,
        this.plan.timing,
        layoutIn(this.folder),
        this.observer,
        this.signal,
      );
      await this.playOn(cluster);
    } catch (error) {
      failure = error instanceof Error ? error.message : String(error);
      this.checks.push({ name: 'every scene was played to its end', passed: false, detail: failure });
    } finally {
      stopStandstill();
      this.endedAtMs = Date.now();
    }
    return failure;
  }

  report(): DemoReport {
    const { load, observer, options } = this;
    const scenesEnd = this.endedAtMs;
    return {
      version: 1,
      startedAtMs: this.loadStartedAtMs,
      endedAtMs: scenesEnd,
      seed: options.seed,
      run: options.run,
      volumeBytes: options.legBytes,
      machine: {
        cpus: cpus().length,
        platform: process.platform,
        runtime: `Node.js ${process.versions.node}`,
      },
      timing: this.factor === 1 ? 'lan' : `lan, ${this.factor} times as long (busy machine)`,
      workload: {
        requests: load?.requests ?? 0,
        acknowledgedWrites: load?.ledger.acknowledgedWrites ?? 0,
        acknowledgedBytes: load?.ledger.acknowledgedBytes ?? 0,
        indeterminateWrites: load?.ledger.indeterminateWrites ?? 0,
        blocksChecked: load?.ledger.blocksChecked ?? 0,
        faults: load?.faultCount ?? 0,
        errors: load?.errors.length ?? 0,
      },
      longestStallMs: observer.longestStandstillMs,
      scenes: this.results,
      replays: this.replays,
      checks: this.checks,
      legs: this.legs,
      bands: observer.bands(scenesEnd),
      moments: observer.moments
        .filter(({ atMs }) => atMs >= this.loadStartedAtMs)
        .sort((left, right) => left.atMs - right.atMs),
      resyncs: observer.resyncs,
      timeline: { binMs: load?.timeline.binMs ?? 50, bins: load?.timeline.timeline() ?? [] },
    };
  }

  private async playOn(cluster: Cluster): Promise<void> {
    const { plan, progress } = this;
    progress.say(`starting a witness, a relay, two nodes and an initiator (files in ${this.folder})`);
    await Promise.all([cluster.start('witness'), cluster.start('relay')]);
    await Promise.all(nodeIds.map((nodeId) => cluster.start(nodeId)));
    await cluster.start('initiator');
    await cluster.until('both nodes mirror', plan.patienceMs, () =>
      nodeIds.every(
        (nodeId) =>
          this.observer.view(nodeId).mode === 'mirrored' && this.observer.view(nodeId).host === 'open',
      ),
    );
    const client = await connectNbd({ socketPath: cluster.layout.hostSocket }, { exportName: volumeId });
    try {
      const load = this.startLoad(client);
      const stage: Stage = {
        cluster,
        load,
        plan,
        check: (name, passed, detail) => void this.checks.push({ name, passed, detail }),
      };
      await cluster.rest(plan.warmUpMs);
      for (const scene of scenes) await this.playScene(scene, stage);
      progress.say('f   the end: every block is read back, the nodes stop in order, the legs are compared');
      this.legs = await lastScene(stage);
      this.judgeRun(load);
    } finally {
      // Not waited for: after a failure nobody may be left to answer what is outstanding; the end of the initiator ends it.
      void this.load?.stop();
      void client[Symbol.asyncDispose]().catch(() => undefined);
    }
  }

  private startLoad(client: NbdClient): Workload {
    const { plan, options } = this;
    const blocks: BlockClient = {
      read: (offset, length) => client.read(offset, length),
      write: (offset, data, { fua }) => client.write(offset, data, { fua }),
      flush: () => client.flush(),
    };
    this.load = new Workload({
      client: blocks,
      sizeBytes: options.legBytes,
      seed: options.seed,
      queueDepth: plan.queueDepth,
      requestsPerSecond: plan.requestsPerSecond,
      hotBytes: plan.hotBytes,
      scatteredSpots: plan.scatteredSpots,
      scatteredShare: plan.scatteredShare,
      now: () => performance.timeOrigin + performance.now(),
      wait: (forMs) => new Promise((resolve) => setTimeout(resolve, forMs)),
    });
    this.loadStartedAtMs = Date.now();
    this.load.start();
    return this.load;
  }

  /** Plays a scene, and again when the machine itself has disturbed it. */
  private async playScene(scene: Scene, stage: Stage): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      const checksBefore = this.checks.length;
      const { result, disturbedMs } = await this.playOnce(scene, stage);
      const tooLong = result.boundMs !== undefined && result.longestPauseMs > result.boundMs + result.stallMs;
      if (tooLong && disturbedMs > this.plan.timing.drainBoundMs && attempt < mostAttempts) {
        // What failed stays failed; what was proved is proved again.
        const failed = this.checks.splice(checksBefore).filter(({ passed }) => !passed);
        this.checks.push(...failed);
        this.replays.push({ id: scene.id, longestPauseMs: result.longestPauseMs, standstillMs: disturbedMs });
        const text = `${Math.round(result.longestPauseMs)} ms pause, but a process stood still for ${Math.round(disturbedMs)} ms, longer than its leases allow: played again`;
        this.observer.faulted('demo', `scene ${scene.id}: ${text}`);
        this.progress.say(`    ${text}`);
        for (const nodeId of nodeIds) if (!stage.cluster.isAlive(nodeId)) await stage.cluster.start(nodeId);
        continue;
      }
      this.results.push(result);
      this.judgeScene(result);
      this.tellScene(result);
      return;
    }
  }

  private async playOnce(
    scene: Scene,
    stage: Stage,
  ): Promise<{ readonly result: SceneResult; readonly disturbedMs: number }> {
    const { observer } = this;
    if (scene.beginsMirrored) await this.calm(stage.cluster);
    const fromMs = Date.now();
    const faultsBefore = stage.load.faultCount;
    const resyncsBefore = observer.finishedResyncs.length;
    this.progress.say(`${scene.id.padEnd(3)} ${scene.title}`);
    const serves = await scene.run(stage);
    const untilMs = Date.now();
    const pause = stage.load.pauses.longest(fromMs, untilMs);
    const boundMs = scene.boundMs(this.plan);
    const resyncs = observer.finishedResyncs
      .slice(resyncsBefore)
      .filter(({ progress, completed }) => completed && progress.side === 'source');
    const result: SceneResult = {
      id: scene.id,
      title: scene.title,
      fromMs,
      untilMs,
      serves,
      longestPauseMs: lengthOf(pause),
      stallMs: observer.standstillIn(pause),
      lostWrites: stage.load.faultCount - faultsBefore,
      because: this.reasonSince(fromMs),
      ...(boundMs === undefined ? {} : { boundMs }),
      ...(resyncs.length === 0
        ? {}
        : {
            resyncedBytes: sum(resyncs.map(({ progress }) => progress.movedBytes)),
            comparedBytes: sum(
              resyncs.map(({ progress }) => progress.dirtyBytes + progress.activityLogBytes),
            ),
          }),
    };
    return { result, disturbedMs: observer.longestStandstillIn({ fromMs, untilMs }) };
  }

  private tellScene({ serves, longestPauseMs, boundMs, stallMs, because }: SceneResult): void {
    const allowed = boundMs === undefined ? '' : `, allowed ${Math.round(boundMs)} ms`;
    const stall = stallMs < 1 ? '' : ` (${Math.round(stallMs)} ms of it a process stood still)`;
    this.progress.say(`    ${serves}; longest pause ${Math.round(longestPauseMs)} ms${stall}${allowed}`);
    if (because !== '') this.progress.say(`    because: ${because}`);
  }

  /**
   * A fault that begins while another one is being dealt with proves nothing. On a machine that forgets its processes for longer
   * than the leases, the nodes part without any fault of ours, and find together again.
   */
  private async calm(cluster: Cluster): Promise<void> {
    const neededMs = this.plan.settleMs / 2;
    let since = performance.now();
    await cluster.until('both nodes mirror, and have for a moment', this.plan.patienceMs, () => {
      if (!mirrored(cluster)) since = performance.now();
      return performance.now() - since >= neededMs;
    });
  }

  private judgeScene(scene: SceneResult): void {
    const { id, longestPauseMs, boundMs, stallMs, resyncedBytes } = scene;
    if (boundMs !== undefined) {
      this.checks.push({
        name: `${id}: the host's longest pause is within the bound`,
        passed: longestPauseMs <= boundMs + stallMs,
        detail: `${longestPauseMs.toFixed(0)} ms, computed bound ${boundMs.toFixed(0)} ms, and the machine stood still for ${stallMs.toFixed(0)} ms of it`,
      });
    }
    if (resyncedBytes !== undefined) {
      this.checks.push({
        name: `${id}: resync moves what changed, not the volume`,
        passed: resyncedBytes < this.options.legBytes / 2,
        detail: `${resyncedBytes} of ${this.options.legBytes} bytes moved, ${scene.comparedBytes ?? 0} looked at`,
      });
    }
    this.checks.push({
      name: `${id}: every block read was one that may be there`,
      passed: scene.lostWrites === 0,
      detail: `${scene.lostWrites} wrong blocks`,
    });
  }

  private judgeRun(load: Workload): void {
    const wrong = load.faults.slice(0, 3).map(({ block, what }) => `block ${block}: ${what}`);
    this.checks.push(
      {
        name: 'no client saw an error',
        passed: load.errors.length === 0,
        detail: load.errors[0] ?? `${load.requests} requests`,
      },
      {
        name: 'no acknowledged write was lost, in the whole run',
        passed: load.faultCount === 0,
        detail: wrong.join('; ') || `${load.ledger.blocksChecked} blocks judged`,
      },
      this.neverTwo(),
    );
  }

  /** At no moment did both nodes serve alone. */
  private neverTwo(): Check {
    const alone = (mode: string): boolean => mode === 'standalone' || mode === 'syncSource';
    const [first, second] = this.observer
      .bands(Date.now())
      .map(({ segments }) => segments.filter(({ mode }) => alone(mode)));
    const overlap = (first ?? []).find((left) =>
      (second ?? []).some((right) => left.fromMs < right.untilMs && right.fromMs < left.untilMs),
    );
    const detail =
      overlap === undefined
        ? 'no overlap in the modes that the nodes told'
        : `both served alone at ${overlap.fromMs - this.startedAtMs} ms`;
    return { name: 'at no moment did both nodes serve alone', passed: overlap === undefined, detail };
  }

  /** The sentence of the decision that the scene turned on: by whose word a node serves alone, else who mirrors. */
  private reasonSince(fromMs: number): string {
    const since = this.observer.decisions.filter(({ wallTime }) => wallTime >= fromMs);
    for (const kind of ['serves-alone', 'mirrored']) {
      const found = since.find(({ because }) => because.kind === kind);
      if (found !== undefined) return `${found.nodeId}: ${found.sentence}`;
    }
    return '';
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, next) => total + next, 0);
}

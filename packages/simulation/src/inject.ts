import type { Fault } from './plan.js';
import type { Site } from './site.js';
import type { World } from './world.js';

type Of<Kind extends Fault['kind']> = Extract<Fault, { kind: Kind }>;

/**
 * Makes a fault happen now. @returns false when there was nothing for it to happen to: the process is down already, or the rules of the run
 * forbid it now.
 */
export function inject(world: World, fault: Fault): boolean {
  switch (fault.kind) {
    case 'kill':
      return killSite(world, world.site(fault.site), fault.downMs);
    case 'kill-at-save':
      return killAtSave(world, fault);
    case 'kill-at-disk':
      return killAtDisk(world, fault);
    case 'power-loss':
      return losePower(world, fault);
    case 'pause':
      return pause(world, fault);
    case 'cut':
    case 'partition':
    case 'reset':
    case 'slow-link':
      return disturbLink(world, fault);
    case 'slow-disk':
    case 'disk-error':
      return disturbDisk(world, fault);
    case 'slow-store':
    case 'full-store':
      return disturbStore(world, fault);
    case 'step-wall-clock':
      world.site(fault.site).clock.stepWallTime(fault.byMs);
      return true;
    case 'drift':
      world.site(fault.site).clock.setDriftPpm(fault.driftPpm);
      return true;
    case 'kill-witness':
    case 'restore-witness':
    case 'lose-witness':
      return disturbWitness(world, fault);
    case 'handover':
      return handOver(world.site(fault.site));
    case 'kill-host':
      world.hostSite(fault.host).restart();
      return true;
  }
}

function killSite(world: World, site: Site, downMs: number): boolean {
  if (site.isDown) return false;
  site.kill();
  world.later(downMs, () => site.start());
  return true;
}

function killAtSave(world: World, { site: name, skip, phase, downMs }: Of<'kill-at-save'>): boolean {
  const site = world.site(name);
  const { records } = site;
  // One at a time: the first one may have struck and not yet ended its process.
  if (site.node === undefined || records.faults !== undefined || records.crashed !== undefined) return false;
  let left = skip;
  records.faults = (operation) => {
    if (operation.kind !== 'save' || (left -= 1) >= 0) return undefined;
    records.faults = undefined;
    return { crash: phase };
  };
  records.crashed = () => {
    records.crashed = undefined;
    world.struck(`${name} dies ${phase} its record is durable`);
    killSite(world, site, downMs);
  };
  return true;
}

function killAtDisk(world: World, fault: Of<'kill-at-disk'>): boolean {
  const site = world.site(fault.site);
  if (site.node === undefined) return false;
  let left = fault.skip;
  const stop = site.onDisks(fault.device, (operation) => {
    if (operation.kind !== fault.operation || (left -= 1) >= 0) return undefined;
    stop();
    world.struck(`${fault.site} dies in a ${fault.operation} of ${fault.device}`);
    killSite(world, site, fault.downMs);
    return undefined;
  });
  return true;
}

function losePower(world: World, { site: name, keep, downMs }: Of<'power-loss'>): boolean {
  if (!world.mayLosePower()) return false;
  const site = world.site(name);
  site.losePower(keep);
  world.lostPower();
  world.later(downMs, () => {
    site.host.powerOn();
    site.start();
  });
  return true;
}

function pause(world: World, { site: name, stops, forMs }: Of<'pause'>): boolean {
  const { clock, isDown } = world.site(name);
  if (isDown || clock.paused) return false;
  clock.pause(stops);
  world.later(forMs, () => {
    if (clock.paused) clock.resume();
  });
  return true;
}

function disturbLink(world: World, fault: Of<'cut' | 'partition' | 'reset' | 'slow-link'>): boolean {
  const { network } = world;
  switch (fault.kind) {
    case 'cut':
      network.cut(fault.from, fault.to);
      world.later(fault.forMs, () => {
        network.healOneWay(fault.from, fault.to);
      });
      return true;
    case 'partition':
      network.partition(fault.one, fault.other);
      world.later(fault.forMs, () => {
        network.heal(fault.one, fault.other);
      });
      return true;
    case 'reset':
      network.reset(fault.one, fault.other);
      return true;
    case 'slow-link':
      network.setSpeed(fault.from, fault.to, fault);
      world.later(fault.forMs, () => {
        network.setSpeed(fault.from, fault.to, world.plan.surroundings.link);
      });
      return true;
  }
}

function disturbDisk(world: World, fault: Of<'slow-disk' | 'disk-error'>): boolean {
  const site = world.site(fault.site);
  if (site.node === undefined) return false;
  if (fault.kind === 'slow-disk') {
    const stop = site.onDisks(fault.device, ({ kind }) =>
      kind === fault.operation ? { delayMs: fault.delayMs } : undefined,
    );
    world.later(fault.forMs, stop);
    return true;
  }
  if (!world.mayFailLeg()) return false;
  const stop = site.onDisks(fault.device, (operation) => {
    if (operation.kind !== fault.operation) return undefined;
    stop();
    world.struck(`${fault.operation} of ${fault.device} of ${fault.site} fails: ${fault.code}`);
    world.later(fault.restartAfterMs, () => {
      killSite(world, site, 0);
    });
    return { fail: fault.code };
  });
  return true;
}

function disturbStore(world: World, fault: Of<'slow-store' | 'full-store'>): boolean {
  const { records } = world.site(fault.site);
  if (records.faults !== undefined) return false;
  records.faults = ({ kind }) => {
    if (kind === 'load') return undefined;
    return fault.kind === 'slow-store' ? { delayMs: fault.delayMs } : { fail: 'NO_SPACE' };
  };
  world.later(fault.forMs, () => {
    records.faults = undefined;
  });
  return true;
}

function disturbWitness(
  world: World,
  { kind, downMs }: Of<'kill-witness' | 'restore-witness' | 'lose-witness'>,
): boolean {
  const { witness } = world;
  if (!witness.isUp) return false;
  witness.kill();
  if (kind === 'restore-witness') witness.restoreBackup();
  if (kind === 'lose-witness') witness.loseEverything();
  world.later(downMs, () => {
    witness.start();
  });
  return true;
}

function handOver(site: Site): boolean {
  const { node } = site;
  if (node === undefined) return false;
  // Refused when this is no time for it; the reason is the policy's.
  node.command({ kind: 'handover' }).catch(() => undefined);
  return true;
}

import { brokenInvariant, faults, isWell, violation } from './explore.js';
import { apply, choices, type Setting, type System } from './system.js';

export interface Run {
  readonly system: System;
  readonly broken: string | undefined;
}

export const isFault = (choice: string): boolean => faults.includes(choice.split(' ')[0] ?? '');

/** From now on nothing goes wrong any more: what can happen happens, in turn. */
export function comeToRest(begun: System, setting: Setting): Run {
  let system = begun;
  for (let turn = 0; turn < 600 && !isWell(system); turn += 1) {
    const options = choices(system, setting).filter((choice) => !isFault(choice));
    const choice = options[turn % options.length];
    if (choice === undefined) break;
    system = apply(system, choice, setting);
    const broken = violation(system) ?? brokenInvariant(system);
    if (broken !== undefined) return { system, broken };
  }
  return { system, broken: undefined };
}

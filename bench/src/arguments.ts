import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import { type Case, cases } from './cases.js';

export interface BenchArguments {
  readonly rounds: number;
  readonly seconds: number;
  /** For how long every contender gets each load before the first round. */
  readonly warmSeconds: number;
  readonly sizeBytes: number;
  /** Where the legs lie; on tmpfs the disk stays out of it. */
  readonly directory: string;
  readonly cases: readonly Case[];
  /** Another build of the `holdfast` program. */
  readonly holdfast: string | undefined;
}

export const usage = `usage: npm run bench -- [--rounds 5] [--seconds 4] [--warm-seconds 6] [--size-mib 512] [--directory DIR] [--only CASE]... [--holdfast FILE]
cases: ${cases.map(({ name }) => name).join(', ')}`;

export function readArguments(words: readonly string[]): BenchArguments {
  const { values } = parseArgs({
    args: [...words],
    options: {
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '4' },
      'warm-seconds': { type: 'string', default: '6' },
      'size-mib': { type: 'string', default: '512' },
      directory: { type: 'string', default: tmpdir() },
      holdfast: { type: 'string' },
      only: { type: 'string', multiple: true, default: [] },
    },
  });
  const chosen = values.only.map((name) => {
    const found = cases.find((load) => load.name === name);
    if (found === undefined) throw new Error(`there is no case ${name}\n${usage}`);
    return found;
  });
  return {
    rounds: wholeNumber('rounds', values.rounds),
    seconds: wholeNumber('seconds', values.seconds),
    warmSeconds: wholeNumber('warm-seconds', values['warm-seconds'], 0),
    sizeBytes: wholeNumber('size-mib', values['size-mib']) * 2 ** 20,
    directory: values.directory,
    holdfast: values.holdfast,
    cases: chosen.length === 0 ? cases : chosen,
  };
}

function wholeNumber(name: string, text: string, lowest = 1): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < lowest)
    throw new Error(`--${name} is a whole number from ${lowest}, not ${text}\n${usage}`);
  return number;
}

/* `npm run nightly`: the long campaigns, one after the other. Prints how often each ran and how often it failed. */
import { root } from '../shared/place.js';
import { run } from '../shared/process.js';
import { finish } from '../shared/report.js';
import { campaigns, type Campaign } from './campaigns.js';

interface Tally {
  readonly name: string;
  readonly runs: number;
  readonly failures: number;
}

async function carryOut({ name, command, runs }: Campaign): Promise<Tally> {
  console.log(`=== ${name}: ${runs} runs of ${command.join(' ').replaceAll(root, '')}`);
  const [program, ...args] = command;
  let failures = 0;
  for (let turn = 1; turn <= runs; turn += 1) {
    const { code, output } = await run(program, args);
    if (code === 0) continue;
    failures += 1;
    console.log(`--- run ${turn} ended with code ${code}:\n${output}`);
  }
  console.log(`${runs} runs, ${failures} failures`);
  return { name, runs, failures };
}

const tallies: Tally[] = [];
for (const campaign of campaigns()) tallies.push(await carryOut(campaign));

console.log('=== all campaigns');
for (const { name, runs, failures } of tallies) console.log(`${runs} runs, ${failures} failures: ${name}`);
const runs = tallies.reduce((sum, each) => sum + each.runs, 0);
const failures = tallies.reduce((sum, each) => sum + each.failures, 0);
finish({ passed: runs - failures, failed: failures });

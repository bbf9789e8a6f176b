import { Command, InvalidArgumentError, Option } from 'commander';
import {
  type ForceOptions,
  forceSurvivor,
  operate,
  type OperateOptions,
  reattach,
  resolveSplitBrain,
} from './commands/operate.js';
import { exitCodeOf, exitCodes } from './commands/exit-codes.js';
import { init } from './commands/init.js';
import { messageOf, status, type StatusOptions, why, type WhyOptions } from './commands/questions.js';
import type { Terminal } from './commands/terminal.js';
import { loadConfig, parseSize } from './config/index.js';
import { demo, type DemoCommandOptions } from './commands/demo.js';
import { startLife } from './run/life.js';
import { lineWriter } from './run/lines.js';
import { runInitiator } from './run/run-initiator.js';
import { runNode } from './run/run-node.js';
import { runWitness } from './run/run-witness.js';

interface LongRunning {
  readonly config: string;
  readonly json: boolean;
}

/** Runs one command line (without program and script) and gives back its exit code. Writes to the terminal it is given. */
export async function runCommandLine(args: readonly string[], terminal: Terminal): Promise<number> {
  const outcome: Outcome = { code: exitCodes.ok };
  const program = new Command('holdfast')
    .description('Two nodes, one volume: hosts keep going when a site, a host, a link or a disk is lost.')
    .helpCommand(false)
    .exitOverride()
    .showHelpAfterError('(--help shows what there is)')
    .showSuggestionAfterError()
    .configureOutput({
      writeOut: (text) => terminal.out(text.trimEnd()),
      writeErr: (text) => terminal.note(text.trimEnd()),
    })
    .addHelpText(
      'after',
      `\nExit codes: ${Object.entries(exitCodes)
        .map(([name, code]) => `${code} ${name}`)
        .join(', ')}`,
    );
  addServers(program, terminal, outcome);
  addQuestions(program, terminal, outcome);
  addVerbs(program, terminal, outcome);
  addDemo(program, terminal, outcome);
  try {
    await program.parseAsync([...args], { from: 'user' });
    return outcome.code;
  } catch (error) {
    // The parser has said what is wrong, or has shown the help that was asked for.
    if (isParserEnd(error)) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    terminal.note(messageOf(error));
    return exitCodeOf(error);
  }
}

/** Where a command leaves its exit code. */
interface Outcome {
  code: number;
}

const configOption = (): Option =>
  new Option('-c, --config <file>', 'the configuration').default('holdfast.yaml');
const jsonOption = (what: string): Option => new Option('--json', what).default(false);

function addServers(program: Command, terminal: Terminal, outcome: Outcome): void {
  program
    .command('init')
    .description('write a configuration to begin with')
    .argument('[folder]', 'where to', '.')
    .action(async (folder: string) => {
      outcome.code = await init(folder, terminal);
    });
  const server = (name: string, description: string): Command =>
    program
      .command(name)
      .description(description)
      .addOption(configOption())
      .addOption(jsonOption('one JSON object per event'));
  server('witness', 'run the witness: the third vote').action(async ({ config, json }: LongRunning) => {
    await runWitness(
      await loadConfig(config),
      startLife(),
      lineWriter(json, (line) => terminal.out(line)),
    );
  });
  server('node', 'run one node: a site with its legs')
    .argument('<name>', 'its name in the configuration')
    .action(async (name: string, { config, json }: LongRunning) => {
      await runNode(
        await loadConfig(config),
        name,
        startLife(),
        lineWriter(json, (line) => terminal.out(line)),
      );
    });
  server('initiator', "run the host's side: one NBD socket over the paths to both nodes").action(
    async ({ config, json }: LongRunning) => {
      await runInitiator(
        await loadConfig(config),
        startLife(),
        lineWriter(json, (line) => terminal.out(line)),
      );
    },
  );
}

function addQuestions(program: Command, terminal: Terminal, outcome: Outcome): void {
  program
    .command('status')
    .description('how the nodes are, and who would win now')
    .addOption(configOption())
    .addOption(jsonOption('as JSON'))
    .option('--watch', 'go on, and print every event', false)
    .action(async (options: StatusOptions) => {
      outcome.code = await status(options, terminal, options.watch ? startLife().ended : Promise.resolve());
    });
  program
    .command('why')
    .description('the last decisions, each with its reason')
    .argument('[node]', 'only of this node')
    .addOption(configOption())
    .addOption(jsonOption('as JSON'))
    .option('--limit <count>', 'how many of each node', wholeNumber(1, 1_000), 20)
    .action(async (name: string | undefined, options: WhyOptions) => {
      outcome.code = await why(name, options, terminal);
    });
}

function addVerbs(program: Command, terminal: Terminal, outcome: Outcome): void {
  const verb = (name: string, description: string): Command =>
    program
      .command(name)
      .description(description)
      .argument('<node>', 'whom to tell')
      .addOption(configOption())
      .option('--dry-run', 'only show what would happen', false);
  const acknowledge = (): Option =>
    new Option('--acknowledge <words>', 'the words that it would ask for, for scripts');
  const simple = [
    ['handover', 'give the role to the other node, without an outage'],
    ['pause', 'stop resync'],
    ['resume', 'let resync go on'],
    ['shut-down', 'stop serving in order'],
  ] as const;
  for (const [kind, description] of simple) {
    verb(kind, description).action(async (name: string, options: OperateOptions) => {
      outcome.code = await operate(name, kind, options, terminal);
    });
  }
  verb('force-survivor', 'let this node serve although nobody agreed; may lose data')
    .addOption(acknowledge())
    .action(async (name: string, options: ForceOptions) => {
      outcome.code = await forceSurvivor(name, options, terminal);
    });
  verb('reattach', 'serve the newest copy again after its leg had failed')
    .addOption(acknowledge())
    .action(async (name: string, options: ForceOptions) => {
      outcome.code = await reattach(name, options, terminal);
    });
  verb('resolve-split-brain', 'after both went on alone: choose whose copy gives way')
    .requiredOption('--victim <node>', 'the node whose copy is given up')
    .addOption(acknowledge())
    .action(async (name: string, options: ForceOptions & { readonly victim: string }) => {
      outcome.code = await resolveSplitBrain(name, options.victim, options, terminal);
    });
}

function addDemo(program: Command, terminal: Terminal, outcome: Outcome): void {
  program
    .command('demo')
    .description('faults under load on this machine, with proof that no acknowledged write is lost')
    .addOption(jsonOption('the whole report as JSON on standard output'))
    .option('--quick', 'shorter scenes and smaller legs', false)
    .option('--keep', 'leave configuration, logs and legs where they are', false)
    .option('--seed <number>', 'chooses the requests', wholeNumber(0, 0xffff_ffff))
    .option('--legs <size>', 'size of the volume, and of each leg', size)
    .option('--runs <count>', 'so many times, with a summary', wholeNumber(1, 1_000), 1)
    .option(
      '--timing-factor <number>',
      'timers of the lan profile, so many times as long (default: 1, more on a busy machine)',
      wholeNumber(1, 20),
    )
    .option(
      '--page <file>',
      'where to write the page (default: holdfast-demo.html in the folder of temporary files)',
    )
    .action(async (options: DemoCommandOptions) => {
      outcome.code = await demo(options, terminal);
    });
}

function wholeNumber(least: number, most: number): (written: string) => number {
  return (written) => {
    const value = Number(written);
    if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`Write a whole number from ${least} to ${most}.`);
  };
}

function size(written: string): number {
  const bytes = parseSize(written);
  if (bytes !== undefined && bytes >= 32 * 1024 * 1024 && bytes % 4096 === 0) return bytes;
  throw new InvalidArgumentError(
    'Write a size such as 256MiB: at least 32MiB, and a multiple of 4096 bytes.',
  );
}

function isParserEnd(error: unknown): error is { readonly exitCode: number } {
  return (
    error instanceof Error &&
    'exitCode' in error &&
    typeof error.exitCode === 'number' &&
    'code' in error &&
    String(error.code).startsWith('commander.')
  );
}

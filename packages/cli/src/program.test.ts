import type { OperatorCommand } from '@holdfast/core';
import { socketTransport } from '@holdfast/runtime';
import { type NodeStatus, serveControl, type VolumeNode } from '@holdfast/volume';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Terminal } from './commands/terminal.js';
import { configTemplate } from './config/template.js';
import { runCommandLine } from './program.js';

/** Remembers what it was told; types what it was given. */
class FakeTerminal implements Terminal {
  readonly isInteractive = false;
  readonly columns = 100;
  output = '';
  notes = '';

  constructor(private readonly typed?: string) {}

  out(text: string): void {
    this.output += `${text}\n`;
  }

  note(text: string): void {
    this.notes += `${text}\n`;
  }

  progress(): void {
    return;
  }

  async ask(): Promise<string | undefined> {
    return this.typed;
  }
}

let folder = '';
const config = (): string => join(folder, 'holdfast.yaml');

async function run(args: readonly string[], typed?: string): Promise<FakeTerminal & { code: number }> {
  const terminal = new FakeTerminal(typed);
  const code = await runCommandLine(args, terminal);
  return Object.assign(terminal, { code });
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-cli-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('the command line', () => {
  it('shows what there is, and its exit codes', async () => {
    const { code, output } = await run(['--help']);
    expect(code).toBe(0);
    for (const shown of [
      'witness',
      'node',
      'initiator',
      'status',
      'why',
      'force-survivor',
      'demo',
      '3 unreachable',
    ]) {
      expect(output).toContain(shown);
    }
  });

  it.each([
    ['an unknown command, with the one that was meant', ['statsu'], "unknown command 'statsu'", 'status'],
    [
      'an unknown option, with the one that was meant',
      ['status', '--jsno'],
      "unknown option '--jsno'",
      '--json',
    ],
    ['a missing argument', ['node'], "missing required argument 'name'", ''],
    ['a number that is none', ['why', '--limit', 'many'], 'Write a whole number from 1 to 1000.', ''],
    ['a size that is none', ['demo', '--legs', 'big'], 'Write a size such as 256MiB', ''],
    [
      'a split brain without a victim',
      ['resolve-split-brain', 'north'],
      "required option '--victim <node>' not specified",
      '',
    ],
  ])('refuses %s, with exit code 2', async (_name, args, message, hint) => {
    const { code, notes, output } = await run(args);
    expect(code).toBe(2);
    expect(notes).toContain(message);
    expect(notes).toContain(hint);
    expect(output).toBe('');
  });

  it('names the configuration that is not there, and the command that writes one', async () => {
    const { code, notes } = await run(['status', '-c', join(folder, 'none.yaml')]);
    expect(code).toBe(2);
    expect(notes).toContain('none.yaml');
    expect(notes).toContain('holdfast init');
  });

  it('names a mistake in the configuration, with exit code 2', async () => {
    await writeFile(config(), configTemplate.replace('group: main', 'gruop: main'));
    const { code, notes } = await run(['status', '-c', config()]);
    expect(code).toBe(2);
    expect(notes).toContain("unknown key 'gruop', did you mean 'group'?");
  });

  it('writes a configuration, and never over one', async () => {
    expect((await run(['init', folder])).code).toBe(0);
    expect(await readFile(config(), 'utf8')).toBe(configTemplate);
    const again = await run(['init', folder]);
    expect(again.code).toBe(1);
    expect(again.notes).toContain('holdfast.yaml cannot be written');
  });

  it('says that nobody can be reached, with exit code 3', async () => {
    await writeFile(config(), configTemplate);
    const { code, output } = await run(['status', '-c', config()]);
    expect(code).toBe(3);
    expect(output).toContain('not reachable');
  });
});

describe('questions and commands to a node', () => {
  const commands: OperatorCommand[] = [];
  let close: () => Promise<void>;

  beforeEach(async () => {
    commands.length = 0;
    await writeFile(config(), configTemplate.replaceAll('./run/', './'));
    const node: Partial<VolumeNode> = {
      status: () => status,
      recentDecisions: () => [
        {
          at: 1,
          wallTime: 1_700_000_000_000,
          effect: 'main/north/1/1/0',
          kind: 'report',
          mode: 'mirrored',
          epoch: 4,
          because: { kind: 'mode', mode: 'mirrored', epoch: 4 },
          sentence: 'Both nodes mirror.',
        },
      ],
      command: async (command) => {
        commands.push(command);
        return `${command.kind} done`;
      },
      subscribe: () => () => undefined,
    };
    const listener = await socketTransport().listen(
      `unix:${join(folder, 'north.control.sock')}`,
      (stream) => {
        serveControl({ node: node as VolumeNode, stream });
      },
    );
    close = () => listener[Symbol.asyncDispose]();
  });

  afterEach(() => close());

  it('shows the node that answers and the one that does not', async () => {
    const { code, output } = await run(['status', '-c', config()]);
    expect(code).toBe(0);
    expect(output).toMatch(/north.*mirrored.*open.*4/);
    expect(output).toMatch(/south.*not reachable/);
    expect(output).toContain('if the two lost each other now: north serves, within 650 ms (it is preferred)');
  });

  it('gives status as JSON', async () => {
    const { output } = await run(['status', '--json', '-c', config()]);
    expect(JSON.parse(output)).toMatchObject([
      { nodeId: 'north', reachable: true, status: { mode: 'mirrored' } },
      { nodeId: 'south', reachable: false, code: 'UNREACHABLE' },
    ]);
  });

  it('says why', async () => {
    const { code, output, notes } = await run(['why', '-c', config()]);
    expect(code).toBe(0);
    expect(output).toContain('north     mirrored epoch 4: Both nodes mirror.');
    expect(notes).toContain('south:');
  });

  it('hands on a command, and prints the answer', async () => {
    const { code, output } = await run(['pause', 'north', '-c', config()]);
    expect([code, output]).toEqual([0, 'pause done\n']);
    expect(commands).toEqual([{ kind: 'pause' }]);
  });

  it('only shows the plan of a dry run', async () => {
    const { code, notes } = await run(['handover', 'north', '--dry-run', '-c', config()]);
    expect(code).toBe(0);
    expect(notes).toContain('it offers the peer to go on alone');
    expect(commands).toEqual([]);
  });

  it('names the nodes there are when asked for another', async () => {
    const { code, notes } = await run(['pause', 'nort', '-c', config()]);
    expect(code).toBe(1);
    expect(notes).toContain("has no node 'nort'; it has north and south");
  });

  it.each([
    ['nobody types anything', undefined, 'Nobody is there to type it'],
    ['something else is typed', 'yes', 'The words differ'],
  ])('does nothing dangerous when %s', async (_name, typed, message) => {
    const { code, notes } = await run(['force-survivor', 'north', '-c', config()], typed);
    expect(code).toBe(1);
    expect(notes).toContain('is lost to hosts from then on');
    expect(notes).toContain(message);
    expect(commands).toEqual([]);
  });

  it.each([
    ['typed', [], 'lose what only south holds'],
    ['given as an option', ['--acknowledge', 'lose what only south holds'], undefined],
  ])('forces a survivor at the epoch that was seen, when the words are %s', async (_name, more, typed) => {
    const { code } = await run(['force-survivor', 'north', '-c', config(), ...more], typed);
    expect(code).toBe(0);
    expect(commands).toEqual([{ kind: 'force-survivor', expectedEpoch: 4, acknowledgeDataLoss: true }]);
  });

  it('reattaches a copy at the epoch that was seen, once it has said what may be missing', async () => {
    const words = 'lose what was not flushed on north';
    const refused = await run(['reattach', 'north', '-c', config()], 'yes');
    expect([refused.code, commands]).toEqual([1, []]);
    expect(refused.notes).toContain('what hosts had written and not flushed when the leg of north failed');
    const { code } = await run(['reattach', 'north', '-c', config(), '--acknowledge', words]);
    expect(code).toBe(0);
    expect(commands).toEqual([{ kind: 'reattach', expectedEpoch: 4, acknowledgeUnflushedLoss: true }]);
  });

  it('resolves a split brain for the victim that was named', async () => {
    const words = 'lose what only south holds';
    const { code } = await run([
      'resolve-split-brain',
      'north',
      '--victim',
      'south',
      '--acknowledge',
      words,
      '-c',
      config(),
    ]);
    expect(code).toBe(0);
    expect(commands).toEqual([{ kind: 'resolve-split-brain', victim: 'south' }]);
  });
});

const status: NodeStatus = {
  clusterId: 'my-cluster',
  groupId: 'main',
  nodeId: 'north',
  bootId: 'b1',
  mode: 'mirrored',
  host: 'open',
  record: {
    version: 1,
    groupId: 'main',
    nodeId: 'north',
    mode: 'mirrored',
    epoch: 4,
    lineageId: 'l4',
    sequencer: 'north',
    dataState: 'upToDate',
    history: [],
    machineBootId: 'm1',
    clean: false,
  },
  sequencer: 'north',
  health: 'ok',
  initiators: 1,
  peer: { nodeId: 'south', connected: true },
  witness: { configured: true, reachable: true, state: 'REGISTERED' },
  volumes: [{ volumeId: 'vol0', sizeBytes: 4096, dirtyBytes: 0, activityLogExtents: 0, activityLogBytes: 0 }],
  whoWouldWinNow: { winner: 'north', withinMs: 650, detail: 'it is preferred' },
};

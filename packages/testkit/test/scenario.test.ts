import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { HoldfastError } from '@holdfast/core';
import {
  type TranscriptHandlers,
  parseTranscript,
  policyTranscript,
  replayTranscript,
  runTranscript,
  transcriptTests,
} from '../src/index.js';
import { watchdog } from './watchdog-policy.js';

const watchdogHandlers = (): TranscriptHandlers =>
  policyTranscript(watchdog, {
    options: (given) => ({ limitMs: Number(given['limitMs']) }),
  });

describe('the stories of a policy', () => {
  transcriptTests(test, fileURLToPath(new URL('testdata', import.meta.url)), watchdogHandlers);

  it('end at a broken invariant, whatever it costs to check', async () => {
    const text = 'init {"limitMs": 1}\n----\n\nevent confuse\n----\n';
    await expect(
      replayTranscript(parseTranscript(text, 'story'), watchdogHandlers(), 'story'),
    ).rejects.toThrow('Broken after event 1: time is not negative: heard at -1');
  });

  it.each([
    ['event heard\n----\n', 'begins with init'],
    ['init {"limitMs"\n----\n', 'is no JSON'],
    ['init [1]\n----\n', 'no JSON object'],
    ['init {"limitMs": 1}\n----\n\ntick soon\n----\n', "tick wants milliseconds, not 'soon'"],
  ])('say what is wrong with %j', async (text, message) => {
    await expect(
      replayTranscript(parseTranscript(text, 'story'), watchdogHandlers(), 'story'),
    ).rejects.toThrow(message);
  });

  it('show reasons and effects plainly without bindings for them', async () => {
    const handlers = policyTranscript(watchdog, { options: () => ({ limitMs: 5 }) });
    const { text } = await replayTranscript(
      parseTranscript('init\n----\n\ntick 5\n----\n', 's'),
      handlers,
      's',
    );
    expect(text).toContain('1/1 alarm peer=beta (after 1/0)\n    The peer has been silent for 5 ms.\n');
  });
});

const echo: TranscriptHandlers = {
  echo: ({ args, input }) => [args, input].filter((part) => part !== '').join('\n'),
  lines: () => 'one\n\nthree  \n',
  fail: () => {
    throw new HoldfastError('FENCED', 'no longer serving');
  },
};

describe('a transcript', () => {
  let folder: string;
  let path: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-transcript-'));
    path = join(folder, 'story.txt');
  });
  afterEach(async () => rm(folder, { recursive: true }));

  it('passes when every output is as it stands', async () => {
    await writeFile(
      path,
      '# A story.\n\necho hello\n----\nhello\n\nlines\n----\none\n.\nthree\n\necho\n----\n(nothing)\n\nfail\n----\nerror FENCED: no longer serving\n',
    );
    await runTranscript(path, echo, { update: false });
  });

  it('fails with the place, what was expected and what came', async () => {
    await writeFile(path, '# A story.\n\necho hello\n----\ngoodbye\n');
    const run = runTranscript(path, echo, { update: false });
    await expect(run).rejects.toThrow(`${path}:3: echo hello`);
    await expect(runTranscript(path, echo, { update: false })).rejects.toThrow(
      /expected:\n {2}goodbye\nactual:\n {2}hello/,
    );
  });

  it('is rewritten on request, with every comment, command and input kept', async () => {
    const written = '# One.\n\n# Two.\necho a\nb\nc\n----\n\n\n# Three.\nlines\n----\nwrong\n';
    await writeFile(path, written);
    await runTranscript(path, echo, { update: true });
    const updated = await readFile(path, 'utf8');
    expect(updated).toBe(
      '# One.\n\n# Two.\necho a\nb\nc\n----\na\nb\nc\n\n\n# Three.\nlines\n----\none\n.\nthree\n',
    );
    await runTranscript(path, echo, { update: false });
  });

  it('refuses a command nobody handles, one without a rule, and a folder without stories', async () => {
    await writeFile(path, 'shout hello\n----\n');
    await expect(runTranscript(path, echo)).rejects.toThrow(
      /nobody handles 'shout'. There are: echo, fail, lines/,
    );
    await writeFile(path, 'echo hello\n');
    await expect(runTranscript(path, echo)).rejects.toThrow(/story.txt:1: a command is followed by/);
    await writeFile(path, 'toString\n----\n');
    await expect(runTranscript(path, echo)).rejects.toThrow(/nobody handles 'toString'/);
    await rm(path);
    expect(() =>
      transcriptTests(
        () => undefined,
        folder,
        () => echo,
      ),
    ).toThrow(/no transcript/);
  });
});

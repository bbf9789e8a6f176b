import { readdirSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';
import type { FuzzReport } from '@holdfast/testkit';
import { root } from '../shared/place.js';

/** A check that is taken away: one piece of one source file, replaced. */
export interface Mutant {
  readonly name: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** Which target of `targets.ts` has to find it. */
  readonly target: string;
}

/** So many cases a mutant may live. */
const casesMax = 4_000;

const nbd = 'packages/nbd/src';
const volume = 'packages/volume/src';

export const mutants: readonly Mutant[] = [
  {
    name: 'the length of an option is not checked',
    file: `${nbd}/codec/option.ts`,
    from: 'if (lengthBytes > this.#maxOptionBytes) {',
    to: 'if (lengthBytes > this.#maxOptionBytes * 1e6) {',
    target: 'nbd-server',
  },
  {
    name: 'options are not counted',
    file: `${nbd}/server/handshake.ts`,
    from: 'if (this.#options > this.#host.limits.maxOptions) {',
    to: 'if (this.#options > 1e9) {',
    target: 'nbd-server',
  },
  {
    name: 'the payload of a refused write is not passed over',
    file: `${nbd}/server/transmission.ts`,
    from: 'if (request.command === Command.write) this.#startWrite(work);',
    to: 'if (request.command === Command.write && error === 0) this.#startWrite(work);',
    target: 'nbd-server',
  },
  {
    name: 'what came in plain text behind STARTTLS counts',
    file: `${nbd}/server/handshake.ts`,
    from: 'this.#queue.clear();\n    this.#structured = false;',
    to: 'this.#structured = false;',
    target: 'nbd-server-tls-required',
  },
  {
    name: 'what was agreed before STARTTLS counts',
    file: `${nbd}/server/handshake.ts`,
    from: 'this.#queue.clear();\n    this.#structured = false;',
    to: 'this.#queue.clear();',
    target: 'nbd-server-tls-offered',
  },
  {
    name: 'a reply has the cookie of another request',
    file: `${nbd}/codec/reply.ts`,
    from: 'writeU32(target, position + 12, cookieLow);\n  return',
    to: 'writeU32(target, position + 12, cookieLow ^ 1);\n  return',
    target: 'nbd-server',
  },
  {
    name: 'the end of a range is not checked',
    file: `${nbd}/server/validate.ts`,
    from: 'if (request.lengthBytes > rules.sizeBytes - request.offsetBytes) return outside;',
    to: '',
    target: 'nbd-server',
  },
  {
    name: 'a read-only export takes zeroes',
    file: `${nbd}/server/validate.ts`,
    from: 'if (rules.readOnly) return EPERM;\n  if ((request.flags & CommandFlag.fastZero)',
    to: 'if ((request.flags & CommandFlag.fastZero)',
    target: 'nbd-server',
  },
  {
    name: 'the context of another export is taken for this one',
    file: `${nbd}/server/handshake.ts`,
    from: 'this.#contextFor === served.name',
    to: 'this.#contextFor !== undefined',
    target: 'nbd-server',
  },
  {
    name: 'the same bytes of a read may come twice',
    file: `${nbd}/client/receiver.ts`,
    from: 'if (!call.cover(start, start + lengthBytes))',
    to: 'if (!call.cover(start, start + lengthBytes) && lengthBytes > 1e9)',
    target: 'nbd-client',
  },
  {
    name: 'the client does not check where data belongs',
    file: `${nbd}/client/receiver.ts`,
    from: 'if (start < 0 || lengthBytes < 1 || start + lengthBytes > call.lengthBytes) {',
    to: 'if (start < 0) {',
    target: 'nbd-client',
  },
  {
    name: 'a part of a read counts as the whole',
    file: `${nbd}/client/receiver.ts`,
    from: 'if (call.command === Command.read && !call.isCovered)',
    to: 'if (call.command === Command.read && call.target === undefined)',
    target: 'nbd-client',
  },
  {
    name: 'the announced length of a frame is not checked',
    file: `${volume}/wire/frame.ts`,
    from: 'if (payloadBytes > maxPayloadBytes) {',
    to: 'if (payloadBytes > maxPayloadBytes * 64) {',
    target: 'frames',
  },
  {
    name: 'a header that comes in two pieces loses its first one',
    file: `${volume}/wire/frame.ts`,
    from: 'this.headFilled += take;\n      at += take;',
    to: 'this.headFilled = take;\n      at += take;',
    target: 'frames',
  },
  {
    name: 'a write on a path is as long as it says',
    file: `${volume}/path/server-path.ts`,
    from: 'if (next.type === frameTypes.pathWrite && next.payload.length !== next.lengthBytes) {',
    to: 'if (next.lengthBytes < 0) {',
    target: 'path',
  },
  {
    name: 'a request counts before its generation is open',
    file: `${volume}/path/server-path.ts`,
    from: 'if (this.generation === undefined || next.generation !== this.generation) {',
    to: 'if (this.initiatorId === undefined) {',
    target: 'path',
  },
  {
    name: 'a path gives no room back after a write',
    file: `${volume}/path/server-path.ts`,
    from: 'this.settleCharge(chargedBytes);\n      next.giveBack?.();',
    to: 'next.giveBack?.();',
    target: 'path',
  },
  {
    name: 'the words of the other node are believed',
    file: `${volume}/group/group-node.ts`,
    from: 'const message = checkedMessage(words, peerId, groupId);',
    to: 'const message = words as ReturnType<typeof checkedMessage>;',
    target: 'link',
  },
  {
    name: 'a write of another epoch is applied',
    file: `${volume}/group/follower.ts`,
    from: 'if (request.epoch < gate.epoch || !takes || gate.sequencer === this.context.nodeId) {',
    to: 'if (!takes) {',
    target: 'link',
  },
  {
    name: 'a forward of another epoch is ordered',
    file: `${volume}/group/data-path.ts`,
    from: ' && request.epoch === this.gate.epoch;',
    to: ';',
    target: 'link',
  },
  {
    name: 'the witness answers whoever names another cluster',
    file: 'packages/witness/src/http/app.ts',
    from: 'if (found === own) return;',
    to: 'if (found !== undefined) return;',
    target: 'witness',
  },
  {
    name: 'the witness takes any number for an epoch',
    file: 'packages/witness/src/http/validate.ts',
    from: "if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {",
    to: "if (typeof value !== 'number') {",
    target: 'witness',
  },
];

/** Builds the target with the check taken away and lets it run until it is found. */
export async function missOne(
  mutant: Mutant,
): Promise<{ readonly isFound: boolean; readonly text: string; readonly cases: number }> {
  const source = await readFile(join(root, mutant.file), 'utf8');
  if (source.split(mutant.from).length !== 2)
    return { isFound: false, text: `${mutant.file} has no such place, or more than one`, cases: 0 };
  const folder = join(root, 'node_modules', '.cache');
  await mkdir(folder, { recursive: true });
  const outfile = join(folder, `fuzz-mutant-${String(process.pid)}-${String(mutants.indexOf(mutant))}.mjs`);
  await build({
    stdin: { contents: entryFor(mutant.target), resolveDir: join(root, 'tools/fuzz'), loader: 'ts' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    alias: Object.fromEntries(
      readdirSync(join(root, 'packages')).map((name) => [
        `@holdfast/${name}`,
        join(root, 'packages', name, 'src/index.ts'),
      ]),
    ),
    plugins: [replacing(mutant)],
    logLevel: 'silent',
    outfile,
  });
  try {
    const module = (await import(pathToFileURL(outfile).href)) as { readonly report: FuzzReport };
    const { failure, cases } = module.report;
    if (failure === undefined)
      return { isFound: false, text: `nothing misses it in ${String(cases)} cases`, cases };
    return {
      isFound: true,
      text: `found in case ${String(cases)}: ${failure.problem.split('\n')[0] ?? ''}`,
      cases,
    };
  } finally {
    await rm(outfile, { force: true });
  }
}

function entryFor(target: string): string {
  return `
    import { fuzz } from '@holdfast/testkit';
    import { shares } from './targets.js';
    const target = shares.map(({ make }) => make()).find(({ name }) => name === ${JSON.stringify(target)});
    const strays: string[] = [];
    const keep = (error: unknown) => strays.push(String(error));
    process.on('uncaughtException', keep);
    process.on('unhandledRejection', keep);
    export const report = await fuzz(target!, {
      seed: 1, frames: Infinity, casesMax: ${String(casesMax)}, strays: () => strays.splice(0), shrinks: false,
    });
    process.off('uncaughtException', keep);
    process.off('unhandledRejection', keep);
  `;
}

function replacing({ file, from, to }: Mutant): Plugin {
  return {
    name: 'mutant',
    setup: (pending) => {
      pending.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
        if (path !== join(root, file)) return undefined;
        return { contents: (await readFile(path, 'utf8')).replace(from, () => to), loader: 'ts' };
      });
    },
  };
}

import {
  blockDeviceSuite,
  type BlockDeviceFixture,
  type CaseReport,
  type ConformanceFixture,
  type ConformanceSuite,
  runSuite,
  storeSuite,
  type StoreFixture,
} from '@holdfast/testkit';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { root } from '../shared/place.js';
import { adapterFiles } from './generate.js';

interface Fixtures {
  readonly blockDeviceFixture: () => BlockDeviceFixture;
  readonly storeFixture: () => StoreFixture;
}

const folders: string[] = [];
afterEach(() => folders.splice(0).forEach((folder) => rmSync(folder, { recursive: true })));

/** A new adapter in a folder of its own, and what its author would then put in the place of a skeleton. */
async function created(...filled: readonly string[]): Promise<Fixtures> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-adapter-'));
  folders.push(folder);
  const out = join(folder, 'acme');
  const program = join(root, 'tools', 'create-adapter', 'main.ts');
  const loader = join(root, 'node_modules', 'tsx', 'dist', 'cli.mjs');
  execFileSync(process.execPath, [loader, program, 'acme', '--ports', 'block-device,store', '--out', out]);
  for (const [file, as] of filled.map((name) => name.split('=') as [string, string]))
    cpSync(new URL(`testdata/${file}.ts`, import.meta.url), join(out, 'src', `${as}.ts`));
  return (await import(/* @vite-ignore */ join(out, 'test', 'fixtures.ts'))) as Fixtures;
}

async function red<Fixture extends ConformanceFixture>(
  suite: ConformanceSuite<Fixture>,
  fixture: () => Fixture,
): Promise<readonly CaseReport[]> {
  const { cases, passed } = await runSuite(suite, { name: 'acme', fixture }, { operations: 60 });
  const failed = cases.filter(({ outcome }) => outcome === 'failed');
  const applicable = cases.filter(({ outcome }) => outcome !== 'not-applicable');
  expect(failed.length + passed).toBe(applicable.length);
  return failed;
}

describe('a new adapter', () => {
  it('is red wherever nothing is written yet, and each red case names the method', async () => {
    const { blockDeviceFixture, storeFixture } = await created();
    const device = await red(blockDeviceSuite, blockDeviceFixture);
    const needsCode = blockDeviceSuite.cases.map(({ name }) => name).slice(1);
    const notGiven = /killed|flush|forceUnitAccess|NOT_SUPPORTED/;
    expect(device.map(({ name }) => name)).toEqual(needsCode.filter((name) => !notGiven.test(name)));
    const store = await red(storeSuite, storeFixture);
    const notGivenThere = /durable|crash|fails|CORRUPT/;
    expect(store.map(({ name }) => name)).toEqual(
      storeSuite.cases.map(({ name }) => name).filter((name) => !notGivenThere.test(name)),
    );
    for (const { reason } of [...device, ...store])
      expect(reason).toMatch(/Acme(BlockDevice|Store)\.\w+ is not written yet/);
  });

  it('is red in what is left when a part is written', async () => {
    const { storeFixture } = await created('store-without-delete=store');
    expect((await red(storeSuite, storeFixture)).map(({ name }) => name)).toEqual([
      'forgets what is deleted, and takes a delete of what is not there',
      'does what a map does, over random operations and openings',
      'refuses every call with CLOSED once it is disposed of, and may be disposed of twice',
    ]);
  });

  it('is green when all of it is written', async () => {
    const { blockDeviceFixture, storeFixture } = await created('block-device=block-device', 'store=store');
    expect(await red(blockDeviceSuite, blockDeviceFixture)).toEqual([]);
    expect(await red(storeSuite, storeFixture)).toEqual([]);
  });

  it('is not made under a name or for a port that there is not', () => {
    expect(() => adapterFiles({ name: '../x', ports: ['store'] })).toThrow(/no name for an adapter/);
    expect(() => adapterFiles({ name: 'acme', ports: ['disk'] })).toThrow(/No skeleton for 'disk'/);
  });
});

import { createContext, runInContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { exampleReport } from './example.js';
import { loadChartLibrary, renderPage } from './page.js';
import { runsTable, sceneTable } from './tables.js';
import type { DemoReport } from './types.js';

describe('the page of a run', () => {
  it('needs no network: nothing in it is loaded from elsewhere', async () => {
    const page = renderPage(exampleReport(), await loadChartLibrary());
    expect(page).not.toMatch(/<(script|link|img|iframe)[^>]*\s(src|href)=/);
    expect(page).not.toMatch(/@import|url\(/);
    expect(page).toContain('uPlot');
  });

  it('shows what was measured', async () => {
    const page = renderPage(exampleReport(), await loadChartLibrary());
    for (const shown of [
      'Two faults, no acknowledged write lost',
      '10,432',
      '583 ms',
      '636 ms',
      '21 MiB',
      'identical',
      'Played again, because the machine disturbed it: B (a pause of 2100 ms; a process got no CPU for 812 ms)',
      'a'.repeat(64),
    ]) {
      expect(page).toContain(shown);
    }
  });

  it('says in its heading that a claim failed', () => {
    const report: DemoReport = { ...exampleReport(), checks: [{ name: 'legs', passed: false, detail: '' }] };
    expect(renderPage(report, { script: '', style: '' })).toContain('1 of 1 claims failed');
  });

  it('lets no text of a run become part of the page', () => {
    const evil = '</script><script>alert(1)</script>';
    const example = exampleReport();
    const report: DemoReport = {
      ...example,
      scenes: example.scenes.map((scene) => ({ ...scene, because: evil, title: evil })),
      moments: [{ atMs: example.startedAtMs, source: 'north', kind: 'fault', text: evil }],
    };
    expect(renderPage(report, { script: '', style: '' })).not.toContain(evil);
  });

  it('carries the report whole', () => {
    const report = exampleReport();
    const page = renderPage(report, { script: '', style: '' });
    const embedded = /<script type="application\/json" id="report">(.*?)<\/script>/s.exec(page)?.[1] ?? '';
    expect(JSON.parse(embedded)).toEqual(JSON.parse(JSON.stringify(report)));
  });

  it('has a script that parses', () => {
    const scripts = [
      ...renderPage(exampleReport(), { script: '', style: '' }).matchAll(/<script>([^]*?)<\/script>/g),
    ];
    const body = scripts.at(-1)?.[1] ?? '';
    expect(() => void runInContext(`(function () {${body}})`, createContext({}))).not.toThrow();
  });
});

describe('the tables of a run', () => {
  it('have one row per scene', () => {
    const table = sceneTable(exampleReport());
    expect(table).toContain('a  the preferred node is killed');
    expect(table).toContain('21 MiB (36 MiB)');
  });

  it('sum up many runs by scene', () => {
    const slow = exampleReport();
    const report: DemoReport = {
      ...slow,
      scenes: slow.scenes.map((scene) => ({ ...scene, longestPauseMs: 900 })),
    };
    const table = runsTable([exampleReport(), exampleReport(), report]);
    expect(table).toMatch(/a the preferred node is killed.*3.*583 ms.*583 ms.*900 ms/);
  });
});

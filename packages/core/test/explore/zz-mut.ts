import { explore } from '@holdfast/testkit';
import { mutants } from './mutants.js';
import { PolarizationSystem } from './polarization.js';
const only = process.argv[2] ?? '';
const statesMax = Number(process.argv[3] ?? 100000);
for (const m of mutants) {
  if (!m.name.includes(only)) continue;
  const t = process.cpuUsage();
  let text = '';
  try {
    const f = explore(new PolarizationSystem(m.scene), { statesMax, calmEvery: 0 });
    const ok = f.violation !== undefined && m.found.test(f.violation.rule);
    text = `${ok ? 'killed' : f.violation ? 'OTHER' : 'ALIVE'} ${f.ended} ${f.states} depth ${f.depth} ${f.violation?.rule.slice(0, 120) ?? ''}`;
    if (f.violation && process.argv[4]) text += '\n   ' + f.violation.story.join('\n   ');
  } catch (e) {
    text = 'THREW ' + String((e as Error).stack).slice(0, 300);
  }
  const d = process.cpuUsage(t);
  console.log(m.name, '|', text, '| cpu', ((d.user + d.system) / 1e6).toFixed(1));
}

import { test } from 'vitest';
import { World } from '../support/world.js';
test('smoke', () => {
  const w = new World();
  w.start('a'); w.start('b');
  w.runUntil(1000);
  w.cut('a>b'); w.cut('b>a'); w.log('--- cut');
  w.runUntil(3000);
  w.heal('a>b'); w.heal('b>a'); w.log('--- heal');
  w.runUntil(5000);
  w.log('--- crash a'); w.crash('a'); w.runUntil(8000);
  w.start('a'); w.runUntil(10000);
  w.log('--- reset'); w.reset(); w.runUntil(11000);
  w.log('--- restart b'); w.crash('b'); w.start('b'); w.runUntil(12000);
  w.log('--- handover b'); w.command('b', { kind: 'handover' }); w.runUntil(14000);
  console.log(w.lines.join('\n'));
});

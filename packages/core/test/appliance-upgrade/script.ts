import type { TranscriptBlock, TranscriptHandlers } from '@holdfast/testkit';
import { whatWouldAbortDo } from '../../src/index.js';
import { Plant, type PlantOptions, type Trouble } from './plant.js';

/** The verbs of the stories: two appliances, what goes wrong, time, and where everything is. */
export function plantVerbs(policy?: PlantOptions['policy']): TranscriptHandlers {
  let current: Plant | undefined;
  const live = (): Plant => {
    if (current === undefined) throw new TypeError('A story begins with plant.');
    return current;
  };
  const doing = (run: (plant: Plant, words: readonly string[]) => void) => (block: TranscriptBlock) => {
    const plant = live();
    run(plant, block.args.split(' '));
    return plant.lines.splice(0).join('\n');
  };
  return {
    plant: ({ args, input }) => {
      const given = JSON.parse(`${args} ${input}`.trim() || '{}') as PlantOptions;
      current = new Plant({ ...given, ...(policy === undefined ? {} : { policy }) });
      return '';
    },
    /** The next `times` attempts of a step go wrong in this way. */
    trouble: doing((plant, [step = '', what = 'final', times = '1']) => {
      plant.troubles.push({ step, what: what as Trouble['what'], times: Number(times) });
    }),
    start: doing((plant, [scripts]) => {
      if (scripts === undefined || scripts === '') plant.start();
      else plant.start({ ...plant.plan, scripts: scripts.split(',') });
    }),
    confirm: doing((plant) => plant.command({ kind: 'confirm' })),
    abort: doing((plant, [accept]) => plant.command({ kind: 'abort', acceptLoss: accept === 'accept-loss' })),
    pass: doing((plant, [seconds = '']) => plant.pass(Number(seconds) * 1_000)),
    lose: doing((plant, [appliance]) => plant.lose(appliance === 'first' ? 'first' : 'second')),
    'snapshot-invalid': doing((plant, [volume = '']) =>
      plant.dispatch({ kind: 'snapshot-invalid', volume, detail: 'its room has run out' }),
    ),
    partition: doing((plant, [yes]) => (plant.isPartitioned = yes === 'yes')),
    'locked-by-other': doing((plant) => (plant.lockedByOther = true)),
    'disk-fails': doing((plant, [yes]) => (plant.diskFails = yes === 'yes')),
    ran: () => live().ran.splice(0).join(' '),
    'what-would-abort-do': () => {
      const { sentence, back } = whatWouldAbortDo(live().state);
      return `${sentence}\n${back.join(' ')}`;
    },
    second: () => JSON.stringify(Object.fromEntries(live().second)),
    history: () => JSON.stringify(live().durable?.history ?? []),
    where: () => live().where(),
  };
}

import type { OperatorCommand, HealthLevel } from '../../src/index.js';
import type { DataChoice } from './data-offers.js';
import { names, type Side } from './world.js';

/** An event of a node. `dies`: the process ends when so many of the deeds that the event leads to have been handed out. */
export type MortalChoice =
  | { readonly do: 'tick'; readonly side: Side; readonly dies?: number }
  | { readonly do: 'deliver'; readonly side: Side; readonly what: string; readonly dies?: number }
  | { readonly do: 'persisted'; readonly side: Side; readonly dies?: number }
  | {
      readonly do: 'reply';
      readonly side: Side;
      readonly index: number;
      readonly what: string;
      readonly dies?: number;
    };

/** One thing that may happen next. */
export type Choice =
  | MortalChoice
  | DataChoice
  | { readonly do: 'drained' | 'caught-up' | 'reset-heard' | 'silent'; readonly side: Side }
  | { readonly do: 'ask-heard' | 'ask-heard-kept'; readonly index: number; readonly what: string }
  | { readonly do: 'no-answer'; readonly side: Side; readonly index: number; readonly lost: boolean }
  | {
      readonly do:
        'connect' | 'reset' | 'advance' | 'delay' | 'witness-empty' | 'witness-restore' | 'witness-backup';
    }
  | { readonly do: 'write' | 'start' | 'pause' | 'evidence'; readonly side: Side }
  | { readonly do: 'wake'; readonly side: Side; readonly told: boolean }
  | { readonly do: 'crash' | 'power'; readonly side: Side; readonly landed: boolean }
  | { readonly do: 'cut' | 'heal' | 'witness-cut' | 'witness-heal'; readonly side: Side }
  | { readonly do: 'cut-both' | 'heal-both' }
  | { readonly do: 'disk-error' | 'leg' | 'ill' | 'well'; readonly side: Side }
  | { readonly do: 'health'; readonly side: Side; readonly level: HealthLevel }
  | { readonly do: 'command'; readonly side: Side; readonly command: Commanded };

/** What an operator says: to fault handling, or to another policy of a group. */
export type Commanded = OperatorCommand['kind'] | 'move' | 'redirect';

export function describe(choice: Choice): string {
  const dies = 'dies' in choice ? `, and dies after ${String(choice.dies)} deeds` : '';
  return `${sentence(choice)}${dies}`;
}

const bare: Partial<Record<Choice['do'], string>> = {
  connect: 'the link is made anew',
  reset: 'the connection is reset',
  advance: 'time goes on to the next timer',
  delay: 'time goes on although something is under way',
  'cut-both': 'cut the link',
  'heal-both': 'heal the link',
  'witness-empty': 'the witness loses its memory',
  'witness-restore': 'the witness is put back to its backup',
  'witness-backup': 'a backup is made of the witness',
};

function sentence(choice: Choice): string {
  const plain = bare[choice.do];
  if (plain !== undefined) return plain;
  if (choice.do === 'ask-heard') return `the witness hears ${choice.what}${nth(choice.index)}`;
  if (choice.do === 'ask-heard-kept')
    return `the witness hears ${choice.what}${nth(choice.index)}, and a copy stays under way`;
  if (!('side' in choice)) return choice.do;
  const id = names[choice.side];
  switch (choice.do) {
    case 'deliver':
      return `${id} hears ${choice.what}`;
    case 'reply':
      return `${id} hears the witness: ${choice.what}${nth(choice.index)}`;
    case 'no-answer':
      return `${id} hears nothing from the witness${nth(choice.index)}${choice.lost ? '' : ', and its request is still under way'}`;
    case 'persisted':
      return `${id}'s record is on the disk`;
    case 'crash':
      return `${id} crashes${choice.landed ? ', its record having reached the disk' : ''}`;
    case 'power':
      return `${id} loses power${choice.landed ? ', its record having reached the disk' : ''}`;
    case 'wake':
      return `${id} goes on${choice.told ? ' and sees that it stood still' : ' and does not know that it stood still'}`;
    case 'cut':
    case 'heal':
      return `${choice.do} the way to ${id}`;
    case 'witness-cut':
      return `cut ${id} and the witness`;
    case 'witness-heal':
      return `heal ${id} and the witness`;
    case 'health':
      return `${id} is ${choice.level}`;
    case 'ill':
    case 'well':
      return `the storage of ${id} is ${choice.do}`;
    case 'command':
      return `an operator tells ${id}: ${choice.command}`;
    case 'submit':
    case 'repeat':
    case 'order':
    case 'own-leg':
    case 'send':
      return `${id}: ${choice.do} write ${choice.write}`;
    case 'read':
    case 'admit':
    case 'copy':
      return `${id}: ${choice.do} block ${choice.block}`;
    default:
      return `${id}: ${choice.do}`;
  }
}

/** Two of a kind may be under way: a story has to say which one it is. */
function nth(index: number): string {
  return index === 0 ? '' : ` (${String(index + 1)})`;
}

/** Kind of a choice, for counting. */
export function labelOf(choice: Choice): string {
  const what = choice.do === 'deliver' ? ` ${choice.what}` : '';
  const dies = 'dies' in choice ? ' and die' : '';
  return `${choice.do}${what}${dies}`;
}

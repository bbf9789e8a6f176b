import { explainWith } from '../../kernel/explain.js';
import type { DurationMs } from '../../kernel/time.js';
import type { FaultResponseModel, MediatorSight } from './types.js';

/** Why an effect was wished: a name and the facts and numbers that decided. `explainMediatorFallback` makes a sentence of it. */
export type MediatorFallbackReason =
  | {
      readonly kind: 'member-started';
      readonly node: string;
      readonly standing: string;
      readonly model: FaultResponseModel;
      readonly version: number;
    }
  | { readonly kind: 'probe-due'; readonly mediator: string; readonly intervalMs: DurationMs }
  | {
      readonly kind: 'sight';
      readonly mediator: string;
      readonly from: MediatorSight;
      readonly to: MediatorSight;
      readonly answers: number;
      readonly fails: number;
      readonly forMs: DurationMs;
      readonly detail: string;
    }
  | { readonly kind: 'report'; readonly node: string }
  | {
      readonly kind: 'mediator-partial';
      readonly mediator: string;
      readonly seeing: readonly string[];
      readonly blind: readonly string[];
    }
  | {
      readonly kind: 'mediator-lost';
      readonly mediator: string;
      readonly members: readonly string[];
      readonly next: FaultResponseModel;
    }
  | { readonly kind: 'mediator-back'; readonly mediator: string; readonly members: readonly string[] }
  | { readonly kind: 'elected-unfit'; readonly node: string; readonly next: FaultResponseModel }
  | { readonly kind: 'preference-moved'; readonly node: string; readonly next: FaultResponseModel }
  | { readonly kind: 'unfinished'; readonly version: number }
  | {
      readonly kind: 'proposed';
      readonly version: number;
      readonly model: FaultResponseModel;
      readonly members: number;
      readonly why: string;
    }
  | {
      readonly kind: 'promised';
      readonly version: number;
      readonly model: FaultResponseModel;
      readonly current: FaultResponseModel;
    }
  | { readonly kind: 'refused'; readonly version: number; readonly highest: number }
  | { readonly kind: 'enrol'; readonly mediator: string; readonly generation: number }
  | {
      readonly kind: 'agreed';
      readonly version: number;
      readonly model: FaultResponseModel;
      readonly members: readonly string[];
    }
  | {
      readonly kind: 'aborted';
      readonly version: number;
      readonly answered: number;
      readonly wanted: number;
      readonly afterMs: DurationMs;
    }
  | {
      readonly kind: 'watchdog';
      readonly mediator: string;
      readonly forMs: DurationMs;
      readonly limitMs: DurationMs;
    }
  | {
      readonly kind: 'fault-met';
      readonly side: readonly string[];
      readonly models: readonly FaultResponseModel[];
      readonly waitMs: DurationMs;
    }
  | { readonly kind: 'model-fails'; readonly model: FaultResponseModel; readonly side: readonly string[] }
  | {
      readonly kind: 'mediation-asked';
      readonly mediator: string;
      readonly from: number;
      readonly tries: number;
    }
  | { readonly kind: 'mediation-unknown'; readonly mediator: string; readonly retryMs: DurationMs }
  | { readonly kind: 'mediation-denied'; readonly mediator: string; readonly generation: number }
  | {
      readonly kind: 'survives';
      readonly side: readonly string[];
      readonly models: readonly FaultResponseModel[];
      readonly generation: number;
      readonly afterMs: DurationMs;
    }
  | { readonly kind: 'forced'; readonly generation: number }
  | { readonly kind: 'readmitted'; readonly node: string; readonly generation: number }
  | { readonly kind: 'fault-over'; readonly members: readonly string[] }
  | { readonly kind: 'command'; readonly command: string; readonly detail: string }
  | { readonly kind: 'persist-failed'; readonly detail: string; readonly retryMs: DurationMs }
  | { readonly kind: 'absorbed'; readonly event: string; readonly detail: string };

/** A model in a few words. */
export function modelWords(model: FaultResponseModel): string {
  switch (model.kind) {
    case 'mediator':
      return `mediator ${model.id}`;
    case 'preElected':
      return `pre-elected ${model.node}`;
    case 'subset':
      return `subset ${model.nodes.join('+')}`;
    case 'quorum':
      return `quorum of ${String(model.need)} votes`;
    case 'manual':
      return 'an operator';
  }
}

const ms = (span: DurationMs): string => `${String(Math.round(span))} ms`;
const both = (models: readonly FaultResponseModel[]): string => models.map(modelWords).join(' and ');

const say = explainWith<MediatorFallbackReason>({
  'member-started': (it) =>
    `member ${it.node} has started as ${it.standing}; after a fault ${modelWords(it.model)} decides (version ${it.version})`,
  'probe-due': (it) => `mediator ${it.mediator} is asked whether it is there, as every ${ms(it.intervalMs)}`,
  sight: (it) =>
    `mediator ${it.mediator} is ${it.to} here, after ${it.from}: ${it.answers} answers and ${it.fails} failures in a row for ${ms(it.forMs)}${it.detail === '' ? '' : ` (${it.detail})`}`,
  report: (it) => `member ${it.node} tells the others how it sees the mediators`,
  'mediator-partial': (it) =>
    `mediator ${it.mediator} is seen by ${it.seeing.join(', ')} and not by ${it.blind.join(', ')}: it stays, who sees it wins the next fault and goes first as a stand-in`,
  'mediator-lost': (it) =>
    `mediator ${it.mediator} is down for ${it.members.join(', ')}, so ${modelWords(it.next)} is to stand in`,
  'mediator-back': (it) =>
    `mediator ${it.mediator} is reliable for ${it.members.join(', ')}, so it is to decide again`,
  'preference-moved': (it) =>
    `Member ${it.node} is elected and another one is preferred now, so ${modelWords(it.next)} is to take its place`,
  'elected-unfit': (it) =>
    `member ${it.node} was elected and is unhealthy or not complete, so ${modelWords(it.next)} is to stand in`,
  unfinished: (it) => `version ${it.version} may have been agreed on, so it is finished before anything else`,
  proposed: (it) =>
    `${modelWords(it.model)} is proposed to ${it.members} members as version ${it.version}: ${it.why}`,
  promised: (it) =>
    `until version ${it.version} is agreed by all, a fault is survived only by ${modelWords(it.current)} and ${modelWords(it.model)} together`,
  refused: (it) => `version ${it.version} is too old here: ${it.highest} has been seen`,
  enrol: (it) => `mediator ${it.mediator} is told generation ${it.generation} before it is counted on`,
  agreed: (it) =>
    `all of ${it.members.join(', ')} have promised version ${it.version}, so after a fault ${modelWords(it.model)} decides`,
  aborted: (it) =>
    `version ${it.version} is taken back: ${it.answered} of ${it.wanted} members had answered after ${ms(it.afterMs)}`,
  watchdog: (it) =>
    `mediator ${it.mediator} is reliable for ${ms(it.forMs)} and still not in use, more than ${ms(it.limitMs)}`,
  'fault-met': (it) =>
    `the side of ${it.side.join(', ')} is on its own; ${both(it.models)} decides${it.waitMs > 0 ? `, in ${ms(it.waitMs)}` : ''}`,
  'model-fails': (it) =>
    `by ${modelWords(it.model)} the side of ${it.side.join(', ')} does not go on, and no mediator is asked`,
  'mediation-asked': (it) =>
    `mediator ${it.mediator} is asked for the group after generation ${it.from}, try ${it.tries}`,
  'mediation-unknown': (it) =>
    `mediator ${it.mediator} gave no answer, so nobody goes on here; it is asked again in ${ms(it.retryMs)}, and nothing stands in that was not agreed before`,
  'mediation-denied': (it) =>
    `mediator ${it.mediator} has given the group after generation ${it.generation} to others`,
  survives: (it) =>
    `the side of ${it.side.join(', ')} goes on as generation ${it.generation} by ${both(it.models)}, ${ms(it.afterMs)} after the fault`,
  forced: (it) =>
    `an operator has ordered this member to go on as generation ${it.generation} and accepts that writes of the others may be lost`,
  readmitted: (it) => `member ${it.node} takes part again from generation ${it.generation} on`,
  'fault-over': (it) => `all of ${it.members.join(', ')} are in contact again and nobody had gone on alone`,
  command: (it) => `command ${it.command}: ${it.detail}`,
  'persist-failed': (it) =>
    `the record could not be written (${it.detail}); nothing that needs it happens, and it is written again in ${ms(it.retryMs)}`,
  absorbed: (it) => `${it.event} fits nothing here and changes nothing: ${it.detail}`,
});

/** One English sentence for operators, with the numbers that decided. */
export function explainMediatorFallback(because: MediatorFallbackReason): string {
  const text = say(because);
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

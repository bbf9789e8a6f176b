import type { SourceMutant } from '../support/source.js';

/** `happenings`: random orders of faults. `interruptions`: a process ends at any wish. `exploration`: every order of an agreement. */
export interface FallbackMutant extends SourceMutant {
  readonly name: string;
  readonly by: 'happenings' | 'interruptions' | 'exploration';
}

export const sourceMutants: readonly FallbackMutant[] = [
  {
    name: 'what a survivor had told the mediator is no word against it',
    file: 'fault.ts',
    find: "standing === 'survivor' && generation > partition.generation &&",
    replace: 'false &&',
    by: 'interruptions',
  },
  {
    name: 'who is taken in gets a generation above its own',
    file: 'rejoin.ts',
    find: 'Math.max(partition.generation, report.generation) + 1',
    replace: 'partition.generation + 1',
    by: 'interruptions',
  },
  {
    name: 'who missed a commit hears of it from anybody who knows it',
    file: 'step.ts',
    find: 'if (version < turn.state.record.current.version) sayCommitTo(turn, from);',
    replace: '',
    by: 'interruptions',
  },
  {
    name: 'nobody is missing: nothing is decided',
    file: 'fault.ts',
    find: 'if (returning !== undefined || isWhole(record, fault.side)) return;',
    replace: '',
    by: 'happenings',
  },
  {
    name: 'a fault is survived only by both models while a promise is open',
    file: 'fault.ts',
    find: 'return pending === undefined ? [current.model] : [current.model, pending.model];',
    replace: 'return pending === undefined ? [current.model] : [pending.model];',
    by: 'exploration',
  },
  {
    name: 'who was denied gives up',
    file: 'fault.ts',
    find: "turn.save({ standing: 'detached' }, because);",
    replace:
      "turn.save({ standing: 'survivor', partition: { generation: record.partition.generation + 1, members: fault.side } }, because);",
    by: 'happenings',
  },
  {
    name: 'nobody goes on because a mediator did not answer',
    file: 'fault.ts',
    find: "if (answer.kind === 'granted') {",
    replace: "if (answer.kind === 'granted' || answer.kind === 'unknown') {",
    by: 'happenings',
  },
  {
    name: 'an elected stand-in is on the side that goes on',
    file: 'fault.ts',
    find: 'return side.includes(model.node);',
    replace: 'return true;',
    by: 'interruptions',
  },
  {
    name: 'a number is never given to two models',
    file: 'agree.ts',
    find: 'const version = record.highest + 1;',
    replace: 'const version = record.current.version + 1;',
    by: 'exploration',
  },
  {
    name: 'an unfinished promise is finished before anything else',
    file: 'agree.ts',
    find: '  if (pending !== undefined) {\n    openProposal',
    replace: '  if (pending !== undefined && state.now < 0) {\n    openProposal',
    by: 'exploration',
  },
  {
    name: 'a promise is taken back only by the life that made it, and only while nobody else can have agreed on it',
    file: 'agree.ts',
    find: 'if (!proposal.own || turn.at < proposal',
    replace: 'if (turn.at < proposal',
    by: 'exploration',
  },
  {
    name: 'a proposal ends with its promise: a late refusal takes back no later one',
    file: 'persisted.ts',
    find: 'if (proposal !== undefined && proposal.version !== record.pending?.version)',
    replace: 'if (proposal !== undefined && turn.at < 0)',
    by: 'exploration',
  },
  {
    name: "a denial from an earlier generation than one's own is no word about the others",
    file: 'fault.ts',
    find: "answer.kind === 'denied' && answer.generation > record.partition.generation",
    replace: "answer.kind === 'denied'",
    by: 'interruptions',
  },
];

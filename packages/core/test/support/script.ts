import {
  lan,
  metro,
  type DataState,
  type FaultModel,
  type HealthLevel,
  type NodeRecord,
} from '../../src/index.js';
import { isExplored, tellExplored } from '../explore/story.js';
import { watch } from './checks.js';
import type { NodeId } from './node.js';
import { other, World, type WorldOptions } from './world.js';

/*
 * A story is a text file. Above the line `---`: a title, options and what happens when. Below: what the nodes did and said.
 *   # title and explanation
 *   elected a              instead of a witness
 *   timing metro
 *   at 0 cut link          milliseconds after both have begun to mirror (or after the start, with `from start`)
 *   end 2000
 *   expect a standalone
 */

interface Story {
  readonly options: { -readonly [Key in keyof WorldOptions]: WorldOptions[Key] };
  readonly happenings: { readonly at: number; readonly words: readonly string[] }[];
  readonly expectations: { readonly node: NodeId; readonly mode: string }[];
  readonly records: Partial<Record<NodeId, NodeRecord>>;
  fromStart: boolean;
  /** A story with an operator's force loses data by his word: the checkers would rightly complain. */
  unchecked: boolean;
  end: number;
}

function parse(head: string): Story {
  const story: Story = {
    options: {},
    happenings: [],
    expectations: [],
    records: {},
    fromStart: false,
    unchecked: false,
    end: 0,
  };
  for (const line of head.split('\n')) {
    const words = line.split(' ').filter((word) => word !== '');
    const [first, second, third] = words;
    if (first === undefined || first.startsWith('#')) continue;
    if (first === 'at') story.happenings.push({ at: Number(second), words: words.slice(2) });
    else if (first === 'end') story.end = Number(second);
    else if (first === 'expect') story.expectations.push({ node: node(second), mode: third ?? '' });
    else if (first === 'elected')
      story.options.faultModel = { kind: 'preElected', node: node(second) } satisfies FaultModel;
    else if (first === 'timing') story.options.timing = second === 'metro' ? metro : lan;
    else if (first === 'persist') story.options.persistMs = Number(second);
    else if (first === 'delay') story.options.delayMs = Number(second);
    else if (first === 'resync') story.options.resyncMs = Number(second);
    else if (first === 'from') story.fromStart = true;
    else if (first === 'unchecked') story.unchecked = true;
    else if (first === 'record') story.records[node(second)] = record(node(second), words.slice(2));
    else throw new Error(`a story knows no line "${line}"`);
  }
  return story;
}

function node(word: string | undefined): NodeId {
  if (word === 'a' || word === 'b') return word;
  throw new Error(`a node is a or b, not "${String(word)}"`);
}

/** `record a <mode> <epoch> <lineage> <owner or -> <data state> [<lineage before>]` */
function record(id: NodeId, words: readonly string[]): NodeRecord {
  const [mode = '', epoch = '', lineageId = '', owner = '-', dataState = 'upToDate', before] = words;
  return {
    version: 1,
    groupId: 'g',
    nodeId: id,
    mode: mode as NodeRecord['mode'],
    epoch: Number(epoch),
    lineageId,
    sequencer: owner === '-' ? 'a' : owner,
    dataState: dataState as DataState,
    history: before === undefined ? [] : [{ epoch: Number(epoch) - 1, lineageId: before }],
    machineBootId: `machine-${id}-1`,
    clean: false,
    ...(owner === '-' ? {} : { owner }),
  };
}

/** Runs the story and gives back its whole text, with what happened below the line. */
export function tell(text: string): string {
  if (isExplored(text)) return tellExplored(text);
  const [head = ''] = text.split('\n---');
  const story = parse(head);
  const world = new World({ ...story.options, records: story.records });
  if (!story.unchecked) watch(world);
  world.start('a');
  world.start('b');
  if (!story.fromStart) {
    world.runUntil(1_000);
    const { a, b } = world.nodes;
    if (a.live.mode !== 'mirrored' || b.live.mode !== 'mirrored')
      throw new Error(`no mirror:\n${world.lines.join('\n')}`);
    world.lines.length = 0;
  }
  const zero = world.now;
  world.zero = zero;
  const pauses = measure(world);
  for (const { at, words } of story.happenings) {
    world.runUntil(zero + at);
    world.log(`--- ${words.join(' ')}`);
    happen(world, words);
  }
  world.runUntil(zero + story.end);
  const { a, b } = world.nodes;
  const ends = [a, b].map(
    (one) => `${one.id} is ${one.isRunning ? `${one.live.mode} (host I/O ${one.gate.host})` : 'down'}`,
  );
  for (const { node: id, mode } of story.expectations) {
    const actual = world.nodes[id].isRunning ? world.nodes[id].live.mode : 'down';
    if (actual !== mode) throw new Error(`node ${id} is ${actual}, not ${mode}\n${world.lines.join('\n')}`);
  }
  return `${head}\n---\n${world.lines.join('\n')}\nat the end: ${ends.join(', ')}\n${pauses()}\n`;
}

/** A host that writes all the time through whichever node answers. */
function measure(world: World): () => string {
  const stepMs = 2;
  let last = world.now;
  let longest = 0;
  const probe = (): void => {
    if (world.write('a') || world.write('b')) {
      longest = Math.max(longest, world.now - last);
      last = world.now;
    }
    world.after(stepMs, probe);
  };
  probe();
  return () => {
    const open = world.now - last;
    const longestText = `longest pause that a host saw: ${String(Math.round(longest))} ms`;
    return open > 100
      ? `${longestText}; nothing is served for the last ${String(Math.round(open))} ms`
      : longestText;
  };
}

function happen(world: World, words: readonly string[]): void {
  const [what = '', first = '', second = ''] = words;
  const ways =
    first === 'link' ? ['a>b', 'b>a'] : first === 'witness' ? ['a>w', 'w>a', 'b>w', 'w>b'] : [first];
  switch (what) {
    case 'cut':
      for (const way of ways) world.cut(way);
      return;
    case 'heal':
      for (const way of ways) world.heal(way);
      return;
    case 'reset':
      world.reset();
      return;
    case 'witness':
      if (first === 'forgets') world.witness.forget();
      else world.witness.doubt();
      return;
    case 'replaced':
      world.replaceLeg(node(first));
      return;
    default:
      happenAt(world, node(first), what, second);
  }
}

function happenAt(world: World, id: NodeId, what: string, detail: string): void {
  const at = world.nodes[id];
  switch (what) {
    case 'crash':
      world.crash(id, detail === 'landed');
      return;
    case 'power-loss':
      world.losePower(id);
      return;
    case 'start':
      world.start(id);
      return;
    case 'pause':
      at.pause();
      return;
    case 'wake':
      at.resume(Number(detail));
      return;
    case 'health':
      at.dispatch({
        kind: 'health-changed',
        level: detail as HealthLevel,
        reasons: ['told so by the story'],
      });
      return;
    case 'initiators':
      at.dispatch({ kind: 'initiators-changed', initiators: Number(detail) });
      return;
    case 'peers-lost': {
      const [lost = 0, of = 0] = detail.split('/').map(Number);
      at.dispatch({ kind: 'peers-lost-together', lost, of });
      return;
    }
    case 'leg-fails':
      at.dispatch({ kind: 'leg-failed', operation: detail as 'write', detail: 'EIO' });
      return;
    case 'silent':
      at.dispatch({ kind: 'replication-silent', session: at.live.peer?.session ?? 0, silentMs: 250 });
      return;
    case 'slow-disk':
      at.persistMs = Number(detail);
      return;
    case 'evidence': {
      const gone = world.nodes[other(id)];
      const bootId = detail === '' ? `${gone.id}${String(gone.incarnation)}` : detail;
      at.dispatch({
        kind: 'fencing-evidence',
        evidence: { nodeId: gone.id, bootId, strength: 'io', how: 'its exit was observed' },
      });
      return;
    }
    case 'operator':
      operate(world, id, detail);
      return;
    default:
      throw new Error(`a story knows no "${what}"`);
  }
}

function operate(world: World, id: NodeId, command: string): void {
  switch (command) {
    case 'force-survivor':
      world.command(id, {
        kind: 'force-survivor',
        expectedEpoch: world.nodes[id].live.record.epoch,
        acknowledgeDataLoss: true,
      });
      return;
    case 'reattach':
      world.command(id, {
        kind: 'reattach',
        expectedEpoch: world.nodes[id].live.record.epoch,
        acknowledgeUnflushedLoss: true,
      });
      return;
    case 'gives-way':
      world.command(id, { kind: 'resolve-split-brain', victim: id });
      return;
    case 'pause':
    case 'resume':
    case 'handover':
    case 'shut-down':
      world.command(id, { kind: command });
      return;
    default:
      throw new Error(`an operator knows no "${command}"`);
  }
}

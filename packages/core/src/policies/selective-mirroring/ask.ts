import type { Turn } from './turn.js';
import type { MirroringAuthorityRequest } from './types.js';

/** One question at a time; the newest word about a site replaces an older one that has not been said. */
export function ask(turn: Turn, request: MirroringAuthorityRequest): void {
  const { asking, questions } = turn.state;
  const others = questions.filter(
    (other) => !('site' in other && 'site' in request && other.site === request.site),
  );
  if (asking === undefined) put(turn, request);
  else turn.patch({ questions: [...others, request] });
}

function put(turn: Turn, request: MirroringAuthorityRequest): void {
  const effect = turn.wish(
    { kind: 'ask-authority', request },
    { kind: 'ask', request: request.kind, epoch: request.epoch },
  );
  turn.patch({ asking: { effect, request, askedAt: turn.at } });
}

export function askAgain(turn: Turn): void {
  const { asking } = turn.state;
  if (asking === undefined) return;
  if (asking.retryAt !== undefined) {
    if (turn.at >= asking.retryAt) put(turn, asking.request);
  } else if (turn.at >= asking.askedAt + turn.self.tuning.authorityTimeoutMs) {
    silent(turn, 'no answer in time');
  }
}

/** An unknown outcome is a possible grant: the same is asked again, and nothing else is done meanwhile. */
export function silent(turn: Turn, detail: string): void {
  const { asking } = turn.state;
  if (asking === undefined) return;
  const retryMs = turn.self.tuning.authorityRetryMs;
  turn.patch({ asking: { ...asking, retryAt: turn.at + retryMs } });
  turn.report('warning', { kind: 'authority-silent', request: asking.request.kind, detail, retryMs });
}

/** The outcome is known: what has waited to be asked comes next. */
export function askNext(turn: Turn): void {
  const [next, ...rest] = turn.state.questions;
  if (next === undefined || turn.state.asking !== undefined) return;
  turn.patch({ questions: rest });
  put(turn, next);
}

import { fallbackModels, type FaultResponseModel, type MediatorFallbackState } from '../../src/index.js';

export { mediatorFallbackMode } from '../../src/index.js';

function short(model: FaultResponseModel): string {
  switch (model.kind) {
    case 'mediator':
      return model.id;
    case 'preElected':
      return `pre-elected ${model.node}`;
    case 'subset':
      return `subset ${model.nodes.join('+')}`;
    case 'quorum':
      return 'quorum';
    case 'manual':
      return 'operator';
  }
}

export function modelWordsOf({ record }: MediatorFallbackState): string {
  return fallbackModels(record).map(short).join(' and ');
}

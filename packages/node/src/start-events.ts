import type { Container } from '@tagboat/api';
import type { EventText } from '@tagboat/controller';
import type { StartStage } from './pod-worker.ts';

/** What a stage of a container's start is told as. */
export function stageEvent(stage: StartStage, container: Container): EventText {
  switch (stage.kind) {
    case 'pulled':
      return { type: 'Normal', reason: 'Pulled', message: pulledMessage(stage) };
    case 'created':
      return { type: 'Normal', reason: 'Created', message: `Created container: ${container.name}` };
    case 'started':
      return { type: 'Normal', reason: 'Started', message: `Started container ${container.name}` };
  }
}

function pulledMessage({ image, milliseconds, host }: Extract<StartStage, { kind: 'pulled' }>): string {
  if (host) return `Container image "${image}" is a toolbox: this machine's own tools stand in for it`;
  return milliseconds < 100
    ? `Container image "${image}" already present on machine`
    : `Successfully pulled image "${image}" in ${(milliseconds / 1000).toFixed(3)}s`;
}

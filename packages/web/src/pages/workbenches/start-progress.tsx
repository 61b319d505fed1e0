import { Progress, ProgressMeasureLocation } from '@patternfly/react-core';
import type { Notebook } from '@tagboat/api';
import { useEffect, useState } from 'react';
import { progressPath } from './workbenches.ts';

interface Step {
  readonly progress: number;
  readonly message: string;
  readonly ready?: true;
  readonly failed?: true;
}

/** How far a start is, as the workbench tells it. */
export function StartProgress({ notebook }: { notebook: Notebook }) {
  const [step, setStep] = useState<Step>({ progress: 0, message: 'starts' });
  const path = progressPath(notebook);
  useEffect(() => {
    const events = new EventSource(path);
    events.onmessage = ({ data }: MessageEvent<string>) => {
      const next = JSON.parse(data) as Step;
      setStep(next);
      if (next.ready || next.failed) events.close();
    };
    return () => events.close();
  }, [path]);
  return (
    <Progress
      value={step.progress}
      title={step.message}
      size="sm"
      measureLocation={ProgressMeasureLocation.none}
      {...(step.failed ? { variant: 'danger' as const } : {})}
    />
  );
}

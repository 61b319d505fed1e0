import { Button, Checkbox, TextInput } from '@patternfly/react-core';
import type { TaskNode } from '../../graph/pipeline-graph.ts';
import { connect, disconnect, removeTask, setResources } from '../../pipeline-yaml/document.ts';

export interface TaskInspectorProps {
  readonly node: TaskNode;
  readonly nodes: readonly TaskNode[];
  readonly text: string;
  readonly onChange: (text: string) => void;
  readonly readOnly: boolean;
}

/** What can be set of the chosen task without typing YAML: what it waits for, and what each step gets. */
export function TaskInspector({ node, nodes, text, onChange, readOnly }: TaskInspectorProps) {
  const others = nodes.filter(({ name, final }) => name !== node.name && !final);
  const explicit = new Set(node.task.runAfter ?? []);
  const steps = node.task.taskSpec?.steps ?? [];
  return (
    <section className="tb-inspector" aria-label={`Task ${node.name}`}>
      <header>
        <h2>{node.name}</h2>
        {!readOnly && (
          <Button variant="link" isDanger onClick={() => onChange(removeTask(text, node.name))}>
            Remove
          </Button>
        )}
      </header>
      <div className="tb-inspector__parts">
        {!node.final && others.length > 0 && (
          <fieldset disabled={readOnly}>
            <legend>Runs after</legend>
            {others.map(({ name }) => {
              const byResult = node.after.includes(name) && !explicit.has(name);
              return (
                <Checkbox
                  key={name}
                  id={`after-${name}`}
                  label={byResult ? `${name} (it uses its results)` : name}
                  isChecked={node.after.includes(name)}
                  isDisabled={byResult}
                  onChange={(_event, on) =>
                    onChange(on ? connect(text, name, node.name) : disconnect(text, name, node.name))
                  }
                />
              );
            })}
          </fieldset>
        )}
        <fieldset disabled={readOnly}>
          <legend>Resources</legend>
          {steps.map((step, index) => (
            <StepResources
              key={`${step.name ?? ''}${index}`}
              name={step.name ?? `step ${index + 1}`}
              requests={step.computeResources?.requests as Record<string, string> | undefined}
              onChange={(resources) =>
                onChange(setResources(text, { task: node.name, step: index }, resources))
              }
            />
          ))}
          {steps.length === 0 && (
            <p className="tb-quiet">
              Its steps are in the Task {node.task.taskRef?.name ?? 'it refers to'}; a run sets their
              resources in <code>taskRunSpecs</code>.
            </p>
          )}
        </fieldset>
      </div>
    </section>
  );
}

interface StepResourcesProps {
  readonly name: string;
  readonly requests: Readonly<Record<string, string>> | undefined;
  readonly onChange: (resources: { cpu: string; memory: string }) => void;
}

function StepResources({ name, requests, onChange }: StepResourcesProps) {
  const cpu = String(requests?.cpu ?? '');
  const memory = String(requests?.memory ?? '');
  return (
    <div className="tb-inspector__step">
      <span>{name}</span>
      <TextInput
        aria-label={`CPU of ${name}`}
        placeholder="CPU, 500m"
        value={cpu}
        onChange={(_event, next) => onChange({ cpu: next, memory })}
      />
      <TextInput
        aria-label={`Memory of ${name}`}
        placeholder="Memory, 1Gi"
        value={memory}
        onChange={(_event, next) => onChange({ cpu, memory: next })}
      />
    </div>
  );
}

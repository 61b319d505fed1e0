import { kinds, type Task } from '@tagboat/api';
import { useCallback, useDeferredValue, useMemo, useRef, useState } from 'react';
import { Empty } from '../../components/index.ts';
import { useList } from '../../data/use-list.ts';
import { taskNodes } from '../../graph/pipeline-graph.ts';
import { TaskGraph } from '../../graph/task-graph.tsx';
import { addTask, connect, disconnect, pipelineOf } from '../../pipeline-yaml/document.ts';
import { YamlEditor } from '../../pipeline-yaml/editor.tsx';
import { problemsOf } from '../../pipeline-yaml/problems.ts';
import { Palette } from './palette.tsx';
import { ProblemList } from './problem-list.tsx';
import { TaskInspector } from './task-inspector.tsx';
import './pipeline.css';

export interface PipelineEditorProps {
  readonly text: string;
  readonly onChange: (text: string) => void;
  readonly namespace: string;
  readonly readOnly?: boolean;
}

/** YAML on one side, its graph on the other; a change on either is a change of the text. */
export function PipelineEditor({ text, onChange, namespace, readOnly = false }: PipelineEditorProps) {
  const [selected, setSelected] = useState<string>();
  const [show, setShow] = useState<{ at: number }>();
  const deferred = useDeferredValue(text);
  // What is typed is drawn when there is time; what was clicked shows at once, or the click would seem lost.
  const clicked = useRef<string>(undefined);
  const later = text === clicked.current ? text : deferred;
  const click = useCallback(
    (next: string) => {
      clicked.current = next;
      onChange(next);
    },
    [onChange],
  );
  const problems = useMemo(() => problemsOf(later), [later]);
  const place = useMemo(() => pipelineOf(later), [later]);
  const nodes = useMemo(() => (place ? taskNodes(place.spec) : []), [place]);
  const tasks = useList<Task>(kinds.Task, { namespace });
  const names = useMemo(() => ({ tasks: tasks.items.map(({ metadata }) => metadata.name) }), [tasks.items]);
  const node = nodes.find(({ name }) => name === selected);
  const add = useCallback(
    (what: string) => {
      if (!what) return;
      const { text: next, name } = addTask(text, what);
      click(next);
      setSelected(name);
    },
    [text, click],
  );
  const link = useCallback((from: string, to: string) => click(connect(text, from, to)), [text, click]);
  const unlink = useCallback((from: string, to: string) => click(disconnect(text, from, to)), [text, click]);
  const select = (name: string) => {
    setSelected(name);
    const at = text.search(
      new RegExp(`name:\\s*["']?${name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}["']?\\s*(#.*)?$`, 'm'),
    );
    if (at >= 0) setShow({ at });
  };
  return (
    <div className="tb-pipeline">
      <div className="tb-pipeline__text">
        <YamlEditor text={text} onChange={onChange} names={names} show={show} readOnly={readOnly} />
        <ProblemList problems={problems} text={text} onShow={(at) => setShow({ at })} />
      </div>
      <div className="tb-pipeline__graph">
        {!readOnly && place && <Palette tasks={names.tasks} add={add} />}
        {nodes.length > 0 ? (
          <TaskGraph
            nodes={nodes}
            plain
            direction="TB"
            selected={selected}
            onSelect={select}
            {...(readOnly ? {} : { onConnect: link, onDisconnect: unlink, onDropTask: add })}
          />
        ) : (
          <Empty title={place ? 'No tasks yet' : 'No pipeline to draw'}>
            {place
              ? 'Add one from the bar above, or type it.'
              : 'This is drawn once the text is a Pipeline, or a PipelineRun with a pipelineSpec.'}
          </Empty>
        )}
        {node && <TaskInspector node={node} nodes={nodes} text={text} onChange={click} readOnly={readOnly} />}
      </div>
    </div>
  );
}

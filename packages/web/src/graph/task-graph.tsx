import '@xyflow/react/dist/style.css';
import './graph.css';
import {
  Background,
  Controls,
  type Edge,
  Handle,
  type Node,
  type NodeProps,
  Position,
  ReactFlow,
} from '@xyflow/react';
import { memo, useMemo } from 'react';
import { colourOf } from '../components/index.ts';
import { useTheme } from '../shell/theme.ts';
import { LargeGraph } from './large-graph.tsx';
import { type Direction, edgesOf, manyTasks, nodeHeight, nodeWidth, placeTasks } from './layout.ts';
import type { TaskNode } from './pipeline-graph.ts';
import { boxClasses, TaskLabel, tipOf } from './task-label.tsx';

export interface TaskGraphProps {
  readonly nodes: readonly TaskNode[];
  readonly selected?: string | undefined;
  readonly onSelect?: (name: string) => void;
  /** Called where a line is drawn from one task to another. */
  readonly onConnect?: (from: string, to: string) => void;
  readonly onDisconnect?: (from: string, to: string) => void;
  readonly onDropTask?: (name: string) => void;
  readonly direction?: Direction;
  /** No run: shows no states. */
  readonly plain?: boolean;
}

type TaskFlowNode = Node<
  { task: TaskNode; plain: boolean; connectable: boolean; direction: Direction },
  'task'
>;

const nodeTypes = { task: memo(TaskBox) };

/** The tasks of a pipeline and who waits for whom. */
export function TaskGraph(props: TaskGraphProps) {
  const { nodes, selected, onSelect, onConnect, plain = false, direction = 'LR' } = props;
  // Lines can be drawn by hand in the small one alone, which is slow for hundreds of tasks.
  if (nodes.length <= manyTasks || onConnect) return <SmallGraph {...props} />;
  return <LargeGraph {...{ nodes, selected, onSelect, plain, direction }} shape={shapeOf(nodes)} />;
}

const shapeOf = (nodes: readonly TaskNode[]) =>
  JSON.stringify(nodes.map(({ name, after, final }) => [name, after, final]));

function SmallGraph(props: TaskGraphProps) {
  const {
    nodes,
    selected,
    onSelect,
    onConnect,
    onDisconnect,
    onDropTask,
    plain = false,
    direction = 'LR',
  } = props;
  const theme = useTheme();
  const shape = shapeOf(nodes);
  // biome-ignore lint/correctness/useExhaustiveDependencies: where tasks stand depends on their shape alone
  const places = useMemo(() => placeTasks(nodes, direction), [shape, direction]);
  const flowNodes = useMemo(
    () =>
      nodes.map(
        (task): TaskFlowNode => ({
          id: task.name,
          type: 'task',
          position: places.get(task.name) ?? { x: 0, y: 0 },
          // Known, so that a large graph need not be drawn whole to be measured.
          width: nodeWidth,
          height: nodeHeight,
          data: { task, plain, connectable: Boolean(onConnect), direction },
          selected: task.name === selected,
          draggable: false,
          ariaLabel: `${task.title}: ${task.status}`,
        }),
      ),
    [nodes, places, selected, plain, onConnect, direction],
  );
  const edges = useMemo(() => flowEdges(nodes), [nodes]);
  return (
    <div className="tb-graph">
      <ReactFlow
        key={shape}
        nodes={flowNodes}
        edges={edges}
        nodeTypes={nodeTypes}
        colorMode={theme}
        fitView
        fitViewOptions={{ maxZoom: 1, padding: 0.08 }}
        minZoom={0.05}
        maxZoom={1.5}
        onlyRenderVisibleElements={nodes.length > manyTasks}
        nodesConnectable={Boolean(onConnect)}
        nodesDraggable={false}
        elementsSelectable
        deleteKeyCode={onDisconnect ? ['Delete', 'Backspace'] : null}
        proOptions={{ hideAttribution: true }}
        onNodesChange={(changes) => {
          for (const change of changes)
            if (change.type === 'select' && change.selected) onSelect?.(change.id);
        }}
        onConnect={({ source, target }) => onConnect?.(source, target)}
        onEdgesDelete={(deleted) => {
          for (const { source, target } of deleted) onDisconnect?.(source, target);
        }}
        onDragOver={(event) => onDropTask && event.preventDefault()}
        onDrop={(event) => onDropTask?.(event.dataTransfer.getData('text/plain'))}
      >
        <Background gap={22} size={1} />
        <Controls showInteractive={false} orientation="horizontal" />
      </ReactFlow>
    </div>
  );
}

function flowEdges(nodes: readonly TaskNode[]): Edge[] {
  const critical = new Set(nodes.filter((node) => node.critical).map(({ name }) => name));
  const running = new Set(nodes.filter(({ status }) => status === 'running').map(({ name }) => name));
  return edgesOf(nodes).map(({ from, to, final }) => ({
    id: `${from} ${to}`,
    source: from,
    target: to,
    animated: running.has(to),
    className: [
      critical.has(from) && critical.has(to) ? 'tb-edge--critical' : '',
      final ? 'tb-edge--final' : '',
    ].join(' '),
  }));
}

function TaskBox({ data: { task, plain, connectable, direction }, selected }: NodeProps<TaskFlowNode>) {
  return (
    <div
      className={boxClasses({ task, selected })}
      style={{
        width: nodeWidth,
        height: nodeHeight,
        ...(plain ? {} : { borderInlineStartColor: colourOf(task.status) }),
      }}
      title={plain ? task.title : tipOf(task)}
    >
      <Handle
        type="target"
        position={direction === 'LR' ? Position.Left : Position.Top}
        isConnectable={connectable}
      />
      <TaskLabel task={task} plain={plain} />
      <Handle
        type="source"
        position={direction === 'LR' ? Position.Right : Position.Bottom}
        isConnectable={connectable}
      />
    </div>
  );
}

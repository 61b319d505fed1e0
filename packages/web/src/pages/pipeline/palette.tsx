import { inlineTask } from '../../pipeline-yaml/document.ts';

/** Tasks to drag into the graph; pressing one adds it too. */
export function Palette({ tasks, add }: { tasks: readonly string[]; add: (what: string) => void }) {
  const items = [
    { what: inlineTask, label: 'New task with steps of its own' },
    ...tasks.map((name) => ({ what: name, label: name })),
  ];
  return (
    <ul className="tb-palette" aria-label="Tasks to add">
      {items.map(({ what, label }) => (
        <li key={what}>
          <button
            type="button"
            draggable
            onDragStart={(event) => event.dataTransfer.setData('text/plain', what)}
            onClick={() => add(what)}
            title="Drag into the graph, or press to add"
          >
            + {label}
          </button>
        </li>
      ))}
    </ul>
  );
}

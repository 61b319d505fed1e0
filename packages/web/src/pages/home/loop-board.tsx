import { Link } from '@tanstack/react-router';
import { useEffect } from 'react';
import { Ago, StatusIcon, useAsScrolled } from '../../components/index.ts';
import type { Loop, Stage } from './loop.ts';

/** As many as the first view may need. */
export const firstLoops = 30;

/** One row per model: the stations of its loop on a line. */
export function LoopBoard({ loops, onShown }: { loops: readonly Loop[]; onShown: (count: number) => void }) {
  const { shown, end } = useAsScrolled(loops, firstLoops);
  useEffect(() => onShown(shown.length), [onShown, shown.length]);
  return (
    <>
      <ul className="tb-loops" aria-label="Loops">
        {shown.map((loop) => (
          <li key={`${loop.project}/${loop.model}`} className="tb-loop">
            <h2>
              <Link to="/models/$project/$model" params={loop}>
                {loop.model}
              </Link>
              <span className="tb-quiet">{loop.project}</span>
            </h2>
            <ol className="tb-loop__line">
              {loop.stages.map((stage) => (
                <Station key={stage.name} stage={stage} />
              ))}
            </ol>
          </li>
        ))}
      </ul>
      {end}
    </>
  );
}

function Station({ stage }: { stage: Stage }) {
  const { name, status, main, mono, detail, note, at, to } = stage;
  const content = (
    <>
      <span className="tb-station__dot">
        {status ? <StatusIcon status={status} /> : <span className="tb-station__none" />}
      </span>
      <span className="tb-station__name">{name}</span>
      <span className={`tb-station__main${mono ? ' tb-mono' : ''}${status ? '' : ' tb-quiet'}`} title={main}>
        {main}
      </span>
      <span className="tb-station__detail" title={detail}>
        {note && `${note} · `}
        {at ? <Ago at={at} /> : (detail ?? '')}
      </span>
    </>
  );
  return (
    <li className={`tb-station${status ? '' : ' tb-station--empty'}`} title={detail}>
      {to ? (
        <Link to={to} className="tb-station__link">
          {content}
        </Link>
      ) : (
        <span className="tb-station__link">{content}</span>
      )}
    </li>
  );
}

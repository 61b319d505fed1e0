import { Alert, ExpandableSection } from '@patternfly/react-core';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { Equivalent, Gate, PageFrame, useAsScrolled } from '../../components/index.ts';
import { type Concern, concernsOf } from './attention.ts';
import { FirstSteps } from './first-steps.tsx';
import './home.css';
import type { Loop } from './loop.ts';
import { firstLoops, LoopBoard } from './loop-board.tsx';
import { useLoops } from './use-loops.ts';

export default function HomePage() {
  const [shown, setShown] = useState(firstLoops);
  const { sources, loops } = useLoops(shown);
  return (
    <PageFrame title="Home" subtitle="From commit to served model and back, one loop per model.">
      <Gate of={sources}>
        {() => (loops.length === 0 ? <FirstSteps /> : <Loops loops={loops} onShown={setShown} />)}
      </Gate>
    </PageFrame>
  );
}

function Loops({ loops, onShown }: { loops: readonly Loop[]; onShown: (count: number) => void }) {
  const [open, setOpen] = useState(false);
  const [first, ...others] = concernsOf(loops);
  return (
    <>
      <section aria-label="Needs attention" className="tb-attention">
        {first ? (
          <ConcernAlert concern={first} />
        ) : (
          <Alert isInline variant="success" title="All loops are in order" />
        )}
        {others.length > 0 && (
          <ExpandableSection
            toggleText={others.length === 1 ? 'One more thing' : `${others.length} more things`}
            className="tb-attention__more"
            isExpanded={open}
            onToggle={(_event, next) => setOpen(next)}
          >
            {open && <Concerns concerns={others} />}
          </ExpandableSection>
        )}
      </section>
      <LoopBoard loops={loops} onShown={onShown} />
    </>
  );
}

function Concerns({ concerns }: { concerns: readonly Concern[] }) {
  const { shown, end } = useAsScrolled(concerns, 30);
  return (
    <>
      {shown.map((concern) => (
        <ConcernAlert key={concern.title} concern={concern} />
      ))}
      {end}
    </>
  );
}

function ConcernAlert({ concern }: { concern: Concern }) {
  const { severity, title, body, to, command } = concern;
  return (
    <Alert isInline variant={severity} title={title}>
      <p className="tb-attention__body">{body}</p>
      <div className="tb-attention__actions">
        {to && <Link to={to}>Look at it</Link>}
        {command && <Equivalent text={command} />}
      </div>
    </Alert>
  );
}

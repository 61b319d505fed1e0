import { Alert, ExpandableSection } from '@patternfly/react-core';
import { Link } from '@tanstack/react-router';
import { Equivalent, Gate, PageFrame } from '../../components/index.ts';
import { type Concern, concernsOf } from './attention.ts';
import { FirstSteps } from './first-steps.tsx';
import './home.css';
import type { Loop } from './loop.ts';
import { LoopBoard } from './loop-board.tsx';
import { RunFailure } from './run-failure.tsx';
import { useLoops } from './use-loops.ts';

export default function HomePage() {
  const { sources, loops } = useLoops();
  return (
    <PageFrame title="Home" subtitle="From commit to served model and back, one loop per model.">
      <Gate of={sources}>{() => (loops.length === 0 ? <FirstSteps /> : <Loops loops={loops} />)}</Gate>
    </PageFrame>
  );
}

function Loops({ loops }: { loops: readonly Loop[] }) {
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
          >
            {others.map((concern) => (
              <ConcernAlert key={concern.title} concern={concern} />
            ))}
          </ExpandableSection>
        )}
      </section>
      <LoopBoard loops={loops} />
    </>
  );
}

function ConcernAlert({ concern }: { concern: Concern }) {
  const { severity, title, body, to, command, run } = concern;
  return (
    <Alert isInline variant={severity} title={title}>
      <p className="tb-attention__body">{run ? <RunFailure run={run} otherwise={body} /> : body}</p>
      <div className="tb-attention__actions">
        {to && <Link to={to}>Look at it</Link>}
        {command && <Equivalent text={command} />}
      </div>
    </Alert>
  );
}

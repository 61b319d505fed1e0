import { StatusIcon } from '../../components/index.ts';
import type { Problem } from '../../pipeline-yaml/problems.ts';

export interface ProblemListProps {
  readonly problems: readonly Problem[];
  readonly text: string;
  readonly onShow: (at: number) => void;
}

/** What is wrong, each with its line. */
export function ProblemList({ problems, text, onShow }: ProblemListProps) {
  const lineOf = (at: number) => text.slice(0, at).split('\n').length;
  return (
    <ul className="tb-problems" aria-label="Problems" aria-live="polite">
      {problems.length === 0 && (
        <li className="tb-quiet">
          <StatusIcon status="succeeded" title="No problems" /> No problems
        </li>
      )}
      {problems.slice(0, 20).map(({ from, message, severity }) => (
        <li key={`${from} ${message}`}>
          <button type="button" onClick={() => onShow(from)}>
            <StatusIcon status={severity === 'error' ? 'failed' : 'warning'} />
            <span className="tb-quiet tb-number">line {lineOf(from)}</span>
            <span>{message}</span>
          </button>
        </li>
      ))}
    </ul>
  );
}

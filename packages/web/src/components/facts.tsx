import type { ReactNode } from 'react';

/** What is known by name: `[name, value]`; a value that is empty or absent is left out. */
export type Fact = readonly [name: string, value: ReactNode];

export interface FactsProps {
  readonly facts: readonly Fact[];
  /** `grid`: in columns; `tight`: in narrow ones; `line`: one after the other; `rows`: one below the other. */
  readonly arranged?: 'grid' | 'tight' | 'line' | 'rows';
}

/** Names with their values. */
export function Facts({ facts, arranged = 'grid' }: FactsProps) {
  return (
    <dl className={`tb-facts tb-facts--${arranged}`}>
      {facts
        .filter(([, value]) => value !== undefined && value !== null && value !== false && value !== '')
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}

import {
  Button,
  FormSelect,
  FormSelectOption,
  SearchInput,
  ToggleGroup,
  ToggleGroupItem,
  Toolbar,
  ToolbarContent,
  ToolbarItem,
} from '@patternfly/react-core';
import { kinds } from '@tagboat/api';
import { useEffect, useState } from 'react';
import { StatusIcon, type StatusName } from '../../components/index.ts';
import { useList } from '../../data/use-list.ts';
import type { RunSearch } from './use-run-search.ts';

const states: readonly StatusName[] = [
  'running',
  'pending',
  'succeeded',
  'failed',
  'cancelled',
  'superseded',
];
const runKinds = ['release', 'check', 'candidate', 'retrain', 'try'];

export interface RunFiltersProps {
  readonly search: RunSearch;
  readonly change: (next: RunSearch | undefined) => void;
  readonly states: Readonly<Record<string, number>>;
}

export function RunFilters({ search, change, states: counts }: RunFiltersProps) {
  const models = useList(kinds.Model);
  const names = [...new Set(models.items.map(({ metadata }) => metadata.name))].sort();
  const filtered = Object.values(search).some(Boolean);
  return (
    <Toolbar className="tb-filters" inset={{ default: 'insetNone' }}>
      <ToolbarContent>
        <ToolbarItem className="tb-search">
          <TypedSearch
            label="Search runs"
            placeholder="Name, tag, commit, message"
            value={search.text ?? ''}
            change={(text) => change({ text })}
          />
        </ToolbarItem>
        <ToolbarItem>
          <Choice
            label="Model"
            all="All models"
            value={search.model}
            options={names}
            change={(model) => change({ model })}
          />
        </ToolbarItem>
        <ToolbarItem>
          <Choice
            label="Kind"
            all="All kinds"
            value={search.kind}
            options={runKinds}
            change={(kind) => change({ kind })}
          />
        </ToolbarItem>
        <ToolbarItem>
          <TypedSearch
            label="Tag"
            placeholder="Tag"
            value={search.tag ?? ''}
            change={(tag) => change({ tag })}
            short
          />
        </ToolbarItem>
        <ToolbarItem>
          <TypedSearch
            label="Asked for by"
            placeholder="By whom"
            value={search.by ?? ''}
            change={(by) => change({ by })}
            short
          />
        </ToolbarItem>
        {filtered && (
          <ToolbarItem>
            <Button variant="link" onClick={() => change(undefined)}>
              Clear all
            </Button>
          </ToolbarItem>
        )}
      </ToolbarContent>
      <ToolbarContent>
        <ToggleGroup aria-label="State" isCompact>
          {states.map((state) => (
            <ToggleGroupItem
              key={state}
              icon={<StatusIcon status={state} />}
              text={`${state} ${counts[state] ?? 0}`}
              aria-label={`${state}: ${counts[state] ?? 0}`}
              buttonId={`state-${state}`}
              isSelected={search.state === state}
              onChange={(_event, selected) => change({ state: selected ? state : '' })}
            />
          ))}
        </ToggleGroup>
      </ToolbarContent>
    </Toolbar>
  );
}

interface ChoiceProps {
  readonly label: string;
  readonly all: string;
  readonly value: string | undefined;
  readonly options: readonly string[];
  readonly change: (value: string) => void;
}

function Choice({ label, all, value = '', options, change }: ChoiceProps) {
  const shown = value && !options.includes(value) ? [value, ...options] : options;
  return (
    <FormSelect
      aria-label={label}
      value={value}
      onChange={(_event, next) => change(next)}
      className="tb-choice"
    >
      <FormSelectOption value="" label={all} />
      {shown.map((option) => (
        <FormSelectOption key={option} value={option} label={option} />
      ))}
    </FormSelect>
  );
}

interface TypedSearchProps {
  readonly label: string;
  readonly placeholder: string;
  readonly value: string;
  readonly change: (value: string) => void;
  readonly short?: boolean;
}

const pauseMilliseconds = 250;

/** Follows what is typed after a short pause. */
function TypedSearch({ label, placeholder, value, change, short }: TypedSearchProps) {
  const [typed, setTyped] = useState(value);
  useEffect(() => setTyped(value), [value]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: only what is typed starts the pause
  useEffect(() => {
    if (typed === value) return undefined;
    const timer = setTimeout(() => change(typed), pauseMilliseconds);
    return () => clearTimeout(timer);
  }, [typed]);
  return (
    <SearchInput
      aria-label={label}
      placeholder={placeholder}
      value={typed}
      onChange={(_event, next) => setTyped(next)}
      onClear={() => change('')}
      className={short ? 'tb-search--short' : 'tb-search--long'}
    />
  );
}

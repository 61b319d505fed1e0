import './log.css';
import { Button, SearchInput, Switch } from '@patternfly/react-core';
import AngleDownIcon from '@patternfly/react-icons/dist/esm/icons/angle-down-icon';
import AngleUpIcon from '@patternfly/react-icons/dist/esm/icons/angle-up-icon';
import DownloadIcon from '@patternfly/react-icons/dist/esm/icons/download-icon';
import { useMemo, useState } from 'react';
import { Empty, Failed, Loading } from '../components/index.ts';
import { type Section, VisibleLines } from './folds.ts';
import type { LineRange } from './line-range.ts';
import { LogLines } from './log-lines.tsx';
import { type ContainerRef, type LogState, useLog } from './use-log.ts';
import { useLogSearch } from './use-log-search.ts';

export interface LogViewProps {
  readonly of: ContainerRef;
  /** The lines that the address names. */
  readonly selected: LineRange | undefined;
  readonly onSelect: (range: LineRange) => void;
}

/** One container's log: streams, with colours, search, times, folding, and lines that can be linked to. */
export function LogView({ of, selected, onSelect }: LogViewProps) {
  const log = useLog(of);
  if (log.status === 'failed') return <Failed error={log.error!} />;
  if (log.status === 'missing') return <Empty title="There is no log">{log.error!.message}</Empty>;
  if (log.status === 'loading') return <Loading rows={4} />;
  return <OpenLog log={log} of={of} selected={selected} onSelect={onSelect} />;
}

function OpenLog({ log, of, selected, onSelect }: LogViewProps & { log: LogState }) {
  const [words, setWords] = useState('');
  const [times, setTimes] = useState(false);
  const [following, setFollowing] = useState(selected === undefined);
  const [folded, setFolded] = useState<ReadonlySet<number>>(new Set());
  const [match, setMatch] = useState(0);
  const [jump, setJump] = useState(selected && { line: selected[0] });
  const search = useLogSearch(log, words);
  const { sections, headings, visible } = useFolding(log, folded);
  const go = (index: number) => {
    const line = search.matches[index];
    if (line === undefined) return;
    setMatch(index);
    setFollowing(false);
    setFolded(new Set([...folded].filter((heading) => !holds(sections, heading, line))));
    setJump({ line });
  };
  const find = (next: string) => {
    setWords(next);
    setMatch(0);
  };
  return (
    <div className="tb-log">
      <div className="tb-log__bar">
        <SearchInput
          aria-label="Search this log"
          placeholder="Search this log"
          value={words}
          onChange={(_event, next) => find(next)}
          onClear={() => find('')}
          onKeyDown={(event) => {
            if (event.key === 'Enter')
              go(jump?.line === search.matches[match] ? (match + 1) % search.matches.length : match);
          }}
          className="tb-log__search"
        />
        {words && (
          <MatchSteps
            count={search.matches.length}
            more={search.more}
            at={match}
            busy={search.searching}
            go={go}
          />
        )}
        <span className="tb-log__space" />
        <Switch id="log-times" label="Times" isChecked={times} onChange={(_event, on) => setTimes(on)} />
        <Switch
          id="log-follow"
          label="Follow"
          isChecked={following}
          onChange={(_event, on) => setFollowing(on)}
        />
        {sections.length > 1 && (
          <Button
            variant="link"
            onClick={() =>
              setFolded(folded.size > 0 ? new Set() : new Set(sections.map(({ heading }) => heading)))
            }
          >
            {folded.size > 0 ? 'Unfold all' : 'Fold all'}
          </Button>
        )}
        <Button
          component="a"
          variant="plain"
          aria-label="Download this log"
          icon={<DownloadIcon />}
          href={`/api/v1/namespaces/${of.namespace}/pods/${of.pod}/log?container=${of.container}`}
          download={`${of.pod}-${of.container}.log`}
        />
      </div>
      <LogLines
        buffer={log.buffer}
        visible={visible}
        times={times}
        search={words}
        current={words ? search.matches[match] : undefined}
        selected={selected}
        headings={headings}
        onToggle={(heading) => setFolded(toggled(folded, heading))}
        onSelect={(line, extend) =>
          onSelect(
            extend && selected ? [Math.min(selected[0], line), Math.max(selected[0], line)] : [line, line],
          )
        }
        following={following}
        onFollow={setFollowing}
        jump={jump}
      />
      <div className="tb-log__foot" aria-live="polite">
        {log.buffer.length.toLocaleString('en')} {log.buffer.length === 1 ? 'line' : 'lines'}
        {log.status === 'streaming' ? ' so far' : ''}
      </div>
    </div>
  );
}

function useFolding({ buffer, finder, version }: LogState, folded: ReadonlySet<number>) {
  // biome-ignore lint/correctness/useExhaustiveDependencies: buffer and finder grow in place, version tells
  return useMemo(() => {
    const sections = finder.sections.map(
      ({ heading, end }): Required<Section> => ({ heading, end: end ?? buffer.length }),
    );
    const whole = sections.filter(({ heading, end }) => end > heading);
    const headings = new Map(whole.map(({ heading }) => [heading, folded.has(heading)]));
    const visible = new VisibleLines(
      buffer.length,
      whole.filter(({ heading }) => folded.has(heading)),
    );
    return { sections: whole, headings, visible };
  }, [buffer, finder, version, folded]);
}

const holds = (sections: readonly Required<Section>[], heading: number, line: number) =>
  sections.some((section) => section.heading === heading && line > heading && line <= section.end);

function toggled(folded: ReadonlySet<number>, heading: number): ReadonlySet<number> {
  const next = new Set(folded);
  if (!next.delete(heading)) next.add(heading);
  return next;
}

interface MatchStepsProps {
  readonly count: number;
  readonly more: boolean;
  readonly at: number;
  readonly busy: boolean;
  readonly go: (index: number) => void;
}

function MatchSteps({ count, more, at, busy, go }: MatchStepsProps) {
  const all = `${count.toLocaleString('en')}${more ? '+' : ''}`;
  return (
    <span className="tb-log__matches">
      <span className="tb-quiet tb-number" aria-live="polite">
        {count === 0 ? (busy ? 'searching' : 'not found') : `${(at + 1).toLocaleString('en')} of ${all}`}
      </span>
      <Button
        variant="plain"
        aria-label="Previous match"
        icon={<AngleUpIcon />}
        isDisabled={count === 0}
        onClick={() => go((at - 1 + count) % count)}
      />
      <Button
        variant="plain"
        aria-label="Next match"
        icon={<AngleDownIcon />}
        isDisabled={count === 0}
        onClick={() => go((at + 1) % count)}
      />
    </span>
  );
}

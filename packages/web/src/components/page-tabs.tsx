import { Tab, Tabs, TabTitleText } from '@patternfly/react-core';
import { useNavigate, useSearch } from '@tanstack/react-router';

export interface PageTab {
  readonly key: string;
  readonly title: string;
}

/** The tab that the address names, else the first. */
export function useTab(tabs: readonly PageTab[]): string {
  const search: { tab?: string } = useSearch({ strict: false });
  return tabs.find(({ key }) => key === search.tab)?.key ?? tabs[0]!.key;
}

export interface PageTabsProps {
  readonly tabs: readonly PageTab[];
  readonly label: string;
  /** Where something else in the address says which tab it is. */
  readonly current?: string | undefined;
}

/** Tabs that are part of the address, so that each can be linked to. */
export function PageTabs(props: PageTabsProps) {
  const { tabs, label, current } = props;
  const navigate = useNavigate();
  const named = useTab(tabs);
  const active = current ?? named;
  const go = (key: string) =>
    void navigate({ to: '.', search: { tab: key === tabs[0]!.key ? undefined : key } as never });
  return (
    <Tabs activeKey={active} onSelect={(_event, key) => go(String(key))} aria-label={label}>
      {tabs.map(({ key, title }) => (
        <Tab
          key={key}
          eventKey={key}
          tabContentId="page-content"
          title={<TabTitleText>{title}</TabTitleText>}
        />
      ))}
    </Tabs>
  );
}

import { Breadcrumb, BreadcrumbItem, Content, PageSection, Title } from '@patternfly/react-core';
import { Link } from '@tanstack/react-router';
import { type ReactNode, useEffect } from 'react';

export interface Crumb {
  readonly label: string;
  readonly to: string;
}

export interface PageFrameProps {
  readonly title: string;
  /** Beside the title: a state, a label. */
  readonly badge?: ReactNode;
  readonly subtitle?: ReactNode;
  readonly crumbs?: readonly Crumb[];
  readonly actions?: ReactNode;
  /** Below the heading, above the content, such as tabs. */
  readonly tabs?: ReactNode;
  /** The content fills the window and scrolls in itself. */
  readonly fills?: boolean;
  readonly children: ReactNode;
}

/** What every page has: the way back, a heading, what can be done, and the content. */
export function PageFrame(props: PageFrameProps) {
  const { title, badge, subtitle, crumbs = [], actions, tabs, fills, children } = props;
  useEffect(() => {
    document.title = title === 'Home' ? 'Tagboat' : `${title} · Tagboat`;
  }, [title]);
  return (
    <>
      <PageSection className="tb-head" hasBodyWrapper={false}>
        {crumbs.length > 0 && (
          <Breadcrumb className="tb-crumbs">
            {crumbs.map(({ label, to }) => (
              <BreadcrumbItem
                key={to}
                render={({ className }) => (
                  <Link to={to} className={className}>
                    {label}
                  </Link>
                )}
              />
            ))}
            <BreadcrumbItem isActive>{title}</BreadcrumbItem>
          </Breadcrumb>
        )}
        <div className="tb-head__row">
          <div className="tb-head__title">
            <Title headingLevel="h1" size="2xl">
              {title}
            </Title>
            {badge}
          </div>
          {actions && <div className="tb-head__actions">{actions}</div>}
        </div>
        {subtitle && (
          <Content component="p" className="tb-head__subtitle">
            {subtitle}
          </Content>
        )}
      </PageSection>
      {tabs && (
        <PageSection hasBodyWrapper={false} className="tb-tabs" type="tabs">
          {tabs}
        </PageSection>
      )}
      <PageSection
        id="page-content"
        hasBodyWrapper={false}
        className={fills ? 'tb-body tb-body--fills' : 'tb-body'}
        isFilled
      >
        {children}
      </PageSection>
    </>
  );
}

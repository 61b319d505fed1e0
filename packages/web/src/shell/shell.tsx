import {
  Brand,
  Button,
  Masthead,
  MastheadBrand,
  MastheadContent,
  MastheadLogo,
  MastheadMain,
  MastheadToggle,
  Nav,
  NavList,
  Page,
  PageSidebar,
  PageSidebarBody,
  PageToggleButton,
  SkipToContent,
} from '@patternfly/react-core';
import BarsIcon from '@patternfly/react-icons/dist/esm/icons/bars-icon';
import OutlinedMoonIcon from '@patternfly/react-icons/dist/esm/icons/outlined-moon-icon';
import OutlinedSunIcon from '@patternfly/react-icons/dist/esm/icons/outlined-sun-icon';
import { Link, Outlet, useRouterState } from '@tanstack/react-router';
import { useState } from 'react';
import { ConnectionBanner } from './connection-banner.tsx';
import { places } from './navigation.ts';
import { ShortcutHelp } from './shortcuts.tsx';
import { SignOut } from './sign-out.tsx';
import { setTheme, useTheme } from './theme.ts';

/** What surrounds every page. */
export function Shell() {
  const [open, setOpen] = useState(() => window.innerWidth >= 1200);
  return (
    <Page
      className="tb-page"
      mainContainerId="main"
      masthead={<Top onToggle={() => setOpen(!open)} open={open} />}
      sidebar={<Side open={open} onPick={() => window.innerWidth < 1200 && setOpen(false)} />}
      skipToContent={<SkipToContent href="#main">Skip to content</SkipToContent>}
      isContentFilled
    >
      <ConnectionBanner />
      <Outlet />
    </Page>
  );
}

function Top({ open, onToggle }: { open: boolean; onToggle: () => void }) {
  const theme = useTheme();
  const other = theme === 'dark' ? 'light' : 'dark';
  return (
    <Masthead>
      <MastheadMain>
        <MastheadToggle>
          <PageToggleButton aria-label="Navigation" isSidebarOpen={open} onSidebarToggle={onToggle}>
            <BarsIcon />
          </PageToggleButton>
        </MastheadToggle>
        <MastheadBrand>
          <MastheadLogo component={(props) => <Link {...props} to="/" />} className="tb-brand">
            <Brand src="/favicon.svg" alt="" heights={{ default: '32px' }} />
            <span>Tagboat</span>
          </MastheadLogo>
        </MastheadBrand>
      </MastheadMain>
      <MastheadContent>
        <span className="tb-motto">Git in, model out</span>
        <span className="tb-masthead-actions">
          <ShortcutHelp />
          <Button
            variant="plain"
            aria-label={`Use the ${other} theme`}
            icon={theme === 'dark' ? <OutlinedSunIcon /> : <OutlinedMoonIcon />}
            onClick={() => setTheme(other)}
          />
          <SignOut />
        </span>
      </MastheadContent>
    </Masthead>
  );
}

function Side({ open, onPick }: { open: boolean; onPick: () => void }) {
  const path = useRouterState({ select: ({ location }) => location.pathname });
  return (
    <PageSidebar isSidebarOpen={open}>
      <PageSidebarBody>
        <Nav aria-label="Places" onSelect={onPick}>
          <NavList>
            {places.map(({ to, label, icon: Icon }) => {
              const current = to === '/' ? path === '/' : path.startsWith(to);
              return (
                <li className="pf-v6-c-nav__item" key={to}>
                  <Link
                    to={to}
                    onClick={onPick}
                    className={`pf-v6-c-nav__link${current ? ' pf-m-current' : ''}`}
                    {...(current ? { 'aria-current': 'page' as const } : {})}
                  >
                    <span className="pf-v6-c-nav__link-icon">
                      <Icon />
                    </span>
                    <span className="pf-v6-c-nav__link-text">{label}</span>
                  </Link>
                </li>
              );
            })}
          </NavList>
        </Nav>
      </PageSidebarBody>
    </PageSidebar>
  );
}

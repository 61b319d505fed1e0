import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  useRouterState,
} from '@tanstack/react-router';
import { Failed, Loading, NotFound } from './components/states.tsx';
import { asError } from './data/actions.ts';
import { loadPart } from './data/part.ts';
import { Shell } from './shell/shell.tsx';

/** A share link's page stands alone: whoever has it sees nothing of the console. */
function Root() {
  const shared = useRouterState({ select: ({ location }) => location.pathname.startsWith('/shared/') });
  return shared ? <Outlet /> : <Shell />;
}

const root = createRootRoute({ component: Root, notFoundComponent: () => <NotFound /> });

/** A page's own search parameters are texts; a page reads those that it knows. */
export type Search = Readonly<Record<string, string | undefined>>;

const texts = (search: Record<string, unknown>): Search =>
  Object.fromEntries(
    Object.entries(search).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])),
  );

const isGoing = (): boolean => router.state.isLoading;

function page<Path extends string>(path: Path, load: () => Promise<{ default: () => React.ReactNode }>) {
  return createRoute({
    getParentRoute: () => root,
    path,
    // What is loaded ahead, where the pointer rests on a link, may fail; what is gone to may not.
    component: lazyRouteComponent(() => (isGoing() ? loadPart(load) : load())),
    validateSearch: texts,
  });
}

const routes = [
  page('/', () => import('./pages/home/index.tsx')),
  page('/workbenches', () => import('./pages/workbenches/index.tsx')),
  page('/runs', () => import('./pages/runs/index.tsx')),
  page('/runs/$project/$run', () => import('./pages/run/index.tsx')),
  page('/pipelines', () => import('./pages/pipelines/index.tsx')),
  page('/pipelines/view', () => import('./pages/pipeline-view/index.tsx')),
  page('/pipelines/$project/$repository', () => import('./pages/pipeline/index.tsx')),
  page('/settings', () => import('./pages/settings/index.tsx')),
  page('/projects', () => import('./pages/projects/index.tsx')),
  page('/projects/$project/$repository', () => import('./pages/repository/index.tsx')),
  page('/models', () => import('./pages/models/index.tsx')),
  page('/models/$project/$model', () => import('./pages/model/index.tsx')),
  page('/images', () => import('./pages/images/index.tsx')),
  page('/deployments', () => import('./pages/deployments/index.tsx')),
  page('/deployments/$application', () => import('./pages/deployment/index.tsx')),
  page('/insights', () => import('./pages/insights/index.tsx')),
  page('/shared/$project/$model', () => import('./pages/shared/index.tsx')),
] as const;

export const router = createRouter({
  routeTree: root.addChildren([...routes]),
  defaultPreload: 'intent',
  defaultPendingComponent: () => <Loading />,
  defaultErrorComponent: ({ error, reset }) => <Failed error={asError(error)} retry={reset} />,
  scrollRestoration: true,
  // Search parameters are texts as they stand, so that links are readable and can be typed.
  parseSearch: (text) => Object.fromEntries(new URLSearchParams(text)),
  stringifySearch: (search) => {
    const given = Object.entries(search).filter(([, value]) => value !== undefined && value !== '');
    const text = new URLSearchParams(given as [string, string][]).toString();
    return text ? `?${text}` : '';
  },
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}

import ChartLineIcon from '@patternfly/react-icons/dist/esm/icons/chart-line-icon';
import CodeBranchIcon from '@patternfly/react-icons/dist/esm/icons/code-branch-icon';
import CogIcon from '@patternfly/react-icons/dist/esm/icons/cog-icon';
import CubesIcon from '@patternfly/react-icons/dist/esm/icons/cubes-icon';
import FlaskIcon from '@patternfly/react-icons/dist/esm/icons/flask-icon';
import HomeIcon from '@patternfly/react-icons/dist/esm/icons/home-icon';
import LaptopCodeIcon from '@patternfly/react-icons/dist/esm/icons/laptop-code-icon';
import ProjectDiagramIcon from '@patternfly/react-icons/dist/esm/icons/project-diagram-icon';
import ServerIcon from '@patternfly/react-icons/dist/esm/icons/server-icon';
import TachometerAltIcon from '@patternfly/react-icons/dist/esm/icons/tachometer-alt-icon';
import type { ComponentType } from 'react';

export interface Place {
  readonly to: string;
  readonly label: string;
  readonly icon: ComponentType;
  /** Pressed after `g`. */
  readonly key: string;
}

/** What the navigation offers, in the order of the loop. */
export const places: readonly Place[] = [
  { to: '/', label: 'Home', icon: HomeIcon, key: 'h' },
  { to: '/projects', label: 'Projects', icon: CodeBranchIcon, key: 'p' },
  { to: '/workbenches', label: 'Workbenches', icon: LaptopCodeIcon, key: 'w' },
  { to: '/runs', label: 'Runs', icon: TachometerAltIcon, key: 'r' },
  { to: '/models', label: 'Models', icon: FlaskIcon, key: 'm' },
  { to: '/images', label: 'Images', icon: CubesIcon, key: 'i' },
  { to: '/deployments', label: 'Deployments', icon: ServerIcon, key: 'd' },
  { to: '/insights', label: 'Insights', icon: ChartLineIcon, key: 'f' },
  { to: '/pipelines', label: 'Pipelines', icon: ProjectDiagramIcon, key: 'l' },
  { to: '/settings', label: 'Settings', icon: CogIcon, key: 's' },
];

export { ClusterStore } from './cluster-store.ts';

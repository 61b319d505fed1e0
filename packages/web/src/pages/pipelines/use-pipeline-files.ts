import type { Repository } from '@tagboat/api';
import { useJson } from '../../data/query.ts';

export interface PipelineFile {
  readonly path: string;
  /** A tagboat.yaml, from which pipelines are made; Tekton YAML; a pipeline of Elyra. */
  readonly kind: 'model' | 'Tekton' | 'Elyra';
}

interface Tree {
  readonly tree: readonly { readonly path: string; readonly type: string }[];
}

/** The files of a repository that are pipelines by their place: `.tekton/*.yaml`, each `tagboat.yaml`, and Elyra's `.pipeline`. */
export function usePipelineFiles(repository: Repository): {
  files: readonly PipelineFile[];
  status: 'loading' | 'ready' | 'failed';
  message?: string;
} {
  const { metadata, status } = repository;
  const head = status?.refs?.[`refs/heads/${status.defaultBranch ?? 'main'}`];
  const base = `/git/api/v1/repos/${metadata.namespace}/${metadata.name}`;
  const tree = useJson<Tree>(head && `${base}/git/trees/${head}?recursive=true&per_page=10000`);
  if (!head) return { files: [], status: 'failed', message: 'Nothing was pushed to it yet.' };
  if (tree.error) return { files: [], status: 'failed', message: tree.error.message };
  if (!tree.data) return { files: [], status: 'loading' };
  return { files: pipelineFiles(tree.data.tree), status: 'ready' };
}

export function pipelineFiles(entries: Tree['tree']): PipelineFile[] {
  return entries
    .filter(
      ({ type, path }) =>
        type === 'blob' && /(^|\/)(\.tekton\/.*\.ya?ml|tagboat\.yaml|[^/]+\.pipeline)$/.test(path),
    )
    .map(({ path }) => ({
      path,
      kind: path.endsWith('tagboat.yaml') ? 'model' : path.endsWith('.pipeline') ? 'Elyra' : 'Tekton',
    }));
}

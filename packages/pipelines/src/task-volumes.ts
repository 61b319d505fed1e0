import type { TaskRun, TaskSpec, Volume, VolumeMount, WorkspaceBinding } from '@tagboat/api';
import { claimName } from './children.ts';
import { volumeOfWorkspace, workspacesOf } from './task-variables.ts';

/** The volumes of a task's bound workspaces. */
export function bindWorkspaces(spec: TaskSpec, taskRun: TaskRun): Volume[] {
  const bindings = new Map((taskRun.spec?.workspaces ?? []).map((binding) => [binding.name, binding]));
  return workspacesOf(spec, taskRun).flatMap(({ name }) => {
    const binding = bindings.get(name);
    return binding ? [{ name: volumeOfWorkspace(name), ...volumeSource(binding, taskRun) }] : [];
  });
}

interface User {
  readonly workspaces?: { name: string; mountPath?: string }[];
  readonly volumeMounts?: VolumeMount[];
}

/**
 * Where a step or sidecar sees the task's workspaces. One that any step or sidecar claims for itself is seen by those
 * that do alone (Tekton docs, workspaces.md "Isolating Workspaces to Specific Steps or Sidecars").
 */
export function mountsFor(user: User, spec: TaskSpec, taskRun: TaskRun): VolumeMount[] {
  const bindings = new Map((taskRun.spec?.workspaces ?? []).map((binding) => [binding.name, binding]));
  const claimed = new Set(
    [...spec.steps, ...(spec.sidecars ?? [])].flatMap(({ workspaces }) =>
      (workspaces ?? []).map(({ name }) => name),
    ),
  );
  const isSidecar = !spec.steps.includes(user as never);
  return workspacesOf(spec, taskRun).flatMap(({ name, mountPath, readOnly }) => {
    const binding = bindings.get(name);
    const own = user.workspaces?.find((item) => item.name === name);
    if (!binding || (claimed.has(name) && !own)) return [];
    // A sidecar that mounts the volume by its name does so where and how it says.
    const byName = user.volumeMounts?.some((mount) => mount.name === volumeOfWorkspace(name));
    if (isSidecar && byName) return [];
    return [
      {
        name: volumeOfWorkspace(name),
        mountPath: own?.mountPath ?? mountPath ?? `/workspace/${name}`,
        ...(binding.subPath ? { subPath: binding.subPath } : {}),
        ...(readOnly ? { readOnly } : {}),
      },
    ];
  });
}

function volumeSource(binding: WorkspaceBinding, taskRun: TaskRun): Omit<Volume, 'name'> {
  const { persistentVolumeClaim, volumeClaimTemplate, configMap, secret, projected, csi, emptyDir } = binding;
  if (volumeClaimTemplate) return { persistentVolumeClaim: { claimName: claimName(taskRun, binding) } };
  if (persistentVolumeClaim) return { persistentVolumeClaim };
  if (configMap) return { configMap };
  if (secret) return { secret };
  if (projected) return { projected };
  if (csi) return { csi };
  return { emptyDir: emptyDir ?? {} };
}

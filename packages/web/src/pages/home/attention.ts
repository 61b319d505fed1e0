import type { Loop } from './loop.ts';

/** Something that a person should look at. */
export interface Concern {
  readonly severity: 'danger' | 'warning' | 'info';
  readonly title: string;
  readonly body: string;
  readonly to?: string;
  readonly command?: string;
}

const rank: Readonly<Record<Concern['severity'], number>> = { danger: 0, warning: 1, info: 2 };

/** What needs attention in all loops, the most urgent first: what users feel, then what stops a release, then what waits for a person. */
export function concernsOf(loops: readonly Loop[]): Concern[] {
  return loops
    .flatMap((loop) => [...deployed(loop), ...released(loop), ...waiting(loop)])
    .sort((a, b) => rank[a.severity] - rank[b.severity]);
}

function deployed({ model, environments }: Loop): Concern[] {
  return [...environments].reverse().flatMap((environment): Concern[] => {
    const { name, application, health } = environment;
    if (!application) return [];
    const to = `/deployments/${application.metadata.name}`;
    if (health === 'degraded')
      return [
        {
          severity: 'danger',
          title: `${model} is degraded in ${name}`,
          body: application.status?.health?.message ?? 'It does not answer as it should.',
          to,
          command: `tagboat rollback ${model} -e ${name}`,
        },
      ];
    const { phase, message } = application.status?.operationState ?? { phase: '', message: '' };
    if (phase === 'Failed' || phase === 'Error')
      return [{ severity: 'danger', title: `${model} could not be deployed to ${name}`, body: message, to }];
    return [];
  });
}

function released({ model, newest }: Loop): Concern[] {
  if (newest?.state !== 'failed') return [];
  return [
    {
      severity: 'danger',
      title: `The run of ${model} ${newest.tag} failed`,
      body: newest.message ?? newest.reason,
      to: `/runs/${newest.project}/${newest.name}`,
      command: `tagboat logs ${newest.name}`,
    },
  ];
}

function waiting({ project, model, environments, refused, drifting }: Loop): Concern[] {
  const found: Concern[] = [];
  if (drifting)
    found.push({
      severity: 'warning',
      title: `${model} is asked what it was not trained for`,
      body: drifting,
      to: `/models/${project}/${model}?tab=drift`,
      command: `tagboat drift ${model}`,
    });
  if (refused)
    found.push({
      severity: 'warning',
      title: `The newest candidate of ${model} was refused`,
      body: refused,
      to: `/models/${project}/${model}`,
    });
  const [first, second] = environments;
  const ahead = first?.tag && second && first.health === 'healthy' && first.tag !== second.tag;
  if (ahead)
    found.push({
      severity: 'info',
      title: second.tag
        ? `${first.name} runs ${model} ${first.tag}, ${second.name} still ${second.tag}`
        : `${model} ${first.tag} runs in ${first.name} and waits for ${second.name}`,
      body: 'Promote it when you are content with it.',
      to: `/deployments/${(second.application ?? first.application)?.metadata.name}`,
      command: `tagboat promote ${model} --from ${first.name} --to ${second.name}`,
    });
  return found;
}

import { type KubernetesObject, kinds } from '@tagboat/api';
import { releaseAnnotations, runLabels } from '@tagboat/render';
import { defineCommand } from 'citty';
import { outputOption, projectOption, short, show } from '../output.ts';
import { about, checkProject, connect } from '../session.ts';

interface ApplicationStatus {
  sync?: { status?: string; revision?: string };
  health?: { status?: string; message?: string };
  conditions?: { message?: string }[];
}
interface ApplicationSpec {
  destination?: { namespace?: string };
}

export default defineCommand({
  meta: { name: 'apps', description: 'Lists what is deployed, and where it answers' },
  args: { ...projectOption, ...outputOption },
  async run({ args }) {
    const client = await connect();
    const { appsUrl } = await about(client);
    const { items } = await client.list<KubernetesObject<ApplicationSpec, ApplicationStatus>>(
      kinds.Application,
      {
        labelSelector: args.project ? `${releaseAnnotations.project}=${args.project}` : '',
      },
    );
    if (items.length === 0) await checkProject(client, args.project);
    const places = new Set(items.map(({ spec }) => spec?.destination?.namespace ?? ''));
    const lists = [...places].map((namespace) => client.list(kinds.InferenceService, { namespace }));
    const services = (await Promise.all(lists)).flatMap((list) => list.items);
    const json = args.output === 'json';
    const rows = items.map(({ metadata, spec, status }) => {
      const namespace = spec?.destination?.namespace ?? '';
      const model = metadata.labels?.[runLabels.model] ?? '';
      const service = services.find(
        (found) => found.metadata.namespace === namespace && found.metadata.name === model,
      );
      const note = service?.metadata.annotations ?? {};
      return {
        app: metadata.name,
        tag: note[releaseAnnotations.tag] ?? '',
        model: json ? note[releaseAnnotations.modelDigest] : short(note[releaseAnnotations.modelDigest]),
        sync: status?.sync?.status ?? 'Unknown',
        health: status?.health?.status ?? 'Unknown',
        revision: status?.sync?.revision?.slice(0, json ? 40 : 10) ?? '',
        url: service ? `${appsUrl}/${namespace}/${model}/` : '',
        message: status?.conditions?.[0]?.message ?? status?.health?.message ?? '',
      };
    });
    show(rows, {
      output: args.output,
      columns: ['app', 'tag', 'model', 'sync', 'health', 'revision', 'url', 'message'],
      empty: 'nothing is deployed yet; push a tag',
    });
  },
});

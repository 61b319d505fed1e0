import { TagboatError } from '@tagboat/base';
import { defineCommand } from 'citty';
import { stringify } from 'yaml';
import { outputOption, tell } from '../output.ts';
import { about, connect } from '../session.ts';

export default defineCommand({
  meta: {
    name: 'kubeconfig',
    description: 'Prints a kubeconfig for kubectl and other clients: tagboat kubeconfig > ~/.kube/config',
  },
  args: {
    namespace: {
      type: 'string',
      alias: 'n',
      description: 'the namespace of the context',
      default: 'default',
    },
    ...outputOption,
  },
  async run({ args }) {
    const client = await connect();
    const { tlsUrl, certificateAuthority } = await about(client);
    if (!tlsUrl || !certificateAuthority)
      throw new TagboatError('this Tagboat does not serve the Kubernetes API over TLS', {
        reason: 'Unavailable',
        hint: 'its port was taken or turned off: start it with TAGBOAT_TLS_PORT set to a free port',
      });
    const name = 'tagboat';
    const cluster = {
      server: tlsUrl,
      'certificate-authority-data': Buffer.from(certificateAuthority).toString('base64'),
    };
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name, cluster }],
      users: [{ name, user: { token: client.token } }],
      contexts: [{ name, context: { cluster: name, user: name, namespace: args.namespace } }],
      'current-context': name,
    };
    tell(args.output, config, stringify(config).trimEnd());
  },
});

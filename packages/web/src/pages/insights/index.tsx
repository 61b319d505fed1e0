import { FormSelect, FormSelectOption } from '@patternfly/react-core';
import { type Condition, findCondition, type KubernetesObject, kinds } from '@tagboat/api';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { Command, Empty, Gate, PageFrame, Status, To } from '../../components/index.ts';
import { useAbout } from '../../data/about.ts';
import { useList } from '../../data/use-list.ts';
import { useTheme } from '../../shell/theme.ts';
import './insights.css';

type Service = KubernetesObject<unknown, { readonly conditions?: Condition[] }>;

/**
 * The pages that deployed models serve. They come from the apps port, which is another origin: what they do there
 * cannot act with the owner's session.
 */
export default function InsightsPage() {
  const services = useList<Service>(kinds.InferenceService);
  const search: { of?: string } = useSearch({ strict: false });
  const sorted = [...services.items].sort((a, b) => rank(a) - rank(b) || (idOf(a) < idOf(b) ? -1 : 1));
  const chosen = sorted.find((service) => idOf(service) === search.of) ?? sorted[0];
  return (
    <PageFrame
      title="Insights"
      subtitle="What deployed models show of themselves"
      actions={chosen && <Chooser services={sorted} chosen={chosen} />}
      fills
    >
      <Gate of={[services]}>
        {() =>
          chosen ? (
            <Shown service={chosen} />
          ) : (
            <Empty title="No model serves a page yet" actions={<Command text="npm start" />}>
              A predictor with a method <code>page()</code> has one. The demo is such a model:
            </Empty>
          )
        }
      </Gate>
    </PageFrame>
  );
}

const idOf = ({ metadata }: Service) => `${metadata.namespace}/${metadata.name}`;
/** Production first. */
const rank = ({ metadata }: Service) => (metadata.namespace?.endsWith('-production') ? 0 : 1);

function Chooser({ services, chosen }: { services: readonly Service[]; chosen: Service }) {
  const navigate = useNavigate();
  return (
    <FormSelect
      className="tb-insights__select"
      aria-label="Model and environment"
      value={idOf(chosen)}
      onChange={(_event, of) => void navigate({ to: '.', search: { of } as never })}
    >
      {services.map((service) => (
        <FormSelectOption
          key={idOf(service)}
          value={idOf(service)}
          label={`${service.metadata.name} in ${service.metadata.namespace}`}
        />
      ))}
    </FormSelect>
  );
}

function Shown({ service }: { service: Service }) {
  const appsUrl = useAbout()?.appsUrl;
  const theme = useTheme();
  const { name, namespace, annotations = {} } = service.metadata;
  const condition = findCondition(service.status?.conditions, 'Ready');
  const ready = condition?.status === 'True';
  const project = annotations['tagboat.dev/project'];
  const address = `${appsUrl}/${namespace}/${name}/`;
  return (
    <div className="tb-insights">
      <div className="tb-insights__bar">
        <span className="tb-insights__facts">
          <Status status={ready ? 'healthy' : 'progressing'}>
            {ready ? (annotations['tagboat.dev/tag'] ?? 'Serving') : (condition?.message ?? 'Starting')}
          </Status>
          {project && <To page={`/models/${project}/${name}`}>Model, versions, share link</To>}
        </span>
        {appsUrl && (
          <a href={address} target="_blank" rel="noopener noreferrer">
            Open in a window of its own
          </a>
        )}
      </div>
      {appsUrl && (
        <iframe
          // A new release and another theme are other pages.
          key={`${address} ${annotations['tagboat.dev/model-digest']} ${ready} ${theme}`}
          className="tb-insights__frame"
          title={`Page of ${name} in ${namespace}`}
          src={`${address}?theme=${theme}`}
          sandbox="allow-scripts allow-same-origin allow-forms allow-popups allow-downloads"
          style={{ colorScheme: theme }}
        />
      )}
    </div>
  );
}

import { kinds } from '@tagboat/api';
import { DataTable, Empty, Equivalent, Gate } from '../../components/index.ts';
import { useList } from '../../data/use-list.ts';
import type { Application } from './application.ts';
import { type EventObject, eventColumns, eventTime } from './resource-panel.tsx';

const most = 200;

/** Events of the application's namespace, and of the application itself. */
export function EventsTab({ application }: { application: Application }) {
  const namespace = application.spec?.destination.namespace ?? '';
  const events = useList<EventObject>(kinds.Event, { namespace });
  const own = useList<EventObject>(kinds.Event, { namespace: 'argocd' });
  const shown = [
    ...events.items,
    ...own.items.filter(({ involvedObject }) => involvedObject?.name === application.metadata.name),
  ]
    .sort((a, b) => (eventTime(a) < eventTime(b) ? 1 : -1))
    .slice(0, most);
  return (
    <Gate of={[events, own]}>
      {() => (
        <div className="tb-stack">
          <span>
            <Equivalent text={`kubectl get events -n ${namespace}`} />
          </span>
          {shown.length === 0 ? (
            <Empty title="No event is kept">
              Events tell what controllers did lately, and are forgotten after a while.
            </Empty>
          ) : (
            <DataTable
              label="Events"
              columns={eventColumns}
              rows={shown}
              keyOf={({ metadata }) => `${metadata.namespace}/${metadata.name}`}
            />
          )}
        </div>
      )}
    </Gate>
  );
}

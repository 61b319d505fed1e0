import {
  Alert,
  Button,
  ExpandableSection,
  Form,
  FormGroup,
  FormSelect,
  FormSelectOption,
  Modal,
  ModalBody,
  ModalFooter,
  ModalHeader,
  Radio,
  TextArea,
  TextInput,
} from '@patternfly/react-core';
import { kinds, type Repository } from '@tagboat/api';
import { useState } from 'react';
import { Failed, Gate, Loading } from '../../components/index.ts';
import { useAction } from '../../data/actions.ts';
import { useJson } from '../../data/query.ts';
import { useList } from '../../data/use-list.ts';
import { type Choices, emptyChoices, problemWith, requestOf } from './choices.ts';
import { createWorkbench, type Profile, profilesPath } from './workbenches.ts';

interface SpawnerProps {
  /** `project/name` of the workbenches that are there. */
  readonly taken: readonly string[];
  readonly close: () => void;
}

/** Chooses what a new workbench is made of. */
export function Spawner({ taken, close }: SpawnerProps) {
  const repositories = useList<Repository>(kinds.Repository);
  const sources = repositories.items.filter(({ spec }) => spec?.role !== 'deployment');
  return (
    <Modal isOpen onClose={close} variant="medium" aria-label="New workbench">
      <ModalHeader title="New workbench" />
      <Gate of={[repositories]}>
        {() =>
          sources.length === 0 ? (
            <ModalBody>
              <Alert isInline variant="info" title="There is no project yet">
                Push a repository first: tagboat init
              </Alert>
            </ModalBody>
          ) : (
            <SpawnerForm sources={sources} taken={taken} close={close} />
          )
        }
      </Gate>
    </Modal>
  );
}

interface FormProps extends SpawnerProps {
  readonly sources: readonly Repository[];
}

function SpawnerForm({ sources, taken, close }: FormProps) {
  const [choices, setChoices] = useState<Choices>(() => emptyChoices(sources[0]!, taken));
  const { namespace } = choices;
  const profiles = useJson<{ profileList: Profile[] }>(profilesPath(namespace));
  const list = profiles.data?.profileList ?? [];
  const profile =
    list.find(({ slug }) => slug === choices.profile) ?? list.find((one) => one.default) ?? list[0];
  const problem = problemWith(choices, taken);
  const action = useAction(() => createWorkbench(requestOf(choices, profile!)));
  const change = (more: Partial<Choices>) => setChoices({ ...choices, ...more });
  if (profiles.error) return <Failed error={profiles.error} retry={() => void profiles.refetch()} />;
  if (!profile) return <Loading />;
  return (
    <>
      <ModalBody>
        <Form onSubmit={(event) => event.preventDefault()}>
          <RepositoryField sources={sources} taken={taken} choices={choices} set={setChoices} />
          <FormGroup label="Name" isRequired fieldId="workbench-name">
            <TextInput
              id="workbench-name"
              value={choices.name}
              validated={problem ? 'error' : 'default'}
              onChange={(_event, name) => change({ name })}
            />
            {problem && <div className="tb-quiet">{problem}</div>}
          </FormGroup>
          <FormGroup label="Environment" role="radiogroup" fieldId="workbench-profile">
            {list.map(({ slug, display_name, description }) => (
              <Radio
                key={slug}
                id={`profile-${slug}`}
                name="workbench-profile"
                label={display_name}
                description={description}
                isChecked={slug === profile.slug}
                onChange={() => change({ profile: slug, options: {} })}
              />
            ))}
          </FormGroup>
          <OptionFields profile={profile} choices={choices} change={change} />
          <MoreFields choices={choices} change={change} />
        </Form>
        {action.error && (
          <Alert isInline variant="danger" title="This did not work" className="tb-gap">
            {action.error.message}
          </Alert>
        )}
      </ModalBody>
      <ModalFooter>
        <Button
          variant="primary"
          isLoading={action.busy}
          isDisabled={action.busy || problem !== undefined}
          onClick={() => void action.run().then((done) => done && close())}
        >
          Start
        </Button>
        <Button variant="link" onClick={close}>
          Cancel
        </Button>
      </ModalFooter>
    </>
  );
}

interface FieldsProps {
  readonly choices: Choices;
  readonly change: (more: Partial<Choices>) => void;
}

function RepositoryField({
  sources,
  taken,
  choices,
  set,
}: {
  sources: readonly Repository[];
  taken: readonly string[];
  choices: Choices;
  set: (choices: Choices) => void;
}) {
  const pick = (value: string) => {
    const found = sources.find(({ metadata }) => `${metadata.namespace}/${metadata.name}` === value);
    if (found) set({ ...choices, ...emptyChoices(found, taken) });
  };
  return (
    <FormGroup label="Repository, cloned into it" fieldId="workbench-repository">
      <FormSelect
        id="workbench-repository"
        value={`${choices.namespace}/${choices.repository}`}
        onChange={(_event, value) => pick(value)}
      >
        {sources.map(({ metadata }) => {
          const value = `${metadata.namespace}/${metadata.name}`;
          return <FormSelectOption key={value} value={value} label={value} />;
        })}
      </FormSelect>
    </FormGroup>
  );
}

function OptionFields({ profile, choices, change }: FieldsProps & { profile: Profile }) {
  return Object.entries(profile.profile_options ?? {}).map(([name, option]) => {
    const entries = Object.entries(option.choices);
    const standard = (entries.find(([, choice]) => choice.default) ?? entries[0])?.[0];
    return (
      <FormGroup key={name} label={option.display_name} fieldId={`option-${name}`}>
        <FormSelect
          id={`option-${name}`}
          value={choices.options[name] ?? standard}
          onChange={(_event, value) => change({ options: { ...choices.options, [name]: value } })}
        >
          {entries.map(([choice, { display_name }]) => (
            <FormSelectOption key={choice} value={choice} label={display_name} />
          ))}
        </FormSelect>
      </FormGroup>
    );
  });
}

function MoreFields({ choices, change }: FieldsProps) {
  return (
    <ExpandableSection toggleText="More">
      <FormGroup label="Variables, one NAME=value a line" fieldId="workbench-variables">
        <TextArea
          id="workbench-variables"
          value={choices.variables}
          resizeOrientation="vertical"
          onChange={(_event, variables) => change({ variables })}
        />
      </FormGroup>
      <FormGroup label="Secrets whose keys become variables, by name" fieldId="workbench-secrets">
        <TextInput
          id="workbench-secrets"
          value={choices.secrets}
          onChange={(_event, secrets) => change({ secrets })}
        />
      </FormGroup>
      <FormGroup label="Room for files" fieldId="workbench-storage">
        <TextInput
          id="workbench-storage"
          value={choices.storage}
          onChange={(_event, storage) => change({ storage })}
        />
      </FormGroup>
      <FormGroup label="Stopped when not used for (never: not at all)" fieldId="workbench-idle">
        <TextInput
          id="workbench-idle"
          value={choices.idleTimeout}
          onChange={(_event, idleTimeout) => change({ idleTimeout })}
        />
      </FormGroup>
    </ExpandableSection>
  );
}

import {
  Alert,
  Button,
  Checkbox,
  Form,
  FormGroup,
  FormHelperText,
  FormSelect,
  FormSelectOption,
  HelperText,
  HelperTextItem,
  TextArea,
  TextInput,
  ToggleGroup,
  ToggleGroupItem,
} from '@patternfly/react-core';
import { type FormEvent, useMemo, useState } from 'react';
import { CopyButton, Empty, Failed, Loading } from '../../components/index.ts';
import { Code } from '../../content/code.tsx';
import { useAction } from '../../data/actions.ts';
import { client } from '../../data/client.ts';
import { useJson } from '../../data/query.ts';
import '../../content/content.css';
import type { Environment } from './model-data.ts';
import { type Field, fieldsOf, initialTexts, readForm, readJson, type Schema } from './schema.ts';
import { type SnippetLanguage, snippets } from './snippets.ts';

export interface Explained {
  readonly status: number;
  readonly body: { readonly schema?: Schema; readonly example?: unknown; readonly version?: string };
}

interface Answer {
  readonly status: number;
  readonly milliseconds: number;
  readonly model: string | null;
  readonly body: unknown;
}

export interface TryItProps {
  readonly model: string;
  readonly environments: readonly Environment[];
  readonly appsUrl: string | undefined;
}

/** Asks the model: a form from its input schema, the answer, and programs that ask the same. */
export function TryIt({ model, environments, appsUrl }: TryItProps) {
  const serving = environments.filter(({ place }) => place);
  const [chosen, setChosen] = useState<string>();
  const environment = serving.find(({ name }) => name === chosen) ?? serving[0];
  const path = environment && `/tagboat/services/${environment.namespace}/${model}/predict`;
  const about = useJson<Explained>(path);
  if (!environment || !path)
    return <Empty title="Nothing answers yet">A released version can be asked here.</Empty>;
  if (about.error) return <Failed error={about.error} retry={() => void about.refetch()} />;
  if (!about.data) return <Loading />;
  if (about.data.status !== 200)
    return (
      <Empty title="The model does not say what it takes">
        It answered {about.data.status} to <code>GET predict</code>. It may still be starting.
      </Empty>
    );
  return (
    <div className="tb-stack">
      <div className="tb-row">
        {serving.length > 1 && (
          <ToggleGroup aria-label="Environment">
            {serving.map(({ name }) => (
              <ToggleGroupItem
                key={name}
                text={name}
                buttonId={`try-${name}`}
                isSelected={name === environment.name}
                onChange={() => setChosen(name)}
              />
            ))}
          </ToggleGroup>
        )}
        <span className="tb-quiet">
          {environment.name} answers with {environment.place?.tag || 'its model'}
        </span>
      </div>
      <Question
        key={path}
        path={path}
        url={`${appsUrl ?? ''}/${environment.namespace}/${model}/predict`}
        about={about.data.body}
      />
    </div>
  );
}

function Question({ path, url, about }: { path: string; url: string; about: Explained['body'] }) {
  const fields = useMemo(() => fieldsOf(about.schema), [about.schema]);
  const [texts, setTexts] = useState(() => initialTexts(fields ?? [], about.example));
  const [json, setJson] = useState(() => JSON.stringify(about.example ?? {}, null, 2));
  const [asJson, setAsJson] = useState(!fields);
  const [answer, setAnswer] = useState<Answer>();
  const read = asJson || !fields ? readJson(json) : readForm(fields, texts);
  const asked = useAction(async (value: unknown) => {
    setAnswer((await (await client.request('POST', path, value)).json()) as Answer);
  });
  const ask = (event: FormEvent) => {
    event.preventDefault();
    if ('value' in read) void asked.run(read.value);
  };
  const toJson = () => {
    if ('value' in read) setJson(JSON.stringify(read.value, null, 2));
    setAsJson(true);
  };
  return (
    <div className="tb-try">
      <section className="tb-panel" aria-label="Input">
        <div className="tb-panel__head">
          <h2>Input</h2>
          {fields && (
            <ToggleGroup aria-label="How to write it">
              <ToggleGroupItem
                text="Form"
                buttonId="as-form"
                isSelected={!asJson}
                onChange={() => setAsJson(false)}
              />
              <ToggleGroupItem text="JSON" buttonId="as-json" isSelected={asJson} onChange={toJson} />
            </ToggleGroup>
          )}
        </div>
        {about.schema?.description && <p className="tb-quiet tb-small">{about.schema.description}</p>}
        <Form onSubmit={ask} className="tb-gap">
          {asJson || !fields ? (
            <FormGroup label="JSON" fieldId="try-json">
              <TextArea
                id="try-json"
                className="tb-mono"
                rows={14}
                resizeOrientation="vertical"
                value={json}
                onChange={(_event, value) => setJson(value)}
                validated={'problem' in read ? 'error' : 'default'}
              />
            </FormGroup>
          ) : (
            fields.map((field) => (
              <FieldInput
                key={field.name}
                field={field}
                text={texts[field.name] ?? ''}
                wrong={'problem' in read && read.field === field.name}
                onChange={(text) => setTexts({ ...texts, [field.name]: text })}
              />
            ))
          )}
          {'problem' in read && <Alert isInline isPlain variant="warning" title={read.problem} />}
          <div>
            <Button type="submit" isLoading={asked.busy} isDisabled={asked.busy || 'problem' in read}>
              Ask the model
            </Button>
          </div>
        </Form>
      </section>
      <div className="tb-stack">
        <AnswerPanel answer={answer} error={asked.error?.message} />
        <Snippets url={url} input={'value' in read ? read.value : about.example} />
      </div>
    </div>
  );
}

interface FieldInputProps {
  readonly field: Field;
  readonly text: string;
  readonly wrong: boolean;
  readonly onChange: (text: string) => void;
}

function FieldInput({ field, text, wrong, onChange }: FieldInputProps) {
  const { name, kind, required, description, choices } = field;
  const id = `try-${name}`;
  const common = {
    id,
    'aria-describedby': `${id}-help`,
    validated: wrong ? ('error' as const) : ('default' as const),
  };
  return (
    <FormGroup label={name} isRequired={required} fieldId={id}>
      {kind === 'boolean' ? (
        <Checkbox
          id={id}
          label={name}
          isChecked={text === 'true'}
          onChange={(_event, on) => onChange(String(on))}
        />
      ) : kind === 'choice' ? (
        <FormSelect {...common} value={text} onChange={(_event, value) => onChange(value)}>
          {!required && <FormSelectOption value="" label="" />}
          {choices.map((choice) => (
            <FormSelectOption key={String(choice)} value={String(choice)} label={String(choice)} />
          ))}
        </FormSelect>
      ) : kind === 'json' ? (
        <TextArea
          {...common}
          className="tb-mono"
          rows={3}
          resizeOrientation="vertical"
          value={text}
          onChange={(_event, value) => onChange(value)}
        />
      ) : (
        <TextInput
          {...common}
          type="text"
          inputMode={kind === 'text' ? 'text' : 'decimal'}
          value={text}
          onChange={(_event, value) => onChange(value)}
        />
      )}
      {description && (
        <FormHelperText>
          <HelperText id={`${id}-help`}>
            <HelperTextItem>{description}</HelperTextItem>
          </HelperText>
        </FormHelperText>
      )}
    </FormGroup>
  );
}

function AnswerPanel({ answer, error }: { answer: Answer | undefined; error: string | undefined }) {
  return (
    <section className="tb-panel" aria-label="Answer" aria-live="polite">
      <div className="tb-panel__head">
        <h2>Answer</h2>
        {answer && (
          <span className="tb-quiet tb-number">
            {answer.status} in {answer.milliseconds} ms
            {answer.model ? `, model ${answer.model.replace('sha256:', '').slice(0, 12)}` : ''}
          </span>
        )}
      </div>
      {error ? (
        <Alert isInline variant="danger" title="The model did not answer">
          {error}
        </Alert>
      ) : answer ? (
        <Code
          text={typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body, null, 2)}
          language="json"
          label="Answer of the model"
        />
      ) : (
        <p className="tb-quiet">Ask, and it stands here.</p>
      )}
    </section>
  );
}

const languages: readonly SnippetLanguage[] = ['curl', 'Python', 'JavaScript'];
const endings: Readonly<Record<SnippetLanguage, string>> = { curl: 'sh', Python: 'py', JavaScript: 'js' };

function Snippets({ url, input }: { url: string; input: unknown }) {
  const [language, setLanguage] = useState<SnippetLanguage>('curl');
  const text = snippets(url, input)[language];
  return (
    <section className="tb-panel" aria-label="The same in code">
      <div className="tb-panel__head">
        <h2>The same in code</h2>
        <ToggleGroup aria-label="Language">
          {languages.map((name) => (
            <ToggleGroupItem
              key={name}
              text={name}
              buttonId={`snippet-${name}`}
              isSelected={name === language}
              onChange={() => setLanguage(name)}
            />
          ))}
        </ToggleGroup>
      </div>
      <Code text={text} language={endings[language]} label={`In ${language}`} />
      <div className="tb-gap">
        <CopyButton text={text} label={`Copy it in ${language}`} />
      </div>
    </section>
  );
}

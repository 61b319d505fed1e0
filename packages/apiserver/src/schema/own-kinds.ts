import type { Schema } from './schema.ts';

/** What one kind declares, by field: a description, or a schema with one. Deeper fields are kept as they are. */
type Fields = Readonly<Record<string, Schema>>;

const text = (description: string): Schema => ({ type: 'string', description });
const count = (description: string): Schema => ({ type: 'integer', format: 'int64', description });
const flag = (description: string): Schema => ({ type: 'boolean', description });
const choice = (description: string, ...values: string[]): Schema => ({
  type: 'string',
  enum: values,
  description,
});
const open = (description: string): Schema => ({
  type: 'object',
  description,
  'x-kubernetes-preserve-unknown-fields': true,
});
const list = (description: string): Schema => ({
  type: 'array',
  description,
  items: { 'x-kubernetes-preserve-unknown-fields': true },
});
const texts = (description: string): Schema => ({ type: 'array', description, items: { type: 'string' } });
const object = (description: string, properties: Fields, required: readonly string[] = []): Schema => ({
  type: 'object',
  description,
  properties,
  'x-kubernetes-preserve-unknown-fields': true,
  ...(required.length > 0 ? { required } : {}),
});

const named: Schema = {
  type: 'array',
  items: {
    type: 'object',
    properties: { name: { type: 'string' } },
    required: ['name'],
    'x-kubernetes-preserve-unknown-fields': true,
  },
};
const namedList = (description: string): Schema => ({ ...named, description });

const taskSpec: Fields = {
  description: text('What the task does, for people.'),
  displayName: text('The name that people see.'),
  params: namedList('The parameters that a run of the task must or may give.'),
  steps: list('The containers that run one after another, each with an image and a command or script.'),
  stepTemplate: open('What all steps have in common.'),
  sidecars: list('Containers that run beside the steps.'),
  volumes: namedList('Volumes that the steps may mount.'),
  workspaces: namedList('The directories that a run of the task must provide.'),
  results: namedList('What the task tells later tasks: each result is a file at /tekton/results/<name>.'),
};
const pipelineSpec: Fields = {
  description: text('What the pipeline does, for people.'),
  displayName: text('The name that people see.'),
  params: namedList('The parameters that a run of the pipeline must or may give.'),
  tasks: namedList('The tasks; those that need nothing from one another run at the same time.'),
  finally: namedList('The tasks that run last, whatever happened before.'),
  workspaces: namedList('The directories that a run of the pipeline must provide.'),
  results: namedList('What a run of the pipeline tells at its end.'),
};
const runCommon: Fields = {
  params: namedList('The values of the parameters.'),
  workspaces: namedList('What is mounted as each workspace.'),
};

/** The declared fields of Tagboat's kinds and of those that others define by CustomResourceDefinitions: kind -> spec. */
export const ownSpecs: Readonly<Record<string, Schema>> = {
  'tekton.dev/Task': object('The steps of a task and what they need.', taskSpec),
  'tekton.dev/Pipeline': object('A graph of tasks.', pipelineSpec),
  'tekton.dev/TaskRun': object('One run of a task.', {
    ...runCommon,
    taskRef: open('The Task that is run, by name or by a resolver.'),
    taskSpec: object('The task itself, in place.', taskSpec),
    serviceAccountName: text('The service account of the pod.'),
    podTemplate: open('More of the pod: node selector, security context and the like.'),
    timeout: text('How long the run may take, such as 1h30m.'),
    retries: count('How often a failed run is repeated.'),
    status: text('TaskRunCancelled ends the run.'),
    statusMessage: text('Why the run was ended.'),
    computeResources: open('The resources of the pod as a whole.'),
    debug: open(
      'Where steps wait for a look: breakpoints.onFailure (enabled), and with it breakpoints.beforeSteps (names of steps).',
    ),
  }),
  'tekton.dev/PipelineRun': object('One run of a pipeline.', {
    ...runCommon,
    pipelineRef: open('The Pipeline that is run, by name or by a resolver.'),
    pipelineSpec: object('The pipeline itself, in place.', pipelineSpec),
    taskRunTemplate: open('What all TaskRuns of the run have in common.'),
    taskRunSpecs: list('What single TaskRuns of the run have of their own.'),
    timeouts: open('How long the pipeline, its tasks and its finally tasks may take.'),
    status: text('Cancelled, CancelledRunFinally, StoppedRunFinally or PipelineRunPending.'),
  }),
  'tekton.dev/StepAction': object('A step that tasks refer to.', {
    description: text('What the step does, for people.'),
    params: namedList('The parameters of the step.'),
    results: namedList('What the step tells.'),
    image: text('The image that it runs in.'),
    command: texts('The command.'),
    args: texts('The arguments of the command.'),
    script: text('A script that is run in place of a command.'),
    env: namedList('Environment variables.'),
    workingDir: text('The directory that it runs in.'),
    volumeMounts: list('What is mounted where.'),
    securityContext: open('Rights of the step.'),
  }),
  'tekton.dev/CustomRun': object('One run of a task that a controller of its own acts on.', {
    ...runCommon,
    customRef: open('The kind that is run.'),
    customSpec: open('What is run, in place.'),
    serviceAccountName: text('The service account of the run.'),
    timeout: text('How long the run may take.'),
    retries: count('How often a failed run is repeated.'),
    status: text('RunCancelled ends the run.'),
    statusMessage: text('Why the run was ended.'),
  }),
  'argoproj.io/Application': object('What is deployed from git, and where to.', {
    project: text('The AppProject that the application belongs to.'),
    source: open('Repository, path and revision of the manifests.'),
    sources: list('Several sources in place of one.'),
    destination: open('The cluster and namespace that the manifests go to.'),
    syncPolicy: open('Whether and how the cluster follows git by itself.'),
    ignoreDifferences: list('Fields that may differ.'),
    info: list('Links and texts for people.'),
    revisionHistoryLimit: count('How many deployments are remembered.'),
  }),
  'argoproj.io/AppProject': object('What the applications of a project may do.', {
    description: text('What the project is for.'),
    sourceRepos: texts('The repositories that may be deployed from.'),
    destinations: list('The clusters and namespaces that may be deployed to.'),
    roles: namedList('Who may do what.'),
  }),
  'serving.kserve.io/InferenceService': object('A served model.', {
    predictor: open('The model and the server that answers with it.'),
    transformer: open('What is done before and after the model.'),
    explainer: open('What explains the answers.'),
  }),
  'serving.kserve.io/ServingRuntime': object('A server for models of some formats.', {
    containers: namedList('The containers of the server.'),
    supportedModelFormats: namedList('The formats of models that it serves.'),
    protocolVersions: texts('The protocols that it speaks.'),
    multiModel: flag('Whether one server has several models.'),
    disabled: flag('Whether no model may choose it.'),
  }),
  'kubeflow.org/Notebook': object('A workbench.', {
    template: open('The pod of the workbench.'),
  }),
  'route.openshift.io/Route': object('A way in from outside (OpenShift).', {
    host: text('The host name that is routed.'),
    path: text('The path that is routed.'),
    to: open('The service that answers.'),
    alternateBackends: list('More services, by weight.'),
    port: open('The port of the service.'),
    tls: open('How TLS is ended.'),
    wildcardPolicy: choice('Whether subdomains are routed too.', 'None', 'Subdomain'),
  }),
  'tagboat.dev/Repository': object('A git repository: hosted here, or followed elsewhere.', {
    url: text('A git URL to follow. Absent: hosted here, at /git/<namespace>/<name>.git.'),
    role: choice('Whose pushes it holds: those of a source trigger runs.', 'source', 'deployment'),
    intervalSeconds: {
      ...count('How often an outside URL is looked at without being nudged (default 60).'),
      minimum: 1,
    },
    credentialsFrom: open('The Secret with the credentials of an outside URL: secretName.'),
  }),
  'pipelinesascode.tekton.dev/Repository': object('A git repository whose events start runs.', {
    url: text(
      'The git URL, http or https; one of this platform stands for the repository that is hosted here.',
    ),
    concurrency_limit: count('At most so many runs at once; others wait for their turn.'),
    params: list('Variables for the files of .tekton/: name, value or secret_ref, filter.'),
    incoming: list('Who may start runs by POST /incoming: type, secret, targets, params.'),
    settings: open('pipelinerun_provenance, policy, and what else Pipelines-as-Code has.'),
    git_provider: open('The forge: type, url, user, secret, webhook_secret.'),
  }),
  'tagboat.dev/Model': open('The declared loop of a model: what tagboat.yaml says, with its defaults.'),
  'tagboat.dev/PullRequest': open('A proposed change to a branch of a repository.'),
  'tagboat.dev/CommitComment': open('What somebody said of a commit: repository, commit, author, body.'),
  'tagboat.dev/HandledRef': open('What was done about one ref at one commit.'),
  'tagboat.dev/Experiment': open('One finished training or evaluation: parameters, metrics and digests.'),
};

/** What is known of a kind as a whole, for people. */
export const ownDescriptions: Readonly<Record<string, string>> = {
  'tekton.dev/Task': 'Task is a list of steps that run one after another in one pod.',
  'tekton.dev/Pipeline': 'Pipeline is a graph of tasks.',
  'tekton.dev/TaskRun': 'TaskRun is one run of a Task.',
  'tekton.dev/PipelineRun': 'PipelineRun is one run of a Pipeline.',
  'argoproj.io/Application': 'Application is a set of manifests in git that a cluster follows.',
  'serving.kserve.io/InferenceService': 'InferenceService is a model that answers requests.',
  'kubeflow.org/Notebook': 'Notebook is a workbench: JupyterLab in a pod.',
  'pipelinesascode.tekton.dev/Repository': 'Repository is a git repository as Pipelines-as-Code has it.',
  'tagboat.dev/Repository': 'Repository is a git repository that triggers runs.',
  'tagboat.dev/Model':
    'Model is the declared loop of a model: trained, tested, built, deployed, watched, retrained.',
  'tagboat.dev/PullRequest': 'PullRequest is a proposed change to a branch of a repository.',
  'tagboat.dev/HandledRef': 'HandledRef is the ledger entry of one ref at one commit.',
  'tagboat.dev/Experiment': 'Experiment is one finished training or evaluation.',
};

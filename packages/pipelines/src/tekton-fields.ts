const container =
  'image command:[text] args:[text] workingDir envFrom:[EnvFromSource] env:[EnvVar] volumeMounts:[VolumeMount] volumeDevices:[VolumeDevice] imagePullPolicy securityContext:SecurityContext computeResources@v1:Resources resources@v1beta1:Resources';
/** What a container of Kubernetes has that Tekton's own types have in part only. */
const more = (version: string) =>
  `ports${version}:[ContainerPort] livenessProbe${version}:Probe readinessProbe${version}:Probe startupProbe${version}:Probe lifecycle${version}:Lifecycle terminationMessagePath${version} terminationMessagePolicy${version} stdin${version}:flag stdinOnce${version}:flag tty${version}:flag`;
const task =
  'resources@v1beta1:mapping params:[ParamSpec] displayName description steps:[Step] volumes:[Volume] stepTemplate:StepTemplate sidecars:[Sidecar] workspaces:[Workspace] results:[Result]';
const specific =
  'podTemplate@v1:PodTemplate serviceAccountName@v1 taskServiceAccountName@v1beta1 taskPodTemplate@v1beta1:PodTemplate';
const ofSteps =
  'stepSpecs@v1:[Resourced] sidecarSpecs@v1:[Resourced] stepOverrides@v1beta1:[Resourced] sidecarOverrides@v1beta1:[Resourced] computeResources:Resources';

/** Tekton's types in the form of `coreFields`; `name@v1` is there in that version alone. */
export const tektonFields = {
  CustomRun:
    'customRef:Reference customSpec:CustomSpec params:[Param] status statusMessage retries:whole serviceAccountName timeout:duration workspaces:[Binding]',
  Pipeline:
    'displayName description resources@v1beta1:[mapping] tasks:[PipelineTask] params:[ParamSpec] workspaces:[PipelineWorkspace] results:[PipelineResult] finally:[PipelineTask]',
  PipelineRun:
    'pipelineRef:PipelineReference pipelineSpec:Pipeline resources@v1beta1:[mapping] params:[Param] serviceAccountName@v1beta1 status timeouts:Timeouts timeout@v1beta1:duration podTemplate@v1beta1:PodTemplate taskRunTemplate@v1:TaskRunTemplate workspaces:[Binding] taskRunSpecs:[TaskSpecific] managedBy',
  StepAction:
    'description image command:[text] args:[text] env:[EnvVar] script workingDir params:[ParamSpec] results:[StepResult] securityContext:SecurityContext volumeMounts:[VolumeMount]',
  Task: task,
  TaskRun: `debug:Debug params:[Param] resources@v1beta1:mapping serviceAccountName taskRef:Reference taskSpec:Task status statusMessage retries:whole timeout:duration podTemplate:PodTemplate workspaces:[Binding] ${ofSteps} managedBy`,

  Binding:
    'name subPath volumeClaimTemplate:Claim persistentVolumeClaim:ClaimSource emptyDir:EmptyDir configMap:ConfigMapSource secret:SecretSource projected:Projected csi:CsiSource',
  Breakpoints: 'onFailure beforeSteps:[text]',
  CustomSpec: 'apiVersion kind metadata:Metadata spec:any',
  Debug: 'breakpoints:Breakpoints',
  EmbeddedTask: `apiVersion kind spec:any metadata:Metadata ${task}`,
  Include: 'name params:[Param]',
  Matrix: 'params:[Param] include:[Include]',
  Metadata: 'labels:{text} annotations:{text}',
  Param: 'name value:any',
  ParamSpec: 'name type description properties:{Property} default:any enum:[text]',
  PipelineResult: 'name type description value:any',
  PipelineTask:
    'name displayName description taskRef:Reference taskSpec:EmbeddedTask when:[When] retries:whole runAfter:[text] resources@v1beta1:mapping params:[Param] matrix:Matrix workspaces:[TaskWorkspace] timeout:duration pipelineRef:PipelineReference pipelineSpec:Pipeline onError',
  PipelineReference: 'name apiVersion bundle@v1beta1 resolver params:[Param]',
  PipelineWorkspace: 'name description optional:flag',
  Property: 'type',
  Reference: 'name kind apiVersion bundle@v1beta1 resolver params:[Param]',
  Resourced: 'name computeResources@v1:Resources resources@v1beta1:Resources',
  Result: 'name type properties:{Property} description value:any',
  Sidecar: `name ${container} ${more('')} script workspaces:[Usage] restartPolicy`,
  Step: `name displayName ${container} ${more('@v1beta1')} script timeout:duration workspaces:[Usage] onError stdoutConfig:Stream stderrConfig:Stream ref:StepReference params:[Param] results:[StepResult] when:[When]`,
  StepReference: 'name resolver params:[Param]',
  StepResult: 'name type properties:{Property} description',
  StepTemplate: `name@v1beta1 ${container} ${more('@v1beta1')}`,
  Stream: 'path',
  TaskRunTemplate: 'podTemplate:PodTemplate serviceAccountName',
  TaskSpecific: `pipelineTaskName ${specific} ${ofSteps} metadata:Metadata timeout:duration`,
  TaskWorkspace: 'name workspace subPath',
  Timeouts: 'pipeline:duration tasks:duration finally:duration',
  Usage: 'name mountPath',
  When: 'input operator values:[text] cel',
  Workspace: 'name description mountPath readOnly:flag optional:flag',
} as const;

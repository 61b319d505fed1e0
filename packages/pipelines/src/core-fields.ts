/**
 * The types of Kubernetes that Tekton's objects hold, each with its fields: `name` is a text, `name:flag`, `name:whole`,
 * `name:quantity`, `name:port`, `name:mapping` and `name:any` say otherwise, `name:Type` refers, `[Type]` is a list of
 * it, `{Type}` a mapping with values of it.
 */
export const coreFields = {
  Affinity: 'nodeAffinity:NodeAffinity podAffinity:PodAffinity podAntiAffinity:PodAffinity',
  AppArmorProfile: 'type localhostProfile',
  Capabilities: 'add:[text] drop:[text]',
  ContainerPort: 'name hostPort:whole containerPort:whole protocol hostIP',
  EmptyDir: 'medium sizeLimit:quantity',
  EnvFromSource: 'prefix configMapRef:OptionalName secretRef:OptionalName',
  EnvVar: 'name value valueFrom:EnvVarSource',
  EnvVarSource:
    'fieldRef:FieldRef resourceFieldRef:ResourceFieldRef configMapKeyRef:KeyOf secretKeyRef:KeyOf fileKeyRef:FileKey',
  ExecAction: 'command:[text]',
  FieldRef: 'apiVersion fieldPath',
  FileKey: 'volumeName path key optional:flag',
  HttpGet: 'path port:port host scheme httpHeaders:[NameValue]',
  HostAlias: 'ip hostnames:[text]',
  KeyOf: 'name key optional:flag',
  KeyToPath: 'key path mode:whole',
  LabelSelector: 'matchLabels:{text} matchExpressions:[Requirement]',
  Lifecycle: 'postStart:LifecycleHandler preStop:LifecycleHandler stopSignal',
  LifecycleHandler: 'exec:ExecAction httpGet:HttpGet tcpSocket:TcpSocket sleep:Sleep',
  Name: 'name',
  NameValue: 'name value',
  NodeAffinity:
    'requiredDuringSchedulingIgnoredDuringExecution:NodeSelector preferredDuringSchedulingIgnoredDuringExecution:[PreferredNode]',
  NodeSelector: 'nodeSelectorTerms:[NodeTerm]',
  NodeTerm: 'matchExpressions:[Requirement] matchFields:[Requirement]',
  OptionalName: 'name optional:flag',
  PodAffinity:
    'requiredDuringSchedulingIgnoredDuringExecution:[PodTerm] preferredDuringSchedulingIgnoredDuringExecution:[WeightedPodTerm]',
  PodDnsConfig: 'nameservers:[text] searches:[text] options:[NameValue]',
  PodSecurityContext:
    'seLinuxOptions:SeLinux windowsOptions:Windows runAsUser:whole runAsGroup:whole runAsNonRoot:flag supplementalGroups:[whole] supplementalGroupsPolicy fsGroup:whole sysctls:[NameValue] fsGroupChangePolicy seccompProfile:AppArmorProfile appArmorProfile:AppArmorProfile seLinuxChangePolicy',
  PodTemplate:
    'nodeSelector:{text} env:[EnvVar] tolerations:[Toleration] affinity:Affinity securityContext:PodSecurityContext volumes:[Volume] runtimeClassName automountServiceAccountToken:flag dnsPolicy dnsConfig:PodDnsConfig enableServiceLinks:flag priorityClassName schedulerName imagePullSecrets:[Name] hostAliases:[HostAlias] hostNetwork:flag hostUsers:flag topologySpreadConstraints:[TopologySpread]',
  PodTerm:
    'labelSelector:LabelSelector namespaces:[text] topologyKey namespaceSelector:LabelSelector matchLabelKeys:[text] mismatchLabelKeys:[text]',
  PreferredNode: 'weight:whole preference:NodeTerm',
  Probe:
    'exec:ExecAction httpGet:HttpGet tcpSocket:TcpSocket grpc:Grpc initialDelaySeconds:whole timeoutSeconds:whole periodSeconds:whole successThreshold:whole failureThreshold:whole terminationGracePeriodSeconds:whole',
  Grpc: 'port:whole service',
  Requirement: 'key operator values:[text]',
  ResourceClaim: 'name request',
  ResourceFieldRef: 'containerName resource divisor:quantity',
  Resources: 'limits:{quantity} requests:{quantity} claims:[ResourceClaim]',
  SeLinux: 'user role type level',
  SecurityContext:
    'capabilities:Capabilities privileged:flag seLinuxOptions:SeLinux windowsOptions:Windows runAsUser:whole runAsGroup:whole runAsNonRoot:flag readOnlyRootFilesystem:flag allowPrivilegeEscalation:flag procMount seccompProfile:AppArmorProfile appArmorProfile:AppArmorProfile',
  Sleep: 'seconds:whole',
  TcpSocket: 'port:port host',
  Toleration: 'key operator value effect tolerationSeconds:whole',
  TopologySpread:
    'maxSkew:whole topologyKey whenUnsatisfiable labelSelector:LabelSelector minDomains:whole nodeAffinityPolicy nodeTaintsPolicy matchLabelKeys:[text]',
  WeightedPodTerm: 'weight:whole podAffinityTerm:PodTerm',
  Windows: 'gmsaCredentialSpecName gmsaCredentialSpec runAsUserName hostProcess:flag',

  Claim: 'kind apiVersion metadata:mapping spec:ClaimSpec status:mapping',
  ClaimSpec:
    'accessModes:[text] selector:LabelSelector resources:ClaimResources volumeName storageClassName volumeMode dataSource:DataSource dataSourceRef:DataSourceRef volumeAttributesClassName',
  ClaimResources: 'limits:{quantity} requests:{quantity}',
  ClaimSource: 'claimName readOnly:flag',
  ClaimTemplate: 'metadata:mapping spec:ClaimSpec',
  ClusterTrustBundle: 'name signerName labelSelector:LabelSelector optional:flag path',
  ConfigMapSource: 'name items:[KeyToPath] defaultMode:whole optional:flag',
  ConfigMapProjection: 'name items:[KeyToPath] optional:flag',
  CsiSource: 'driver readOnly:flag fsType volumeAttributes:{text} nodePublishSecretRef:Name',
  DataSource: 'apiGroup kind name',
  DataSourceRef: 'apiGroup kind name namespace',
  DownwardFile: 'path fieldRef:FieldRef resourceFieldRef:ResourceFieldRef mode:whole',
  DownwardProjection: 'items:[DownwardFile]',
  DownwardSource: 'items:[DownwardFile] defaultMode:whole',
  Ephemeral: 'volumeClaimTemplate:ClaimTemplate',
  GitRepo: 'repository revision directory',
  HostPath: 'path type',
  ImageSource: 'reference pullPolicy',
  Nfs: 'server path readOnly:flag',
  PodCertificate:
    'signerName keyType maxExpirationSeconds:whole credentialBundlePath keyPath certificateChainPath userAnnotations:{text}',
  Projected: 'sources:[Projection] defaultMode:whole',
  Projection:
    'secret:ConfigMapProjection downwardAPI:DownwardProjection configMap:ConfigMapProjection serviceAccountToken:TokenProjection clusterTrustBundle:ClusterTrustBundle podCertificate:PodCertificate',
  SecretSource: 'secretName items:[KeyToPath] defaultMode:whole optional:flag',
  TokenProjection: 'audience expirationSeconds:whole path',
  // Sources of storage that only a cluster with that hardware has are taken as they are.
  Volume:
    'name emptyDir:EmptyDir configMap:ConfigMapSource secret:SecretSource projected:Projected persistentVolumeClaim:ClaimSource hostPath:HostPath csi:CsiSource downwardAPI:DownwardSource ephemeral:Ephemeral gitRepo:GitRepo image:ImageSource nfs:Nfs iscsi:mapping glusterfs:mapping rbd:mapping flexVolume:mapping cinder:mapping cephfs:mapping flocker:mapping fc:mapping azureFile:mapping azureDisk:mapping awsElasticBlockStore:mapping gcePersistentDisk:mapping vsphereVolume:mapping quobyte:mapping photonPersistentDisk:mapping portworxVolume:mapping scaleIO:mapping storageos:mapping',
  VolumeDevice: 'name devicePath',
  VolumeMount: 'name readOnly:flag recursiveReadOnly mountPath subPath mountPropagation subPathExpr',
} as const;

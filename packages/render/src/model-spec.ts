import type { Condition, KubernetesObject } from '@tagboat/api';

/** One way to run something: exactly one of the three is there. */
export interface TrainStep {
  readonly notebook?: string;
  readonly script?: string;
  readonly command?: readonly string[];
  readonly parameters: Readonly<Record<string, unknown>>;
}

export interface DataSource {
  readonly name: string;
  /** Where the data stands in the working directory; without `url` or `command` a tracked file. */
  readonly path: string;
  readonly url?: string;
  readonly command?: readonly string[];
  readonly refresh?: 'onRetrain' | 'never';
}

export interface Gate {
  readonly metric: string;
  readonly min?: number;
  readonly max?: number;
  readonly direction?: 'maximize' | 'minimize';
  readonly notWorseThanDeployedBy?: number;
}

export interface Deploy {
  readonly environment: string;
  readonly repo?: string;
  readonly path?: string;
  readonly image?: string;
  readonly namespace?: string;
  readonly via: 'commit' | 'promotion';
}

export type DriftMethod = 'psi' | 'jensenshannon';

/** When the inputs of a served model count as drifting away from those that it was trained for. */
export interface DriftSettings {
  readonly method: DriftMethod;
  /** From this figure of any feature on, inputs drift. */
  readonly threshold: number;
  /** How far back inputs are looked at. */
  readonly window: string;
  /** Fewer inputs than this say nothing. */
  readonly minSamples: number;
}

/** The declared loop of one model, with every default filled in. */
export interface ModelSpec {
  readonly tags: readonly string[];
  readonly context: string;
  readonly environment: { readonly python?: string; readonly file?: string };
  readonly data: readonly DataSource[];
  readonly train?: {
    readonly steps: readonly TrainStep[];
    readonly inputs?: readonly string[];
    readonly outputs: readonly string[];
    readonly resources: Readonly<Record<string, string>>;
    readonly timeout: string;
    readonly reuse: 'auto' | 'never';
  };
  readonly artifact: { readonly path: string };
  readonly evaluate?: {
    readonly step: TrainStep;
    readonly metrics: string;
    readonly gates: readonly Gate[];
    readonly timeout: string;
  };
  readonly image: { readonly strategy: 'Source'; readonly base: string };
  readonly serve?: {
    readonly predictor?: string;
    readonly format?: 'sklearn';
    readonly replicas: number;
    readonly inputs?: readonly string[];
    readonly resources: Readonly<Record<string, string>>;
  };
  readonly deploy: readonly Deploy[];
  readonly monitor?: {
    /** A file with rows of the model's inputs, which training makes or the repository holds. */
    readonly reference?: string;
    readonly drift?: DriftSettings;
  };
  readonly retrain: { readonly schedule?: string; readonly onDrift?: boolean };
}

export interface ModelStatus {
  readonly conditions?: Condition[];
  readonly repository?: string;
  readonly commit?: string;
  readonly lastRetrain?: { readonly at: string; readonly outcome: string; readonly message: string };
  readonly lastScheduled?: string;
  /** The feature that is furthest from its reference, of the condition `Drifting`. */
  readonly drift?: {
    readonly environment: string;
    readonly feature: string;
    readonly method: DriftMethod;
    /** To two digits. */
    readonly score: number;
  };
  /** The newest retraining that drift asked for. */
  readonly driftRetrain?: { readonly at: string; readonly since: string };
}

export type Model = KubernetesObject<ModelSpec & { repository: string }, ModelStatus>;

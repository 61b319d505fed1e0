/** How the live inputs of a model stand to those that it was trained for, as `/tagboat/drift/<project>/<model>` tells it. */
export interface DriftReport {
  readonly project: string;
  readonly model: string;
  readonly method: string;
  readonly threshold: number;
  /** How far back inputs are looked at, such as `24h`. */
  readonly window: string;
  readonly minSamples: number;
  readonly environments: readonly EnvironmentDrift[];
}

export interface EnvironmentDrift {
  readonly environment: string;
  readonly namespace: string;
  readonly tag: string;
  readonly modelDigest: string;
  readonly state: 'drifting' | 'steady' | 'unknown';
  /** One word in CamelCase, such as `TooFewRequests`. */
  readonly reason: string;
  readonly message: string;
  /** Live inputs in the window, and those of the reference. */
  readonly inputs: number;
  readonly referenceInputs: number;
  /** Features beyond those that are watched. */
  readonly leftOut: number;
  /** The furthest first. */
  readonly features: readonly FeatureDrift[];
}

export interface FeatureDrift {
  readonly name: string;
  readonly kind: 'number' | 'category';
  readonly score: number;
  readonly bins: readonly DriftBin[];
}

/** Shares from 0 to 1. */
export interface DriftBin {
  readonly label: string;
  readonly reference: number;
  readonly live: number;
}

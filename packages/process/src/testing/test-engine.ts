/** A container engine that tests start for themselves. */
export interface TestEngine extends AsyncDisposable {
  readonly name: string;
  /** Its own; gone with it. */
  readonly directory: string;
  readonly socket: string;
  /** For the programs that talk to it. */
  readonly environment: NodeJS.ProcessEnv;
  /** Makes an image of a directory; `changes` are lines as in a Dockerfile. */
  importImage(root: string, name: string, changes?: readonly string[]): Promise<void>;
}

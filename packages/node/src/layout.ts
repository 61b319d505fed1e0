import { join } from 'node:path';

/** Where a node keeps what pods use, below one directory (`TAGBOAT_HOME`). */
export class NodeLayout {
  readonly home: string;

  constructor(home: string) {
    this.home = home;
  }

  pod(uid: string): string {
    return join(this.home, 'volumes', 'pods', uid);
  }

  get pods(): string {
    return join(this.home, 'volumes', 'pods');
  }

  /** What pods and claims left, until it is removed. */
  get trash(): string {
    return join(this.home, 'volumes', 'trash');
  }

  /** What all sandboxes share. */
  get sandboxes(): string {
    return join(this.home, 'volumes', 'sandboxes');
  }

  claim(namespace: string, name: string): string {
    return join(this.home, 'volumes', 'claims', namespace, name);
  }

  get claims(): string {
    return join(this.home, 'volumes', 'claims');
  }

  /** Results that are too large for an object, by digest. */
  get results(): string {
    return join(this.home, 'artifacts', 'results');
  }

  /** Outcomes of tasks that declare reuse, by key. */
  get reuse(): string {
    return join(this.home, 'artifacts', 'reuse');
  }

  get logs(): string {
    return join(this.home, 'logs');
  }

  /** Logs outlive the pod object, so they stand under its name; `uid` tells two pods of one name apart. */
  podLogs(namespace: string, name: string): string {
    return join(this.logs, namespace, name);
  }

  containerLog(namespace: string, pod: string, container: string): string {
    return join(this.podLogs(namespace, pod), `${container}.log`);
  }
}

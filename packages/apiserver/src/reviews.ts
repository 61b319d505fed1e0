import { readBody } from './body.ts';
import { noSuchResource } from './status.ts';

/** Who asks, and what that identity may do. */
export interface Subject {
  readonly username: string;
  readonly groups: readonly string[];
  /** Everything; or nothing of the Kubernetes API. */
  readonly allowed: boolean;
}

/** Kinds that are asked and not stored: what may I do, who am I (authorization.k8s.io, authentication.k8s.io). */
export function review(resource: string, body: string, subject: Subject): object {
  const asked = readBody(body);
  const spec = (asked.spec ?? {}) as Record<string, unknown>;
  const answer = (kind: string, status: object) => ({
    kind,
    apiVersion: asked.apiVersion ?? 'authorization.k8s.io/v1',
    metadata: { creationTimestamp: null },
    spec,
    status,
  });
  const access = {
    allowed: subject.allowed,
    reason: subject.allowed
      ? 'the owner of this Tagboat may do everything'
      : 'a run may only use its own project',
  };
  switch (resource) {
    case 'selfsubjectaccessreviews':
      return answer('SelfSubjectAccessReview', access);
    case 'subjectaccessreviews':
      return answer('SubjectAccessReview', ofAnother(spec, subject));
    case 'localsubjectaccessreviews':
      return answer('LocalSubjectAccessReview', ofAnother(spec, subject));
    case 'selfsubjectrulesreviews':
      return answer('SelfSubjectRulesReview', rules(subject));
    case 'selfsubjectreviews':
      return answer('SelfSubjectReview', {
        userInfo: { username: subject.username, groups: subject.groups },
      });
    default:
      throw noSuchResource();
  }
}

function rules({ allowed }: Subject): object {
  const everything = ['*'];
  return {
    resourceRules: allowed ? [{ verbs: everything, apiGroups: everything, resources: everything }] : [],
    nonResourceRules: allowed ? [{ verbs: everything, nonResourceURLs: everything }] : [],
    incomplete: false,
  };
}

function ofAnother(spec: Record<string, unknown>, subject: Subject): object {
  const known = spec.user === subject.username && subject.allowed;
  return known ? { allowed: true } : { allowed: false, reason: 'only the owner of this Tagboat has rights' };
}

import { invalid } from '@tagboat/base';

/** The fields of all bodies that hold text. */
const textFields = new Set(
  'title body head base state event commit_id Do MergeMessageField MergeTitleField head_commit_id context description target_url message branch new_branch sha from_path path operation content new_branch_name old_branch_name old_ref_name tag_name target'.split(
    ' ',
  ),
);

/**
 * Holds a request's body to its form, so that what is stored or given to git is what its type says; null is absent, as
 * clients in Go send it. @throws `Invalid` naming the field
 */
export function checkBody(body: unknown): void {
  if (body === undefined || body === null) return;
  if (typeof body !== 'object' || Array.isArray(body)) throw invalid('expected a JSON object as the body');
  const fields = body as Record<string, unknown>;
  for (const [name, value] of Object.entries(fields)) {
    if (value === null) delete fields[name];
    else if (textFields.has(name) && typeof value !== 'string')
      throw invalid(`expected text in "${name}", found ${JSON.stringify(value).slice(0, 40)}`);
  }
  if (Array.isArray(fields.files)) for (const file of fields.files) checkBody(file ?? 0);
}

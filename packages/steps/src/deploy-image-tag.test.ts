import { expect, it } from 'vitest';
import { withImage } from './deploy-image-tag.ts';

const about = { path: 'x.yaml', name: 'app', tag: 'v2', image: 'h/demo/app:v2' };

it('changes the image alone, and keeps comments', () => {
  const text =
    '# ours\nkind: ImageStream\nmetadata:\n  name: app # the app\nspec:\n  tags:\n    - name: latest\n      from:\n        kind: DockerImage\n        name: h/demo/app:v1\n---\nkind: Job\nmetadata:\n  name: app-v1\nspec:\n  template:\n    spec:\n      containers:\n        - name: c\n          image: h/demo/app:v1\n';
  expect(withImage(text, about)).toBe(
    text.replaceAll('app:v1', 'app:v2').replace('name: app-v1', 'name: app-v2'),
  );
});

it('says when nothing in the file is of this name', () => {
  expect(() => withImage('kind: ImageStream\nmetadata: { name: other }\n', about)).toThrow(
    /no ImageStream, Job or Deployment "app"/,
  );
});

it('finds the containers of a CronJob in the template of its jobs', () => {
  const text =
    'kind: CronJob\nmetadata:\n  name: app\nspec:\n  jobTemplate:\n    spec:\n      template:\n        spec:\n          containers:\n            - name: c\n              image: h/demo/app:v1\n';
  expect(withImage(text, about)).toBe(text.replace('app:v1', 'app:v2'));
});

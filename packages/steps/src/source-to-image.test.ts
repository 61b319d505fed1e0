import { expect, it } from 'vitest';
import { sourceToImageFile } from './source-to-image.ts';

const builder = 'quay.io/team/s2i-python:1.0';

it('builds by scripts that are in the builder image', () => {
  const environment = '# of the app\nAPP_FILE=app.py\nSAID="a b"\n';
  const lines = sourceToImageFile({ builder, scripts: 'image:///opt/app-root/builder/', environment }).split(
    '\n',
  );
  expect(lines[0]).toBe(`FROM ${builder}`);
  expect(lines).toContain('ENV APP_FILE="app.py"');
  expect(lines).toContain('ENV SAID="\\"a b\\""');
  expect(lines.slice(-5)).toEqual([
    'RUN rm -f /tmp/src/.s2i.Dockerfile && chown -R 1001:0 /tmp/src',
    'USER 1001',
    'RUN /opt/app-root/builder/assemble',
    'CMD ["/opt/app-root/builder/run"]',
    '',
  ]);
});

it('fetches scripts of a URL', () => {
  const text = sourceToImageFile({ builder, scripts: 'https://h/s2i/bin', environment: undefined });
  expect(text).toContain('ADD https://h/s2i/bin/assemble https://h/s2i/bin/run /tmp/scripts/');
  expect(text).toContain('RUN /tmp/scripts/assemble');
});

it.each(['file:///etc', 'image:///a\nRUN x', 'image:///a b', 'scripts', 'https://h/$(x)'])(
  'refuses scripts at %j',
  (scripts) => {
    expect(() => sourceToImageFile({ builder, scripts, environment: undefined })).toThrow(
      /build-source-script/,
    );
  },
);

it('refuses what is no name of an image, or no line of an environment', () => {
  const scripts = 'image:///s';
  expect(() => sourceToImageFile({ builder: 'a\nRUN x', scripts, environment: '' })).toThrow(
    /names no image/,
  );
  expect(() => sourceToImageFile({ builder, scripts, environment: 'RUN x' })).toThrow(/KEY=value/);
});

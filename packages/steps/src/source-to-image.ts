import { invalid } from '@tagboat/base';

/** Where a builder image expects the sources (source-to-image). */
const sources = '/tmp/src';
const ownScripts = '/tmp/scripts';

/** The Dockerfile that is written into the sources; it does not become part of the image. */
export const generatedFile = '.s2i.Dockerfile';

/**
 * The Dockerfile by which source-to-image builds (`s2i build --as-dockerfile --scripts-url`): the sources go into the
 * builder image, its `assemble` makes of them what its `run` starts. `scripts` is `image:///directory` or an http(s) URL;
 * `environment` the text of `.s2i/environment`.
 * @throws `Invalid` for other places of scripts and values that are no single line
 */
export function sourceToImageFile(about: {
  builder: string;
  scripts: string;
  environment: string | undefined;
}): string {
  const { builder, scripts, environment = '' } = about;
  const { directory, fetching } = scriptsOf(scripts);
  if (!/^[\w./:@-]+$/.test(builder)) throw invalid(`"${builder}" names no image (base-image)`);
  return `${[
    `FROM ${builder}`,
    `LABEL io.openshift.s2i.build.image=${JSON.stringify(builder)} io.openshift.s2i.scripts-url=${JSON.stringify(scripts)}`,
    ...environmentLines(environment),
    'USER 0',
    `COPY . ${sources}/`,
    ...fetching,
    `RUN rm -f ${sources}/${generatedFile} && chown -R 1001:0 ${sources}`,
    'USER 1001',
    `RUN ${directory}/assemble`,
    `CMD ["${directory}/run"]`,
  ].join('\n')}\n`;
}

function scriptsOf(scripts: string): { directory: string; fetching: string[] } {
  const inImage = /^image:\/\/(\/[\w./-]+?)\/*$/.exec(scripts)?.[1];
  if (inImage) return { directory: inImage, fetching: [] };
  if (!/^https?:\/\/[\w.:@%/~+-]+$/.test(scripts))
    throw invalid(`expected build-source-script to be image:///DIRECTORY or a URL, found "${scripts}"`);
  const from = scripts.replace(/\/+$/, '');
  return {
    directory: ownScripts,
    fetching: [`ADD ${from}/assemble ${from}/run ${ownScripts}/`, `RUN chmod -R 755 ${ownScripts}`],
  };
}

/** `KEY=value` lines, as source-to-image reads `.s2i/environment`. */
function environmentLines(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [, name, value] = /^([A-Za-z_]\w*)=(.*)$/.exec(line) ?? [];
      if (!name) throw invalid(`expected KEY=value in .s2i/environment, found "${line}"`);
      return `ENV ${name}=${JSON.stringify(value)}`;
    });
}

import { Card, CardBody, CardTitle } from '@patternfly/react-core';
import { Command } from '../../components/index.ts';
import { useAbout } from '../../data/about.ts';

/** Three ways to begin, with commands that work as they stand. */
export function FirstSteps() {
  const url = useAbout()?.url ?? location.origin;
  const ways = [
    {
      title: 'See the demo',
      text: 'Flaky tests, found in OpenShift’s own test results: a notebook becomes a served model in a minute or two.',
      commands: ['tagboat demo'],
    },
    {
      title: 'Push your own project',
      text: 'In your repository. The first command proposes a tagboat.yaml from what it finds; a pushed tag is a release.',
      commands: [
        'tagboat init',
        'git add tagboat.yaml && git commit -m "Add tagboat.yaml"',
        'git tag v0.1.0 && git push tagboat HEAD v0.1.0',
      ],
    },
    {
      title: 'Follow a repository elsewhere',
      text: 'On GitHub, GitLab or any git server. Tags that it has now are recorded; new ones run.',
      commands: ['tagboat connect https://github.com/you/project.git'],
    },
  ];
  return (
    <section aria-labelledby="begin">
      <h2 id="begin" className="tb-begin">
        Three ways to begin
      </h2>
      <div className="tb-ways">
        {ways.map(({ title, text, commands }) => (
          <Card key={title} isFullHeight>
            <CardTitle component="h3">{title}</CardTitle>
            <CardBody>
              <p>{text}</p>
              <div className="tb-ways__commands">
                {commands.map((command) => (
                  <Command key={command} text={command} />
                ))}
              </div>
            </CardBody>
          </Card>
        ))}
      </div>
      <p className="tb-quiet tb-gap">
        This Tagboat is at {url}. No model is declared in it yet; this page changes when one is.{' '}
        <code>tagboat</code> is in <code>bin</code> of its checkout; put that on your PATH.
      </p>
    </section>
  );
}

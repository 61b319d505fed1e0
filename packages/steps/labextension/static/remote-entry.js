// A JupyterLab extension without a build: a module federation container (what JupyterLab loads) written by hand.
// Its menus and toolbar buttons are in schemas/tagboat-workbench/plugin.json.
(() => {
  const shellQuoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const split = (path) => {
    const at = path.lastIndexOf('/');
    return at < 0 ? ['', path] : [path.slice(0, at), path.slice(at + 1)];
  };

  /** Runs a command line in a terminal beside the notebook, where its progress is seen and Ctrl-C ends it. */
  async function inTerminal(app, directory, line) {
    const panel = await app.commands.execute('terminal:create-new', { cwd: directory });
    const { content } = panel;
    await content.ready;
    app.shell.add(panel, 'main', { mode: 'split-bottom' });
    app.shell.activateById(panel.id);
    content.session.send({ type: 'stdin', content: [`${line}\r`] });
    return panel;
  }

  const isNotebook = (widget) => Boolean(widget?.context?.path?.endsWith('.ipynb'));

  /** The notebook that was last in front: its buttons work while a terminal is. */
  let last;
  function current(app) {
    if (isNotebook(app.shell.currentWidget)) last = app.shell.currentWidget;
    return last?.isDisposed === false ? last : undefined;
  }

  function selectedFiles(app) {
    const browser = [...app.shell.widgets('left')].find((widget) => widget.id === 'filebrowser');
    return browser ? [...browser.selectedItems()].filter(({ path }) => path.endsWith('.ipynb')) : [];
  }

  function addCommands(app) {
    const { commands, shell } = app;
    const actions = {
      run: {
        label: 'Run as pipeline',
        caption: 'Saves, then: tagboat notebook run. Same environment, files and parameters as in a run',
      },
      check: {
        label: 'Check before the tag',
        caption: 'Saves, then: tagboat notebook check. Finds what will break in a run, or leak',
      },
    };
    for (const [action, texts] of Object.entries(actions)) {
      const perform = (path) => {
        const [directory, name] = split(path);
        return inTerminal(app, directory, `tagboat notebook ${action} ${shellQuoted(name)}`);
      };
      commands.addCommand(`tagboat:${action}-notebook`, {
        ...texts,
        isEnabled: () => current(app) !== undefined,
        execute: async () => {
          const widget = current(app);
          await widget.context.save();
          return perform(widget.context.path);
        },
      });
      commands.addCommand(`tagboat:${action}-file`, {
        ...texts,
        execute: async () => {
          for (const { path } of selectedFiles(app)) await perform(path);
        },
      });
    }
    const lines = { status: 'Models and what is deployed', runs: 'Runs of this project' };
    for (const [name, label] of Object.entries(lines))
      commands.addCommand(`tagboat:${name}`, { label, execute: () => inTerminal(app, '', `tagboat ${name}`) });
    shell.currentChanged?.connect(() => {
      for (const action of Object.keys(actions)) commands.notifyCommandChanged(`tagboat:${action}-notebook`);
    });
  }

  /** Tells in the page, and in its title for who looks at another tab, that nobody uses the workbench. */
  function warnBeforeStop(app) {
    const base = app.serviceManager.serverSettings.baseUrl;
    const events = new EventSource(`${base}tagboat/events`);
    let shown;
    let mark = '';
    const unmark = () => {
      if (mark && document.title.startsWith(mark)) document.title = document.title.slice(mark.length);
      mark = '';
    };
    // Any request counts as use.
    app.commands.addCommand('tagboat:keep-running', {
      label: 'Keep it running',
      execute: () => fetch(`${base}api/status`),
    });
    events.onmessage = async ({ data }) => {
      const { stopsAt } = JSON.parse(data);
      unmark();
      if (shown !== undefined) await app.commands.execute('apputils:dismiss-notification', { id: shown });
      shown = undefined;
      if (!stopsAt) return;
      const time = new Date(stopsAt).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
      mark = `(stops at ${time}) `;
      document.title = `${mark}${document.title}`;
      shown = await app.commands.execute('apputils:notify', {
        message: `This workbench is not used and stops at ${time}. Its files stay; what kernels hold in memory does not.`,
        type: 'warning',
        options: { autoClose: false, actions: [{ label: 'Keep it running', commandId: 'tagboat:keep-running' }] },
      });
    };
  }

  /** Tells that the memory limit ended a kernel: JupyterLab itself says only that it died and starts again. */
  function tellOfKills(app) {
    app.serviceManager.events.stream.connect((_manager, { schema_id: schema, kernel_id: id, message }) => {
      if (schema !== 'https://tagboat.dev/events/kernel-killed') return;
      const session = [...app.serviceManager.sessions.running()].find(({ kernel }) => kernel?.id === id);
      const where = session ? `${session.path}: ` : '';
      app.commands.execute('apputils:notify', {
        message: `${where}${message} Read the data in parts, or choose a larger size of the workbench.`,
        type: 'error',
        options: { autoClose: false },
      });
    });
  }

  const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

  function cellOf(panel, { cell, code }) {
    const cells = [...panel.content.widgets].filter(
      ({ model }) => model.type === 'code' && model.sharedModel.getSource() === code,
    );
    // Notebooks before format 4.5 have other ids after each load.
    return cells.find(({ model }) => model.id === cell) ?? (cells.length === 1 ? cells[0] : undefined);
  }

  function show({ model }, { outputs, running, count }) {
    model.outputs.fromJSON(outputs);
    model.executionCount = running ? null : count;
    model.executionState = running ? 'running' : 'idle';
  }

  /**
   * Fills cells that another page of this notebook ran, and that still run or ended when no page was open. Ends when
   * nothing runs; then the notebook's file has it all.
   */
  async function showMissed(app, panel) {
    await Promise.all([panel.context.ready, panel.sessionContext.ready, panel.revealed]);
    const kernel = panel.sessionContext.session?.kernel;
    if (!kernel) return;
    const url = `${app.serviceManager.serverSettings.baseUrl}tagboat/outputs/${kernel.id}`;
    const ask = async (rest = '') => {
      const response = await fetch(`${url}${rest}`, { cache: 'no-store' });
      return response.ok ? response.json() : undefined;
    };
    const followed = new Map();
    const missed = (execution) =>
      followed.has(execution.id) ||
      (execution.session !== kernel.clientId && (execution.away || execution.running));
    while (!panel.isDisposed && panel.sessionContext.session?.kernel?.id === kernel.id) {
      const executions = (await ask())?.executions.filter(missed) ?? [];
      for (const { id, changes } of executions) {
        if (followed.get(id) === changes) continue;
        const execution = await ask(`/${id}`);
        const cell = execution && !panel.isDisposed && cellOf(panel, execution);
        if (cell) show(cell, execution);
        followed.set(id, changes);
      }
      if (!executions.some(({ running }) => running)) {
        const away = executions.filter((execution) => execution.away && cellOf(panel, execution));
        if (away.length > 0) await panel.context.save();
        for (const { id } of away) await fetch(`${url}/${id}`, { method: 'DELETE' });
        return;
      }
      await pause(1000);
    }
  }

  /** Looks once at each notebook that is opened. */
  function showMissedOutputs(app) {
    const seen = new WeakSet();
    const look = () => {
      for (const widget of app.shell.widgets('main')) {
        if (!isNotebook(widget) || !widget.sessionContext || seen.has(widget)) continue;
        seen.add(widget);
        showMissed(app, widget).catch((error) => console.warn('what cells said meanwhile cannot be shown', error));
      }
    };
    app.shell.layoutModified?.connect(look);
    app.restored.then(look);
  }

  const plugin = {
    id: 'tagboat-workbench:plugin',
    description: 'Runs and checks notebooks as the pipeline would',
    autoStart: true,
    activate: (app) => {
      addCommands(app);
      warnBeforeStop(app);
      showMissedOutputs(app);
      tellOfKills(app);
    },
  };

  const modules = { './extension': () => ({ __esModule: true, default: plugin }) };
  window._JUPYTERLAB = window._JUPYTERLAB ?? {};
  window._JUPYTERLAB['tagboat-workbench'] = {
    init: () => undefined,
    get: async (name) => modules[name],
  };
})();

import { invalid, type Location } from '@tagboat/base';
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import type { Draft } from './draft.ts';
import { requirementLine } from './pep508.ts';
import { readConfined, readRequirementsText } from './requirements-file.ts';

/** Packages that are the same thing under the same name in conda and on PyPI. */
const sameOnPyPI = new Set(
  `altair beautifulsoup4 bokeh boto3 catboost click cloudpickle cython dask dill fastapi flask gensim h5py httpx
   hdbscan imbalanced-learn ipykernel ipython ipywidgets jinja2 joblib jsonschema jupyter jupyter_client jupyterlab
   keras lightgbm lxml matplotlib mlflow mypy nbconvert nbformat networkx nltk notebook numba numpy openpyxl optuna
   packaging pandas papermill pillow pip plotly polars protobuf psutil pyarrow pydantic pytest python-dateutil pytz
   pyyaml requests scikit-image scikit-learn scipy seaborn setuptools shap six spacy sqlalchemy statsmodels sympy
   tensorflow tqdm transformers typing_extensions umap-learn urllib3 uvicorn wheel wordcloud xarray xgboost`.split(
    /\s+/,
  ),
);

/** They come with every environment, or make no difference to it. */
const withoutMeaning = new Set(['pip', 'wheel']);

interface CondaSpec {
  readonly name: string;
  /** PEP 440, undefined where there is no such thing. */
  readonly specifier: string | undefined;
}

function versionPart(text: string): string | undefined {
  const match = /^(==|>=|<=|!=|~=|=|<|>)?\s*([0-9][\w.+!]*?)(\.?\*)?$/.exec(text.trim());
  if (!match) return undefined;
  const [, operator = '=', version, star] = match;
  if (operator === '=') return `==${version}.*`;
  return `${operator}${version}${star && /^[=!]=$/.test(operator) ? '.*' : ''}`;
}

/** A match specification of conda: `channel::name=1.2=build`, `name>=1,<2`, `name 1.2.*`. The build is of conda alone. */
export function parseCondaSpec(text: string): CondaSpec {
  const match = /^(?:[^\s:]+::)?([A-Za-z0-9_.-]+)\s*(.*)$/.exec(text.trim());
  if (!match) return { name: text.trim(), specifier: undefined };
  const name = match[1]!.toLowerCase();
  const rest = match[2]!.replace(/^(=[^=<>,\s]+)=[^=\s]+$/, '$1').trim();
  if (rest === '' || rest === '*') return { name, specifier: '' };
  const parts = rest.split(',').map(versionPart);
  return { name, specifier: parts.includes(undefined) ? undefined : parts.join(',') };
}

function readCondaPackage(draft: Draft, text: string, source: Location): void {
  const { name, specifier } = parseCondaSpec(text);
  if (specifier === undefined)
    draft.problems.push({ what: `${text}: a version that pip cannot express`, source });
  else if (name === 'python') {
    // conda's `3.11` is any 3.11; `==3.11.*` says the same in PEP 440.
    draft.pythonRequires = { specifier, source };
  } else if (withoutMeaning.has(name)) return;
  else if (!sameOnPyPI.has(name))
    draft.problems.push({
      what: `${text}: a package of conda that is not known under this name on PyPI`,
      source,
    });
  else draft.lines.push(requirementLine(`${name}${specifier}`, source));
}

/** Reads conda's `environment.yml`: `python`, packages that PyPI has too, and the `pip:` list. */
export async function readCondaEnvironment(draft: Draft, file: string): Promise<void> {
  const text = await readConfined(draft.directory, file);
  draft.files.push(file);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const at = (node: unknown): Location => ({
    file,
    line: lines.linePos((node as Node | undefined)?.range?.[0] ?? 0).line,
  });
  const broken = document.errors[0];
  if (broken)
    throw invalid(`expected YAML: ${broken.message.split('\n')[0]}`, {
      location: { file, line: broken.linePos?.[0].line, column: broken.linePos?.[0].col } as Location,
    });
  const dependencies = document.get('dependencies', true);
  if (!isSeq(dependencies))
    throw invalid('expected a list "dependencies"', { location: at(document.contents) });
  for (const item of dependencies.items) {
    if (isScalar(item)) readCondaPackage(draft, String(item.value), at(item));
    else await readPipSection(draft, item, at);
  }
}

async function readPipSection(draft: Draft, item: unknown, at: (node: unknown) => Location): Promise<void> {
  const list = isMap(item) ? item.get('pip', true) : undefined;
  if (!isSeq(list))
    throw invalid('expected the name of a package, or "pip:" with a list', { location: at(item) });
  for (const entry of list.items) {
    if (!isScalar(entry)) throw invalid('expected a requirement as text', { location: at(entry) });
    await readRequirementsText(draft, String(entry.value), at(entry));
  }
}

import { TagboatError } from '@tagboat/base';
import { type HttpOptions, httpText } from './http.ts';
import { withoutCredentials } from './index-settings.ts';
import { compareVersions } from './specifiers.ts';

/** A file that an index offers. */
export interface IndexFile {
  readonly filename: string;
  readonly url: string;
  readonly sha256: string | undefined;
  readonly size: number | undefined;
  readonly yanked: boolean;
}

interface JsonFile {
  readonly filename: string;
  readonly url: string;
  readonly hashes?: { readonly sha256?: string };
  readonly size?: number;
  readonly yanked?: boolean | string;
}

const accept = 'application/vnd.pypi.simple.v1+json, text/html;q=0.5';

function fromHtml(text: string, base: string): IndexFile[] {
  return [...text.matchAll(/<a\s([^>]*)>([^<]*)<\/a>/gi)].flatMap(([, attributes, label]) => {
    const reference = /href\s*=\s*["']([^"']+)["']/i.exec(attributes!)?.[1];
    if (!reference) return [];
    const url = new URL(reference.replace(/&amp;/g, '&'), base);
    const sha256 = /sha256=([0-9a-f]{64})/.exec(url.hash)?.[1];
    url.hash = '';
    return [
      {
        filename: label!.trim(),
        url: url.href,
        sha256,
        size: undefined,
        yanked: /data-yanked/i.test(attributes!),
      },
    ];
  });
}

function fromJson(text: string, base: string): IndexFile[] {
  const { files } = JSON.parse(text) as { files: readonly JsonFile[] };
  return files.map((file) => ({
    filename: file.filename,
    url: new URL(file.url, base).href,
    sha256: file.hashes?.sha256,
    size: file.size,
    yanked: file.yanked !== undefined && file.yanked !== false,
  }));
}

/** The files of a project on the index of the settings (simple repository API: PEP 691, or the HTML of PEP 503). */
export async function projectFiles(name: string, options: HttpOptions): Promise<IndexFile[]> {
  const address = `${options.settings.indexUrl}/${name}/`;
  const { text, type } = await httpText(address, { ...options, headers: { accept } });
  try {
    return /json/.test(type) ? fromJson(text, address) : fromHtml(text, address);
  } catch (error) {
    throw new TagboatError(`${withoutCredentials(address)} did not answer as a package index does`, {
      reason: 'HttpError',
      hint: 'PIP_INDEX_URL must name an index with a "simple" API, such as https://pypi.org/simple',
      cause: error,
    });
  }
}

/** The newest final, verifiable release among the wheels that are wanted, with its version. */
export function newestWheel(
  files: readonly IndexFile[],
  fits: (filename: string) => boolean,
): { file: IndexFile; version: string } | undefined {
  const usable = files.flatMap((file) => {
    const version = file.filename.split('-')[1] ?? '';
    const final = /^\d+(\.\d+)*$/.test(version) && file.sha256 !== undefined && !file.yanked;
    return final && file.filename.endsWith('.whl') && fits(file.filename) ? [{ file, version }] : [];
  });
  return usable.sort((a, b) => compareVersions(b.version, a.version))[0];
}

import Anser from 'anser';
import DOMPurify from 'dompurify';
import { Marked } from 'marked';

/** Where relative links and pictures of a text lead. */
export interface Links {
  /** The address of a picture or file, from its path as the text writes it. */
  readonly file: (path: string) => string;
  readonly page: (path: string) => string;
}

const marked = new Marked({ gfm: true });

/**
 * HTML that can be put into the page: without scripts, styles, forms, frames, classes and names that the page itself
 * uses. Links open a new window that knows nothing of this one.
 */
export function sanitized(html: string, links?: Links): string {
  const fragment = DOMPurify.sanitize(html, {
    RETURN_DOM_FRAGMENT: true,
    USE_PROFILES: { html: true },
    FORBID_TAGS: [
      'style',
      'form',
      'input',
      'button',
      'select',
      'textarea',
      'dialog',
      'video',
      'audio',
      'map',
    ],
    FORBID_ATTR: ['style', 'class', 'id', 'name', 'for', 'tabindex', 'srcset', 'background', 'popover'],
  });
  for (const link of fragment.querySelectorAll('a[href]')) pointElsewhere(link, links);
  for (const image of fragment.querySelectorAll('img')) showPicture(image, links);
  for (const table of fragment.querySelectorAll('table')) table.setAttribute('tabindex', '0');
  const holder = document.createElement('div');
  holder.append(fragment);
  return holder.innerHTML;
}

const isOutside = (address: string) => /^(https?:|mailto:)/i.test(address);
const isRelative = (address: string) => !/^[a-z][a-z0-9+.-]*:|^\/\/|^#/i.test(address);

function pointElsewhere(link: Element, links: Links | undefined): void {
  const address = link.getAttribute('href') ?? '';
  if (isOutside(address)) {
    link.setAttribute('target', '_blank');
    link.setAttribute('rel', 'noopener noreferrer');
  } else if (isRelative(address) && links) link.setAttribute('href', links.page(address));
  else link.removeAttribute('href');
}

/** Pictures come from the text itself or from its repository; the console loads nothing from elsewhere. */
function showPicture(image: Element, links: Links | undefined): void {
  const address = image.getAttribute('src') ?? '';
  if (!image.hasAttribute('alt')) image.setAttribute('alt', '');
  if (/^data:image\/(png|jpeg|gif|webp);/i.test(address)) return;
  if (isRelative(address) && links) {
    image.setAttribute('src', links.file(address));
    image.setAttribute('loading', 'lazy');
    return;
  }
  const note = document.createElement('em');
  note.textContent = `[picture of another site: ${image.getAttribute('alt') || address}]`;
  image.replaceWith(note);
}

/** Markdown (GitHub's flavour) as HTML that can be put into the page. */
export function markdownHtml(text: string, links?: Links): string {
  return sanitized(marked.parse(text, { async: false }), links);
}

/** Text with ANSI colours as HTML that can be put into the page; colours are classes `ansi-red-fg` and so on. */
export function ansiHtml(text: string): string {
  return Anser.ansiToHtml(Anser.escapeForHtml(text), { use_classes: true });
}

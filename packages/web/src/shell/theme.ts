import { useSyncExternalStore } from 'react';

export type Theme = 'light' | 'dark';

const listeners = new Set<() => void>();

const current = (): Theme =>
  document.documentElement.classList.contains('pf-v6-theme-dark') ? 'dark' : 'light';

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** The theme that shows; `public/theme.js` chooses the first one. */
export function useTheme(): Theme {
  return useSyncExternalStore(subscribe, current);
}

/** Changes the theme, and remembers it in this browser. */
export function setTheme(theme: Theme): void {
  document.documentElement.classList.toggle('pf-v6-theme-dark', theme === 'dark');
  localStorage.setItem('tagboat.theme', theme);
  for (const listener of listeners) listener();
}

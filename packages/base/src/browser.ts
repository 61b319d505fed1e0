/** What of this package works in a browser too: everything that needs no Node module. */
export * from './bytes.ts';
export * from './duration.ts';
export * from './errors.ts';
